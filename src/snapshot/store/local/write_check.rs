//! Checks by trial that a snapshot can be written and published at a path. Nothing is left behind.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::LocalStore;
use super::lock::try_lock;
use crate::snapshot::layout::TRIAL_DIRECTORY;
use crate::util::disk_error::{DiskError, LOCK};
use crate::util::failpoint;
use crate::util::paths::{nearest_existing, parent_directory};
use crate::util::staged_file::{create_directories, missing_directories};

impl LocalStore {
    /// Tries the steps of a run: creates a directory, writes and locks a file in it, renames the directory.
    ///
    /// # Errors
    /// The first step that fails.
    pub fn try_writing(&self) -> Result<(), DiskError> {
        let directories = [&self.output_path, &self.root].map(|path| parent_directory(path));
        let missing = directories.map(missing_directories);
        let tried = directories
            .iter()
            .try_for_each(|it| fs::create_dir_all(it).map_err(DiskError::on("create", it)))
            .and_then(|()| {
                let [output, work] = directories;
                match try_in(work, output) {
                    // An export works beside the snapshot then.
                    Err(error) if error.io().kind() == ErrorKind::CrossesDevices => {
                        try_in(output, output)?;
                    }
                    tried => tried?,
                }
                // The work directory of a stopped run may belong to another user.
                match fs::symlink_metadata(&self.root) {
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                    _ => try_in(&self.root, &self.root),
                }
            });
        for directory in missing.into_iter().flatten() {
            // Not empty if another program has put something there since.
            let _ = fs::remove_dir(directory);
        }
        tried
    }

    /// Whether the staged snapshot can be moved to the output path: `false` where these are two file systems in one, such as
    /// directories with project quotas.
    ///
    /// # Errors
    /// When nothing can be moved there.
    pub fn can_move_to_output(&self) -> Result<bool, DiskError> {
        let target = nearest_existing(parent_directory(&self.output_path));
        // Both names are those of this output path, so that the next run removes what a killed one left.
        let tried = self.root.join(TRIAL_DIRECTORY);
        let name = self.output_path.file_name().unwrap_or_default();
        let moved = target.join(format!(".{}.{TRIAL_DIRECTORY}", name.to_string_lossy()));
        create_directories(&tried)?;
        let renamed = failpoint::hit("output:move").and_then(|()| fs::rename(&tried, &moved));
        let left = if renamed.is_ok() { &moved } else { &tried };
        failpoint::hit("output:moved")
            .map_err(DiskError::on("move a directory beside", &self.output_path))?;
        fs::remove_dir(left).map_err(DiskError::on("remove", left))?;
        match renamed {
            Err(error) if error.kind() == ErrorKind::CrossesDevices => Ok(false),
            renamed => renamed
                .map(|()| true)
                .map_err(DiskError::on("move a directory beside", &self.output_path)),
        }
    }
}

fn trial_name() -> String {
    format!(".im-profiles-check-{}", std::process::id())
}

/// Creates a directory, and renames it to one in `target`.
fn try_in(parent: &Path, target: &Path) -> Result<(), DiskError> {
    let directory = parent.join(trial_name());
    let renamed = target.join(trial_name() + ".renamed");
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
    use std::path::PathBuf;

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
        fs::create_dir_all(directory.path().join(".out.partial/snapshot")).unwrap();
        let before = paths_below(directory.path());
        for output in ["out", "a/b/out", "a/b/out/dt=1", "out/dt=1/users"] {
            let root = if output.ends_with("out") { output } else { "a/b/out" };
            let [output, root] = [output, root].map(|path| directory.path().join(path));
            LocalStore::new(&output, &root).unwrap().try_writing().unwrap();
            assert_eq!(paths_below(directory.path()), before, "{output:?}");
        }
    }

    #[test]
    fn the_failed_step_is_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        let work = LocalStore::beside(&directory.path().join("file/out"));
        let message = work.try_writing().unwrap_err().to_string();
        assert!(message.contains("could not create") && message.contains("file"), "{message}");
    }
}
