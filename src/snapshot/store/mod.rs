//! Where a run stages, commits and publishes its snapshot. One trait, so that nothing else depends on the place.
//!
//! A file is addressed by its key: the path below the work directory, made of the names in [`layout`](super::layout).
//! The files below [`STAGED_SNAPSHOT`](super::layout::STAGED_SNAPSHOT) are those that are published.

mod error;
pub mod local;

use std::collections::HashSet;
use std::fmt::Debug;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

pub use self::error::{PartFilesError, ReadJournalError, ReplaceError, WorkDirectoryError};
use crate::util::disk_error::DiskError;
use crate::util::staged_file::{FileInfo, StagedFile};

/// The place of one snapshot and of the work directory behind it.
pub trait Store: Debug + Send + Sync {
    /// A local directory for files that need not outlive the process.
    fn scratch(&self) -> &Path;

    /// The full path of a key, for messages.
    fn path(&self, key: &str) -> PathBuf;

    /// Starts a file; it takes effect when it is committed. A staged file of a stopped run is replaced.
    fn stage(&self, key: &str) -> Result<StagedFile, DiskError>;

    /// Makes a staged file durable under its key.
    fn commit(&self, file: StagedFile) -> Result<FileInfo, DiskError>;

    /// Opens a committed file.
    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, DiskError>;

    /// Whether a committed file still has its size and digest; reads all of it.
    fn is_intact(&self, key: &str, info: &FileInfo) -> Result<bool, DiskError>;

    /// Removes the uncommitted files: those in the work directory and in the staged snapshot that are not in `keep`.
    ///
    /// # Errors
    /// [`PartFilesError::Foreign`] for a directory in the staged snapshot, which might hold the files of somebody else.
    fn remove_uncommitted(&self, keep: &HashSet<String>) -> Result<(), PartFilesError>;

    /// Removes the files in the staged snapshot whose names are not in `keep`, and returns their paths.
    ///
    /// # Errors
    /// As for [`Store::remove_uncommitted`].
    fn remove_unpublished(&self, keep: &HashSet<String>) -> Result<Vec<PathBuf>, PartFilesError>;

    /// The bytes of the journal, if there is one.
    fn read_journal(&self) -> Result<Option<Vec<u8>>, ReadJournalError>;

    /// Starts an empty journal in place of an earlier one.
    fn create_journal(&self) -> Result<Box<dyn JournalFile>, DiskError>;

    /// Opens the journal for further entries, after cutting it to `length` bytes.
    fn resume_journal(&self, length: usize) -> Result<Box<dyn JournalFile>, DiskError>;

    /// Puts the staged snapshot in place of the published one. Readers see one or the other, complete.
    fn publish(&self) -> Result<(), ReplaceError>;

    /// Removes everything from the work directory but the files in `keep` and a snapshot that exists nowhere else.
    fn clear(&self, keep: &[&str]) -> Result<(), DiskError>;

    /// Creates an empty staged snapshot where there is none.
    fn create_staged_snapshot(&self) -> Result<(), DiskError>;
}

/// A journal that is open for further entries.
pub trait JournalFile: Debug + Send {
    /// Appends an entry; it is durable when this returns.
    fn append(&mut self, entry: &str) -> Result<(), DiskError>;
}

/// Writes a whole file.
pub fn write_file(store: &dyn Store, key: &str, content: &[u8]) -> Result<(), DiskError> {
    let mut file = store.stage(key)?;
    file.write_all(content).map_err(DiskError::on("write", file.path()))?;
    store.commit(file).map(drop)
}
