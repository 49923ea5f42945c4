//! A snapshot on a local file system, with the work directory beside it.

mod location;
pub mod lock;
pub mod lock_holder;
mod names;
mod opening;
mod permission;
pub mod replace;
mod write_check;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, DirEntry, File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::write_file;
use super::{
    JournalFile, LockState, LockedStore, Occupant, PartFilesError, ReadJournalError, ReplaceError,
    Store, WorkDirectoryError,
};
use crate::snapshot::layout::{
    DIRECTORIES, JOURNAL_FILE, REPLACED_SNAPSHOT, STAGED_SNAPSHOT, SUCCESS_MARKER, published_name,
    staged_name,
};
use crate::snapshot::manifest::{Manifest, ManifestError};
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::publish::Publication;
use crate::util::disk_error::{DiskError, is_absent};
use crate::util::failpoint;
use crate::util::regular_file::{self, Opened};
use crate::util::staged_file::{FileInfo, StagedFile, create_directories, sync_directory};

/// The paths of a snapshot and its work directory, whether or not anything exists there yet.
#[derive(Debug, Clone)]
pub struct LocalStore {
    output_path: PathBuf,
    root: PathBuf,
    /// The hidden directory that is `root` or has it below: only work directories are in it.
    base: PathBuf,
    table_root: PathBuf,
    /// Whether a run of version 0.1.0 left `root`, which is not created if it is removed meanwhile.
    is_leftover: bool,
}

impl LocalStore {
    /// The directory that becomes the snapshot.
    pub fn staged_snapshot(&self) -> PathBuf {
        self.root.join(STAGED_SNAPSHOT)
    }

    /// The directory to which the previous snapshot is moved where directories cannot be exchanged.
    pub fn replaced_snapshot(&self) -> PathBuf {
        self.root.join(REPLACED_SNAPSHOT)
    }
}

impl Store for LocalStore {
    fn output_path(&self) -> &Path {
        &self.output_path
    }

    fn root(&self) -> &Path {
        &self.root
    }

    fn scratch(&self) -> &Path {
        &self.root
    }

    fn lock(&self) -> Result<LockedStore, WorkDirectoryError> {
        opening::lock(&self.output_path, &self.table_root)
    }

    fn lock_state(&self) -> LockState {
        self.holder_state()
    }

    fn at(
        &self,
        output_path: &Path,
        table_root: &Path,
    ) -> Result<Arc<dyn Store>, WorkDirectoryError> {
        Ok(Arc::new(LocalStore::new(output_path, table_root)?))
    }

    fn snapshot_at(&self, output_path: &Path) -> Result<Arc<dyn Store>, WorkDirectoryError> {
        Ok(Arc::new(LocalStore { output_path: output_path.to_owned(), ..self.clone() }))
    }

    fn names_in(&self, directory: &Path) -> Result<Vec<String>, DiskError> {
        let entries = match fs::read_dir(directory) {
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            entries => entries.map_err(DiskError::on("read", directory))?,
        };
        let names: io::Result<Vec<OsString>> =
            entries.map(|entry| Ok(entry?.file_name())).collect();
        let names = names.map_err(DiskError::on("read", directory))?;
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn occupant(&self) -> Result<Occupant, DiskError> {
        failpoint::hit("output:look")
            .map_err(DiskError::on("look at", &self.output_path.join(SUCCESS_MARKER)))?;
        Ok(match self.moved_aside()? {
            Some(replaced) => Occupant::at(&replaced)?,
            None => Occupant::at(&self.output_path)?,
        })
    }

    fn has_snapshot(&self) -> Result<bool, DiskError> {
        replace::is_snapshot(&self.output_path)
    }

    fn manifest(&self) -> Result<Option<Manifest>, ManifestError> {
        Manifest::read(&self.output_path)
    }

    fn moved_aside(&self) -> Result<Option<PathBuf>, DiskError> {
        self.replaced_instead_of_output()
    }

    fn ensure_usable(&self) -> Result<(), WorkDirectoryError> {
        self.ensure_own_kinds()?;
        Ok(self.ensure_permitted()?)
    }

    fn ensure_own_files(&self) -> Result<(), PartFilesError> {
        self.ensure_no_foreign_files()
    }

    fn ensure_writable(&self) -> Result<Vec<String>, DiskError> {
        self.try_writing().map(|()| Vec::new())
    }

    fn bytes_except(&self, keep: &HashSet<String>) -> u64 {
        self.bytes_beside(keep)
    }

    fn stage(&self, key: &str) -> Result<StagedFile, DiskError> {
        StagedFile::create(self.path(key))
    }

    fn commit(&self, file: StagedFile) -> Result<FileInfo, DiskError> {
        file.commit()
    }

    fn commit_part(&self, _part: &mut CommittedPart) -> Result<(), DiskError> {
        Ok(())
    }

    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, DiskError> {
        let path = self.existing(key);
        let file = File::open(&path).map_err(DiskError::on("open", &path))?;
        Ok(Box::new(file))
    }

    fn are_intact(&self, files: &[(String, &FileInfo)]) -> Result<Vec<bool>, DiskError> {
        files.iter().map(|(key, info)| is_intact(&self.existing(key), info)).collect()
    }

    fn remove_uncommitted(&self, keep: &HashSet<String>) -> Result<(), PartFilesError> {
        let staged = |name: &str| keep.contains(&format!("{STAGED_SNAPSHOT}/{name}"));
        remove_files(&self.staged_snapshot(), staged)?;
        for (entry, kind) in entries(&self.root)? {
            let is_kept = |name: &str| {
                keep.contains(name) || published_name(name).is_some_and(|name| keep.contains(&name))
            };
            let is_kept = entry.file_name().to_str().is_some_and(is_kept);
            // Directories of the work directory, such as the staged snapshot, are not published.
            if !is_kept && !kind.is_dir() {
                remove_file(&entry, kind)?;
            }
        }
        Ok(())
    }

    fn remove_unpublished(&self, keep: &HashSet<String>) -> Result<Vec<PathBuf>, PartFilesError> {
        let keep: HashSet<String> = keep.iter().map(|name| staged_name(name)).collect();
        remove_files(&self.staged_snapshot(), |name| keep.contains(name))
    }

    fn read_journal(&self) -> Result<Option<Vec<u8>>, ReadJournalError> {
        let path = self.path(JOURNAL_FILE);
        let mut file = match regular_file::open(&path) {
            Ok(Opened::File(file)) => file,
            Ok(Opened::Other(kind)) => return Err(ReadJournalError::NotAFile { path, kind }),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(DiskError::on("read", &path)(error).into()),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(DiskError::on("read", &path))?;
        Ok(Some(bytes))
    }

    fn create_journal(&self) -> Result<Box<dyn JournalFile>, DiskError> {
        let path = self.path(JOURNAL_FILE);
        failpoint::hit("journal:create").map_err(DiskError::on("create", &path))?;
        let file = File::create(&path).map_err(DiskError::on("create", &path))?;
        failpoint::hit("journal:created").map_err(DiskError::on("create", &path))?;
        sync_directory(&self.root)?;
        Ok(Box::new(LocalJournal { file, path }))
    }

    fn resume_journal(&self, length: usize) -> Result<Box<dyn JournalFile>, DiskError> {
        let path = self.path(JOURNAL_FILE);
        let file =
            OpenOptions::new().append(true).open(&path).map_err(DiskError::on("open", &path))?;
        file.set_len(length as u64)
            .and_then(|()| file.sync_all())
            .map_err(DiskError::on("remove the incomplete last entry of", &path))?;
        Ok(Box::new(LocalJournal { file, path }))
    }

    fn replace_journal(&self, content: &str) -> Result<Box<dyn JournalFile>, DiskError> {
        write_file(self, JOURNAL_FILE, content.as_bytes())?;
        self.resume_journal(content.len())
    }

    fn publish(&self, _publication: &Publication<'_>) -> Result<(), ReplaceError> {
        let published = self.reveal().map_err(ReplaceError::from).and_then(|()| self.exchange());
        if published.is_err() {
            // The next run does it otherwise.
            let _ = self.hide();
        }
        published
    }

    fn clear(&self, keep: &[&str]) -> Result<(), DiskError> {
        for (entry, kind) in entries(&self.root)? {
            let (name, path) = (entry.file_name(), entry.path());
            if keep.iter().any(|kept| name == *kept)
                || (name == REPLACED_SNAPSHOT && !self.may_remove_replaced()?)
            {
                continue;
            }
            if kind.is_dir() && !DIRECTORIES.iter().any(|directory| name == *directory) {
                continue;
            }
            let removed =
                if kind.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(DiskError::on("remove", &path))?;
        }
        Ok(())
    }

    fn remove_root(&self) -> Result<(), DiskError> {
        match fs::remove_dir(&self.root) {
            // Another run has started here since, or has also ended.
            Err(error)
                if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) =>
            {
                Ok(())
            }
            removed => {
                removed.map_err(DiskError::on("remove", &self.root))?;
                // Not empty while there is a run for another partition; an empty one does no harm.
                let _ = self.parents().try_for_each(fs::remove_dir);
                Ok(())
            }
        }
    }

    fn create_staged_snapshot(&self) -> Result<(), DiskError> {
        create_directories(&self.staged_snapshot())
    }
}

#[derive(Debug)]
struct LocalJournal {
    file: File,
    path: PathBuf,
}

impl JournalFile for LocalJournal {
    fn append(&mut self, entry: &str) -> Result<(), DiskError> {
        failpoint::hit("journal:append")
            .and_then(|()| self.file.write_all(entry.as_bytes()))
            .and_then(|()| self.file.sync_data())
            .and_then(|()| failpoint::hit("journal:appended"))
            .map_err(DiskError::on("write", &self.path))
    }
}

/// Whether a regular file with this size and digest is at a path. A symbolic link to one is not: it would be published in
/// place of the file.
fn is_intact(path: &Path, info: &FileInfo) -> Result<bool, DiskError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() || found.len() != info.bytes => Ok(false),
        Ok(_) => Ok(FileInfo::of(path)? == *info),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(DiskError::on("look at", path)(error)),
    }
}

/// Removes the files and symbolic links in a directory that are not kept, and returns their paths.
fn remove_files(
    directory: &Path,
    is_kept: impl Fn(&str) -> bool,
) -> Result<Vec<PathBuf>, PartFilesError> {
    let mut removed = Vec::new();
    for (entry, kind) in entries(directory)? {
        if !entry.file_name().to_str().is_some_and(&is_kept) {
            removed.push(remove_file(&entry, kind)?);
        }
    }
    Ok(removed)
}

/// Removes a file or a symbolic link; what the link points to stays.
fn remove_file(entry: &DirEntry, kind: FileType) -> Result<PathBuf, PartFilesError> {
    let path = entry.path();
    if !kind.is_file() && !kind.is_symlink() {
        return Err(PartFilesError::Foreign { path });
    }
    fs::remove_file(&path).map_err(DiskError::on("remove", &path))?;
    Ok(path)
}

/// The entries of a directory with their types; symbolic links are not followed.
fn entries(directory: &Path) -> Result<Vec<(DirEntry, FileType)>, DiskError> {
    let typed = |entry: io::Result<DirEntry>| {
        let entry = entry?;
        let kind = entry.file_type()?;
        Ok((entry, kind))
    };
    fs::read_dir(directory)
        .and_then(|entries| entries.map(typed).collect())
        .map_err(DiskError::on("read", directory))
}

#[cfg(test)]
mod tests;
