//! One part file being written, in the job's format.

use std::error::Error;
use std::io;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::csv_writer::CsvPartWriter;
use super::parquet_writer::ParquetPartWriter;
use crate::snapshot::settings::{Compression, Format};
use crate::util::disk_error::DiskError;
use crate::util::staged_file::{FileInfo, StagedFile};

/// A part could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The encoder refused: a bug, or the disk behind it.
    #[error("could not write part {file}")]
    Encode {
        /// The file's name.
        file: String,
        /// What the encoder said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Writes one part; batches come in the order their rows shall have.
#[derive(Debug)]
pub enum PartFileWriter {
    /// As Parquet.
    Parquet(ParquetPartWriter),
    /// As CSV.
    Csv(CsvPartWriter),
}

impl PartFileWriter {
    /// Starts a part in `file`.
    pub fn create(
        file: StagedFile,
        schema: &SchemaRef,
        format: Format,
        compression: Compression,
    ) -> Result<PartFileWriter, PartError> {
        match format {
            Format::Parquet => {
                ParquetPartWriter::create(file, schema, compression).map(PartFileWriter::Parquet)
            }
            Format::Csv => {
                CsvPartWriter::create(file, schema, compression).map(PartFileWriter::Csv)
            }
        }
    }

    /// Adds rows.
    pub fn write(&mut self, rows: RecordBatch) -> Result<(), PartError> {
        match self {
            PartFileWriter::Parquet(part) => part.write(rows),
            PartFileWriter::Csv(part) => part.write(&rows),
        }
    }

    /// Hands what is buffered to the file, so that a part that waits for its last rows holds little memory.
    pub fn flush(&mut self) -> Result<(), PartError> {
        match self {
            PartFileWriter::Parquet(part) => part.flush(),
            PartFileWriter::Csv(_) => Ok(()),
        }
    }

    /// Ends the part and makes it durable under its final name.
    pub fn commit(self) -> Result<FileInfo, PartError> {
        match self {
            PartFileWriter::Parquet(part) => part.commit(),
            PartFileWriter::Csv(part) => part.commit(),
        }
    }
}

/// For `map_err`: the encoder's error on `file`, or the disk's where that is what the encoder tells.
pub fn encode_error<E>(file: &Path) -> impl FnOnce(E) -> PartError
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let path = file.to_owned();
    move |source| {
        let source = source.into();
        match os_error_of(&*source) {
            Some(error) => DiskError::on("write", &path)(error).into(),
            None => PartError::Encode { file: path.display().to_string(), source },
        }
    }
}

/// What the operating system said, where that is at the bottom of an error.
fn os_error_of(error: &(dyn Error + 'static)) -> Option<io::Error> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref::<io::Error>()?.raw_os_error())
        .map(io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use parquet::errors::ParquetError;

    use super::*;
    use crate::snapshot::sidecars::io_error;

    #[test]
    fn a_full_disk_is_told_as_such_whatever_encoder_met_it() {
        let no_room = || io::Error::from_raw_os_error(28);
        let file = Path::new("part-00000.parquet");
        let errors: [PartError; 3] = [
            encode_error(file)(ParquetError::External(Box::new(no_room()))),
            encode_error(file)(io_error(csv::Error::from(no_room()))),
            encode_error(file)(no_room()),
        ];
        for error in errors {
            assert!(error.to_string().starts_with("could not write part-00000.parquet"), "{error}");
            assert_eq!(
                error.source().unwrap().to_string(),
                "No space left on device (os error 28)"
            );
        }
        let bug = encode_error(file)(ParquetError::General("broken".to_owned()));
        assert!(matches!(bug, PartError::Encode { .. }));
    }
}
