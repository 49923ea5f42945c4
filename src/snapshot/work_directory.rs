//! The locked work directory of a run.

use std::path::Path;
use std::sync::Arc;

use super::layout::{JOURNAL_FILE, LOCK_FILE};
use super::store::{self, Lock, LockedStore, Occupant, Store, WorkDirectoryError};
use crate::job::{IfExists, OutputSettings};
use crate::util::disk_error::DiskError;
use crate::util::failpoint;

/// The work directory of a run, locked for as long as this value lives.
#[derive(Debug)]
pub struct WorkDirectory {
    store: Arc<dyn Store>,
    lock: Box<dyn Lock>,
    had_earlier_run: bool,
}

impl WorkDirectory {
    /// Locks the work directory of a store, as [`Store::lock`] does.
    pub fn open(store: &dyn Store) -> Result<WorkDirectory, WorkDirectoryError> {
        let LockedStore { store, lock, had_earlier_run } = store.lock()?;
        Ok(WorkDirectory { store, lock, had_earlier_run })
    }

    /// Restores a snapshot that a stopped run moved aside, unless a run is active; returns whether it did. Meant for the
    /// very start of a run, which may be refused before it opens the work directory.
    pub fn restore_previous_snapshot(output: &OutputSettings) -> Result<bool, WorkDirectoryError> {
        let store = store::open(output)?;
        if store.moved_aside().map_err(WorkDirectoryError::Unreadable)?.is_none() {
            return Ok(false);
        }
        match WorkDirectory::open(&*store) {
            Ok(_) => Ok(true),
            // The active run is publishing right now.
            Err(WorkDirectoryError::Locked { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether an earlier run left its journal or its lock here, or published while this one waited for the lock.
    pub fn had_earlier_run(&self) -> bool {
        self.had_earlier_run
    }

    /// Whether this run still holds the lock.
    pub fn is_locked(&self) -> Result<bool, DiskError> {
        self.lock.is_held()
    }

    /// The place of the snapshot and of this directory.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The path at which the snapshot is published.
    pub fn output_path(&self) -> &Path {
        self.store.output_path()
    }

    /// The path of the directory.
    pub fn root(&self) -> &Path {
        self.store.root()
    }

    /// Removes the directory and releases the lock. The journal goes last: while it exists, a later run can find out that
    /// this one has published.
    pub fn remove(self) -> Result<(), DiskError> {
        self.store.clear(&[LOCK_FILE, JOURNAL_FILE])?;
        let root = self.root().to_owned();
        let hit = |name| failpoint::hit(name).map_err(DiskError::on("remove", &root));
        hit("publish:cleared")?;
        self.store.clear(&[LOCK_FILE])?;
        hit("publish:removed")?;
        self.lock.remove()?;
        hit("publish:unlocked")?;
        self.store.remove_root()
    }

    /// Prepares the directory for a new run: only the files in `keep` stay, beside an empty staged snapshot.
    pub fn reset(&self, keep: &[&str]) -> Result<(), DiskError> {
        self.store.clear(keep)?;
        self.store.create_staged_snapshot()
    }
}

/// Verifies that a run may publish, before it does any work.
///
/// # Errors
/// If the output path holds something that must not be replaced.
pub fn ensure_may_be_published(
    store: &dyn Store,
    if_exists: IfExists,
) -> Result<(), WorkDirectoryError> {
    let output_path = store.output_path();
    match store.occupant().map_err(WorkDirectoryError::Unreadable)? {
        Occupant::Nothing => Ok(()),
        _ if if_exists == IfExists::Fail => Err(WorkDirectoryError::Exists(output_path.to_owned())),
        Occupant::EmptyDirectory | Occupant::Snapshot => Ok(()),
        Occupant::SomethingElse if output_path.is_file() => {
            Err(WorkDirectoryError::IsAFile(output_path.to_owned()))
        }
        Occupant::SomethingElse => Err(WorkDirectoryError::NotASnapshot(output_path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::job::IfExists;
    use crate::snapshot::layout::{STAGED_SNAPSHOT, SUCCESS_MARKER};
    use crate::snapshot::store::local::LocalStore;

    fn open(path: &Path, if_exists: IfExists) -> Result<WorkDirectory, WorkDirectoryError> {
        let work = WorkDirectory::open(&LocalStore::beside(path))?;
        ensure_may_be_published(&**work.store(), if_exists)?;
        Ok(work)
    }

    #[test]
    fn files_of_a_stopped_run_stay_until_reset() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("dt=1");
        let stopped = directory.path().join(".dt=1.partial/snapshot");
        fs::create_dir_all(&stopped).unwrap();
        fs::write(stopped.join("part-00000.csv"), "half").unwrap();
        let work = open(&output, IfExists::Replace).unwrap();
        assert_eq!(fs::read_dir(work.root().join(STAGED_SNAPSHOT)).unwrap().count(), 1);
        work.reset(&[LOCK_FILE]).unwrap();
        assert_eq!(fs::read_dir(work.root().join(STAGED_SNAPSHOT)).unwrap().count(), 0);
        work.remove().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_second_run_is_refused_with_the_holder_of_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("dt=1");
        let _first = open(&output, IfExists::Replace).unwrap();
        let message = open(&output, IfExists::Replace).unwrap_err().to_string();
        assert!(message.contains(&format!("process {} on ", std::process::id())), "{message}");
    }

    #[test]
    fn only_a_snapshot_or_an_empty_directory_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("home");
        fs::create_dir(&output).unwrap();
        assert!(open(&output, IfExists::Replace).is_ok());
        assert!(matches!(open(&output, IfExists::Fail), Err(WorkDirectoryError::Exists(_))));
        fs::write(output.join("thesis.txt"), "years of work").unwrap();
        assert!(matches!(
            open(&output, IfExists::Replace),
            Err(WorkDirectoryError::NotASnapshot(_))
        ));
        fs::write(output.join(SUCCESS_MARKER), "").unwrap();
        assert!(open(&output, IfExists::Replace).is_ok());
    }
}
