//! The snapshot that `limits.max_shrink` compares with: the one that would be replaced, else that of another date.

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tracing::warn;

use super::limits::EarlierSnapshot;
use super::results::absolute;
use crate::commands::{Failure, chain};
use crate::exit_code::ExitCode;
use crate::job::{Job, Limit};
use crate::output::work_folder::SUCCESS_MARKER;

/// The rows of an earlier snapshot cannot be told.
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
    /// The manifest is there and cannot be read.
    #[error(
        "cannot check limits.max_shrink: {} cannot be read; correct its permissions or the disk, or publish without the check by --set limits.max_shrink=off",
        .file.display()
    )]
    Unreadable {
        /// The manifest.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<EarlierError> for Failure {
    fn from(error: EarlierError) -> Failure {
        let code = match &error {
            EarlierError::Unreadable { source, .. }
                if source.kind() != ErrorKind::PermissionDenied =>
            {
                ExitCode::InternalOrDisk
            }
            _ => ExitCode::BadUsage,
        };
        Failure { code, error: error.into() }
    }
}

/// What is read of a manifest.
#[derive(Debug, Deserialize)]
struct Manifest {
    counts: Counts,
    parts: Vec<Part>,
}

#[derive(Debug, Deserialize)]
struct Counts {
    rows: u64,
}

#[derive(Debug, Deserialize)]
struct Part {
    rows: u64,
}

/// The snapshot that the job's next one is compared with; none when there is none, or the job does not compare.
///
/// # Errors
/// When the manifest of the snapshot that would be replaced is there and cannot be used.
pub fn earlier_snapshot(job: &Job) -> Result<Option<EarlierSnapshot>, EarlierError> {
    if job.limits.max_shrink == Limit::Off {
        return Ok(None);
    }
    let output_path = &job.output.path;
    if is_published(output_path) {
        if let Some(rows) = rows_of(output_path)? {
            return Ok(Some(EarlierSnapshot { path: shown(output_path), rows }));
        }
        warn!(
            snapshot = shown(output_path),
            "the earlier snapshot has no manifest, so limits.max_shrink does not compare with it"
        );
    }
    Ok(snapshot_of_another_date(job))
}

/// The first of the other dates that has a manifest. One that cannot be used is not what this run replaces, so it is
/// reported and passed over.
fn snapshot_of_another_date(job: &Job) -> Option<EarlierSnapshot> {
    let report = |error: String| {
        warn!(error, "limits.max_shrink does not compare with a snapshot that cannot be read");
    };
    let others = job.dated_output.as_ref()?.others();
    let others = others.map_err(|error| report(error.to_string())).ok()?;
    others.into_iter().filter(|path| is_published(path)).find_map(|path| {
        let rows = rows_of(&path).map_err(|error| report(chain(&error))).ok()??;
        Some(EarlierSnapshot { path: shown(&path), rows })
    })
}

fn is_published(snapshot: &Path) -> bool {
    snapshot.join(SUCCESS_MARKER).is_file()
}

/// The rows that the manifest of a snapshot counts; none when it has no manifest.
fn rows_of(snapshot: &Path) -> Result<Option<u64>, EarlierError> {
    let file = snapshot.join("_manifest.json");
    let damaged =
        |problem: &str| EarlierError::Damaged { file: file.clone(), problem: problem.to_owned() };
    let unreadable = |source| EarlierError::Unreadable { file: file.clone(), source };
    match fs::metadata(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
        // Opening a pipe would wait for its writer.
        Ok(metadata) if !metadata.is_file() => return Err(damaged("it is not a regular file")),
        Ok(_) => {}
    }
    let content = BufReader::new(File::open(&file).map_err(unreadable)?);
    let Manifest { counts, parts } = match serde_json::from_reader(content) {
        Ok(manifest) => manifest,
        Err(error) if error.is_io() => return Err(unreadable(error.into())),
        Err(error) => return Err(damaged(&error.to_string())),
    };
    let of_parts = parts.iter().fold(0_u64, |rows, part| rows.saturating_add(part.rows));
    if of_parts != counts.rows {
        let problem = format!("it counts {} rows, and {of_parts} in the parts", counts.rows);
        return Err(damaged(&problem));
    }
    Ok(Some(counts.rows))
}

fn shown(path: &Path) -> String {
    absolute(path).display().to_string()
}
