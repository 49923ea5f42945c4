//! The locked work directory of a run.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::layout::{JOURNAL_FILE, LOCK_FILE};
use super::store::local::LocalStore;
use super::store::local::lock::WorkLock;
use super::store::local::lock_holder::this_process;
use super::store::{Store, WorkDirectoryError};
use crate::util::disk_error::DiskError;
use crate::util::failpoint;
use crate::util::staged_file::create_directories;

/// The work directory of a run, locked for as long as this value lives.
#[derive(Debug)]
pub struct WorkDirectory {
    store: Arc<LocalStore>,
    lock: WorkLock,
    had_earlier_run: bool,
}

/// How often the work directory may be removed before this run holds its lock. Each time, another run has published.
const MAX_ATTEMPTS: u32 = 32;

impl WorkDirectory {
    /// Creates the work directory of an output path if there is none, and takes its lock. The files of a stopped run stay,
    /// with the names that hide them from readers, except a snapshot that it moved aside: that is restored first.
    pub fn open(
        output_path: &Path,
        table_root: &Path,
    ) -> Result<WorkDirectory, WorkDirectoryError> {
        let mut had_earlier_run = false;
        for _ in 0..MAX_ATTEMPTS {
            let store = LocalStore::new(output_path, table_root)?;
            let Some(lock) = WorkLock::take(&store, &this_process())? else {
                had_earlier_run = true;
                continue;
            };
            had_earlier_run |= lock.had_earlier_run();
            let work = WorkDirectory { store: Arc::new(store), lock, had_earlier_run };
            match work.store.can_move_to_output() {
                Ok(true) => {}
                Ok(false) if work.store.has_journal() => return Err(work.store.stranded()),
                Ok(false) => {
                    let store = work.store.beside_snapshot();
                    work.remove()?;
                    create_directories(store.root())?;
                    continue;
                }
                Err(error) => {
                    if !had_earlier_run {
                        // The first error is the one to report.
                        let _ = work.remove();
                    }
                    return Err(error.into());
                }
            }
            work.store.restore_moved_aside()?;
            work.store.hide()?;
            return Ok(work);
        }
        let holder = "runs that follow one another immediately".to_owned();
        Err(WorkDirectoryError::Locked { path: output_path.to_owned(), holder })
    }

    /// Restores a snapshot that a stopped run moved aside, unless a run is active; returns whether it did. Meant for the
    /// very start of a run, which may be refused before it opens the work directory.
    pub fn restore_previous_snapshot(
        output_path: &Path,
        table_root: &Path,
    ) -> Result<bool, WorkDirectoryError> {
        let store = LocalStore::new(output_path, table_root)?;
        if store.moved_aside().map_err(WorkDirectoryError::Unreadable)?.is_none() {
            return Ok(false);
        }
        match WorkDirectory::open(output_path, table_root) {
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
    pub fn store(&self) -> &Arc<LocalStore> {
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
        match fs::remove_dir(&root) {
            // Another run has started here since, or has also ended.
            Err(error)
                if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) =>
            {
                Ok(())
            }
            removed => {
                removed.map_err(DiskError::on("remove", &root))?;
                // Not empty while there is a run for another partition; an empty one does no harm.
                let _ = self.store.parents().try_for_each(fs::remove_dir);
                Ok(())
            }
        }
    }

    /// Prepares the directory for a new run: only the files in `keep` stay, beside an empty staged snapshot.
    pub fn reset(&self, keep: &[&str]) -> Result<(), DiskError> {
        self.store.clear(keep)?;
        self.store.create_staged_snapshot()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::IfExists;
    use crate::snapshot::layout::SUCCESS_MARKER;

    fn open(path: &Path, if_exists: IfExists) -> Result<WorkDirectory, WorkDirectoryError> {
        let work = WorkDirectory::open(path, path)?;
        work.store().ensure_may_be_published(if_exists)?;
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
        assert_eq!(fs::read_dir(work.store().staged_snapshot()).unwrap().count(), 1);
        work.reset(&[LOCK_FILE]).unwrap();
        assert_eq!(fs::read_dir(work.store().staged_snapshot()).unwrap().count(), 0);
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
