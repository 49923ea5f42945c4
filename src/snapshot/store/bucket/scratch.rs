//! The directory on this machine for the parts that are being written. Its name follows from the output path, so that the
//! next run removes what a killed one left.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::snapshot::layout::STAGED_SNAPSHOT;
use crate::util::disk_error::DiskError;

/// The directory of an output path.
pub fn directory(scratch: &Path, output_path: &Path) -> PathBuf {
    let hash = xxhash_rust::xxh3::xxh3_64(output_path.as_os_str().as_encoded_bytes());
    scratch.join(format!("im-profiles-{hash:016x}"))
}

/// Creates the directory, without what another run has left there.
///
/// # Errors
/// When it cannot be created, or somebody else has created it.
pub fn create(directory: &Path) -> Result<(), DiskError> {
    ensure_own(directory)?;
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(DiskError::on("remove", directory)(error));
        }
        _ => {}
    }
    let mut builder = DirBuilder::new();
    builder.mode(0o700).recursive(true);
    let staged = directory.join(STAGED_SNAPSHOT);
    builder.create(&staged).map_err(DiskError::on("create", &staged))
}

/// Verifies that the directory can be used, without a change.
pub fn ensure_usable(directory: &Path) -> Result<(), DiskError> {
    ensure_own(directory)?;
    let parent = directory.parent().unwrap_or(directory);
    let existing = crate::util::paths::nearest_existing(parent);
    crate::util::access::ensure_can_create_in(existing).map_err(DiskError::on("write in", existing))
}

/// Another user could have created a directory of that name in one that all users share.
fn ensure_own(directory: &Path) -> Result<(), DiskError> {
    let found = match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.map_err(DiskError::on("look at", directory))?,
    };
    let user = rustix::process::geteuid().as_raw();
    if found.is_dir() && found.uid() == user {
        return Ok(());
    }
    let foreign = io::Error::new(ErrorKind::PermissionDenied, "it belongs to another user");
    Err(DiskError::on("use", directory)(foreign))
}

/// Removes the directory. An error does not matter: the next run removes it.
pub fn remove(directory: &Path) {
    let _ = fs::remove_dir_all(directory);
}
