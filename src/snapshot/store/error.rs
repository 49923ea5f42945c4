//! Why a store cannot be used.

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::snapshot::layout::SUCCESS_MARKER;
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::paths::parent_directory;

/// Why a run cannot work at an output path.
#[derive(Debug, thiserror::Error)]
pub enum WorkDirectoryError {
    /// The output path exists, and `if_exists = "fail"`.
    #[error("{} exists already and output.if_exists is \"fail\"; remove it, choose another output.path, or set output.if_exists = \"replace\"", .0.display())]
    Exists(PathBuf),
    /// Replacing what is at the output path would delete something other than a snapshot.
    #[error("{} is not a snapshot (it holds no {SUCCESS_MARKER}), so it is not replaced; choose another output.path", .0.display())]
    NotASnapshot(PathBuf),
    #[error("{} is a file and not a snapshot directory, so it is not replaced; remove it, or choose another output.path", .0.display())]
    IsAFile(PathBuf),
    #[error("{} cannot be a snapshot directory because it has no name; choose another output.path", .0.display())]
    NoName(PathBuf),
    #[error("output.path {} is a mount point, which a snapshot cannot replace; publish to a directory inside it, such as {}", .0.display(), .0.join("exports").display())]
    MountPoint(PathBuf),
    #[error("{} is a symbolic link that points back to itself; correct it, or choose another output.path", .0.display())]
    LinkLoop(PathBuf),
    /// The target of the output path cannot be created.
    #[error("{} is a symbolic link to {}, and the directory {} does not exist; create it, or correct the link", .link.display(), .target.display(), parent_directory(.target).display())]
    DanglingLink { link: PathBuf, target: PathBuf },
    /// Something in the work directory is not what a run writes there.
    #[error("{} is {kind}, not a {expected}; move it away, then run the same command again", .path.display())]
    WrongKind { path: PathBuf, kind: &'static str, expected: &'static str },
    /// The parents of the table root and of the output path are on different mounts by now.
    #[error("the unfinished run in {} cannot be published, since nothing can be moved from there to {} any more; restore the mounts as they were when it started, or move that directory away to start over", .work_directory.display(), .output_path.display())]
    Stranded { work_directory: PathBuf, output_path: PathBuf },
    #[error("there is an unfinished run in {} and another in {}; move the one away that is not to be resumed", .beside_root.display(), .beside_snapshot.display())]
    TwoUnfinishedRuns { beside_root: PathBuf, beside_snapshot: PathBuf },
    /// Another run holds the lock.
    #[error("another run is writing {}: {holder}; wait for it to end, or stop it", .path.display())]
    Locked {
        /// The output path.
        path: PathBuf,
        /// The content of the lock.
        holder: String,
    },
    /// It is unknown what the output path holds.
    #[error(transparent)]
    Unreadable(DiskError),
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl HasExitCode for WorkDirectoryError {
    fn exit_code(&self) -> ExitCode {
        match self {
            WorkDirectoryError::Unreadable(error) if error.is_permanent() => ExitCode::BadUsage,
            // A file is where the path needs a directory.
            WorkDirectoryError::Disk(error) if error.io().kind() == ErrorKind::NotADirectory => {
                ExitCode::BadUsage
            }
            WorkDirectoryError::Unreadable(error) | WorkDirectoryError::Disk(error) => {
                error.exit_code()
            }
            WorkDirectoryError::Exists(_)
            | WorkDirectoryError::NotASnapshot(_)
            | WorkDirectoryError::IsAFile(_)
            | WorkDirectoryError::NoName(_)
            | WorkDirectoryError::MountPoint(_)
            | WorkDirectoryError::LinkLoop(_)
            | WorkDirectoryError::WrongKind { .. }
            | WorkDirectoryError::Stranded { .. }
            | WorkDirectoryError::TwoUnfinishedRuns { .. }
            | WorkDirectoryError::DanglingLink { .. } => ExitCode::BadUsage,
            // The other run ends at some time.
            WorkDirectoryError::Locked { .. } => ExitCode::TryAgainLater,
        }
    }
}

/// The journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadJournalError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{} is {kind}, not a regular file; remove it, then run the same command again", .path.display())]
    NotAFile { path: PathBuf, kind: &'static str },
}

/// The previous snapshot could not be replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The output path holds the previous snapshot or the new one, complete.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Something else appeared at the output path during the run.
    #[error("{} is not a snapshot (it holds no {SUCCESS_MARKER}), so it is not replaced; move it away, then run the same command again", .0.display())]
    NotASnapshot(PathBuf),
    #[error("another run has published {} in the meantime, so that this one does not replace it; discard this one and start over with --restart", .0.display())]
    OtherRunPublished(PathBuf),
    /// The output path is empty: the previous snapshot was moved aside and could not be restored.
    #[error("the previous snapshot is in {} and could not be restored ({restore}); run the same command again to restore it", .replaced.display())]
    MovedAside {
        /// Where the previous snapshot is.
        replaced: PathBuf,
        /// Why it could not be restored.
        restore: io::Error,
        /// Why the new one could not be published.
        source: DiskError,
    },
}

/// The files of a run cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PartFilesError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A committed file is not as it was committed.
    #[error("{} of the unfinished run is missing or damaged; run the same command with --repair to request the accounts of its part again, or start over with --restart", .file.display())]
    Damaged { file: PathBuf },
    /// Something that can be neither published nor removed.
    #[error("{} is not a file of this run; move it away, then run the same command again", .path.display())]
    Foreign { path: PathBuf },
}

impl HasExitCode for PartFilesError {
    fn exit_code(&self) -> ExitCode {
        match self {
            PartFilesError::Disk(error) => error.exit_code(),
            PartFilesError::Damaged { .. } | PartFilesError::Foreign { .. } => ExitCode::BadUsage,
        }
    }
}

impl HasExitCode for ReplaceError {
    fn exit_code(&self) -> ExitCode {
        match self {
            ReplaceError::Disk(error) => error.exit_code(),
            ReplaceError::MovedAside { .. } => ExitCode::InternalOrDisk,
            ReplaceError::NotASnapshot(_) | ReplaceError::OtherRunPublished(_) => {
                ExitCode::BadUsage
            }
        }
    }
}
