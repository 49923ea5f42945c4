//! Why a stream of records cannot be read.

use std::error::Error;

use indicatif::HumanBytes;

use crate::accounts::error::ListError;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// Why standard input cannot be read as a stream of records.
#[derive(Debug, thiserror::Error)]
pub enum RecordStreamError {
    #[error(transparent)]
    List(#[from] ListError),
    #[error(
        "standard input is empty, but an Arrow stream starts with its schema; check the command that writes to it"
    )]
    NoSchema,
    #[error(
        "standard input is empty lines, but csv and tsv start with a line of column names; use --input txt if there is none"
    )]
    NoHeader,
    #[error("standard input is an Arrow stream with compressed buffers; write it uncompressed")]
    Compressed,
    #[error("standard input is a big-endian Arrow stream; write it on a little-endian machine")]
    BigEndian,
    #[error("standard input is not an Arrow stream; {remedy}")]
    NotArrow { remedy: &'static str },
    #[error(
        "standard input ends within a message of the Arrow stream; check the command that writes to it"
    )]
    Truncated,
    #[error(
        "standard input is not a valid Arrow stream; write it again, uncompressed and with an Arrow library"
    )]
    Damaged { source: Box<dyn Error + Send + Sync> },
    #[error(
        "a record batch on standard input is larger than limits.memory ({}); write smaller record batches, or raise limits.memory",
        HumanBytes(*max_bytes)
    )]
    BatchTooLarge { max_bytes: u64 },
}

impl HasExitCode for RecordStreamError {
    fn exit_code(&self) -> ExitCode {
        match self {
            RecordStreamError::List(error) => error.exit_code(),
            _ => ExitCode::BadUsage,
        }
    }
}
