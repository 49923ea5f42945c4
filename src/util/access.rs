//! Whether this process may create and change files at a path, without trying to.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::paths::{nearest_existing, parent_directory};

/// The mode bit of a directory in which only the owner of an entry may rename or remove it.
const STICKY: u32 = 0o1000;

/// Whether entries may be created in a directory, which is created if it does not exist.
pub fn ensure_can_create_in(directory: &Path) -> io::Result<()> {
    ensure_can_write_in(nearest_existing(directory))
}

/// Whether entries may be created in an existing directory.
pub fn ensure_can_write_in(directory: &Path) -> io::Result<()> {
    if !fs::metadata(directory)?.is_dir() {
        return Err(Errno::NOTDIR.into());
    }
    ensure(directory, Access::WRITE_OK | Access::EXEC_OK)
}

/// Whether a file can be opened for reading and writing, if it exists.
pub fn ensure_can_open(path: &Path) -> io::Result<()> {
    match ensure(path, Access::READ_OK | Access::WRITE_OK) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened,
    }
}

/// Whether a path may be renamed or replaced, if it exists. A directory that gets another parent has to be writable itself.
pub fn ensure_can_move(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let parent = parent_directory(path);
    ensure(parent, Access::WRITE_OK | Access::EXEC_OK)?;
    let (user, directory) = (geteuid(), fs::metadata(parent)?);
    let is_owner = [found.uid(), directory.uid()].contains(&user.as_raw());
    if directory.mode() & STICKY != 0 && !is_owner && !user.is_root() {
        return Err(Errno::PERM.into());
    }
    if found.is_dir() { ensure(path, Access::WRITE_OK | Access::EXEC_OK) } else { Ok(()) }
}

fn ensure(path: &Path, access: Access) -> io::Result<()> {
    Ok(accessat(CWD, path, access, AtFlags::EACCESS)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_directories_are_created_below_a_directory_only() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        assert!(ensure_can_create_in(&directory.path().join("a/b")).is_ok());
        let error = ensure_can_create_in(&directory.path().join("file/b")).unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::NOTDIR));
    }

    #[test]
    fn missing_paths_are_no_obstacle() {
        let directory = tempfile::tempdir().unwrap();
        assert!(ensure_can_open(&directory.path().join("lock")).is_ok());
        assert!(ensure_can_move(&directory.path().join("out")).is_ok());
        fs::create_dir(directory.path().join("out")).unwrap();
        assert!(ensure_can_move(&directory.path().join("out")).is_ok());
    }
}
