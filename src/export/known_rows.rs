//! Rows with a known size on disk: those of the unfinished run, else of an earlier snapshot of the job.

use std::ffi::OsStr;
use std::path::PathBuf;

use crate::job::Job;
use crate::report::size::{KnownRows, SizeBasis, assumed_row};
use crate::snapshot::manifest::Manifest;
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::store::Store;
use crate::table::rows::ACCOUNT_COLUMN;
use crate::util::paths::{absolute, parent_directory};

/// Most snapshots beside the output path that are read: some may be of another job or have other columns.
const MAX_SIBLINGS: usize = 32;

/// Returns the best estimate of a row's size: from the parts of the unfinished run, from the snapshot at the output path or
/// the last one beside it, else from the types of the columns.
pub fn known_rows(job: &Job, store: &dyn Store, committed: &[CommittedPart]) -> KnownRows {
    of_parts(committed)
        .or_else(|| of_snapshot(job, store))
        .or_else(|| {
            siblings(store)
                .iter()
                .find_map(|path| of_snapshot(job, &*store.snapshot_at(path).ok()?))
        })
        .unwrap_or_else(|| assumed_row(&job.columns, &job.output))
}

fn of_parts(parts: &[CommittedPart]) -> Option<KnownRows> {
    let rows = parts.iter().map(|part| part.rows).sum();
    let bytes = parts.iter().map(|part| part.file_info.bytes).sum();
    (rows > 0).then_some(KnownRows { rows, bytes, basis: SizeBasis::UnfinishedRun, snapshot: None })
}

/// The paths beside the output path in descending order of their names, which sorts dates.
fn siblings(store: &dyn Store) -> Vec<PathBuf> {
    let output_path = store.output_path();
    let directory = parent_directory(output_path);
    let mut names = store.names_in(directory).unwrap_or_default();
    names
        .retain(|name| !name.starts_with('.') && output_path.file_name() != Some(OsStr::new(name)));
    names.sort_unstable_by(|one, other| other.cmp(one));
    names.into_iter().take(MAX_SIBLINGS).map(|name| directory.join(name)).collect()
}

/// The rows of a snapshot of the same job with the same columns and file format; none if it cannot be read.
fn of_snapshot(job: &Job, store: &dyn Store) -> Option<KnownRows> {
    if !store.has_snapshot().ok()? {
        return None;
    }
    let Manifest { job: of_job, columns, parts, .. } = store.manifest().ok()??;
    let expected = job.columns.iter().map(|column| (&*column.name, column.column_type.name()));
    let expected = std::iter::once((ACCOUNT_COLUMN, "string")).chain(expected);
    let found = columns.iter().map(|column| (&*column.name, &*column.column_type));
    let extension = format!(".{}", job.output.part_extension());
    let is_comparable = of_job.name == job.name
        && expected.eq(found)
        && parts.iter().all(|part| part.file.ends_with(&extension));
    let rows = parts.iter().map(|part| part.rows).sum();
    let bytes = parts.iter().map(|part| part.bytes).sum();
    let path = absolute(store.output_path()).display().to_string();
    (is_comparable && rows > 0).then_some(KnownRows {
        rows,
        bytes,
        basis: SizeBasis::Snapshot,
        snapshot: Some(path),
    })
}
