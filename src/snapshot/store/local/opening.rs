//! Takes the lock of a work directory on the local file system.

use std::path::Path;
use std::sync::Arc;

use super::LocalStore;
use super::lock::WorkLock;
use super::lock_holder::this_process;
use crate::snapshot::store::{LockedStore, Store, WorkDirectoryError};
use crate::util::disk_error::DiskError;
use crate::util::staged_file::create_directories;

/// How often the work directory may be removed before this run holds its lock. Each time, another run has published.
const MAX_ATTEMPTS: u32 = 32;

/// Creates the work directory of an output path if there is none, and takes its lock. The files of a stopped run stay,
/// with the names that hide them from readers, except a snapshot that it moved aside: that is restored first.
pub fn lock(output_path: &Path, table_root: &Path) -> Result<LockedStore, WorkDirectoryError> {
    let mut had_earlier_run = false;
    for _ in 0..MAX_ATTEMPTS {
        let store = LocalStore::new(output_path, table_root)?;
        let Some(lock) = WorkLock::take(&store, &this_process())? else {
            had_earlier_run = true;
            continue;
        };
        had_earlier_run |= lock.had_earlier_run();
        match store.can_move_to_output() {
            Ok(true) => {}
            Ok(false) if store.has_journal() => return Err(store.stranded()),
            Ok(false) => {
                let beside_snapshot = store.beside_snapshot();
                remove(&store, lock)?;
                create_directories(beside_snapshot.root())?;
                continue;
            }
            Err(error) => {
                if !had_earlier_run {
                    // The first error is the one to report.
                    let _ = remove(&store, lock);
                }
                return Err(error.into());
            }
        }
        store.restore_moved_aside()?;
        store.hide()?;
        return Ok(LockedStore { store: Arc::new(store), lock: Box::new(lock), had_earlier_run });
    }
    let holder = "runs that follow one another immediately".to_owned();
    Err(WorkDirectoryError::Locked { path: output_path.to_owned(), holder })
}

/// Removes a work directory in which no run has been.
fn remove(store: &LocalStore, lock: WorkLock) -> Result<(), DiskError> {
    store.clear(&[crate::snapshot::layout::LOCK_FILE])?;
    crate::snapshot::store::Lock::remove(Box::new(lock))?;
    store.remove_root()
}
