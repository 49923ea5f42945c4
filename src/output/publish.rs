//! The last steps: sidecars and manifest into the snapshot, `_SUCCESS`, one rename.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::durable::{DiskError, StagedFile, folder_of, sync_folder};
use super::failed::{
    FAILED_ACCOUNTS_HEADER, FailedLinesError, REJECTED_VALUES_HEADER, failed_records, io_error,
};
use super::manifest::Manifest;
use super::open_part::{Sidecar, sidecar_path};
use super::work_folder::{SUCCESS_MARKER, WorkFolder};
use crate::failpoint;

/// Where the lines of the list's invalid accounts wait for the snapshot to be put together.
pub const INVALID_ACCOUNTS_FILE: &str = "invalid.csv";

/// The snapshot could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Failed accounts of an earlier round cannot be read back.
    #[error(transparent)]
    FailedLines(#[from] FailedLinesError),
}

/// Completes the snapshot and puts it under its final name, in place of the one before it.
/// Failed accounts of the parts in `asked_again` are left out where they were asked again in a later round. `report` is the
/// page for people.
pub fn publish(
    work: WorkFolder,
    manifest: &Manifest,
    asked_again: &BTreeSet<u64>,
    report: &str,
) -> Result<(), PublishError> {
    let parts = manifest.parts.len() as u64;
    let snapshot = work.snapshot();
    let pass = |name| failpoint::pass(name).map_err(DiskError::on("publish", work.output_path()));
    pass("publish:begin")?;
    write_failed_accounts(&work, parts, asked_again)?;
    let rejected: Vec<PathBuf> =
        (0..parts).map(|part| sidecar_path(work.root(), Sidecar::RejectedValues, part)).collect();
    let path = snapshot.join("_rejected_values.csv");
    let mut joined = begin_csv(&path, &REJECTED_VALUES_HEADER)?;
    for lines in &rejected {
        append(&mut joined, lines)?;
    }
    joined.commit()?;
    write_file(&snapshot.join("_report.html"), report.as_bytes())?;
    write_file(&snapshot.join("_manifest.json"), manifest.to_json().as_bytes())?;
    write_file(&snapshot.join(SUCCESS_MARKER), b"")?;
    pass("publish:complete")?;
    exchange(&snapshot, work.output_path())?;
    pass("publish:exchanged")?;
    Ok(work.remove()?)
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), DiskError> {
    let mut file = StagedFile::create(path.to_owned())?;
    file.write_all(content).map_err(DiskError::on("write", path))?;
    file.commit().map(drop)
}

fn write_failed_accounts(
    work: &WorkFolder,
    parts: u64,
    asked_again: &BTreeSet<u64>,
) -> Result<(), PublishError> {
    let path = work.snapshot().join("_failed_accounts.csv");
    let mut joined = begin_csv(&path, &FAILED_ACCOUNTS_HEADER)?;
    for part in 0..parts {
        let lines = sidecar_path(work.root(), Sidecar::FailedAccounts, part);
        if asked_again.contains(&part) {
            append_final_failures(&mut joined, &lines)?;
        } else {
            append(&mut joined, &lines)?;
        }
    }
    append(&mut joined, &work.root().join(INVALID_ACCOUNTS_FILE))?;
    joined.commit()?;
    Ok(())
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
    for record in failed_records(lines)? {
        let (line, record) = record?;
        if !line.category.counts_as_failed() {
            csv.write_record(&record).map_err(io_error).map_err(DiskError::on("write", &path))?;
        }
    }
    csv.flush().map_err(DiskError::on("write", &path))?;
    Ok(())
}

/// Puts `snapshot` where `output_path` is. An earlier snapshot changes places with it in one step, so that no reader
/// finds the path missing.
fn exchange(snapshot: &Path, output_path: &Path) -> Result<(), DiskError> {
    use rustix::io::Errno;

    if fs::symlink_metadata(output_path).is_err() {
        return rename(snapshot, output_path);
    }
    match renameat_with(CWD, snapshot, CWD, output_path, RenameFlags::EXCHANGE) {
        Ok(()) => sync_folder(folder_of(output_path)),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => replace(snapshot, output_path),
        Err(error) => {
            Err(DiskError::on("exchange with the new snapshot", output_path)(error.into()))
        }
    }
}

/// The next best where the file system cannot exchange: the earlier snapshot steps aside first, so that for a moment there
/// is none. A run that ends in that moment is made good by the next one.
fn replace(snapshot: &Path, output_path: &Path) -> Result<(), DiskError> {
    let aside = snapshot.with_file_name("replaced");
    if aside.exists() {
        // Of a run that ended just here; what is published by now is newer.
        fs::remove_dir_all(&aside).map_err(DiskError::on("remove", &aside))?;
    }
    fs::rename(output_path, &aside).map_err(DiskError::on("move aside", output_path))?;
    rename(snapshot, output_path)
}

fn rename(snapshot: &Path, output_path: &Path) -> Result<(), DiskError> {
    fs::rename(snapshot, output_path).map_err(DiskError::on("publish", output_path))?;
    sync_folder(folder_of(output_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_takes_the_place_of_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let (new, published) = (folder.path().join("new"), folder.path().join("published"));
        for (round, content) in ["first", "second"].into_iter().enumerate() {
            fs::create_dir(&new).unwrap();
            fs::write(new.join("a"), content).unwrap();
            exchange(&new, &published).unwrap();
            assert_eq!(fs::read_to_string(published.join("a")).unwrap(), content);
            if round == 1 {
                assert_eq!(fs::read_to_string(new.join("a")).unwrap(), "first");
            }
        }
    }

    #[test]
    fn without_an_exchange_the_earlier_one_steps_aside() {
        let folder = tempfile::tempdir().unwrap();
        let (new, published) = (folder.path().join("new"), folder.path().join("published"));
        for content in ["first", "second", "third"] {
            fs::create_dir(&new).unwrap();
            fs::write(new.join("a"), content).unwrap();
            if content == "first" {
                exchange(&new, &published).unwrap();
            } else {
                replace(&new, &published).unwrap();
            }
            assert_eq!(fs::read_to_string(published.join("a")).unwrap(), content);
            assert!(!new.exists());
        }
        assert_eq!(fs::read_to_string(folder.path().join("replaced/a")).unwrap(), "second");
    }

    #[test]
    fn lines_of_accounts_asked_again_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let lines = folder.path().join("failed.csv");
        let final_line = "gone,not_found,40003,\"no, such\",1,2026-11-22T00:00:00Z,7\n";
        let passing_line = "b,internal_error,40006,,6,2026-11-22T00:00:00Z,8\n";
        fs::write(&lines, format!("{passing_line}{final_line}")).unwrap();
        let path = folder.path().join("joined.csv");
        let mut joined = begin_csv(&path, &["a", "b"]).unwrap();
        append_final_failures(&mut joined, &lines).unwrap();
        append(&mut joined, &lines).unwrap();
        joined.commit().unwrap();
        let expected = format!("a,b\n{final_line}{passing_line}{final_line}");
        assert_eq!(fs::read_to_string(path).unwrap(), expected);
    }
}
