//! What is found without a trial: whether this user may write and publish a snapshot, and how much a run would remove.

use std::collections::HashSet;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::LocalStore;
use crate::snapshot::layout::{
    INVALID_ACCOUNTS_FILE, JOURNAL_FILE, LOCK_FILE, STAGED_SNAPSHOT, TRIAL_DIRECTORY,
    is_lines_file, published_name,
};
use crate::snapshot::store::{PartFilesError, Store, WorkDirectoryError};
use crate::util::access::{ensure_can_create_in, ensure_can_move, ensure_can_open};
use crate::util::disk_error::DiskError;
use crate::util::paths::parent_directory;
use crate::util::regular_file::kind_in_its_place;

impl LocalStore {
    /// Verifies that what an earlier run left is of the kind that it wrote. A snapshot that was moved aside may be a link, and
    /// the journal is looked at when it is read. What cannot be looked at is an error of the step that needs it.
    ///
    /// # Errors
    /// [`WorkDirectoryError::WrongKind`], which a restart does not remove either: it may belong to somebody else.
    pub fn ensure_own_kinds(&self) -> Result<(), WorkDirectoryError> {
        let root = self.root();
        let entries = fs::read_dir(root).into_iter().flatten().flatten();
        let lines = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_lines_file));
        let mut files: Vec<PathBuf> = lines
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        files.extend([LOCK_FILE, INVALID_ACCOUNTS_FILE].map(|name| root.join(name)));
        files.sort_unstable();
        for path in files {
            let found = fs::metadata(&path).ok();
            if let Some(kind) = found.and_then(|found| kind_in_its_place(found.file_type())) {
                return Err(WorkDirectoryError::WrongKind { path, kind, expected: "regular file" });
            }
        }
        for path in [STAGED_SNAPSHOT, TRIAL_DIRECTORY].map(|name| root.join(name)) {
            let Ok(found) = fs::symlink_metadata(&path) else { continue };
            let kind = match found.file_type() {
                kind if kind.is_dir() => continue,
                kind if kind.is_symlink() => "a symbolic link",
                kind => kind_in_its_place(kind).unwrap_or("a file"),
            };
            return Err(WorkDirectoryError::WrongKind { path, kind, expected: "directory" });
        }
        Ok(())
    }

    /// Verifies the steps of a run that need a permission: to create the work directory, to take its lock, to write in it, and
    /// to exchange the published snapshot. Changes nothing.
    ///
    /// # Errors
    /// The first step that the operating system would refuse. The exchange comes last in a run, after all its calls.
    pub fn ensure_permitted(&self) -> Result<(), DiskError> {
        let root = self.root();
        let files = [LOCK_FILE, JOURNAL_FILE].map(|name| root.join(name));
        let staged = self.staged_snapshot();
        let parent = parent_directory(self.output_path());
        on(step_in(root), root, ensure_can_create_in(root))?;
        for file in &files {
            on("open", file, ensure_can_open(file))?;
        }
        on(step_in(&staged), &staged, ensure_can_create_in(&staged))?;
        on("create", self.output_path(), ensure_can_create_in(parent))?;
        on("replace", self.output_path(), ensure_can_move(self.output_path()))
    }

    /// Verifies that the staged snapshot of an unfinished run holds nothing that may belong to somebody else.
    ///
    /// # Errors
    /// [`PartFilesError::Foreign`], as when the run is resumed. What cannot be read is skipped.
    pub fn ensure_no_foreign_files(&self) -> Result<(), PartFilesError> {
        let entries = fs::read_dir(self.staged_snapshot()).into_iter().flatten().flatten();
        let is_own = |kind: FileType| kind.is_file() || kind.is_symlink();
        let foreign = entries.filter(|entry| !entry.file_type().is_ok_and(is_own));
        match foreign.map(|entry| entry.path()).min() {
            Some(path) => Err(PartFilesError::Foreign { path }),
            None => Ok(()),
        }
    }

    /// The size of the files in the work directory and in the staged snapshot whose keys are not in `keep`. What cannot be
    /// read counts as empty.
    pub fn bytes_beside(&self, keep: &HashSet<String>) -> u64 {
        let root = self.root().to_owned();
        let directories =
            [(root, String::new()), (self.staged_snapshot(), format!("{STAGED_SNAPSHOT}/"))];
        let files = directories.iter().flat_map(|(directory, prefix)| {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            let is_kept = move |name: &str| keep.contains(&format!("{prefix}{name}"));
            entries.filter(move |entry| {
                let name = entry.file_name();
                let name = name.to_str().unwrap_or_default();
                !is_kept(name) && !published_name(name).is_some_and(|name| is_kept(&name))
            })
        });
        let metadata = files.filter_map(|entry| entry.metadata().ok());
        metadata.filter(Metadata::is_file).map(|file| file.len()).sum()
    }
}

/// What fails when no entry can be created in a directory, which may not exist yet.
fn step_in(directory: &Path) -> &'static str {
    if directory.is_dir() { "write in" } else { "create" }
}

fn on(action: &'static str, path: &Path, permitted: io::Result<()>) -> Result<(), DiskError> {
    permitted.map_err(DiskError::on(action, path))
}
