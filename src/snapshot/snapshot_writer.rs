//! Places answers by ordinal and commits parts as they become complete.
//!
//! A part holds the rows of its chunks' first answers in ordinal order, then the rows that came late (asked again), in
//! ordinal order. So the bytes of a part depend on what was answered, and never on when.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;

use super::parts::CommittedPart;
use super::parts::file_writer::{PartError, encode_error};
use super::parts::part_builder::{PartBuilder, PartDirectories};
use super::parts::row_buffer::RowBuffer;
use super::settings::OutputSettings;
use super::sidecars::{FailedAccount, RejectedValue};

/// Memory for rows that wait for their place, over all open parts.
const WAITING_ROWS_BYTES: usize = 8 * 1024 * 1024;

/// What the first call for a chunk brought. Exactly one comes for each chunk, empty where the call failed.
#[derive(Debug)]
pub struct ChunkResult {
    /// Ordinals of the chunk's accounts; within one part.
    pub ordinals: Range<u64>,
    /// Rows, in ordinal order.
    pub rows: RecordBatch,
    /// Values that did not fit.
    pub rejected: Vec<RejectedValue>,
    /// Accounts that are settled without a row.
    pub failed: Vec<FailedAccount>,
}

/// What a later call brought for accounts of any parts.
#[derive(Debug)]
pub struct RetryResult {
    /// Ordinal of each row, ascending.
    pub ordinals: Vec<u64>,
    /// Rows.
    pub rows: RecordBatch,
    /// Values that did not fit.
    pub rejected: Vec<RejectedValue>,
    /// Accounts that are settled without a row.
    pub failed: Vec<FailedAccount>,
}

/// Writes the parts of a snapshot; owned by one thread.
#[derive(Debug)]
pub struct SnapshotWriter {
    settings: OutputSettings,
    schema: SchemaRef,
    chunk_accounts: u64,
    files_before: u64,
    snapshot_directory: PathBuf,
    work_directory: PathBuf,
    total_accounts: Option<u64>,
    open: BTreeMap<u64, PartBuilder>,
    store: RowBuffer,
}

impl SnapshotWriter {
    /// A writer of part files into `snapshot_directory`, numbered from `files_before`, and of sidecar lines into
    /// `work_directory`; chunks hold up to `chunk_accounts`.
    pub fn new(
        settings: OutputSettings,
        schema: SchemaRef,
        chunk_accounts: u64,
        files_before: u64,
        snapshot_directory: &Path,
        work_directory: &Path,
    ) -> SnapshotWriter {
        SnapshotWriter {
            settings,
            schema,
            chunk_accounts,
            files_before,
            snapshot_directory: snapshot_directory.to_owned(),
            work_directory: work_directory.to_owned(),
            total_accounts: None,
            open: BTreeMap::new(),
            store: RowBuffer::new(work_directory, WAITING_ROWS_BYTES),
        }
    }

    /// Takes the first answer of a chunk; gives back the part it completed, if it did.
    pub fn add_chunk(&mut self, answer: ChunkResult) -> Result<Option<CommittedPart>, PartError> {
        debug_assert!(answer.ordinals.end - answer.ordinals.start <= self.chunk_accounts);
        let part_index = self.part_of(answer.ordinals.start);
        let (part, store) = self.open_part(part_index)?;
        part.place(answer, store)?;
        self.commit_if_complete(part_index)
    }

    /// Takes what a later call brought; gives back the parts it completed.
    pub fn add_retry(&mut self, answer: RetryResult) -> Result<Vec<CommittedPart>, PartError> {
        let mut touched = Vec::new();
        let mut start = 0;
        while start < answer.ordinals.len() {
            let part_index = self.part_of(answer.ordinals[start]);
            let rest = &answer.ordinals[start..];
            let count = rest.partition_point(|ordinal| self.part_of(*ordinal) == part_index);
            // A copy, so that a part's few rows do not keep the other parts' alive.
            let rows = deep_copy(&answer.rows, start, count)
                .map_err(encode_error(&self.work_directory))?;
            let ordinals = rest[..count].to_vec();
            let (part, store) = self.open_part(part_index)?;
            part.keep_late_rows(ordinals, rows, store)?;
            touched.push(part_index);
            start += count;
        }
        for rejected in answer.rejected {
            let part_index = self.part_of(rejected.ordinal);
            self.open_part(part_index)?.0.keep_late_rejected(rejected);
        }
        for failed in answer.failed {
            let part_index = self.part_of(failed.ordinal);
            self.open_part(part_index)?.0.keep_late_failure(failed);
            touched.push(part_index);
        }
        touched.sort_unstable();
        touched.dedup();
        let mut committed = Vec::new();
        for part_index in touched {
            committed.extend(self.commit_if_complete(part_index)?);
        }
        Ok(committed)
    }

    /// Takes an account that is given up after it was asked again; gives back the part it completed, if it did.
    pub fn add_late_failure(
        &mut self,
        failed: FailedAccount,
    ) -> Result<Option<CommittedPart>, PartError> {
        let part_index = self.part_of(failed.ordinal);
        self.open_part(part_index)?.0.keep_late_failure(failed);
        self.commit_if_complete(part_index)
    }

    /// Says how many accounts there are in all, once the list has been read to its end; gives back the last part if
    /// that completes it. An empty list is published as one empty part, so that readers find the columns.
    pub fn end_of_list(&mut self, total_accounts: u64) -> Result<Option<CommittedPart>, PartError> {
        self.total_accounts = Some(total_accounts);
        if total_accounts == 0 {
            self.open_part(0)?;
        }
        self.commit_if_complete(total_accounts.saturating_sub(1) / self.settings.accounts_per_part)
    }

    /// Parts that are begun and not complete.
    #[cfg(test)]
    pub fn open_parts(&self) -> usize {
        self.open.len()
    }

    fn part_of(&self, ordinal: u64) -> u64 {
        ordinal / self.settings.accounts_per_part
    }

    /// Ordinals of a part; the last one's are known when the list has ended.
    fn ordinals_of(&self, part_index: u64) -> Range<u64> {
        let start = part_index * self.settings.accounts_per_part;
        let end = start + self.settings.accounts_per_part;
        start..self.total_accounts.map_or(end, |total| end.min(total))
    }

    /// A part that is begun, or begins now, and where its rows may wait.
    fn open_part(
        &mut self,
        part_index: u64,
    ) -> Result<(&mut PartBuilder, &mut RowBuffer), PartError> {
        let part = match self.open.entry(part_index) {
            Entry::Occupied(part) => part.into_mut(),
            Entry::Vacant(place) => {
                let first_ordinal = part_index * self.settings.accounts_per_part;
                let directories = PartDirectories {
                    snapshot: &self.snapshot_directory,
                    work: &self.work_directory,
                };
                let file_index = self.files_before + part_index;
                let (settings, schema) = (&self.settings, &self.schema);
                let part =
                    PartBuilder::create(file_index, first_ordinal, settings, schema, &directories)?;
                place.insert(part)
            }
        };
        Ok((part, &mut self.store))
    }

    fn commit_if_complete(&mut self, part_index: u64) -> Result<Option<CommittedPart>, PartError> {
        let ordinals = self.ordinals_of(part_index);
        let Some(part) = self.open.get_mut(&part_index) else { return Ok(None) };
        if !part.has_all_first_answers(&ordinals) {
            return Ok(None);
        }
        if !part.is_settled(&ordinals) {
            // All that is left are accounts asked again: hold few rows while they take their time.
            return part.flush().map(|()| None);
        }
        let Some(part) = self.open.remove(&part_index) else { return Ok(None) };
        part.commit(self.files_before + part_index, ordinals, &mut self.store).map(Some)
    }
}

/// `count` rows from `start`, in memory of their own.
fn deep_copy(
    rows: &RecordBatch,
    start: usize,
    count: usize,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    if start == 0 && count == rows.num_rows() {
        return Ok(rows.clone());
    }
    let places: Vec<(usize, usize)> = (start..start + count).map(|row| (0, row)).collect();
    interleave_record_batch(&[rows], &places)
}

#[cfg(test)]
mod tests;
