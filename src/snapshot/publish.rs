//! The last steps: sidecars and manifest into the snapshot, `_SUCCESS`, one rename.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracing::warn;

use super::committed_files::{
    PartFilesError, ensure_parts_are_whole, is_as_written, remove_others,
};
use super::layout::{
    FAILED_ACCOUNTS_FILE, INVALID_ACCOUNTS_FILE, JOURNAL_FILE, MANIFEST_FILE, REJECTED_VALUES_FILE,
    REPORT_FILE, SIDECAR_FILES, SUCCESS_MARKER, failed_lines_file, rejected_lines_file,
};
use super::manifest::Manifest;
use super::parts::CommittedPart;
use super::sidecars::{
    FAILED_ACCOUNTS_HEADER, FailedLinesError, REJECTED_VALUES_HEADER, io_error, read_failed_lines,
};
use super::store::local::replace::{ReplaceError, exchange};
use super::work_directory::WorkDirectory;
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failpoint;
use crate::util::staged_file::{FileInfo, StagedFile};

/// The snapshot could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Failed accounts of an earlier round cannot be read back.
    #[error(transparent)]
    FailedLines(#[from] FailedLinesError),
    /// A part is damaged, or something else cannot be published.
    #[error(transparent)]
    PartFiles(#[from] PartFilesError),
    /// The lines of the list's invalid accounts are not as this run wrote them.
    #[error("{} was changed or removed while this run worked, so nothing was published; see that nothing changes it, then run the same command again", .0.display())]
    InvalidLines(PathBuf),
    /// The earlier snapshot could not be replaced.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    /// The snapshot is published, and only the work directory could not be removed.
    #[error("could not clean up after the new snapshot was published in {}; {fix}", .output_path.display())]
    NotCleanedUp {
        /// Where the snapshot is.
        output_path: PathBuf,
        /// How that is done.
        fix: &'static str,
        /// What is in the way.
        source: DiskError,
    },
    /// Another run may be at work in the same place.
    #[error("the lock in {} was removed while this run worked, so another run may work there and nothing was published; see that nothing removes it, then run the same command again", .0.display())]
    LockLost(PathBuf),
}

impl HasExitCode for PublishError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::InternalOrDisk
    }
}

/// What a run wrote into the work directory for the snapshot.
#[derive(Debug)]
pub struct Written {
    /// The parts of the manifest.
    pub parts: Vec<CommittedPart>,
    /// Parts of which some accounts were requested once more in a later round: these are left out of their failed accounts.
    pub retried_ordinals: BTreeSet<u64>,
    /// Size and digest of [`INVALID_ACCOUNTS_FILE`].
    pub invalid_lines: FileInfo,
}

/// Completes the snapshot and puts it under its final name, in place of the one before it. `report` is the page for people.
pub fn publish(
    work: WorkDirectory,
    manifest: &Manifest,
    written: &Written,
    report: &str,
) -> Result<(), PublishError> {
    let snapshot = work.snapshot();
    let hit = |name| failpoint::hit(name).map_err(DiskError::on("publish", work.output_path()));
    hit("publish:begin")?;
    // Those of this process as well: hours may have passed since, and only what was read back is known to be there.
    ensure_parts_are_whole(work.paths(), &written.parts)?;
    ensure_invalid_lines_are_whole(&work.root().join(INVALID_ACCOUNTS_FILE), written)?;
    hit("publish:verified")?;
    write_failed_accounts(&work, written)?;
    write_rejected_values(&work, &written.parts)?;
    write_file(&snapshot.join(REPORT_FILE), report.as_bytes())?;
    write_file(&snapshot.join(MANIFEST_FILE), manifest.to_json().as_bytes())?;
    ensure_nothing_else_is_published(&snapshot, manifest)?;
    if !work.is_locked()? {
        return Err(PublishError::LockLost(work.root().to_owned()));
    }
    write_file(&snapshot.join(SUCCESS_MARKER), b"")?;
    hit("publish:complete")?;
    exchange(work.paths())?;
    clean_up(work)
}

/// Removes the work directory of a run that has published.
///
/// # Errors
/// [`PublishError::NotCleanedUp`], which says that the snapshot is published.
pub fn clean_up(work: WorkDirectory) -> Result<(), PublishError> {
    let output_path = work.output_path().to_owned();
    let journal = work.root().join(JOURNAL_FILE);
    failpoint::hit("publish:exchanged")
        .map_err(DiskError::on("clean up", work.root()))
        .and_then(|()| work.remove())
        .map_err(|source| {
            // Without the journal, which goes last, the next run is a new one and takes over what is left.
            let fix = if journal.exists() {
                "run the same command again to clean up"
            } else {
                "the next run cleans up"
            };
            PublishError::NotCleanedUp { output_path, fix, source }
        })
}

/// Removes what the manifest does not name, and says so.
fn ensure_nothing_else_is_published(
    snapshot: &Path,
    manifest: &Manifest,
) -> Result<(), PartFilesError> {
    let parts = manifest.parts.iter().map(|part| part.file.as_str());
    let named = parts.chain(SIDECAR_FILES).map(OsString::from).collect();
    for removed in remove_others(snapshot, &named)? {
        let file = removed.display();
        warn!(%file, "removed a file that does not belong to this run from the staged snapshot");
    }
    Ok(())
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), DiskError> {
    let mut file = StagedFile::create(path.to_owned())?;
    file.write_all(content).map_err(DiskError::on("write", path))?;
    file.commit().map(drop)
}

fn ensure_invalid_lines_are_whole(file: &Path, written: &Written) -> Result<(), PublishError> {
    if is_as_written(file, &written.invalid_lines)? {
        return Ok(());
    }
    Err(PublishError::InvalidLines(file.to_owned()))
}

fn write_failed_accounts(work: &WorkDirectory, written: &Written) -> Result<(), PublishError> {
    let path = work.snapshot().join(FAILED_ACCOUNTS_FILE);
    let mut joined = begin_csv(&path, &FAILED_ACCOUNTS_HEADER)?;
    for part in &written.parts {
        let lines = work.root().join(failed_lines_file(part.index));
        if written.retried_ordinals.contains(&part.index) {
            append_final_failures(&mut joined, &lines)?;
        } else {
            append(&mut joined, &lines)?;
        }
    }
    append(&mut joined, &work.root().join(INVALID_ACCOUNTS_FILE))?;
    joined.commit()?;
    Ok(())
}

fn write_rejected_values(work: &WorkDirectory, parts: &[CommittedPart]) -> Result<(), DiskError> {
    let path = work.snapshot().join(REJECTED_VALUES_FILE);
    let mut joined = begin_csv(&path, &REJECTED_VALUES_HEADER)?;
    for part in parts {
        append(&mut joined, &work.root().join(rejected_lines_file(part.index)))?;
    }
    joined.commit().map(drop)
}

/// Starts a CSV file with its header.
fn begin_csv(path: &Path, header: &[&str]) -> Result<StagedFile, DiskError> {
    let mut file = StagedFile::create(path.to_owned())?;
    writeln!(file, "{}", header.join(",")).map_err(DiskError::on("write", path))?;
    Ok(file)
}

/// Appends all lines of another file.
fn append(joined: &mut StagedFile, lines: &Path) -> Result<(), DiskError> {
    let mut lines_file = File::open(lines).map_err(DiskError::on("open", lines))?;
    io::copy(&mut lines_file, joined).map_err(DiskError::on("copy", lines))?;
    Ok(())
}

/// Appends the lines of another file whose accounts were not asked again.
fn append_final_failures(joined: &mut StagedFile, lines: &Path) -> Result<(), PublishError> {
    let path = joined.path().to_owned();
    let mut csv = csv::Writer::from_writer(joined);
    for record in read_failed_lines(lines)? {
        let (line, record) = record?;
        if !line.category.counts_as_failed() {
            csv.write_record(&record).map_err(io_error).map_err(DiskError::on("write", &path))?;
        }
    }
    csv.flush().map_err(DiskError::on("write", &path))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lines_of_accounts_asked_again_are_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let lines = directory.path().join("failed.csv");
        let final_line = "gone,not_found,40003,\"no, such\",1,2026-11-22T00:00:00Z,7\n";
        let passing_line = "b,internal_error,40006,,6,2026-11-22T00:00:00Z,8\n";
        fs::write(&lines, format!("{passing_line}{final_line}")).unwrap();
        let path = directory.path().join("joined.csv");
        let mut joined = begin_csv(&path, &["a", "b"]).unwrap();
        append_final_failures(&mut joined, &lines).unwrap();
        append(&mut joined, &lines).unwrap();
        joined.commit().unwrap();
        let expected = format!("a,b\n{final_line}{passing_line}{final_line}");
        assert_eq!(fs::read_to_string(path).unwrap(), expected);
    }
}
