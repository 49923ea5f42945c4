//! Rows with a known size on disk: those of the unfinished run, else of an earlier snapshot of the job.

use std::fs;
use std::path::{Path, PathBuf};

use crate::job::Job;
use crate::report::size::{KnownRows, SizeBasis, assumed_row};
use crate::snapshot::layout::SUCCESS_MARKER;
use crate::snapshot::manifest::Manifest;
use crate::snapshot::parts::CommittedPart;
use crate::table::rows::ACCOUNT_COLUMN;
use crate::util::paths::{absolute, parent_directory};

/// Most snapshots beside the output path that are read: some may be of another job or have other columns.
const MAX_SIBLINGS: usize = 32;

/// Returns the best estimate of a row's size: from the parts of the unfinished run, from the snapshot at the output path or
/// the last one beside it, else from the types of the columns.
pub fn known_rows(job: &Job, committed: &[CommittedPart]) -> KnownRows {
    of_parts(committed)
        .or_else(|| snapshots(&job.output.path).iter().find_map(|path| of_snapshot(job, path)))
        .unwrap_or_else(|| assumed_row(&job.columns, &job.output))
}

fn of_parts(parts: &[CommittedPart]) -> Option<KnownRows> {
    let rows = parts.iter().map(|part| part.rows).sum();
    let bytes = parts.iter().map(|part| part.file_info.bytes).sum();
    (rows > 0).then_some(KnownRows { rows, bytes, basis: SizeBasis::UnfinishedRun, snapshot: None })
}

/// The output path, then its siblings in descending order of their names, which sorts dates.
fn snapshots(output_path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent_directory(output_path)).into_iter().flatten().flatten();
    let mut siblings: Vec<PathBuf> = entries
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .filter(|path| path.file_name() != output_path.file_name())
        .collect();
    siblings.sort_unstable_by(|one, other| other.cmp(one));
    siblings.truncate(MAX_SIBLINGS);
    std::iter::once(output_path.to_owned()).chain(siblings).collect()
}

/// The rows of a snapshot of the same job with the same columns and file format; none if it cannot be read.
fn of_snapshot(job: &Job, snapshot: &Path) -> Option<KnownRows> {
    if !snapshot.join(SUCCESS_MARKER).is_file() {
        return None;
    }
    let Manifest { job: of_job, columns, parts, .. } = Manifest::read(snapshot).ok()??;
    let expected = job.columns.iter().map(|column| (&*column.name, column.column_type.name()));
    let expected = std::iter::once((ACCOUNT_COLUMN, "string")).chain(expected);
    let found = columns.iter().map(|column| (&*column.name, &*column.column_type));
    let extension = format!(".{}", job.output.part_extension());
    let is_comparable = of_job.name == job.name
        && expected.eq(found)
        && parts.iter().all(|part| part.file.ends_with(&extension));
    let rows = parts.iter().map(|part| part.rows).sum();
    let bytes = parts.iter().map(|part| part.bytes).sum();
    let path = absolute(snapshot).display().to_string();
    (is_comparable && rows > 0).then_some(KnownRows {
        rows,
        bytes,
        basis: SizeBasis::Snapshot,
        snapshot: Some(path),
    })
}
