//! The snapshot at the output path, and how a new one takes its place.
//!
//! Two directories are exchanged in one step. Where the file system cannot do that, the previous snapshot is first moved
//! aside, to `replaced/` in the work directory, and the output path is missing for a moment. A run that stops in that
//! moment leaves the only complete snapshot in `replaced/`: the next run restores it before it does anything else, and
//! nothing removes it before the output path holds a snapshot.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tracing::warn;

use super::LocalStore;
use crate::snapshot::layout::SUCCESS_MARKER;
use crate::snapshot::store::{Occupant, ReplaceError, Store};
use crate::util::disk_error::{DiskError, is_absent};
use crate::util::failpoint;
use crate::util::paths::parent_directory;
use crate::util::staged_file::{create_directories, sync_directory};

impl Occupant {
    /// Looks at a path; symbolic links are followed.
    ///
    /// # Errors
    /// When it is unknown what is there. An error never means that nothing is there.
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

    /// Whether it is there and a snapshot may take its place.
    pub fn may_be_replaced(self) -> bool {
        matches!(self, Occupant::EmptyDirectory | Occupant::Snapshot)
    }

    fn is_free(self) -> bool {
        matches!(self, Occupant::Nothing | Occupant::EmptyDirectory)
    }
}

/// Whether a path holds a complete snapshot; symbolic links are followed.
///
/// # Errors
/// When that is unknown. An error never means that there is none.
pub fn is_snapshot(path: &Path) -> Result<bool, DiskError> {
    let marker = path.join(SUCCESS_MARKER);
    match fs::metadata(&marker) {
        Ok(found) => Ok(found.is_file()),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(DiskError::on("look at", &marker)(error)),
    }
}

fn is_link(path: &Path) -> Result<bool, DiskError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(found.is_symlink()),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(DiskError::on("look at", path)(error)),
    }
}

/// Whether the kernel or the file system does not support the exchange of two directories.
fn cannot_exchange(error: &std::io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP))
}

impl LocalStore {
    /// The previous snapshot in `replaced/` if the output path holds none; the next run restores it.
    pub fn replaced_instead_of_output(&self) -> Result<Option<PathBuf>, DiskError> {
        let replaced = self.replaced_snapshot();
        // A relative link leads elsewhere from here: it is followed only once it is restored.
        let may_be_snapshot = is_link(&replaced)? || is_snapshot(&replaced)?;
        Ok((may_be_snapshot && Occupant::at(self.output_path())?.is_free()).then_some(replaced))
    }

    /// Restores a snapshot that a stopped run moved aside; returns whether there was one.
    pub fn restore_moved_aside(&self) -> Result<bool, DiskError> {
        let Some(replaced) = self.moved_aside()? else {
            self.warn_if_replaced_is_incomplete()?;
            return Ok(false);
        };
        let output_path = self.output_path();
        create_directories(parent_directory(output_path))?;
        failpoint::hit("restore:rename")
            .and_then(|()| fs::rename(&replaced, output_path))
            .and_then(|()| failpoint::hit("restore:renamed"))
            .map_err(DiskError::on("restore the previous snapshot at", output_path))?;
        self.sync_parents()?;
        Ok(true)
    }

    /// An incomplete snapshot in `replaced/` is not restored, but kept until the output path holds a snapshot.
    fn warn_if_replaced_is_incomplete(&self) -> Result<(), DiskError> {
        let replaced = self.replaced_snapshot();
        if Occupant::at(&replaced)? == Occupant::SomethingElse
            && Occupant::at(self.output_path())?.is_free()
        {
            warn!(
                path = %replaced.display(),
                "the directory that was moved aside is not a complete snapshot (it has no _SUCCESS) and is not restored; it is removed after publishing"
            );
        }
        Ok(())
    }

    /// Whether `replaced/` may be removed: it is empty, or the output path holds a snapshot that is newer.
    pub fn may_remove_replaced(&self) -> Result<bool, DiskError> {
        Ok(Occupant::at(&self.replaced_snapshot())?.is_free()
            || Occupant::at(self.output_path())? == Occupant::Snapshot)
    }

    /// Moves the staged snapshot to the output path, in exchange for a previous snapshot, so that no reader finds the
    /// path missing.
    pub fn exchange(&self) -> Result<(), ReplaceError> {
        let (staged, output_path) = (self.staged_snapshot(), self.output_path());
        create_directories(parent_directory(output_path))?;
        match Occupant::at(output_path)? {
            Occupant::Nothing => {
                failpoint::hit("publish:exchange")
                    .and_then(|()| fs::rename(staged, output_path))
                    .map_err(DiskError::on("publish", output_path))?;
                return Ok(self.sync_parents()?);
            }
            Occupant::SomethingElse => Err(ReplaceError::NotASnapshot(output_path.to_owned()))?,
            Occupant::EmptyDirectory | Occupant::Snapshot => {}
        }
        let exchanged = failpoint::hit("publish:exchange").and_then(|()| {
            Ok(renameat_with(CWD, &staged, CWD, output_path, RenameFlags::EXCHANGE)?)
        });
        match exchanged {
            Ok(()) => Ok(self.sync_parents()?),
            Err(error) if cannot_exchange(&error) => self.replace(),
            Err(error) => Err(DiskError::on("exchange with the new snapshot", output_path)(error))?,
        }
    }

    /// Moves the previous snapshot aside, then the staged one to the output path.
    fn replace(&self) -> Result<(), ReplaceError> {
        let (staged, output_path) = (self.staged_snapshot(), self.output_path());
        let replaced = self.replaced_snapshot();
        if Occupant::at(&replaced)? != Occupant::Nothing {
            if !self.may_remove_replaced()? {
                let exists = std::io::Error::from(ErrorKind::AlreadyExists);
                Err(DiskError::on("remove what may be the only snapshot, in", &replaced)(exists))?;
            }
            fs::remove_dir_all(&replaced).map_err(DiskError::on("remove", &replaced))?;
        }
        failpoint::hit("replace:move_aside")
            .and_then(|()| fs::rename(output_path, &replaced))
            .map_err(DiskError::on("move aside", output_path))?;
        let renamed = sync_directory(self.root()).and_then(|()| {
            failpoint::hit("replace:moved_aside")
                .and_then(|()| failpoint::hit("replace:rename"))
                .and_then(|()| fs::rename(&staged, output_path))
                .map_err(DiskError::on("publish", output_path))
        });
        let Err(source) = renamed else { return Ok(self.sync_parents()?) };
        let restored =
            failpoint::hit("replace:restore").and_then(|()| fs::rename(&replaced, output_path));
        match restored {
            Ok(()) => Err(source.into()),
            Err(restore) => Err(ReplaceError::MovedAside { replaced, restore, source }),
        }
    }

    /// Makes the names beside the output path and in the work directory durable.
    fn sync_parents(&self) -> Result<(), DiskError> {
        sync_directory(parent_directory(self.output_path()))?;
        sync_directory(self.root())
    }
}

#[cfg(test)]
mod tests;
