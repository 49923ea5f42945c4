//! The files of committed parts: verifying them, and removing what a stopped run left beside them.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use super::layout::{INVALID_ACCOUNTS_FILE, JOURNAL_FILE, LOCK_FILE};
use super::parts::CommittedPart;
use super::store::{PartFilesError, Store};
use crate::util::disk_error::DiskError;
use crate::util::staged_file::FileInfo;
use crate::util::visible::visible_path;

/// A file of a committed part that is not as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedFile {
    pub path: PathBuf,
    /// The index of its part, and the name under which that is published.
    pub part: u64,
    pub part_file: String,
}

impl fmt::Display for DamagedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, path) = (&self.part_file, visible_path(&self.path));
        write!(f, "{part} of the unfinished run is damaged: {path} is missing or has changed")
    }
}

/// The keys of the files of a part, with the size and digest that each must have.
fn files_of(part: &CommittedPart) -> [(String, &FileInfo); 3] {
    let [file, failed_lines, rejected_lines] = part.keys();
    [
        (file, &part.file_info),
        (failed_lines, &part.failed_lines),
        (rejected_lines, &part.rejected_lines),
    ]
}

/// Verifies size and digest of all files of the parts; reads every one of them. Returns those that are not intact.
pub fn damaged_files(
    store: &dyn Store,
    parts: &[CommittedPart],
) -> Result<Vec<DamagedFile>, DiskError> {
    let files: Vec<(String, &FileInfo)> = parts.iter().flat_map(files_of).collect();
    let are_intact = store.are_intact(&files)?;
    let owners = parts.iter().flat_map(|part| [part; 3]);
    let damaged = files.iter().zip(owners).zip(are_intact).filter(|(_, is_intact)| !is_intact);
    let damaged = damaged.map(|(((key, _), part), _)| DamagedFile {
        path: store.path(key),
        part: part.index,
        part_file: part.file.clone(),
    });
    Ok(damaged.collect())
}

/// As [`damaged_files`], where a damaged file is an error.
pub fn verify_parts(store: &dyn Store, parts: &[CommittedPart]) -> Result<(), PartFilesError> {
    match damaged_files(store, parts)?.into_iter().next() {
        Some(DamagedFile { path: file, .. }) => Err(PartFilesError::Damaged { file }),
        None => Ok(()),
    }
}

/// Removes what a stopped run started and did not commit.
///
/// # Errors
/// [`PartFilesError::Foreign`] for a directory in the staged snapshot.
pub fn remove_uncommitted_files(
    store: &dyn Store,
    parts: &[CommittedPart],
) -> Result<(), PartFilesError> {
    store.remove_uncommitted(&kept_files(parts))
}

/// The size of what [`remove_uncommitted_files`] would remove.
pub fn uncommitted_bytes(store: &dyn Store, parts: &[CommittedPart]) -> u64 {
    store.bytes_except(&kept_files(parts))
}

fn kept_files(parts: &[CommittedPart]) -> HashSet<String> {
    let mut keep: HashSet<String> = parts.iter().flat_map(files_of).map(|(key, _)| key).collect();
    keep.extend([LOCK_FILE, JOURNAL_FILE, INVALID_ACCOUNTS_FILE].map(str::to_owned));
    keep
}
