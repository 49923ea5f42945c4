//! One part file being written, in the job's format.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::csv_part::CsvPart;
use super::durable::{DiskError, FileFacts, StagedFile};
use super::parquet_part::ParquetPart;
use super::settings::{Compression, Format};

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
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Writes one part; batches come in the order their rows shall have.
#[derive(Debug)]
pub enum PartWriter {
    /// As Parquet.
    Parquet(ParquetPart),
    /// As CSV.
    Csv(CsvPart),
}

impl PartWriter {
    /// Starts a part in `file`.
    pub fn create(
        file: StagedFile,
        schema: &SchemaRef,
        format: Format,
        compression: Compression,
    ) -> Result<PartWriter, PartError> {
        match format {
            Format::Parquet => {
                ParquetPart::create(file, schema, compression).map(PartWriter::Parquet)
            }
            Format::Csv => CsvPart::create(file, schema, compression).map(PartWriter::Csv),
        }
    }

    /// Adds rows.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), PartError> {
        match self {
            PartWriter::Parquet(part) => part.write(rows),
            PartWriter::Csv(part) => part.write(rows),
        }
    }

    /// Hands what is buffered to the file, so that a part that waits for its last rows holds little memory.
    pub fn flush(&mut self) -> Result<(), PartError> {
        match self {
            PartWriter::Parquet(part) => part.flush(),
            PartWriter::Csv(_) => Ok(()),
        }
    }

    /// Ends the part and makes it durable under its final name.
    pub fn commit(self) -> Result<FileFacts, PartError> {
        match self {
            PartWriter::Parquet(part) => part.commit(),
            PartWriter::Csv(part) => part.commit(),
        }
    }
}

/// For `map_err`: the encoder's error on `file`.
pub(super) fn encode_error<E>(file: &std::path::Path) -> impl FnOnce(E) -> PartError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let file = file.display().to_string();
    move |source| PartError::Encode { file, source: source.into() }
}
