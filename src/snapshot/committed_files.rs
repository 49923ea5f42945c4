//! The files of committed parts: whether they are as they were written, and what else is beside them.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, DirEntry, FileType};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::layout::{failed_lines_file, rejected_lines_file};
use super::parts::CommittedPart;
use super::work_directory::WorkPaths;
use crate::util::disk_error::DiskError;
use crate::util::staged_file::FileInfo;

/// The files of a run cannot be used. Each text ends with how to fix it.
#[derive(Debug, thiserror::Error)]
pub enum PartFilesError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file that was durable is not as it was written.
    #[error("{} of the unfinished run is missing or damaged; start over with --restart", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
    },
    /// Something that cannot be published or removed.
    #[error("{} is not a file of this run; move it away, then run the same command again", .path.display())]
    Foreign {
        /// Where it is.
        path: PathBuf,
    },
}

/// The files of a part, with the size and digest that each must have.
pub fn files_of(work: &WorkPaths, part: &CommittedPart) -> [(PathBuf, FileInfo); 3] {
    let root = work.root();
    [
        (work.snapshot().join(&part.file), part.file_info.clone()),
        (root.join(failed_lines_file(part.index)), part.failed_lines.clone()),
        (root.join(rejected_lines_file(part.index)), part.rejected_lines.clone()),
    ]
}

/// Verifies size and digest of all files of the parts; reads every one of them.
pub fn ensure_parts_are_whole(
    work: &WorkPaths,
    parts: &[CommittedPart],
) -> Result<(), PartFilesError> {
    for (file, facts) in parts.iter().flat_map(|part| files_of(work, part)) {
        if !is_as_written(&file, &facts)? {
            return Err(PartFilesError::Damaged { file });
        }
    }
    Ok(())
}

/// Whether a regular file with this size and digest is at a path.
pub fn is_as_written(file: &Path, facts: &FileInfo) -> Result<bool, DiskError> {
    match fs::symlink_metadata(file) {
        // A link to a good file is not published in place of the file.
        Ok(found) if !found.is_file() || found.len() != facts.bytes => Ok(false),
        Ok(_) => Ok(FileInfo::of(file)? == *facts),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(DiskError::on("look at", file)(error)),
    }
}

/// Removes the files and links in a directory that are not among `named`; gives back which. Links are not followed.
///
/// # Errors
/// [`PartFilesError::Foreign`] for anything else, such as a directory: it may hold what somebody needs.
pub fn remove_others(
    directory: &Path,
    named: &HashSet<OsString>,
) -> Result<Vec<PathBuf>, PartFilesError> {
    let mut removed = Vec::new();
    for (entry, kind) in entries(directory)? {
        if named.contains(&entry.file_name()) {
            continue;
        }
        let path = entry.path();
        if !kind.is_file() && !kind.is_symlink() {
            return Err(PartFilesError::Foreign { path });
        }
        fs::remove_file(&path).map_err(DiskError::on("remove", &path))?;
        removed.push(path);
    }
    Ok(removed)
}

/// What is in a directory, with its type; links are not followed.
pub fn entries(directory: &Path) -> Result<Vec<(DirEntry, FileType)>, DiskError> {
    fs::read_dir(directory)
        .and_then(|entries| {
            entries
                .map(|entry| entry.and_then(|entry| entry.file_type().map(|kind| (entry, kind))))
                .collect()
        })
        .map_err(DiskError::on("read", directory))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_regular_file_with_its_size_and_digest_is_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (name, content) in [("good", "abc"), ("flipped", "abd"), ("cut", "ab")] {
            fs::write(at(name), content).unwrap();
        }
        symlink("good", at("link")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        let facts = FileInfo::of(&at("good")).unwrap();
        let written = |name: &str| is_as_written(&at(name), &facts).unwrap();
        assert!(written("good"));
        for name in ["flipped", "cut", "link", "directory", "missing", "good/below"] {
            assert!(!written(name), "{name}");
        }
    }

    #[test]
    fn others_are_removed_and_what_a_link_points_to_stays() {
        let directory = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(elsewhere.path().join("thesis"), "years of work").unwrap();
        for name in ["part", "foreign", "part.staged"] {
            fs::write(at(name), "").unwrap();
        }
        symlink(elsewhere.path(), at("to-directory")).unwrap();
        symlink(elsewhere.path().join("thesis"), at("to-file")).unwrap();
        let named = HashSet::from(["part".into(), "not-there".into()]);
        let mut removed = remove_others(directory.path(), &named).unwrap();
        removed.sort();
        let names = ["foreign", "part.staged", "to-directory", "to-file"];
        assert_eq!(removed, names.map(at));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert_eq!(fs::read(elsewhere.path().join("thesis")).unwrap(), b"years of work");
    }

    #[test]
    fn a_directory_is_refused_by_name_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let foreign = directory.path().join("notes");
        fs::create_dir(&foreign).unwrap();
        let error = remove_others(directory.path(), &HashSet::new()).unwrap_err().to_string();
        assert!(error.contains("notes is not a file of this run; move it away"), "{error}");
        assert!(foreign.is_dir());
    }
}
