//! The snapshot that `limits.max_shrink` compares with: the one that would be replaced, else that of another date.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tracing::warn;

use super::limits::EarlierSnapshot;
use super::results::absolute;
use crate::job::{Job, Limit};
use crate::snapshot::layout::MANIFEST_FILE;
use crate::snapshot::manifest::{Manifest, ManifestError};
use crate::snapshot::store::local::replace::is_snapshot;
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// The rows of an earlier snapshot are not known.
#[derive(Debug, thiserror::Error)]
pub enum EarlierError {
    /// The manifest is not as a run wrote it.
    #[error(
        "cannot check limits.max_shrink: {} is damaged ({problem}); restore it, or publish without the check by --set limits.max_shrink=off",
        .file.display()
    )]
    Damaged {
        /// The manifest.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The operating system refused; whether there is an earlier snapshot, or how many rows it has, is not known.
    #[error(
        "cannot check limits.max_shrink (--set limits.max_shrink=off publishes without the check)"
    )]
    Disk(#[from] DiskError),
}

impl From<ManifestError> for EarlierError {
    fn from(error: ManifestError) -> EarlierError {
        match error {
            ManifestError::Disk(error) => EarlierError::Disk(error),
            ManifestError::Damaged { file, problem } => EarlierError::Damaged { file, problem },
        }
    }
}

impl HasExitCode for EarlierError {
    fn exit_code(&self) -> ExitCode {
        match self {
            EarlierError::Disk(error) if error.io().kind() != ErrorKind::PermissionDenied => {
                ExitCode::InternalOrDisk
            }
            EarlierError::Disk(_) | EarlierError::Damaged { .. } => ExitCode::BadUsage,
        }
    }
}

/// The snapshot that the job's next one is compared with; none when there is none, or the job does not compare.
///
/// # Errors
/// When the manifest of the snapshot that would be replaced is damaged, or it is not known whether there is a snapshot to
/// compare with. An error is never taken for "there is none", since that would switch the check off.
pub fn earlier_snapshot(job: &Job) -> Result<Option<EarlierSnapshot>, EarlierError> {
    if job.limits.max_shrink == Limit::Off {
        return Ok(None);
    }
    let output_path = &job.output.path;
    if is_snapshot(output_path)? {
        if let Some(rows) = rows_of(output_path)? {
            return Ok(Some(EarlierSnapshot { path: shown(output_path), rows }));
        }
        warn!(
            snapshot = shown(output_path),
            "the previous snapshot has no manifest; limits.max_shrink is not applied"
        );
    }
    snapshot_of_another_date(job)
}

/// The first of the other dates that has a manifest. A damaged one is not what this run replaces, so it is reported and
/// the next one is taken.
fn snapshot_of_another_date(job: &Job) -> Result<Option<EarlierSnapshot>, EarlierError> {
    let Some(dated_output) = &job.dated_output else { return Ok(None) };
    for path in dated_output.others()? {
        if !is_snapshot(&path)? {
            continue;
        }
        match rows_of(&path) {
            Ok(Some(rows)) => return Ok(Some(EarlierSnapshot { path: shown(&path), rows })),
            Ok(None) => {}
            Err(EarlierError::Damaged { file, problem }) => warn!(
                manifest = shown(&file),
                problem,
                "the manifest of the previous snapshot is damaged; limits.max_shrink is not applied"
            ),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The rows that the manifest of a snapshot counts; none when it has no manifest.
fn rows_of(snapshot: &Path) -> Result<Option<u64>, EarlierError> {
    let Some(Manifest { counts, parts, .. }) = Manifest::read(snapshot)? else { return Ok(None) };
    let of_parts = parts.iter().fold(0_u64, |rows, part| rows.saturating_add(part.rows));
    if of_parts != counts.rows {
        let problem = format!("it counts {} rows, and {of_parts} in the parts", counts.rows);
        return Err(EarlierError::Damaged { file: snapshot.join(MANIFEST_FILE), problem });
    }
    Ok(Some(counts.rows))
}

fn shown(path: &Path) -> String {
    absolute(path).display().to_string()
}
