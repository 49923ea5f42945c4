//! The snapshot at the output path, and how a new one takes its place.
//!
//! Two directories are exchanged in one step. Where the file system cannot do that, the earlier snapshot is moved aside
//! first, to `replaced/` in the work directory, and the output path is missing for a moment. A run that ends in that
//! moment leaves the only whole snapshot in `replaced/`: the next run puts it back before it does anything else, and
//! nothing removes it before the output path holds a snapshot.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tracing::warn;

use crate::snapshot::layout::{REPLACED_SNAPSHOT, SUCCESS_MARKER};
use crate::snapshot::work_directory::WorkPaths;
use crate::util::disk_error::DiskError;
use crate::util::disk_error::is_absent;
use crate::util::failpoint;
use crate::util::staged_file::{parent_directory, sync_directory};

/// What is at a path where a snapshot may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupant {
    /// The path is free.
    Nothing,
    /// An empty directory, which a snapshot may replace.
    EmptyDirectory,
    /// A complete snapshot.
    Snapshot,
    /// Something that no snapshot may replace.
    SomethingElse,
}

impl Occupant {
    /// What is at a path; links are followed.
    ///
    /// # Errors
    /// When that cannot be found out. An error is never taken for an answer.
    pub fn at(path: &Path) -> Result<Occupant, DiskError> {
        match fs::symlink_metadata(path) {
            Err(error) if is_absent(&error) => return Ok(Occupant::Nothing),
            found => found.map_err(DiskError::on("look at", path))?,
        };
        if is_snapshot(path)? {
            return Ok(Occupant::Snapshot);
        }
        let mut entries = match fs::read_dir(path) {
            Err(error) if is_absent(&error) => return Ok(Occupant::SomethingElse),
            entries => entries.map_err(DiskError::on("read", path))?,
        };
        match entries.next().transpose().map_err(DiskError::on("read", path))? {
            Some(_) => Ok(Occupant::SomethingElse),
            None => Ok(Occupant::EmptyDirectory),
        }
    }
}

/// Whether a complete snapshot is at a path; links are followed.
///
/// # Errors
/// When that cannot be found out. An error is never taken for an answer.
pub fn is_snapshot(path: &Path) -> Result<bool, DiskError> {
    let marker = path.join(SUCCESS_MARKER);
    match fs::metadata(&marker) {
        Ok(found) => Ok(found.is_file()),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(DiskError::on("look at", &marker)(error)),
    }
}

/// The earlier snapshot could not be replaced.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The disk refused; the earlier snapshot is where it was, or the new one is in its place.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Something else has appeared at the output path while the run worked.
    #[error("{} is not a snapshot (it holds no {SUCCESS_MARKER}), so it is not replaced; move it away, then run the same command again", .0.display())]
    NotASnapshot(PathBuf),
    /// The earlier snapshot could not be put back either.
    #[error("the earlier snapshot is in {} and could not be put back ({put_back}); run the same command again to put it back", .replaced.display())]
    MovedAside {
        /// Where it is.
        replaced: PathBuf,
        /// What the operating system said about putting it back.
        put_back: std::io::Error,
        /// Why the new one is not in its place.
        source: DiskError,
    },
}

/// The earlier snapshot in `replaced/`, if the output path has none: the next run puts it back.
pub fn moved_aside(work: &WorkPaths) -> Result<Option<PathBuf>, DiskError> {
    let replaced = work.root().join(REPLACED_SNAPSHOT);
    // From here a relative link leads elsewhere. Whether it is one to a snapshot shows when it is back.
    let may_be_snapshot = is_link(&replaced)? || is_snapshot(&replaced)?;
    Ok((may_be_snapshot && is_output_missing(work)?).then_some(replaced))
}

/// Puts an earlier snapshot back that a stopped run moved aside; gives back whether there was one.
pub fn put_back(work: &WorkPaths) -> Result<bool, DiskError> {
    let Some(replaced) = moved_aside(work)? else {
        warn_of_remains(work)?;
        return Ok(false);
    };
    let output_path = work.output_path();
    failpoint::hit("restore:rename")
        .and_then(|()| fs::rename(&replaced, output_path))
        .and_then(|()| failpoint::hit("restore:renamed"))
        .map_err(DiskError::on("put the earlier snapshot back at", output_path))?;
    sync_both(work)?;
    Ok(true)
}

/// What is not whole is not published, and not removed either before the output path holds a snapshot.
fn warn_of_remains(work: &WorkPaths) -> Result<(), DiskError> {
    let replaced = work.root().join(REPLACED_SNAPSHOT);
    if Occupant::at(&replaced)? == Occupant::SomethingElse && is_output_missing(work)? {
        warn!(
            path = %replaced.display(),
            "the directory that was moved aside is not a complete snapshot (it has no _SUCCESS) and is not restored; it is removed after publishing"
        );
    }
    Ok(())
}

fn is_link(path: &Path) -> Result<bool, DiskError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(found.is_symlink()),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(DiskError::on("look at", path)(error)),
    }
}

fn is_output_missing(work: &WorkPaths) -> Result<bool, DiskError> {
    let occupant = Occupant::at(work.output_path())?;
    Ok(matches!(occupant, Occupant::Nothing | Occupant::EmptyDirectory))
}

/// Whether `replaced/` may be removed: nothing is in it, or the output path holds a snapshot that is newer.
pub fn may_remove_replaced(work: &WorkPaths) -> Result<bool, DiskError> {
    let replaced = Occupant::at(&work.root().join(REPLACED_SNAPSHOT))?;
    Ok(matches!(replaced, Occupant::Nothing | Occupant::EmptyDirectory)
        || Occupant::at(work.output_path())? == Occupant::Snapshot)
}

/// Puts the staged snapshot at the output path. An earlier snapshot changes places with it in one step, so that no reader
/// finds the path missing.
pub fn exchange(work: &WorkPaths) -> Result<(), ReplaceError> {
    let (staged, output_path) = (work.snapshot(), work.output_path());
    match Occupant::at(output_path)? {
        Occupant::Nothing => {
            failpoint::hit("publish:exchange")
                .and_then(|()| fs::rename(staged, output_path))
                .map_err(DiskError::on("publish", output_path))?;
            return Ok(sync_both(work)?);
        }
        Occupant::SomethingElse => Err(ReplaceError::NotASnapshot(output_path.to_owned()))?,
        Occupant::EmptyDirectory | Occupant::Snapshot => {}
    }
    let exchanged = failpoint::hit("publish:exchange")
        .and_then(|()| Ok(renameat_with(CWD, &staged, CWD, output_path, RenameFlags::EXCHANGE)?));
    match exchanged {
        Ok(()) => Ok(sync_both(work)?),
        Err(error) if cannot_exchange(&error) => replace(work),
        Err(error) => Err(DiskError::on("exchange with the new snapshot", output_path)(error))?,
    }
}

/// Whether the kernel or the file system does not know the exchange.
fn cannot_exchange(error: &std::io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP))
}

/// The next best where two directories cannot be exchanged: the earlier snapshot is moved aside first.
fn replace(work: &WorkPaths) -> Result<(), ReplaceError> {
    let (staged, output_path) = (work.snapshot(), work.output_path());
    let replaced = work.root().join(REPLACED_SNAPSHOT);
    if Occupant::at(&replaced)? != Occupant::Nothing {
        if !may_remove_replaced(work)? {
            let only_one = std::io::Error::from(ErrorKind::AlreadyExists);
            Err(DiskError::on("remove what may be the only snapshot, in", &replaced)(only_one))?;
        }
        fs::remove_dir_all(&replaced).map_err(DiskError::on("remove", &replaced))?;
    }
    failpoint::hit("replace:move_aside")
        .and_then(|()| fs::rename(output_path, &replaced))
        .map_err(DiskError::on("move aside", output_path))?;
    let renamed = sync_directory(work.root())
        .and_then(|()| {
            failpoint::hit("replace:moved_aside").map_err(DiskError::on("publish", output_path))
        })
        .and_then(|()| {
            failpoint::hit("replace:rename")
                .and_then(|()| fs::rename(&staged, output_path))
                .map_err(DiskError::on("publish", output_path))
        });
    let Err(source) = renamed else { return Ok(sync_both(work)?) };
    let put_back =
        failpoint::hit("replace:put_back").and_then(|()| fs::rename(&replaced, output_path));
    match put_back {
        Ok(()) => Err(source.into()),
        Err(put_back) => Err(ReplaceError::MovedAside { replaced, put_back, source }),
    }
}

/// Makes the names in the work directory and beside the output path durable.
fn sync_both(work: &WorkPaths) -> Result<(), DiskError> {
    sync_directory(parent_directory(work.output_path()))?;
    sync_directory(work.root())
}

#[cfg(test)]
mod tests;
