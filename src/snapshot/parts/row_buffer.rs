//! Rows that wait for their place: in memory up to a budget, beyond it in a spill file.
//!
//! A slow call holds up nothing but its own rows, so the rows behind it must be kept somewhere until it ends. How many
//! those are depends on the service, and memory must not.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use super::file_writer::{PartError, encode_error};
use crate::snapshot::layout::SPILL_FILE;
use crate::util::disk_error::DiskError;
use crate::util::staged_file::remove_if_exists;

/// Rows that wait.
#[derive(Debug)]
pub enum BufferedRows {
    /// In memory.
    InMemory(RecordBatch),
    /// In the spill file.
    Spilled {
        /// Where they begin, in bytes.
        offset: u64,
        /// How long they are, in bytes.
        length: usize,
    },
}

/// Keeps rows until they are taken back.
#[derive(Debug)]
pub struct RowBuffer {
    budget_bytes: usize,
    in_memory_bytes: usize,
    spill_path: PathBuf,
    spill: Option<File>,
    spill_end: u64,
    spilled_now: usize,
}

impl RowBuffer {
    /// A store that keeps up to `budget_bytes` in memory and spills into a file without a name in `directory`.
    pub fn new(directory: &Path, budget_bytes: usize) -> RowBuffer {
        RowBuffer {
            budget_bytes,
            in_memory_bytes: 0,
            spill_path: directory.join(SPILL_FILE),
            spill: None,
            spill_end: 0,
            spilled_now: 0,
        }
    }

    /// Keeps rows.
    pub fn put(&mut self, rows: RecordBatch) -> Result<BufferedRows, PartError> {
        let bytes = rows.get_array_memory_size();
        if self.in_memory_bytes + bytes <= self.budget_bytes {
            self.in_memory_bytes += bytes;
            return Ok(BufferedRows::InMemory(rows));
        }
        let encoded = encode(&rows).map_err(encode_error(&self.spill_path))?;
        let offset = self.spill_end;
        self.spill_file()?
            .write_all_at(&encoded, offset)
            .map_err(DiskError::on("write", &self.spill_path))?;
        self.spill_end += encoded.len() as u64;
        self.spilled_now += 1;
        Ok(BufferedRows::Spilled { offset, length: encoded.len() })
    }

    /// Takes rows back.
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
            .map_err(DiskError::on("read", &self.spill_path))?;
        self.spilled_now -= 1;
        if self.spilled_now == 0 {
            self.spill_end = 0;
        }
        decode(&encoded).map_err(encode_error(&self.spill_path))
    }

    fn spill_file(&mut self) -> Result<&File, DiskError> {
        if self.spill.is_none() {
            let path = &self.spill_path;
            remove_if_exists(path)?;
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(path)
                .map_err(DiskError::on("create", path))?;
            // Without a name it vanishes with the process, however that ends.
            remove_if_exists(path)?;
            self.spill = Some(file);
        }
        self.spill.as_ref().ok_or_else(|| {
            DiskError::on("open", &self.spill_path)(std::io::ErrorKind::NotFound.into())
        })
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
        None => Err(ArrowError::IpcError("the spill file holds no rows here".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, StringArray};

    use super::*;

    fn rows(text: &str) -> RecordBatch {
        let column: ArrayRef = Arc::new(StringArray::from(vec![text, "x"]));
        RecordBatch::try_from_iter([("a", column)]).unwrap()
    }

    #[test]
    fn rows_beyond_the_budget_are_spilled_and_come_back_whole() {
        let directory = tempfile::tempdir().unwrap();
        let one = rows("0").get_array_memory_size();
        let mut store = RowBuffer::new(directory.path(), one * 2);
        for _round in 0..2 {
            let stored: Vec<BufferedRows> =
                (0..5).map(|n| store.put(rows(&n.to_string())).unwrap()).collect();
            let spilled =
                stored.iter().filter(|rows| matches!(rows, BufferedRows::Spilled { .. })).count();
            assert_eq!(spilled, 3);
            for (n, stored) in stored.into_iter().enumerate().rev() {
                assert_eq!(store.take(stored).unwrap(), rows(&n.to_string()));
            }
        }
        // The second round has used the room of the first.
        assert_eq!(store.spill_end, 0);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
