//! The last steps: sidecars and manifest into the snapshot, `_SUCCESS`, one rename.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::durable::{DiskError, StagedFile, sync_folder};
use super::failed::{FAILED_ACCOUNTS_HEADER, REJECTED_VALUES_HEADER};
use super::manifest::Manifest;
use super::open_part::{Sidecar, sidecar_path};
use super::work_folder::{SUCCESS_MARKER, WorkFolder};

/// Where the lines of the list's invalid accounts wait for the snapshot to be put together.
pub const INVALID_ACCOUNTS_FILE: &str = "invalid.csv";

/// Completes the snapshot and puts it under its final name, in place of the one before it.
pub fn publish(work: WorkFolder, manifest: &Manifest) -> Result<(), DiskError> {
    let parts = manifest.parts.len() as u64;
    let snapshot = work.snapshot();
    let sidecar = |kind| (0..parts).map(move |part| (kind, part));
    let mut failed: Vec<_> = sidecar(Sidecar::FailedAccounts)
        .map(|(kind, part)| sidecar_path(work.root(), kind, part))
        .collect();
    failed.push(work.root().join(INVALID_ACCOUNTS_FILE));
    let rejected: Vec<_> = sidecar(Sidecar::RejectedValues)
        .map(|(kind, part)| sidecar_path(work.root(), kind, part))
        .collect();
    join_lines(&snapshot.join("_failed_accounts.csv"), &FAILED_ACCOUNTS_HEADER, &failed)?;
    join_lines(&snapshot.join("_rejected_values.csv"), &REJECTED_VALUES_HEADER, &rejected)?;
    write_file(&snapshot.join("_manifest.json"), manifest.to_json().as_bytes())?;
    write_file(&snapshot.join(SUCCESS_MARKER), b"")?;
    exchange(&snapshot, work.output_path())?;
    work.remove()
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), DiskError> {
    let mut file = StagedFile::create(path.to_owned())?;
    file.write_all(content).map_err(DiskError::on("write", path))?;
    file.commit().map(drop)
}

/// One CSV file of a header and the lines of other files.
fn join_lines(
    path: &Path,
    header: &[&str],
    files_of_lines: &[std::path::PathBuf],
) -> Result<(), DiskError> {
    let mut joined = StagedFile::create(path.to_owned())?;
    writeln!(joined, "{}", header.join(",")).map_err(DiskError::on("write", path))?;
    for lines in files_of_lines {
        let mut lines = File::open(lines).map_err(DiskError::on("open", lines))?;
        io::copy(&mut lines, &mut joined).map_err(DiskError::on("write", path))?;
    }
    joined.commit().map(drop)
}

/// Puts `snapshot` where `output_path` is. An earlier snapshot changes places with it in one step, so that no reader
/// finds the path missing; where the file system cannot do that, the earlier one steps aside first.
fn exchange(snapshot: &Path, output_path: &Path) -> Result<(), DiskError> {
    if fs::symlink_metadata(output_path).is_ok() {
        match renameat_with(CWD, snapshot, CWD, output_path, RenameFlags::EXCHANGE) {
            Ok(()) => return sync_parent(output_path),
            Err(
                rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP,
            ) => {}
            Err(error) => {
                return Err(DiskError::on("exchange with the new snapshot", output_path)(
                    error.into(),
                ));
            }
        }
        let aside = snapshot.with_file_name("replaced");
        fs::rename(output_path, &aside).map_err(DiskError::on("move aside", output_path))?;
    }
    fs::rename(snapshot, output_path).map_err(DiskError::on("publish", output_path))?;
    sync_parent(output_path)
}

fn sync_parent(path: &Path) -> Result<(), DiskError> {
    path.parent().map_or(Ok(()), sync_folder)
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
    fn lines_are_joined_under_one_header() {
        let folder = tempfile::tempdir().unwrap();
        let lines: Vec<_> = ["1,2\n", "", "3,4\n"]
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let path = folder.path().join(index.to_string());
                fs::write(&path, text).unwrap();
                path
            })
            .collect();
        let joined = folder.path().join("joined.csv");
        join_lines(&joined, &["a", "b"], &lines).unwrap();
        assert_eq!(fs::read_to_string(joined).unwrap(), "a,b\n1,2\n3,4\n");
    }
}
