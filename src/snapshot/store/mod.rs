//! Where a run stages, commits and publishes its snapshot. One trait, so that nothing else depends on the place.
//!
//! A file is addressed by its key: the path below the work directory, made of the names in [`layout`](super::layout).
//! The files below [`STAGED_SNAPSHOT`](super::layout::STAGED_SNAPSHOT) are those that are published.

mod bucket;
mod error;
pub mod local;

use std::collections::HashSet;
use std::fmt::Debug;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::error::{PartFilesError, ReadJournalError, ReplaceError, WorkDirectoryError};
use super::manifest::{Manifest, ManifestError};
use super::parts::CommittedPart;
use super::publish::Publication;
use crate::job::OutputSettings;
use crate::util::disk_error::DiskError;
use crate::util::staged_file::{FileInfo, StagedFile};

/// Opens the store of an output. Changes nothing.
///
/// # Errors
/// When no snapshot can be at the output path.
pub fn open(output: &OutputSettings) -> Result<Arc<dyn Store>, WorkDirectoryError> {
    let (path, table_root) = (&output.path, &output.table_root);
    Ok(match &output.bucket {
        None => Arc::new(local::LocalStore::new(path, table_root)?),
        Some(settings) => Arc::new(bucket::BucketStore::new(path, table_root, settings)?),
    })
}

/// What is at a path that may hold a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupant {
    Nothing,
    /// Can be replaced by a snapshot.
    EmptyDirectory,
    /// A complete snapshot.
    Snapshot,
    /// Must not be replaced.
    SomethingElse,
}

/// Whether a run holds the lock of a work directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockState {
    /// By the holder that the lock names.
    Held(String),
    /// The lock names a holder on another machine or in another container, which may have ended.
    Unknown(String),
    Free,
}

/// What a run knows of its lease of an object store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LeaseState {
    #[default]
    Held,
    /// It was not renewed for so long that another run may soon take it over and make calls.
    AtRisk,
    /// Another run has taken it over.
    Lost,
}

/// The requests of this process to an object store, for progress and metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreActivity {
    pub requests: u64,
    /// Those that repeat a failed one.
    pub retries: u64,
    /// Those that the store refused because there were too many.
    pub throttled: u64,
    pub uploaded_bytes: u64,
    /// Whether every request fails now.
    pub is_unavailable: bool,
    pub lease: LeaseState,
}

/// The held lock of a work directory.
pub trait Lock: Debug + Send {
    /// Whether this run still holds it.
    fn is_held(&self) -> Result<bool, DiskError>;

    /// Removes it, unless it is that of another run by now.
    fn remove(self: Box<Self>) -> Result<(), DiskError>;
}

/// A work directory with its lock.
#[derive(Debug)]
pub struct LockedStore {
    pub store: Arc<dyn Store>,
    pub lock: Box<dyn Lock>,
    /// Whether an earlier run left something here, or published while this one waited for the lock.
    pub had_earlier_run: bool,
}

/// The place of one snapshot and of the work directory behind it.
pub trait Store: Debug + Send + Sync {
    /// The path or URL at which the snapshot is published.
    fn output_path(&self) -> &Path;

    /// The path or URL of the work directory.
    fn root(&self) -> &Path;

    /// A local directory for files that need not outlive the process.
    fn scratch(&self) -> &Path;

    /// Whether the parts stay on this machine until the snapshot is published.
    fn keeps_parts_on_disk(&self) -> bool {
        true
    }

    /// The full path or URL of a key, for messages.
    fn path(&self, key: &str) -> PathBuf {
        self.root().join(key)
    }

    /// What readers append to the name of a part, so that no two processes write the same one; empty where a lock
    /// already excludes that.
    fn part_suffix(&self, _run_id: &str) -> String {
        String::new()
    }

    /// Creates the work directory if there is none, takes its lock, and completes what a stopped run left half done at
    /// the output path. Its committed files stay.
    fn lock(&self) -> Result<LockedStore, WorkDirectoryError>;

    /// Who holds the lock, as far as that is known without taking it.
    fn lock_state(&self) -> LockState;

    /// The store of another snapshot in the same place.
    fn at(
        &self,
        output_path: &Path,
        table_root: &Path,
    ) -> Result<Arc<dyn Store>, WorkDirectoryError>;

    /// The same store with another path, only to look at the snapshot there.
    fn snapshot_at(&self, output_path: &Path) -> Result<Arc<dyn Store>, WorkDirectoryError>;

    /// The names in a directory; none if it does not exist.
    fn names_in(&self, directory: &Path) -> Result<Vec<String>, DiskError>;

    /// What the output path holds, or will hold once a run has restored the previous snapshot.
    fn occupant(&self) -> Result<Occupant, DiskError>;

    /// Whether the output path itself holds a complete snapshot.
    fn has_snapshot(&self) -> Result<bool, DiskError>;

    /// The manifest of the published snapshot; `None` if there is none.
    fn manifest(&self) -> Result<Option<Manifest>, ManifestError>;

    /// The previous snapshot if a stopped run moved it away from the output path; taking the lock restores it.
    fn moved_aside(&self) -> Result<Option<PathBuf>, DiskError>;

    /// Verifies, without a trial, that this user may write and publish a snapshot, and that an earlier run wrote what is
    /// in the work directory.
    fn ensure_usable(&self) -> Result<(), WorkDirectoryError>;

    /// Verifies that the staged snapshot holds nothing that may belong to somebody else.
    fn ensure_own_files(&self) -> Result<(), PartFilesError>;

    /// Tries everything that a run does, and leaves nothing behind. Returns what a run should be warned about.
    fn ensure_writable(&self) -> Result<Vec<String>, DiskError>;

    /// The size of what [`Store::remove_uncommitted`] would remove.
    fn bytes_except(&self, keep: &HashSet<String>) -> u64;

    /// Starts a file; it takes effect when it is committed. A staged file of a stopped run is replaced.
    fn stage(&self, key: &str) -> Result<StagedFile, DiskError>;

    /// Makes a staged file durable under its key.
    fn commit(&self, file: StagedFile) -> Result<FileInfo, DiskError>;

    /// Makes the files of a part durable that are complete on this machine. May take long.
    fn commit_part(&self, part: &mut CommittedPart) -> Result<(), DiskError>;

    /// Opens a committed file.
    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, DiskError>;

    /// Whether each committed file is still as it was committed.
    fn are_intact(&self, files: &[(String, &FileInfo)]) -> Result<Vec<bool>, DiskError>;

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

    /// Replaces the journal in one step, and opens it for further entries.
    fn replace_journal(&self, content: &str) -> Result<Box<dyn JournalFile>, DiskError>;

    /// Puts the staged snapshot in place of the published one. Readers see one or the other, complete.
    fn publish(&self, publication: &Publication<'_>) -> Result<(), ReplaceError>;

    /// Removes everything from the work directory but the files in `keep` and a snapshot that exists nowhere else.
    fn clear(&self, keep: &[&str]) -> Result<(), DiskError>;

    /// Removes the empty work directory, after its lock.
    fn remove_root(&self) -> Result<(), DiskError>;

    /// Creates an empty staged snapshot where there is none.
    fn create_staged_snapshot(&self) -> Result<(), DiskError>;

    /// What the requests to an object store came to; `None` for a directory.
    fn activity(&self) -> Option<StoreActivity> {
        None
    }

    /// Whether calls may be made: no other run can have taken over. As of the latest [`Store::activity`].
    fn may_call(&self) -> bool {
        true
    }

    /// Gives up waiting for a store that cannot be reached: the run stops.
    fn interrupt(&self) {}
}

/// A journal that is open for further entries.
pub trait JournalFile: Debug + Send {
    /// Appends an entry; it is durable when this returns.
    fn append(&mut self, entry: &str) -> Result<(), DiskError>;
}

/// Writes a whole file.
pub fn write_file(store: &dyn Store, key: &str, content: &[u8]) -> Result<FileInfo, DiskError> {
    let mut file = store.stage(key)?;
    file.write_all(content).map_err(DiskError::on("write", file.path()))?;
    store.commit(file)
}

impl dyn Store + '_ {
    /// The holder that the lock names, while a run is known to be active.
    pub fn active_run(&self) -> Option<String> {
        match self.lock_state() {
            LockState::Held(holder) => Some(holder),
            LockState::Unknown(_) | LockState::Free => None,
        }
    }
}
