//! The files of committed parts: verifying them, and removing what a stopped run left beside them.

use std::collections::HashSet;

use super::layout::{INVALID_ACCOUNTS_FILE, JOURNAL_FILE, LOCK_FILE, staged_file};
use super::parts::CommittedPart;
use super::store::{PartFilesError, Store};
use crate::util::staged_file::FileInfo;

/// The keys of the files of a part, with the size and digest that each must have.
fn files_of(part: &CommittedPart) -> [(String, &FileInfo); 3] {
    [
        (staged_file(&part.file), &part.file_info),
        (part.failed_lines_file(), &part.failed_lines),
        (part.rejected_lines_file(), &part.rejected_lines),
    ]
}

/// Verifies size and digest of all files of the parts; reads every one of them.
///
/// # Errors
/// [`PartFilesError::Damaged`] for the first file that is not as it was committed.
pub fn verify_parts(store: &dyn Store, parts: &[CommittedPart]) -> Result<(), PartFilesError> {
    for (key, info) in parts.iter().flat_map(files_of) {
        if !store.is_intact(&key, info)? {
            return Err(PartFilesError::Damaged { file: store.path(&key) });
        }
    }
    Ok(())
}

/// Removes what a stopped run started and did not commit.
///
/// # Errors
/// [`PartFilesError::Foreign`] for a directory in the staged snapshot.
pub fn remove_uncommitted_files(
    store: &dyn Store,
    parts: &[CommittedPart],
) -> Result<(), PartFilesError> {
    let mut keep: HashSet<String> = parts.iter().flat_map(files_of).map(|(key, _)| key).collect();
    keep.extend([LOCK_FILE, JOURNAL_FILE, INVALID_ACCOUNTS_FILE].map(str::to_owned));
    store.remove_uncommitted(&keep)
}
