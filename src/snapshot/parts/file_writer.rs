//! Writes a part file in the format of the job.

use std::error::Error;
use std::io;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::csv_writer::CsvPartWriter;
use super::parquet_writer::ParquetPartWriter;
use crate::job::{Compression, Format};
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::staged_file::StagedFile;

/// A part could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The encoder failed: a bug.
    #[error("could not encode part {file}, which is a bug; report it")]
    Encode {
        file: String,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl HasExitCode for PartError {
    fn exit_code(&self) -> ExitCode {
        match self {
            PartError::Disk(error) => error.exit_code(),
            PartError::Encode { .. } => ExitCode::InternalOrDisk,
        }
    }
}

/// Writes one part file; the order of the batches is the order of the rows.
#[derive(Debug)]
pub enum PartFileWriter {
    Parquet(Box<ParquetPartWriter>),
    Csv(Box<CsvPartWriter>),
}

impl PartFileWriter {
    pub fn create(
        file: StagedFile,
        schema: &SchemaRef,
        format: Format,
        compression: Compression,
    ) -> Result<PartFileWriter, PartError> {
        match format {
            Format::Parquet => Ok(PartFileWriter::Parquet(Box::new(ParquetPartWriter::new(
                file,
                schema,
                compression,
            )))),
            Format::Csv => CsvPartWriter::create(file, schema, compression)
                .map(Box::new)
                .map(PartFileWriter::Csv),
        }
    }

    pub fn write(&mut self, rows: RecordBatch) -> Result<(), PartError> {
        match self {
            PartFileWriter::Parquet(part) => part.write(rows),
            PartFileWriter::Csv(part) => part.write(&rows),
        }
    }

    /// Writes buffered rows to the file, so that a part that waits for its last rows uses little memory.
    pub fn flush(&mut self) -> Result<(), PartError> {
        match self {
            PartFileWriter::Parquet(part) => part.flush(),
            PartFileWriter::Csv(_) => Ok(()),
        }
    }

    /// Completes the file.
    pub fn finish(self) -> Result<StagedFile, PartError> {
        match self {
            PartFileWriter::Parquet(part) => part.finish(),
            PartFileWriter::Csv(part) => part.finish(),
        }
    }
}

/// For `map_err`: an error of the encoder of `file`, or of the disk if that caused it.
pub fn encode_error<E>(file: &Path) -> impl FnOnce(E) -> PartError
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let path = file.to_owned();
    move |source| {
        let source = source.into();
        match os_error(&*source) {
            Some(error) => DiskError::on("write", &path)(error).into(),
            None => PartError::Encode { file: path.display().to_string(), source },
        }
    }
}

/// The error of the operating system among the causes of an error.
fn os_error(error: &(dyn Error + 'static)) -> Option<io::Error> {
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
    fn a_full_disk_is_reported_for_every_encoder() {
        let disk_full = || io::Error::from_raw_os_error(28);
        let file = Path::new("part-00000.parquet");
        let errors: [PartError; 3] = [
            encode_error(file)(ParquetError::External(Box::new(disk_full()))),
            encode_error(file)(io_error(csv::Error::from(disk_full()))),
            encode_error(file)(disk_full()),
        ];
        for error in errors {
            let head =
                "could not write part-00000.parquet: No space left on device (os error 28); ";
            assert!(error.to_string().starts_with(head), "{error}");
        }
        let bug = encode_error(file)(ParquetError::General("broken".to_owned()));
        assert!(matches!(bug, PartError::Encode { .. }));
    }
}
