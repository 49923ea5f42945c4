//! Publishes a snapshot: sidecars and manifest, then `_SUCCESS`, then one rename.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::path::PathBuf;

use tracing::warn;

use super::committed_files::verify_parts;
use super::layout::{
    FAILED_ACCOUNTS_FILE, INVALID_ACCOUNTS_FILE, JOURNAL_FILE, MANIFEST_FILE, REJECTED_VALUES_FILE,
    REPORT_FILE, SIDECAR_FILES, SUCCESS_MARKER, staged_file,
};
use super::manifest::Manifest;
use super::parts::CommittedPart;
use super::sidecars::{
    FAILED_ACCOUNTS_HEADER, FailedLinesError, REJECTED_VALUES_HEADER, append_lines, io_error,
    line_writer, read_failed_lines,
};
use super::store::{PartFilesError, ReplaceError, Store, write_file};
use super::work_directory::WorkDirectory;
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failpoint;
use crate::util::staged_file::{FileInfo, StagedFile};

/// The snapshot could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error(transparent)]
    FailedLines(#[from] FailedLinesError),
    /// A part is damaged, or something foreign is in the staged snapshot.
    #[error(transparent)]
    PartFiles(#[from] PartFilesError),
    /// [`INVALID_ACCOUNTS_FILE`] is not as this run wrote it.
    #[error("{} was changed or removed during this run, so nothing was published; make sure that nothing changes it, then run the same command again", .0.display())]
    InvalidLines(PathBuf),
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    /// The snapshot is published, but the work directory could not be removed.
    #[error("could not clean up after the new snapshot was published in {}; {fix}", .output_path.display())]
    NotCleanedUp { output_path: PathBuf, fix: &'static str, source: DiskError },
    /// Another run may use the same work directory.
    #[error("the lock in {} was removed during this run, so another run may use it and nothing was published; make sure that nothing removes it, then run the same command again", .0.display())]
    LockLost(PathBuf),
}

impl HasExitCode for PublishError {
    fn exit_code(&self) -> ExitCode {
        match self {
            PublishError::PartFiles(error) => error.exit_code(),
            PublishError::Replace(error) => error.exit_code(),
            PublishError::FailedLines(error) => error.exit_code(),
            PublishError::Disk(error) | PublishError::NotCleanedUp { source: error, .. } => {
                error.exit_code()
            }
            PublishError::InvalidLines(_) | PublishError::LockLost(_) => ExitCode::InternalOrDisk,
        }
    }
}

/// What a store needs to publish a staged snapshot.
#[derive(Debug)]
pub struct Publication<'p> {
    /// The manifest, which names all parts.
    pub manifest: &'p Manifest,
}

/// What a run has committed for its snapshot.
#[derive(Debug)]
pub struct CommittedWork {
    /// The parts of the manifest.
    pub parts: Vec<CommittedPart>,
    /// The indexes of parts whose failed accounts were retried in a later round, which reports them instead.
    pub retried_parts: BTreeSet<u64>,
    /// Size and digest of [`INVALID_ACCOUNTS_FILE`].
    pub invalid_lines: FileInfo,
}

/// Completes the staged snapshot, publishes it in place of the previous one, and removes the work directory. `report` is
/// the HTML report.
pub fn publish(
    work: WorkDirectory,
    manifest: &Manifest,
    committed: &CommittedWork,
    report: &str,
) -> Result<(), PublishError> {
    let store = &**work.store();
    let hit = |name| failpoint::hit(name).map_err(DiskError::on("publish", work.output_path()));
    hit("publish:start")?;
    if !work.is_locked()? {
        return Err(PublishError::LockLost(work.root().to_owned()));
    }
    // Also the parts of this process: hours may have passed, and only a read proves that they are intact.
    verify_parts(store, &committed.parts)?;
    let invalid_lines = [(INVALID_ACCOUNTS_FILE.to_owned(), &committed.invalid_lines)];
    if store.are_intact(&invalid_lines)? != [true] {
        return Err(PublishError::InvalidLines(store.path(INVALID_ACCOUNTS_FILE)));
    }
    hit("publish:verified")?;
    write_failed_accounts(store, committed)?;
    write_rejected_values(store, &committed.parts)?;
    write_file(store, &staged_file(REPORT_FILE), report.as_bytes())?;
    write_file(store, &staged_file(MANIFEST_FILE), manifest.to_json().as_bytes())?;
    remove_foreign_files(store, manifest)?;
    if !work.is_locked()? {
        return Err(PublishError::LockLost(work.root().to_owned()));
    }
    write_file(store, &staged_file(SUCCESS_MARKER), b"")?;
    hit("publish:complete")?;
    store.publish(&Publication { manifest })?;
    clean_up(work)
}

/// Removes the work directory of a run that has published.
///
/// # Errors
/// [`PublishError::NotCleanedUp`], which says that the snapshot is published.
pub fn clean_up(work: WorkDirectory) -> Result<(), PublishError> {
    let output_path = work.output_path().to_owned();
    let journal = work.store().path(JOURNAL_FILE);
    failpoint::hit("publish:exchanged")
        .map_err(DiskError::on("clean up", work.root()))
        .and_then(|()| work.remove())
        .map_err(|source| {
            // The journal is removed last. Without it, the next run is a new one and removes the rest.
            let fix = if journal.exists() {
                "run the same command again to clean up"
            } else {
                "the next run cleans up"
            };
            PublishError::NotCleanedUp { output_path, fix, source }
        })
}

/// Removes the files that the manifest does not name, with a warning.
fn remove_foreign_files(store: &dyn Store, manifest: &Manifest) -> Result<(), PartFilesError> {
    let parts = manifest.parts.iter().map(|part| part.file.as_str());
    let keep: HashSet<String> = parts.chain(SIDECAR_FILES).map(str::to_owned).collect();
    for removed in store.remove_unpublished(&keep)? {
        let file = removed.display();
        warn!(%file, "removed a file that does not belong to this run from the staged snapshot");
    }
    Ok(())
}

fn write_failed_accounts(store: &dyn Store, committed: &CommittedWork) -> Result<(), PublishError> {
    let mut joined =
        create_sidecar(store, &staged_file(FAILED_ACCOUNTS_FILE), &FAILED_ACCOUNTS_HEADER)?;
    for part in &committed.parts {
        let lines = part.failed_lines_file();
        if committed.retried_parts.contains(&part.index) {
            append_permanent_failures(&mut joined, store, &lines)?;
        } else {
            append_lines(&mut joined, store, &lines)?;
        }
    }
    append_lines(&mut joined, store, INVALID_ACCOUNTS_FILE)?;
    store.commit(joined)?;
    Ok(())
}

fn write_rejected_values(store: &dyn Store, parts: &[CommittedPart]) -> Result<(), DiskError> {
    let mut joined =
        create_sidecar(store, &staged_file(REJECTED_VALUES_FILE), &REJECTED_VALUES_HEADER)?;
    for part in parts {
        append_lines(&mut joined, store, &part.rejected_lines_file())?;
    }
    store.commit(joined).map(drop)
}

/// Starts a sidecar file with its header.
fn create_sidecar(store: &dyn Store, key: &str, header: &[&str]) -> Result<StagedFile, DiskError> {
    let mut file = store.stage(key)?;
    writeln!(file, "{}", header.join("\t")).map_err(DiskError::on("write", file.path()))?;
    Ok(file)
}

/// Appends the lines of another file whose accounts a later round did not retry.
fn append_permanent_failures(
    joined: &mut StagedFile,
    store: &dyn Store,
    key: &str,
) -> Result<(), PublishError> {
    let path = joined.path().to_owned();
    let mut csv = line_writer(joined);
    for record in read_failed_lines(store, key)? {
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
    use crate::snapshot::store::local::LocalStore;

    #[test]
    fn failures_that_a_later_round_retried_are_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::beside(&directory.path().join("out"));
        fs::create_dir(store.root()).unwrap();
        let permanent = "gone\tnot_found\t40003\t\"no\tsuch\"\t1\t2026-11-22T00:00:00Z\t7\n";
        let transient = "b\tinternal_error\t40006\t\t6\t2026-11-22T00:00:00Z\t8\n";
        fs::write(store.path("failed.tsv"), format!("{transient}{permanent}")).unwrap();
        let mut joined = create_sidecar(&store, "joined.tsv", &["a", "b"]).unwrap();
        append_permanent_failures(&mut joined, &store, "failed.tsv").unwrap();
        append_lines(&mut joined, &store, "failed.tsv").unwrap();
        store.commit(joined).unwrap();
        let expected = format!("a\tb\n{permanent}{transient}{permanent}");
        assert_eq!(fs::read_to_string(store.path("joined.tsv")).unwrap(), expected);
    }

    #[test]
    fn lines_of_version_0_1_0_are_converted() {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalStore::beside(&directory.path().join("out"));
        fs::create_dir(store.root()).unwrap();
        let permanent =
            "\"x,y\",not_found,40003,\"no, \"\"such\"\"\tone\nhere\",1,2026-11-22T00:00:00Z,7\n";
        let transient = "b,internal_error,40006,,6,2026-11-22T00:00:00Z,8\n";
        fs::write(store.path("failed-00000.csv"), format!("{transient}{permanent}")).unwrap();
        let mut joined = create_sidecar(&store, "joined.tsv", &["a", "b"]).unwrap();
        append_permanent_failures(&mut joined, &store, "failed-00000.csv").unwrap();
        append_lines(&mut joined, &store, "failed-00000.csv").unwrap();
        store.commit(joined).unwrap();
        let permanent =
            "x,y\tnot_found\t40003\t\"no, \"\"such\"\"\tone\nhere\"\t1\t2026-11-22T00:00:00Z\t7\n";
        let transient = "b\tinternal_error\t40006\t\t6\t2026-11-22T00:00:00Z\t8\n";
        let expected = format!("a\tb\n{permanent}{transient}{permanent}");
        assert_eq!(fs::read_to_string(store.path("joined.tsv")).unwrap(), expected);
    }
}
