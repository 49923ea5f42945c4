//! The lock of a work directory: one run at a time.
//!
//! A run that has published removes the directory together with the lock. A process that opened the lock before that and
//! locks it afterwards holds a deleted file, which excludes no other run. So a lock counts only while the path names it.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::LocalStore;
use crate::snapshot::layout::{JOURNAL_FILE, LOCK_FILE};
use crate::snapshot::store::{Lock, Store, WorkDirectoryError};
use crate::util::disk_error::DiskError;
use crate::util::disk_error::LOCK;
use crate::util::failpoint;
use crate::util::staged_file::{create_directories, remove_if_exists};

/// The held lock of a work directory; released when this value is dropped or the process ends.
#[derive(Debug)]
pub struct WorkLock {
    file: File,
    path: PathBuf,
    had_earlier_run: bool,
}

impl WorkLock {
    /// Takes the lock of a work directory, which is created if it does not exist. `None` if another run removed it in the
    /// meantime: that one has published.
    ///
    /// # Errors
    /// [`WorkDirectoryError::Locked`] while another run holds it.
    pub fn take(paths: &LocalStore, holder: &str) -> Result<Option<WorkLock>, WorkDirectoryError> {
        let Some(lock) = open(paths)? else { return Ok(None) };
        failpoint::hit("lock:opened").map_err(DiskError::on(LOCK, &lock.path))?;
        lock.take(paths.output_path(), holder)
    }

    /// Whether an earlier run left its journal or its lock.
    pub fn had_earlier_run(&self) -> bool {
        self.had_earlier_run
    }
}

impl Lock for WorkLock {
    /// Whether the path still names this lock; if not, another run may hold the lock.
    fn is_held(&self) -> Result<bool, DiskError> {
        is_at(&self.file, &self.path).map_err(DiskError::on("look at", &self.path))
    }

    fn remove(self: Box<Self>) -> Result<(), DiskError> {
        if self.is_held()? { remove_if_exists(&self.path) } else { Ok(()) }
    }
}

/// A lock file that is open and not locked.
#[derive(Debug)]
struct OpenedLock {
    file: File,
    path: PathBuf,
    had_earlier_run: bool,
}

/// Opens the lock of a work directory; both are created if they do not exist. `None` if another run removed the
/// directory in the meantime.
fn open(paths: &LocalStore) -> Result<Option<OpenedLock>, DiskError> {
    let root = paths.root();
    let created = if paths.is_leftover { Ok(()) } else { create_directories(root) };
    match created {
        // The directory above was removed with the work directory of another partition.
        Err(error) if error.io().kind() == ErrorKind::NotFound => return Ok(None),
        created => created?,
    }
    let path = root.join(LOCK_FILE);
    let file = match File::options().read(true).write(true).create(true).truncate(false).open(&path)
    {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(DiskError::on("open", &path))?,
    };
    let length = file.metadata().map_err(DiskError::on("look at", &path))?.len();
    let journal = root.join(JOURNAL_FILE);
    let has_journal = journal.try_exists().map_err(DiskError::on("look at", &journal))?;
    Ok(Some(OpenedLock { file, path, had_earlier_run: length > 0 || has_journal }))
}

impl OpenedLock {
    /// Locks the file; `None` if the path no longer names it.
    fn take(
        self,
        output_path: &Path,
        holder: &str,
    ) -> Result<Option<WorkLock>, WorkDirectoryError> {
        let OpenedLock { mut file, path, had_earlier_run } = self;
        match try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The text is only for the message.
                let _ = file.read_to_string(&mut holder);
                let holder = if holder.is_empty() { "holder unknown".to_owned() } else { holder };
                return Err(WorkDirectoryError::Locked { path: output_path.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => {
                return Err(DiskError::on(LOCK, &path)(error).into());
            }
        }
        if !is_at(&file, &path).map_err(DiskError::on("look at", &path))? {
            return Ok(None);
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(holder.as_bytes()))
            .map_err(DiskError::on("write", &path))?;
        Ok(Some(WorkLock { file, path, had_earlier_run }))
    }
}

/// Locks a file, unless another process holds its lock.
pub fn try_lock(file: &File) -> Result<(), TryLockError> {
    retry_interrupted(|| file.try_lock())
}

/// Repeats a call that a signal interrupted.
fn retry_interrupted(
    mut lock: impl FnMut() -> Result<(), TryLockError>,
) -> Result<(), TryLockError> {
    loop {
        match lock() {
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
            locked => return locked,
        }
    }
}

/// Whether the path names the open file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> (tempfile::TempDir, LocalStore) {
        let directory = tempfile::tempdir().unwrap();
        let paths = LocalStore::beside(&directory.path().join("out"));
        (directory, paths)
    }

    fn take(paths: &LocalStore) -> WorkLock {
        WorkLock::take(paths, "a run").unwrap().unwrap()
    }

    #[test]
    fn a_lock_that_was_deleted_after_it_was_opened_is_not_taken() {
        let (_directory, paths) = paths();
        let first = take(&paths);
        let late = open(&paths).unwrap().unwrap();
        let later = open(&paths).unwrap().unwrap();
        // The first run publishes: lock and directory are deleted, both handles stay open.
        Box::new(first).remove().unwrap();
        fs::remove_dir(paths.root()).unwrap();
        assert!(late.take(paths.output_path(), "late").unwrap().is_none());
        // The next run creates both again; the handle is still that of the deleted file.
        let next = take(&paths);
        assert!(later.take(paths.output_path(), "later").unwrap().is_none());
        assert!(next.is_held().unwrap());
        assert_eq!(fs::read_to_string(paths.root().join(LOCK_FILE)).unwrap(), "a run");
    }

    #[test]
    fn an_interrupted_call_is_repeated() {
        let mut results = [
            Err(TryLockError::Error(ErrorKind::Interrupted.into())),
            Err(TryLockError::Error(ErrorKind::Interrupted.into())),
            Ok(()),
            Err(TryLockError::WouldBlock),
            Err(TryLockError::Error(ErrorKind::Unsupported.into())),
        ]
        .into_iter();
        let mut next = || retry_interrupted(|| results.next().unwrap());
        assert!(next().is_ok());
        assert!(matches!(next(), Err(TryLockError::WouldBlock)));
        assert!(matches!(next(), Err(TryLockError::Error(_))));
    }

    #[test]
    fn a_lock_that_another_run_holds_is_refused() {
        let (_directory, paths) = paths();
        let _first = take(&paths);
        let second = WorkLock::take(&paths, "second");
        assert!(
            matches!(second, Err(WorkDirectoryError::Locked { holder, .. }) if holder == "a run")
        );
    }

    #[test]
    fn a_replaced_lock_is_not_held_and_does_not_remove_the_new_one() {
        let (_directory, paths) = paths();
        let first = take(&paths);
        fs::remove_dir_all(paths.root()).unwrap();
        assert!(!first.is_held().unwrap());
        let second = take(&paths);
        assert!(!first.is_held().unwrap());
        Box::new(first).remove().unwrap();
        assert!(second.is_held().unwrap());
    }

    #[test]
    fn an_earlier_run_is_detected_by_its_lock_or_journal() {
        let (_directory, paths) = paths();
        let first = take(&paths);
        assert!(!first.had_earlier_run());
        // The run is killed: nothing is removed.
        drop(first);
        assert!(take(&paths).had_earlier_run());
        fs::write(paths.root().join(LOCK_FILE), "").unwrap();
        assert!(!take(&paths).had_earlier_run());
        fs::write(paths.root().join(LOCK_FILE), "").unwrap();
        fs::write(paths.root().join(JOURNAL_FILE), "{}").unwrap();
        assert!(take(&paths).had_earlier_run());
    }
}
