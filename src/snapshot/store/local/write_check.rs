//! Whether a snapshot could be written and published at a path, found out by trying; nothing is left behind.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::lock::try_lock;
use crate::snapshot::work_directory::WorkPaths;
use crate::util::disk_error::DiskError;
use crate::util::disk_error::LOCK;
use crate::util::staged_file::parent_directory;

/// Tries what a run does with its directories: make one, write and lock a file in it, rename it.
///
/// # Errors
/// The first step that the disk refuses.
pub fn ensure_writable(work: &WorkPaths) -> Result<(), DiskError> {
    let parent = parent_directory(work.output_path());
    let made = directories_to_make(parent);
    let tried =
        fs::create_dir_all(parent).map_err(DiskError::on("create", parent)).and_then(|()| {
            try_in(parent)?;
            // What a stopped run left may be another user's.
            match fs::symlink_metadata(work.root()) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                _ => try_in(work.root()),
            }
        });
    for directory in made {
        // Not empty when another program has found a use for it meanwhile.
        let _ = fs::remove_dir(directory);
    }
    tried
}

/// The directories that have to be made before `directory` is there, the deepest first.
fn directories_to_make(directory: &Path) -> Vec<PathBuf> {
    let missing = directory.ancestors().take_while(|directory| {
        // One that cannot be looked at may be there, and is not removed afterwards.
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
    fn a_try_leaves_everything_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        for output in ["out", "a/b/out"] {
            fs::create_dir_all(directory.path().join(".out.partial/snapshot")).unwrap();
            let before = paths_below(directory.path());
            ensure_writable(&WorkPaths::of(&directory.path().join(output)).unwrap()).unwrap();
            assert_eq!(paths_below(directory.path()), before, "{output}");
        }
    }

    #[test]
    fn what_the_disk_refuses_is_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("file"), "").unwrap();
        let work = WorkPaths::of(&directory.path().join("file/out")).unwrap();
        let message = ensure_writable(&work).unwrap_err().to_string();
        assert!(message.contains("could not create") && message.contains("file"), "{message}");
    }
}
