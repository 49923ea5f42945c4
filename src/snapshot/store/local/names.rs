//! Hides the files of the work directory from readers until they are published.
//!
//! Each step renames one file, and a file is found under either name, so a run may be stopped between any two of them.

use std::fs::{self, FileType};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{LocalStore, entries};
use crate::snapshot::layout::{hidden_lines_name, other_key, published_name, staged_name};
use crate::snapshot::store::Store;
use crate::util::disk_error::DiskError;
use crate::util::failpoint;
use crate::util::staged_file::sync_directory;

impl LocalStore {
    /// The path of a file that exists: the one of its key, or else the one of its other key.
    pub(super) fn existing(&self, key: &str) -> PathBuf {
        let path = self.path(key);
        let other = || other_key(key).map(|key| self.path(&key)).filter(|path| exists(path));
        if exists(&path) { path } else { other().unwrap_or(path) }
    }

    /// Gives the files of the staged snapshot the names under which they are published.
    pub(super) fn reveal(&self) -> Result<(), DiskError> {
        let hit = |name| failpoint::hit(name).map_err(DiskError::on("publish", &self.output_path));
        let staged = self.staged_snapshot();
        rename_files(&staged, |name, _| published_name(name), || hit("publish:name"))?;
        // Before the exchange, which must not outlive the names.
        sync_directory(&staged)?;
        hit("publish:named")
    }

    /// Takes those names from them again: a run was stopped while it published, or version 0.1.0 wrote them. What is there
    /// after an exchange is the previous snapshot, which is removed next.
    pub fn hide(&self) -> Result<(), DiskError> {
        let hit = || failpoint::hit("hide:name").map_err(DiskError::on("rename", &self.root));
        let staged = self.staged_snapshot();
        // Of two files, the one with the hidden name is that of this run.
        let is_free = |directory: &Path, name: &String| !exists(&directory.join(name));
        let hidden = |name: &str, kind: FileType| {
            let hidden = (!kind.is_dir() && !name.starts_with('.')).then(|| staged_name(name));
            hidden.filter(|name| is_free(&staged, name))
        };
        let lines = |name: &str, kind: FileType| {
            hidden_lines_name(name).filter(|name| kind.is_file() && is_free(&self.root, name))
        };
        rename_files(&staged, hidden, hit)?;
        rename_files(&self.root, lines, hit)
    }
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Renames the entries of a directory for which there is another name. Syncs the directory only if it renames anything.
fn rename_files(
    directory: &Path,
    new_name: impl Fn(&str, FileType) -> Option<String>,
    before_each: impl Fn() -> Result<(), DiskError>,
) -> Result<(), DiskError> {
    let found = match entries(directory) {
        Err(error) if error.io().kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let mut is_renamed = false;
    for (entry, kind) in found {
        let new_name = entry.file_name().to_str().and_then(|name| new_name(name, kind));
        let Some(new_name) = new_name else { continue };
        before_each()?;
        let path = entry.path();
        fs::rename(&path, directory.join(new_name)).map_err(DiskError::on("rename", &path))?;
        is_renamed = true;
    }
    if is_renamed { sync_directory(directory) } else { Ok(()) }
}
