//! Keeps rows until they can be written: in memory up to a budget, beyond it in a spill file.
//!
//! A slow call delays the rows after it in its part. How many those are depends on the service, so memory alone cannot
//! hold them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;

use super::file_writer::{PartError, encode_error};
use crate::util::disk_error::DiskError;

/// Rows that are kept.
#[derive(Debug)]
pub enum BufferedRows {
    InMemory(RecordBatch),
    Spilled {
        /// In bytes.
        offset: u64,
        /// In bytes.
        length: usize,
    },
}

/// Keeps rows until they are taken.
#[derive(Debug)]
pub struct RowBuffer {
    budget_bytes: usize,
    in_memory_bytes: usize,
    directory: PathBuf,
    spill: Option<File>,
    spill_end: u64,
    spilled_now: usize,
}

impl RowBuffer {
    /// Keeps up to `budget_bytes` in memory and spills the rest into an unnamed file in `directory`.
    pub fn new(directory: &Path, budget_bytes: usize) -> RowBuffer {
        RowBuffer {
            budget_bytes,
            in_memory_bytes: 0,
            directory: directory.to_owned(),
            spill: None,
            spill_end: 0,
            spilled_now: 0,
        }
    }

    pub fn put(&mut self, rows: RecordBatch) -> Result<BufferedRows, PartError> {
        let bytes = rows.get_array_memory_size();
        if self.in_memory_bytes + bytes <= self.budget_bytes {
            self.in_memory_bytes += bytes;
            return Ok(BufferedRows::InMemory(rows));
        }
        let encoded = encode(&rows).map_err(encode_error(&self.directory))?;
        let offset = self.spill_end;
        self.spill_file()?
            .write_all_at(&encoded, offset)
            .map_err(DiskError::on("write a temporary file in", &self.directory))?;
        self.spill_end += encoded.len() as u64;
        self.spilled_now += 1;
        Ok(BufferedRows::Spilled { offset, length: encoded.len() })
    }

    pub fn take(&mut self, stored: BufferedRows) -> Result<RecordBatch, PartError> {
        let (offset, length) = match stored {
            BufferedRows::InMemory(rows) => {
                self.in_memory_bytes -= rows.get_array_memory_size();
                return Ok(rows);
            }
            BufferedRows::Spilled { offset, length } => (offset, length),
        };
        let mut encoded = vec![0; length];
        self.spill_file()?
            .read_exact_at(&mut encoded, offset)
            .map_err(DiskError::on("read a temporary file in", &self.directory))?;
        self.spilled_now -= 1;
        if self.spilled_now == 0 {
            self.spill_end = 0;
        }
        decode(&encoded).map_err(encode_error(&self.directory))
    }

    /// The spill file, created on first use. It has no name, so it disappears with the process.
    fn spill_file(&mut self) -> Result<&File, DiskError> {
        let file = match self.spill.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(&self.directory)
                .map_err(DiskError::on("create a temporary file in", &self.directory))?,
        };
        Ok(self.spill.insert(file))
    }
}

fn encode(rows: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), rows.schema_ref())?;
    writer.write(rows)?;
    writer.into_inner()
}

fn decode(encoded: &[u8]) -> Result<RecordBatch, ArrowError> {
    match StreamReader::try_new(encoded, None)?.next() {
        Some(rows) => rows,
        None => Err(ArrowError::IpcError("the spill file has no rows here".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringArray};

    use super::*;

    fn rows(text: &str) -> RecordBatch {
        let column: ArrayRef = Arc::new(StringArray::from(vec![text, "x"]));
        RecordBatch::try_from_iter([("a", column)]).unwrap()
    }

    #[test]
    fn rows_beyond_the_budget_are_spilled_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let one = rows("0").get_array_memory_size();
        let mut buffer = RowBuffer::new(directory.path(), one * 2);
        for _round in 0..2 {
            let stored: Vec<BufferedRows> =
                (0..5).map(|n| buffer.put(rows(&n.to_string())).unwrap()).collect();
            let spilled =
                stored.iter().filter(|rows| matches!(rows, BufferedRows::Spilled { .. })).count();
            assert_eq!(spilled, 3);
            for (n, stored) in stored.into_iter().enumerate().rev() {
                assert_eq!(buffer.take(stored).unwrap(), rows(&n.to_string()));
            }
        }
        // The second round reused the space of the first.
        assert_eq!(buffer.spill_end, 0);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
