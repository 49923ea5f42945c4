//! Why a journal cannot be used.

use std::path::PathBuf;

use super::VERSION;
use crate::snapshot::checkpoint::InconsistentEntry;
use crate::snapshot::store::ReadJournalError;
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Something other than a file is in its place.
    #[error("the journal {} is {kind}, not a regular file; move it away, then run the same command again to start over", .path.display())]
    NotAFile { path: PathBuf, kind: &'static str },
    /// None of its lines can be read.
    #[error("line {line} of the journal {} is damaged ({problem}), and no other line is intact, so nothing of the unfinished run can be kept; start over with --restart", .path.display())]
    Unreadable {
        path: PathBuf,
        /// From 1.
        line: usize,
        problem: String,
    },
    /// Written by another version of the program.
    #[error("the journal {} has version {found}, this program knows {VERSION}; resume with the program that wrote it, or start over with --restart", .path.display())]
    Version { path: PathBuf, found: u64 },
    /// The program would write an entry that contradicts the earlier ones.
    #[error("the next entry of the journal {} would be wrong ({problem}), which is a bug; report it", .path.display())]
    Bug { path: PathBuf, problem: InconsistentEntry },
}

impl HasExitCode for JournalError {
    fn exit_code(&self) -> ExitCode {
        match self {
            JournalError::Disk(error) => error.exit_code(),
            JournalError::Bug { .. } => ExitCode::InternalOrDisk,
            JournalError::NotAFile { .. }
            | JournalError::Unreadable { .. }
            | JournalError::Version { .. } => ExitCode::BadUsage,
        }
    }
}

impl From<ReadJournalError> for JournalError {
    fn from(error: ReadJournalError) -> JournalError {
        match error {
            ReadJournalError::Disk(error) => JournalError::Disk(error),
            ReadJournalError::NotAFile { path, kind } => JournalError::NotAFile { path, kind },
        }
    }
}
