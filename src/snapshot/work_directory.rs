//! The work directory: a hidden sibling in which a run works until its snapshot is complete.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::layout::{
    JOURNAL_FILE, LOCK_FILE, REPLACED_SNAPSHOT, STAGED_SNAPSHOT, SUCCESS_MARKER,
    work_directory_name,
};
use super::settings::IfExists;
use super::store::local::lock::WorkLock;
use super::store::local::replace::{self as earlier_snapshot, Occupant};
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failpoint;

/// Why a run cannot work at an output path. Each text ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum WorkDirectoryError {
    /// `if_exists = "fail"`.
    #[error("{} exists already and output.if_exists is \"fail\"; remove it, choose another output.path, or set output.if_exists = \"replace\"", .0.display())]
    Exists(PathBuf),
    /// Something else than a snapshot is there, and replacing it would delete it.
    #[error("{} is not a snapshot (it holds no {SUCCESS_MARKER}), so it is not replaced; choose another output.path", .0.display())]
    NotASnapshot(PathBuf),
    /// The path names no directory that could be made.
    #[error("{} cannot be a snapshot directory, since it has no name; choose another output.path", .0.display())]
    NoName(PathBuf),
    /// Another run is at work there.
    #[error("another run is writing {}: {holder}; wait for it to end, or stop it", .path.display())]
    Locked {
        /// The output path.
        path: PathBuf,
        /// What the lock says of its holder.
        holder: String,
    },
    /// What is at the output path cannot be found out.
    #[error(transparent)]
    Unreadable(DiskError),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl HasExitCode for WorkDirectoryError {
    fn exit_code(&self) -> ExitCode {
        match self {
            WorkDirectoryError::Unreadable(error) if error.is_permanent() => ExitCode::BadUsage,
            WorkDirectoryError::Unreadable(_) | WorkDirectoryError::Disk(_) => {
                ExitCode::InternalOrDisk
            }
            WorkDirectoryError::Exists(_)
            | WorkDirectoryError::NotASnapshot(_)
            | WorkDirectoryError::NoName(_)
            | WorkDirectoryError::Locked { .. } => ExitCode::BadUsage,
        }
    }
}

/// Where a run works and publishes, whether or not anything is there yet.
#[derive(Debug, Clone)]
pub struct WorkPaths {
    output_path: PathBuf,
    root: PathBuf,
}

impl WorkPaths {
    /// The paths of an output path.
    pub fn of(output_path: &Path) -> Result<WorkPaths, WorkDirectoryError> {
        Ok(WorkPaths { output_path: output_path.to_owned(), root: root_of(output_path)? })
    }

    /// Where the snapshot will be published.
    pub fn output_path(&self) -> &Path {
        &self.output_path
    }

    /// The work directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory that becomes the snapshot.
    pub fn snapshot(&self) -> PathBuf {
        self.root.join(STAGED_SNAPSHOT)
    }

    /// Refuses before any work is done what publishing would have to refuse, or must not destroy.
    pub fn ensure_may_be_published(&self, if_exists: IfExists) -> Result<(), WorkDirectoryError> {
        let output_path = &self.output_path;
        match self.occupant().map_err(WorkDirectoryError::Unreadable)? {
            Occupant::Nothing => Ok(()),
            _ if if_exists == IfExists::Fail => {
                Err(WorkDirectoryError::Exists(output_path.clone()))
            }
            Occupant::EmptyDirectory | Occupant::Snapshot => Ok(()),
            Occupant::SomethingElse => Err(WorkDirectoryError::NotASnapshot(output_path.clone())),
        }
    }

    /// What is at the output path, or will be there once a run has put the earlier snapshot back.
    pub fn occupant(&self) -> Result<Occupant, DiskError> {
        failpoint::hit("output:look")
            .map_err(DiskError::on("look at", &self.output_path.join(SUCCESS_MARKER)))?;
        Ok(match earlier_snapshot::moved_aside(self)? {
            Some(replaced) => Occupant::at(&replaced)?,
            None => Occupant::at(&self.output_path)?,
        })
    }
}

/// The directory a run works in, locked for as long as this value lives.
#[derive(Debug)]
pub struct WorkDirectory {
    paths: WorkPaths,
    lock: WorkLock,
}

impl WorkDirectory {
    /// Makes the work directory of an output path and takes its lock. What a stopped run left there stays, but for an earlier
    /// snapshot that it moved aside: that is put back first of all.
    pub fn open(output_path: &Path, holder: &str) -> Result<WorkDirectory, WorkDirectoryError> {
        let paths = WorkPaths::of(output_path)?;
        let lock = WorkLock::take(&paths, holder)?;
        earlier_snapshot::put_back(&paths)?;
        Ok(WorkDirectory { paths, lock })
    }

    /// Puts an earlier snapshot back that a stopped run moved aside, if there is one and no run is at work; otherwise
    /// changes nothing. Gives back whether it did. For the very start of a run, since a refusal may come before the work
    /// directory is needed.
    pub fn put_earlier_snapshot_back(
        output_path: &Path,
        holder: &str,
    ) -> Result<bool, WorkDirectoryError> {
        let paths = WorkPaths::of(output_path)?;
        if earlier_snapshot::moved_aside(&paths).map_err(WorkDirectoryError::Unreadable)?.is_none()
        {
            return Ok(false);
        }
        match WorkDirectory::open(output_path, holder) {
            Ok(_) => Ok(true),
            // The run at work is publishing right now.
            Err(WorkDirectoryError::Locked { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether an earlier run left its journal or its lock here, or published while this one waited for the lock.
    pub fn had_earlier_run(&self) -> bool {
        self.lock.had_earlier_run()
    }

    /// Whether this run still has the work directory for itself.
    pub fn is_locked(&self) -> Result<bool, DiskError> {
        self.lock.is_held()
    }

    /// Where it is.
    pub fn paths(&self) -> &WorkPaths {
        &self.paths
    }

    /// Where the snapshot will be published.
    pub fn output_path(&self) -> &Path {
        self.paths.output_path()
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        self.paths.root()
    }

    /// The directory that becomes the snapshot.
    pub fn snapshot(&self) -> PathBuf {
        self.paths.snapshot()
    }

    /// Removes the directory and gives the lock back. The checkpoint goes last: as long as it is there, a later run knows
    /// that this one has published.
    pub fn remove(self) -> Result<(), DiskError> {
        self.clear(&[LOCK_FILE, JOURNAL_FILE])?;
        let root = self.root().to_owned();
        let hit = |name| failpoint::hit(name).map_err(DiskError::on("remove", &root));
        hit("publish:cleared")?;
        self.clear(&[LOCK_FILE])?;
        hit("publish:removed")?;
        self.lock.remove()?;
        hit("publish:unlocked")?;
        match fs::remove_dir(&root) {
            // Another run has started here since, or has ended as well.
            Err(error)
                if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) =>
            {
                Ok(())
            }
            removed => removed.map_err(DiskError::on("remove", &root)),
        }
    }

    /// Makes room for a new run: only the files named in `keep` stay, and an empty snapshot directory.
    pub fn reset(&self, keep: &[&str]) -> Result<(), DiskError> {
        self.clear(keep)?;
        let snapshot = self.snapshot();
        fs::create_dir(&snapshot).map_err(DiskError::on("create", &snapshot))
    }

    fn clear(&self, keep: &[&str]) -> Result<(), DiskError> {
        for entry in fs::read_dir(self.root()).map_err(DiskError::on("read", self.root()))? {
            let entry = entry.map_err(DiskError::on("read", self.root()))?;
            let path = entry.path();
            let is_directory = entry.file_type().map_err(DiskError::on("look at", &path))?.is_dir();
            let name = entry.file_name();
            if keep.iter().any(|kept| name == *kept)
                || (name == REPLACED_SNAPSHOT
                    && !earlier_snapshot::may_remove_replaced(&self.paths)?)
            {
                continue;
            }
            let removed =
                if is_directory { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(DiskError::on("remove", &path))?;
        }
        Ok(())
    }
}

fn root_of(output_path: &Path) -> Result<PathBuf, WorkDirectoryError> {
    let name = output_path
        .file_name()
        .ok_or_else(|| WorkDirectoryError::NoName(output_path.to_owned()))?;
    Ok(output_path.with_file_name(work_directory_name(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path, if_exists: IfExists) -> Result<WorkDirectory, WorkDirectoryError> {
        let work = WorkDirectory::open(path, "pid 7 on host a since noon")?;
        work.paths().ensure_may_be_published(if_exists)?;
        Ok(work)
    }

    #[test]
    fn left_overs_of_a_stopped_run_stay_until_they_are_cleared() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("dt=1");
        let left_over = directory.path().join(".dt=1.partial/snapshot");
        fs::create_dir_all(&left_over).unwrap();
        fs::write(left_over.join("part-00000.csv"), "half").unwrap();
        let work = open(&output, IfExists::Replace).unwrap();
        assert_eq!(fs::read_dir(work.snapshot()).unwrap().count(), 1);
        work.reset(&[LOCK_FILE]).unwrap();
        assert_eq!(fs::read_dir(work.snapshot()).unwrap().count(), 0);
        work.remove().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_second_run_is_told_who_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let output = directory.path().join("dt=1");
        let _first = open(&output, IfExists::Replace).unwrap();
        let message = open(&output, IfExists::Replace).unwrap_err().to_string();
        assert!(message.contains("pid 7 on host a since noon"), "{message}");
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
