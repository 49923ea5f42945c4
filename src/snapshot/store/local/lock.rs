//! The lock of a work directory: one run at a time.
//!
//! A run that has published removes the directory, and the lock with it. Whoever opened the lock before that and locks it
//! afterwards holds a file without a name, which keeps nobody out. So a lock counts only while the path still names it.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::snapshot::layout::{JOURNAL_FILE, LOCK_FILE};
use crate::snapshot::work_directory::{WorkDirectoryError, WorkPaths};
use crate::util::disk_error::DiskError;
use crate::util::disk_error::LOCK;
use crate::util::failpoint;
use crate::util::staged_file::remove_if_exists;

/// How often a lock may vanish before it is locked. Each time, another run has published.
const MAX_ATTEMPTS: u32 = 32;

/// The lock of a work directory, held until this value is dropped or the process ends.
#[derive(Debug)]
pub struct WorkLock {
    file: File,
    path: PathBuf,
    had_earlier_run: bool,
}

impl WorkLock {
    /// Takes the lock of a work directory, which is created if there is none.
    ///
    /// # Errors
    /// [`WorkDirectoryError::Locked`] while another run holds it.
    pub fn take(paths: &WorkPaths, holder: &str) -> Result<WorkLock, WorkDirectoryError> {
        let mut had_earlier_run = false;
        for _ in 0..MAX_ATTEMPTS {
            if let Some(lock) = open(paths.root())? {
                failpoint::hit("lock:opened").map_err(DiskError::on(LOCK, &lock.path))?;
                if let Some(mut lock) = lock.take(paths.output_path(), holder)? {
                    lock.had_earlier_run |= had_earlier_run;
                    return Ok(lock);
                }
            }
            had_earlier_run = true;
        }
        let holder = "runs that follow one another at once".to_owned();
        Err(WorkDirectoryError::Locked { path: paths.output_path().to_owned(), holder })
    }

    /// Whether an earlier run left something in the work directory, or published while this one waited for the lock.
    pub fn had_earlier_run(&self) -> bool {
        self.had_earlier_run
    }

    /// Whether the path still names this lock, so that no other run can have taken it.
    pub fn is_held(&self) -> Result<bool, DiskError> {
        is_at(&self.file, &self.path).map_err(DiskError::on("look at", &self.path))
    }

    /// Removes the lock from the directory, unless another run's has taken its place.
    pub fn remove(self) -> Result<(), DiskError> {
        if self.is_held()? { remove_if_exists(&self.path) } else { Ok(()) }
    }
}

/// A lock that has been opened and not been locked.
#[derive(Debug)]
struct OpenedLock {
    file: File,
    path: PathBuf,
    had_earlier_run: bool,
}

/// Opens the lock in a work directory; both are created where there are none. `None` when another run removed the
/// directory meanwhile.
fn open(root: &Path) -> Result<Option<OpenedLock>, DiskError> {
    fs::create_dir_all(root).map_err(DiskError::on("create", root))?;
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
    /// Locks it; `None` when the path no longer names it.
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
                // The text only helps the reader; the lock itself is what counts.
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
pub(super) fn try_lock(file: &File) -> Result<(), TryLockError> {
    unless_interrupted(|| file.try_lock())
}

/// A signal that interrupts the call says nothing about the lock, so the call is made once more.
fn unless_interrupted(
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

    fn paths() -> (tempfile::TempDir, WorkPaths) {
        let directory = tempfile::tempdir().unwrap();
        let paths = WorkPaths::of(&directory.path().join("out")).unwrap();
        (directory, paths)
    }

    fn take(paths: &WorkPaths) -> WorkLock {
        WorkLock::take(paths, "a run").unwrap()
    }

    #[test]
    fn a_lock_that_was_removed_after_it_was_opened_is_not_taken() {
        let (_directory, paths) = paths();
        let first = take(&paths);
        let late = open(paths.root()).unwrap().unwrap();
        let later = open(paths.root()).unwrap().unwrap();
        // The first run publishes: the lock goes, the directory goes, both handles stay.
        first.remove().unwrap();
        fs::remove_dir(paths.root()).unwrap();
        assert!(late.take(paths.output_path(), "late").unwrap().is_none());
        // The next run makes both again, and the handle is of another file still.
        let next = take(&paths);
        assert!(later.take(paths.output_path(), "later").unwrap().is_none());
        assert!(next.is_held().unwrap());
        assert_eq!(fs::read_to_string(paths.root().join(LOCK_FILE)).unwrap(), "a run");
    }

    #[test]
    fn a_signal_is_no_answer_about_the_lock() {
        let mut answers = [
            Err(TryLockError::Error(ErrorKind::Interrupted.into())),
            Err(TryLockError::Error(ErrorKind::Interrupted.into())),
            Ok(()),
            Err(TryLockError::WouldBlock),
            Err(TryLockError::Error(ErrorKind::Unsupported.into())),
        ]
        .into_iter();
        let mut next = || unless_interrupted(|| answers.next().unwrap());
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
    fn a_lock_whose_place_was_taken_is_not_held_and_leaves_the_other_alone() {
        let (_directory, paths) = paths();
        let first = take(&paths);
        fs::remove_dir_all(paths.root()).unwrap();
        assert!(!first.is_held().unwrap());
        let second = take(&paths);
        assert!(!first.is_held().unwrap());
        first.remove().unwrap();
        assert!(second.is_held().unwrap());
    }

    #[test]
    fn what_an_earlier_run_left_is_known() {
        let (_directory, paths) = paths();
        let first = take(&paths);
        assert!(!first.had_earlier_run());
        // It is killed: nothing is removed.
        drop(first);
        assert!(take(&paths).had_earlier_run());
        fs::write(paths.root().join(LOCK_FILE), "").unwrap();
        assert!(!take(&paths).had_earlier_run());
        fs::write(paths.root().join(LOCK_FILE), "").unwrap();
        fs::write(paths.root().join(JOURNAL_FILE), "{}").unwrap();
        assert!(take(&paths).had_earlier_run());
    }
}
