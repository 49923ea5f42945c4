//! The snapshot that `limits.max_shrink` compares with: the one that the run replaces, else one of another date.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::inspect::OutputTarget;
use super::limits::PreviousSnapshot;
use super::warning::Warning;
use crate::snapshot::layout::MANIFEST_FILE;
use crate::snapshot::manifest::{Manifest, ManifestError};
use crate::snapshot::store::Store;
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::human::counted;
use crate::util::paths::absolute;

/// The rows of the previous snapshot are not known.
#[derive(Debug, thiserror::Error)]
pub enum PreviousSnapshotError {
    #[error(
        "cannot check limits.max_shrink: {} is damaged ({problem}); restore it, or publish without the check by --set limits.max_shrink=off",
        .file.display()
    )]
    Damaged { file: PathBuf, problem: String },
    /// Whether there is a previous snapshot, or how many rows it has, cannot be read.
    #[error(
        "cannot check limits.max_shrink (--set limits.max_shrink=off publishes without the check)"
    )]
    Disk(#[from] DiskError),
}

impl HasExitCode for PreviousSnapshotError {
    fn exit_code(&self) -> ExitCode {
        match self {
            PreviousSnapshotError::Disk(error)
                if error.io().kind() != ErrorKind::PermissionDenied =>
            {
                error.exit_code()
            }
            PreviousSnapshotError::Disk(_) | PreviousSnapshotError::Damaged { .. } => {
                ExitCode::BadUsage
            }
        }
    }
}

impl From<ManifestError> for PreviousSnapshotError {
    fn from(error: ManifestError) -> PreviousSnapshotError {
        match error {
            ManifestError::Disk(error) => PreviousSnapshotError::Disk(error),
            ManifestError::Damaged { file, problem } => {
                PreviousSnapshotError::Damaged { file, problem }
            }
        }
    }
}

/// Returns the snapshot that the next one is compared with; none when there is none, or the job does not compare.
///
/// # Errors
/// When the manifest of the snapshot that would be replaced is damaged, or a path cannot be read. An error never counts as
/// "no snapshot", since that would disable the check.
pub fn previous_snapshot(
    target: &OutputTarget,
    store: &dyn Store,
    on_warning: &mut dyn FnMut(Warning),
) -> Result<Option<PreviousSnapshot>, PreviousSnapshotError> {
    if !target.compares_rows {
        return Ok(None);
    }
    if store.has_snapshot()? {
        if let Some(rows) = rows_of(store)? {
            return Ok(Some(PreviousSnapshot { path: shown(&target.path), rows }));
        }
        on_warning(Warning::NoManifest { snapshot: shown(&target.path) });
    }
    snapshot_of_another_date(target, store, on_warning)
}

/// Returns the first snapshot of another date that has a manifest. The run does not replace that one, so a damaged manifest
/// only causes a warning, and the next date is tried.
fn snapshot_of_another_date(
    target: &OutputTarget,
    store: &dyn Store,
    on_warning: &mut dyn FnMut(Warning),
) -> Result<Option<PreviousSnapshot>, PreviousSnapshotError> {
    let Some(dated_path) = &target.dated_path else { return Ok(None) };
    for path in dated_path.others(store.names_in(dated_path.directory())?) {
        let Ok(store) = store.snapshot_at(&path) else { continue };
        if !store.has_snapshot()? {
            continue;
        }
        match rows_of(&*store) {
            Ok(Some(rows)) => return Ok(Some(PreviousSnapshot { path: shown(&path), rows })),
            Ok(None) => {}
            Err(PreviousSnapshotError::Damaged { file, problem }) => {
                on_warning(Warning::DamagedManifest { manifest: shown(&file), problem });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Returns the rows that the manifest of a snapshot counts; none when it has no manifest.
fn rows_of(store: &dyn Store) -> Result<Option<u64>, PreviousSnapshotError> {
    let Some(Manifest { counts, parts, .. }) = store.manifest()? else { return Ok(None) };
    let of_parts = parts.iter().fold(0_u64, |rows, part| rows.saturating_add(part.rows));
    if of_parts != counts.rows {
        let problem =
            format!("it counts {}, and {of_parts} in the parts", counted(counts.rows, "row"));
        let file = store.output_path().join(MANIFEST_FILE);
        return Err(PreviousSnapshotError::Damaged { file, problem });
    }
    Ok(Some(counts.rows))
}

fn shown(path: &Path) -> String {
    absolute(path).display().to_string()
}
