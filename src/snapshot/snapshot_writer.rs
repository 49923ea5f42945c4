//! Assigns results to parts by ordinal and commits each part when it is complete.
//!
//! A part has the rows of the first call of each chunk in ordinal order, then the rows of retries in ordinal order. So the
//! bytes of a part depend on the responses, and never on when they arrive.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::interleave::interleave_record_batch;

use super::layout::part_file;
use super::parts::CommittedPart;
use super::parts::file_writer::{PartError, encode_error};
use super::parts::part_builder::PartBuilder;
use super::parts::row_buffer::RowBuffer;
use super::sidecars::{FailedAccount, RejectedValue};
use super::store::Store;
use crate::job::OutputSettings;

/// Memory for rows that cannot be written yet, for all open parts together.
const WAITING_ROWS_BYTES: usize = 8 * 1024 * 1024;

/// The result of the first call of a chunk. There is exactly one for each chunk; it is empty if the call failed.
#[derive(Debug)]
pub struct ChunkResult {
    /// The ordinals of the chunk, within one part.
    pub ordinals: Range<u64>,
    /// In ordinal order.
    pub rows: RecordBatch,
    pub rejected: Vec<RejectedValue>,
    /// Accounts that permanently have no row.
    pub failed: Vec<FailedAccount>,
}

/// The result of a later call, for accounts of any parts.
#[derive(Debug)]
pub struct RetryResult {
    /// The ordinal of each row, ascending.
    pub ordinals: Vec<u64>,
    pub rows: RecordBatch,
    pub rejected: Vec<RejectedValue>,
    /// Accounts that permanently have no row.
    pub failed: Vec<FailedAccount>,
}

/// Writes the parts of a snapshot; owned by one thread.
#[derive(Debug)]
pub struct SnapshotWriter {
    settings: OutputSettings,
    schema: SchemaRef,
    chunk_accounts: u64,
    first_part_index: u64,
    part_suffix: String,
    store: Arc<dyn Store>,
    total_accounts: Option<u64>,
    open: BTreeMap<u64, PartBuilder>,
    buffer: RowBuffer,
}

impl SnapshotWriter {
    /// Writes parts numbered from `first_part_index`; chunks hold up to `chunk_accounts`.
    pub fn new(
        settings: OutputSettings,
        schema: SchemaRef,
        chunk_accounts: u64,
        first_part_index: u64,
        store: Arc<dyn Store>,
    ) -> SnapshotWriter {
        SnapshotWriter {
            settings,
            schema,
            chunk_accounts,
            first_part_index,
            part_suffix: String::new(),
            total_accounts: None,
            open: BTreeMap::new(),
            buffer: RowBuffer::new(store.scratch(), WAITING_ROWS_BYTES),
            store,
        }
    }

    /// Ends the names of parts, as in [`Store::part_suffix`].
    pub fn with_part_suffix(self, part_suffix: String) -> SnapshotWriter {
        SnapshotWriter { part_suffix, ..self }
    }

    /// The place of the parts.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Adds the first result of a chunk; returns the part that it completed, if any.
    pub fn add_chunk(&mut self, result: ChunkResult) -> Result<Option<CommittedPart>, PartError> {
        debug_assert!(result.ordinals.end - result.ordinals.start <= self.chunk_accounts);
        let part_index = self.part_of(result.ordinals.start);
        let (part, buffer) = self.open_part(part_index)?;
        part.add_chunk(result, buffer)?;
        self.commit_if_complete(part_index)
    }

    /// Adds the result of a later call; returns the parts that it completed.
    pub fn add_retry(&mut self, result: RetryResult) -> Result<Vec<CommittedPart>, PartError> {
        let mut touched = Vec::new();
        let mut start = 0;
        while start < result.ordinals.len() {
            let part_index = self.part_of(result.ordinals[start]);
            let rest = &result.ordinals[start..];
            let count = rest.partition_point(|ordinal| self.part_of(*ordinal) == part_index);
            // A copy, because a slice would keep the rows of other parts in memory.
            let rows = deep_copy(&result.rows, start, count)
                .map_err(encode_error(self.store.scratch()))?;
            let ordinals = rest[..count].to_vec();
            let (part, buffer) = self.open_part(part_index)?;
            part.keep_late_rows(ordinals, rows, buffer)?;
            touched.push(part_index);
            start += count;
        }
        for rejected in result.rejected {
            let part_index = self.part_of(rejected.ordinal);
            self.open_part(part_index)?.0.keep_late_rejected(rejected);
        }
        for failed in result.failed {
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

    /// Adds an account whose retries failed; returns the part that it completed, if any.
    pub fn add_late_failure(
        &mut self,
        failed: FailedAccount,
    ) -> Result<Option<CommittedPart>, PartError> {
        let part_index = self.part_of(failed.ordinal);
        self.open_part(part_index)?.0.keep_late_failure(failed);
        self.commit_if_complete(part_index)
    }

    /// Sets the number of accounts at the end of the list; returns the last part if that completes it. An empty list gives
    /// one empty part, so that readers find the columns.
    pub fn end_of_list(&mut self, total_accounts: u64) -> Result<Option<CommittedPart>, PartError> {
        self.total_accounts = Some(total_accounts);
        if total_accounts == 0 {
            self.open_part(0)?;
        }
        self.commit_if_complete(total_accounts.saturating_sub(1) / self.settings.accounts_per_part)
    }

    /// Parts that are not complete.
    #[cfg(test)]
    pub fn open_parts(&self) -> usize {
        self.open.len()
    }

    fn part_of(&self, ordinal: u64) -> u64 {
        ordinal / self.settings.accounts_per_part
    }

    /// The ordinals of a part; for the last part, they are final only at the end of the list.
    fn ordinals_of(&self, part_index: u64) -> Range<u64> {
        let start = part_index * self.settings.accounts_per_part;
        let end = start + self.settings.accounts_per_part;
        start..self.total_accounts.map_or(end, |total| end.min(total))
    }

    /// The builder of a part, created if necessary.
    fn open_part(
        &mut self,
        part_index: u64,
    ) -> Result<(&mut PartBuilder, &mut RowBuffer), PartError> {
        let part = match self.open.entry(part_index) {
            Entry::Occupied(part) => part.into_mut(),
            Entry::Vacant(vacant) => {
                let first_ordinal = part_index * self.settings.accounts_per_part;
                let (settings, schema) = (&self.settings, &self.schema);
                let index = self.first_part_index + part_index;
                let file = part_file(index, &self.part_suffix, settings.part_extension());
                let part =
                    PartBuilder::create(file, first_ordinal, settings, schema, &*self.store)?;
                vacant.insert(part)
            }
        };
        Ok((part, &mut self.buffer))
    }

    fn commit_if_complete(&mut self, part_index: u64) -> Result<Option<CommittedPart>, PartError> {
        let ordinals = self.ordinals_of(part_index);
        let Some(part) = self.open.get_mut(&part_index) else { return Ok(None) };
        if !part.has_all_chunks(&ordinals) {
            return Ok(None);
        }
        if !part.is_complete(&ordinals) {
            // Only retries are missing, which may take long: do not keep rows in memory until then.
            return part.flush().map(|()| None);
        }
        let Some(part) = self.open.remove(&part_index) else { return Ok(None) };
        let index = self.first_part_index + part_index;
        part.complete(index, ordinals, &mut self.buffer).map(Some)
    }
}

/// Copies `count` rows from `start`.
fn deep_copy(
    rows: &RecordBatch,
    start: usize,
    count: usize,
) -> Result<RecordBatch, arrow_schema::ArrowError> {
    if start == 0 && count == rows.num_rows() {
        return Ok(rows.clone());
    }
    let places: Vec<(usize, usize)> = (start..start + count).map(|row| (0, row)).collect();
    interleave_record_batch(&[rows], &places)
}

#[cfg(test)]
mod tests;
