//! Why a Parquet file cannot be read: damage, or a feature that is not supported.

use std::error::Error;
use std::io;

use parquet::errors::ParquetError;

use crate::accounts::error::ListError;
use crate::accounts::list_file::ListFile;

/// A sound file with a feature that this program does not read. The text continues "the list …" and ends with how to
/// write the file instead.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UnsupportedFeature(pub String);

pub fn unsupported(what: impl Into<String>) -> ParquetError {
    ParquetError::External(Box::new(UnsupportedFeature(what.into())))
}

pub fn inconsistency(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

/// Distinguishes an error of the disk and an unsupported feature from damage of the file.
pub fn read_error(file: &ListFile, source: ParquetError) -> ListError {
    let list = file.name.to_string();
    match source {
        ParquetError::External(cause) => external_error(file, cause),
        ParquetError::NYI(what) => ListError::ParquetUnsupported {
            list,
            what: format!(
                "has a feature that is not supported ({what}); write it with the encoding PLAIN"
            ),
        },
        ParquetError::General(what) => ListError::Parquet { list, source: what.into() },
        source => ListError::Parquet { list, source: source.into() },
    }
}

fn external_error(file: &ListFile, cause: Box<dyn Error + Send + Sync>) -> ListError {
    let list = file.name.to_string();
    let cause = match cause.downcast::<UnsupportedFeature>() {
        Ok(unsupported) => return ListError::ParquetUnsupported { list, what: unsupported.0 },
        Err(cause) => cause,
    };
    match cause.downcast::<io::Error>() {
        Ok(error) if error.raw_os_error().is_some() => file.read_error(*error),
        Ok(error) => ListError::Parquet { list, source: error },
        Err(source) => ListError::Parquet { list, source },
    }
}
