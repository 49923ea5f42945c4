//! Whether the disk has room for the snapshot.

use std::path::{Path, PathBuf};

use indicatif::HumanBytes;

use super::problem::Problems;
use super::warning::Warning;
use crate::pipeline::COMPLETE_PARTS;
use crate::report::plan::RemainingWork;
use crate::report::size::{KnownRows, SizeBasis, SizeEstimate};
use crate::report::subject::Subject;
use crate::snapshot::store::Store;
use crate::util::disk_space::{free_bytes, has_no_inodes};
use crate::util::exit_code::{ExitCode, HasExitCode};

/// What a run writes at least: lock, journal, manifest, report. With less, the disk is full.
const MIN_FREE_BYTES: u64 = 64 * 1024;

/// Parts on the disk at once where complete ones are uploaded: those being written, waiting and uploaded.
const PARTS_ON_DISK: u64 = 2 + COMPLETE_PARTS as u64;

/// The least that a row takes where nothing is known of its size: part of an id that compresses well.
const MIN_BYTES_PER_ROW: u64 = 2;

/// The disk has too little room, whatever the estimate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskSpaceError {
    #[error("the disk of {} is full: {} free, {needed}; make room on it, then run the same command again", .directory.display(), HumanBytes(*.free))]
    Full { directory: PathBuf, free: u64, needed: String },
    #[error("the disk of {} has no free inodes, so no file can be created; remove files, then run the same command again", .directory.display())]
    NoInodes { directory: PathBuf },
    #[error("the disk of {} is too small: {} free, the snapshot takes about {} more; make room on it, or the run stops when it is full", .directory.display(), HumanBytes(*.free), HumanBytes(*.needed))]
    TooSmall { directory: PathBuf, free: u64, needed: u64 },
}

impl HasExitCode for DiskSpaceError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::InternalOrDisk
    }
}

/// Verifies that anything can be written at all. What a stopped run left is removed by the next one, so it is not an
/// obstacle.
///
/// # Errors
/// [`DiskSpaceError::Full`] or [`DiskSpaceError::NoInodes`].
pub fn ensure_not_full(store: &dyn Store) -> Result<(), DiskSpaceError> {
    let directory = store.scratch();
    if has_no_inodes(directory) && !directory.exists() {
        return Err(DiskSpaceError::NoInodes { directory: directory.to_owned() });
    }
    match free_bytes(directory) {
        Some(free) if free < MIN_FREE_BYTES && !directory.exists() => {
            let needed = format!("a run needs at least {}", HumanBytes(MIN_FREE_BYTES));
            Err(DiskSpaceError::Full { directory: directory.to_owned(), free, needed })
        }
        _ => Ok(()),
    }
}

/// How many of so many rows are on the disk at once at most, where parts are uploaded.
pub fn rows_on_disk(accounts_per_part: u64, rows: u64) -> u64 {
    rows.min(accounts_per_part.saturating_mul(PARTS_ON_DISK))
}

/// What is still to be written.
#[derive(Debug, Clone, Copy)]
pub struct SpaceNeeded<'n> {
    pub left: RemainingWork,
    pub accounts_per_part: u64,
    pub known: &'n KnownRows,
    /// Bytes of files that the next run removes.
    pub removable_bytes: u64,
}

impl SpaceNeeded<'_> {
    /// Compares the free space with the next part, and with everything that is left.
    pub fn inspect(self, store: &dyn Store, problems: &mut Problems) {
        if problems.of(Subject::Disk).next().is_some() {
            return;
        }
        let directory = store.scratch();
        if let Some(free) = free_bytes(directory) {
            let rows = match store.keeps_parts_on_disk() {
                true => self.left.accounts_left,
                false => rows_on_disk(self.accounts_per_part, self.left.accounts_left),
            };
            self.compare(rows, free.saturating_add(self.removable_bytes), directory, problems);
        }
    }

    fn compare(self, rows: u64, free: u64, directory: &Path, problems: &mut Problems) {
        let directory = directory.to_owned();
        let next_rows = rows.min(self.accounts_per_part);
        if next_rows > 0 && free < self.at_least(next_rows).max(MIN_FREE_BYTES) {
            let next = HumanBytes(self.estimate(next_rows).max(MIN_FREE_BYTES));
            let needed = format!("the next part takes about {next}");
            problems.refuse(Subject::Disk, DiskSpaceError::Full { directory, free, needed });
        } else if free < self.at_least(rows) {
            let needed = self.estimate(rows);
            problems.stop(Subject::Disk, DiskSpaceError::TooSmall { directory, free, needed });
        } else if free < self.estimate(rows) {
            let directory = directory.display().to_string();
            let estimated_bytes = self.estimate(rows);
            let warning = Warning::DiskSpace { free_bytes: free, estimated_bytes, directory };
            problems.warn(Subject::Disk, warning);
        }
    }

    fn estimate(self, rows: u64) -> u64 {
        SizeEstimate::new(rows, self.known.clone()).expected_bytes
    }

    /// Far below the estimate, which may be wrong.
    fn at_least(self, rows: u64) -> u64 {
        match self.known.basis {
            SizeBasis::ColumnTypes => rows.saturating_mul(MIN_BYTES_PER_ROW),
            SizeBasis::Snapshot | SizeBasis::UnfinishedRun => self.estimate(rows) / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::unfinished::work_left;

    fn found(accounts: u64, bytes_per_row: u64, basis: SizeBasis, free: u64) -> String {
        let known = KnownRows { rows: 1, bytes: bytes_per_row, basis, snapshot: None };
        let left = work_left(accounts, &[], 100_000);
        let needed =
            SpaceNeeded { left, accounts_per_part: 100_000, known: &known, removable_bytes: 0 };
        let mut problems = Problems::default();
        needed.compare(accounts, free, Path::new("x/.out.partial"), &mut problems);
        let planned = problems.planned();
        let texts =
            planned.iter().map(|it| format!("{} {}: {}", it.effect.label(), it.exit_code, it.text));
        texts.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_disk_is_compared_with_the_next_part_then_with_all_of_them() {
        const MIB: u64 = 1024 * 1024;
        let of_snapshot = |free| found(1_000_000, 50, SizeBasis::Snapshot, free);
        insta::assert_snapshot!(of_snapshot(2 * MIB), @"refused 1: the disk of x/.out.partial is full: 2.00 MiB free, the next part takes about 4.77 MiB; make room on it, then run the same command again");
        insta::assert_snapshot!(of_snapshot(20 * MIB), @"stops 1: the disk of x/.out.partial is too small: 20.00 MiB free, the snapshot takes about 47.68 MiB more; make room on it, or the run stops when it is full");
        insta::assert_snapshot!(of_snapshot(40 * MIB), @"warning 0: x/.out.partial has 40.00 MiB free, and the snapshot takes about 47.68 MiB; free some space or the run may stop");
        assert_eq!(of_snapshot(50 * MIB), "");
        // An assumption about the columns does not refuse what may succeed.
        assert!(found(1_000_000, 50, SizeBasis::ColumnTypes, 4 * MIB).starts_with("warning"));
        assert!(found(3, 50, SizeBasis::ColumnTypes, 10).starts_with("refused 1"));
    }
}
