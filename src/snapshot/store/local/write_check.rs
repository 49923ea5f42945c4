//! Checks by trial that a snapshot can be written and published at a path. Nothing is left behind.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::LocalStore;
use super::lock::try_lock;
use crate::util::disk_error::DiskError;
use crate::util::disk_error::LOCK;
use crate::util::paths::parent_directory;

impl LocalStore {
    /// Tries the steps of a run: creates a directory, writes and locks a file in it, renames the directory.
    ///
    /// # Errors
    /// The first step that fails.
    pub fn ensure_writable(&self) -> Result<(), DiskError> {
        let parent = parent_directory(self.output_path());
        let missing = missing_directories(parent);
        let tried =
            fs::create_dir_all(parent).map_err(DiskError::on("create", parent)).and_then(|()| {
                try_in(parent)?;
                // The work directory of a stopped run may belong to another user.
                match fs::symlink_metadata(self.root()) {
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                    _ => try_in(self.root()),
                }
            });
        for directory in missing {
            // Not empty if another program has put something there since.
            let _ = fs::remove_dir(directory);
        }
        tried
    }
}

/// The directories on the way to `directory` that do not exist, the deepest first.
fn missing_directories(directory: &Path) -> Vec<PathBuf> {
    let missing = directory.ancestors().take_while(|directory| {
        // A directory that cannot be read may exist, and must not be removed afterwards.
        let is_missing = |error: Error| error.kind() == ErrorKind::NotFound;
        !directory.as_os_str().is_empty() && fs::symlink_metadata(directory).is_err_and(is_missing)
    });
    missing.map(Path::to_owned).collect()
}

fn try_in(parent: &Path) -> Result<(), DiskError> {
    let name = format!(".im-profiles-check-{}", std::process::id());
    let directory = parent.join(&name);
    let renamed = parent.join(name + ".renamed");
    fs::create_dir(&directory).map_err(DiskError::on("create", &directory))?;
    let tried = write_and_lock(&directory.join("file")).and_then(|()| {
        fs::rename(&directory, &renamed).map_err(DiskError::on("rename", &directory))
    });
    let left = if tried.is_ok() { &renamed } else { &directory };
    let removed = fs::remove_dir_all(left).map_err(DiskError::on("remove", left));
    tried.and(removed)
}

fn write_and_lock(path: &Path) -> Result<(), DiskError> {
    let mut file = File::create(path).map_err(DiskError::on("create", path))?;
    file.write_all(b"written by im-profiles check\n")
        .and_then(|()| file.sync_all())
        .map_err(DiskError::on("write", path))?;
    try_lock(&file).map_err(|error| DiskError::on(LOCK, path)(error.into()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn paths_below(directory: &Path) -> BTreeSet<PathBuf> {
        let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| {
                let below = if path.is_dir() { paths_below(&path) } else { BTreeSet::new() };
                below.into_iter().chain([path])
            })
            .collect()
    }

    #[test]
    fn the_check_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        for output in ["out", "a/b/out"] {
            fs::create_dir_all(directory.path().join(".out.partial/snapshot")).unwrap();
            let before = paths_below(directory.path());
            LocalStore::new(&directory.path().join(output)).unwrap().ensure_writable().unwrap();
            assert_eq!(paths_below(directory.path()), before, "{output}");
        }
    }

    #[test]
    fn the_failed_step_is_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        let work = LocalStore::new(&directory.path().join("file/out")).unwrap();
        let message = work.ensure_writable().unwrap_err().to_string();
        assert!(message.contains("could not create") && message.contains("file"), "{message}");
    }
}
