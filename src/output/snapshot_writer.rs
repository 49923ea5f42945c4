//! Places answers by ordinal and commits parts as they become complete.
//!
//! A part holds the rows of its chunks' first answers in ordinal order, then the rows that came late (asked again), in
//! ordinal order. So the bytes of a part depend on what was answered, and never on when.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;

use super::durable::{FileFacts, StagedFile};
use super::failed::{Category, FailedAccount, RejectedValue, write_failed, write_rejected};
use super::part_writer::{PartError, PartWriter, encode_error};
use super::row_store::{RowStore, StoredRows};
use super::settings::OutputSettings;

/// Memory for rows that wait for their place, over all open parts.
const WAITING_ROWS_BYTES: usize = 24 * 1024 * 1024;

/// Late rows are written in batches of so many.
const LATE_ROWS_PER_BATCH: usize = 1024;

/// What the first call for a chunk brought. Exactly one comes for each chunk, empty where the call failed.
#[derive(Debug)]
pub struct FirstAnswer {
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
pub struct LateAnswer {
    /// Ordinal of each row, ascending.
    pub ordinals: Vec<u64>,
    /// Rows.
    pub rows: RecordBatch,
    /// Values that did not fit.
    pub rejected: Vec<RejectedValue>,
    /// Accounts that are settled without a row.
    pub failed: Vec<FailedAccount>,
}

/// A part that is complete and durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedPart {
    /// Its place among the parts, from 0.
    pub index: u64,
    /// Name of its file.
    pub file: String,
    /// Ordinals it covers.
    pub ordinals: Range<u64>,
    /// Rows in its file.
    pub rows: u64,
    /// Size and digest of its file.
    pub facts: FileFacts,
    /// Accounts without a row, by category and code.
    pub failed: BTreeMap<(Category, Option<i64>), u64>,
    /// Values that did not fit.
    pub rejected_values: u64,
}

impl CommittedPart {
    /// Accounts of the part without a row.
    pub fn failed_accounts(&self) -> u64 {
        self.failed.values().sum()
    }
}

/// Where a part's sidecar lines wait for the snapshot to be put together.
pub fn sidecar_path(work_folder: &Path, kind: Sidecar, part: u64) -> PathBuf {
    work_folder.join(format!("{}-{part:05}.csv", kind.name()))
}

/// The two kinds of sidecar lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sidecar {
    /// Lines of `_failed_accounts.csv`.
    FailedAccounts,
    /// Lines of `_rejected_values.csv`.
    RejectedValues,
}

impl Sidecar {
    const fn name(self) -> &'static str {
        match self {
            Sidecar::FailedAccounts => "failed",
            Sidecar::RejectedValues => "rejected",
        }
    }
}

/// Writes the parts of a snapshot; owned by one thread.
#[derive(Debug)]
pub struct SnapshotWriter {
    settings: OutputSettings,
    schema: SchemaRef,
    chunk_accounts: u64,
    snapshot_folder: PathBuf,
    work_folder: PathBuf,
    total_accounts: Option<u64>,
    open: BTreeMap<u64, OpenPart>,
    store: RowStore,
}

#[derive(Debug)]
struct OpenPart {
    file: String,
    writer: PartWriter,
    failed_csv: csv::Writer<StagedFile>,
    rejected_csv: csv::Writer<StagedFile>,
    /// First ordinal that no first answer has been written for.
    next_ordinal: u64,
    /// First answers that came before their turn, by first ordinal.
    waiting: BTreeMap<u64, WaitingAnswer>,
    late: Vec<(Vec<u64>, StoredRows)>,
    late_failed: Vec<FailedAccount>,
    late_rejected: Vec<RejectedValue>,
    rows: u64,
    late_rows: u64,
    failed: BTreeMap<(Category, Option<i64>), u64>,
    rejected_values: u64,
}

#[derive(Debug)]
struct WaitingAnswer {
    end: u64,
    rows: StoredRows,
    rejected: Vec<RejectedValue>,
    failed: Vec<FailedAccount>,
}

impl SnapshotWriter {
    /// A writer of part files into `snapshot_folder` and of sidecar lines into `work_folder`; chunks hold up to
    /// `chunk_accounts`.
    pub fn new(
        settings: OutputSettings,
        schema: SchemaRef,
        chunk_accounts: u64,
        snapshot_folder: &Path,
        work_folder: &Path,
    ) -> SnapshotWriter {
        SnapshotWriter {
            settings,
            schema,
            chunk_accounts,
            snapshot_folder: snapshot_folder.to_owned(),
            work_folder: work_folder.to_owned(),
            total_accounts: None,
            open: BTreeMap::new(),
            store: RowStore::new(work_folder, WAITING_ROWS_BYTES),
        }
    }

    /// Takes the first answer of a chunk; gives back the part it completed, if it did.
    pub fn first_answer(
        &mut self,
        answer: FirstAnswer,
    ) -> Result<Option<CommittedPart>, PartError> {
        debug_assert!(answer.ordinals.end - answer.ordinals.start <= self.chunk_accounts);
        let part_index = self.part_of(answer.ordinals.start);
        self.open_part(part_index)?;
        let (open, store) = (&mut self.open, &mut self.store);
        let Some(part) = open.get_mut(&part_index) else { return Ok(None) };
        let start = answer.ordinals.start;
        if start == part.next_ordinal {
            part.write_first(answer.ordinals.end, &answer.rows, &answer.failed, &answer.rejected)?;
            part.write_waiting(store)?;
        } else {
            let rows = store.put(answer.rows)?;
            let (rejected, failed) = (answer.rejected, answer.failed);
            let waiting = WaitingAnswer { end: answer.ordinals.end, rows, rejected, failed };
            part.waiting.insert(start, waiting);
        }
        self.commit_if_complete(part_index)
    }

    /// Takes what a later call brought; gives back the parts it completed.
    pub fn late_answer(&mut self, answer: LateAnswer) -> Result<Vec<CommittedPart>, PartError> {
        let mut touched = Vec::new();
        let mut start = 0;
        while start < answer.ordinals.len() {
            let part_index = self.part_of(answer.ordinals[start]);
            let rest = &answer.ordinals[start..];
            let count = rest.partition_point(|ordinal| self.part_of(*ordinal) == part_index);
            // A copy, so that a part's few rows do not keep the other parts' alive.
            let rows =
                deep_copy(&answer.rows, start, count).map_err(encode_error(&self.work_folder))?;
            let rows = self.store.put(rows)?;
            let ordinals = rest[..count].to_vec();
            let part = self.open_part(part_index)?;
            part.late_rows += count as u64;
            part.late.push((ordinals, rows));
            touched.push(part_index);
            start += count;
        }
        for rejected in answer.rejected {
            let part_index = self.part_of(rejected.ordinal);
            self.open_part(part_index)?.late_rejected.push(rejected);
        }
        for failed in answer.failed {
            let part_index = self.part_of(failed.ordinal);
            self.open_part(part_index)?.count_and_keep_late_failure(failed);
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
    pub fn late_failure(
        &mut self,
        failed: FailedAccount,
    ) -> Result<Option<CommittedPart>, PartError> {
        let part_index = self.part_of(failed.ordinal);
        self.open_part(part_index)?.count_and_keep_late_failure(failed);
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

    fn open_part(&mut self, part_index: u64) -> Result<&mut OpenPart, PartError> {
        use std::collections::btree_map::Entry;
        match self.open.entry(part_index) {
            Entry::Occupied(part) => Ok(part.into_mut()),
            Entry::Vacant(place) => {
                let file = format!("part-{part_index:05}.{}", self.settings.part_extension());
                let staged = StagedFile::create(self.snapshot_folder.join(&file))?;
                let (format, compression) = (self.settings.format, self.settings.compression);
                let sidecar = |kind| {
                    let path = sidecar_path(&self.work_folder, kind, part_index);
                    StagedFile::create(path).map(csv::Writer::from_writer)
                };
                Ok(place.insert(OpenPart {
                    file,
                    writer: PartWriter::create(staged, &self.schema, format, compression)?,
                    failed_csv: sidecar(Sidecar::FailedAccounts)?,
                    rejected_csv: sidecar(Sidecar::RejectedValues)?,
                    next_ordinal: part_index * self.settings.accounts_per_part,
                    waiting: BTreeMap::new(),
                    late: Vec::new(),
                    late_failed: Vec::new(),
                    late_rejected: Vec::new(),
                    rows: 0,
                    late_rows: 0,
                    failed: BTreeMap::new(),
                    rejected_values: 0,
                }))
            }
        }
    }

    fn commit_if_complete(&mut self, part_index: u64) -> Result<Option<CommittedPart>, PartError> {
        let ordinals = self.ordinals_of(part_index);
        let Some(part) = self.open.get_mut(&part_index) else { return Ok(None) };
        if part.next_ordinal < ordinals.end {
            return Ok(None);
        }
        let settled = part.rows + part.late_rows + part.failed.values().sum::<u64>();
        if settled < ordinals.end - ordinals.start {
            // All that is left are accounts asked again: hold few rows while they take their time.
            return part.writer.flush().map(|()| None);
        }
        let Some(part) = self.open.remove(&part_index) else { return Ok(None) };
        part.commit(part_index, ordinals, &mut self.store, &self.work_folder).map(Some)
    }
}

impl OpenPart {
    fn write_first(
        &mut self,
        end: u64,
        rows: &RecordBatch,
        failed: &[FailedAccount],
        rejected: &[RejectedValue],
    ) -> Result<(), PartError> {
        if rows.num_rows() > 0 {
            self.writer.write(rows)?;
        }
        self.rows += rows.num_rows() as u64;
        for failed in failed {
            *self.failed.entry((failed.category, failed.error_code)).or_default() += 1;
            self.write_failed(failed)?;
        }
        for rejected in rejected {
            self.write_rejected(rejected)?;
        }
        self.next_ordinal = end;
        Ok(())
    }

    /// Writes the answers whose turn has come.
    fn write_waiting(&mut self, store: &mut RowStore) -> Result<(), PartError> {
        while let Some(answer) = self.waiting.remove(&self.next_ordinal) {
            let rows = store.take(answer.rows)?;
            self.write_first(answer.end, &rows, &answer.failed, &answer.rejected)?;
        }
        Ok(())
    }

    fn count_and_keep_late_failure(&mut self, failed: FailedAccount) {
        *self.failed.entry((failed.category, failed.error_code)).or_default() += 1;
        self.late_failed.push(failed);
    }

    fn write_failed(&mut self, failed: &FailedAccount) -> Result<(), PartError> {
        write_failed(&mut self.failed_csv, failed).map_err(encode_error(Path::new(&self.file)))
    }

    fn write_rejected(&mut self, rejected: &RejectedValue) -> Result<(), PartError> {
        self.rejected_values += 1;
        write_rejected(&mut self.rejected_csv, rejected)
            .map_err(encode_error(Path::new(&self.file)))
    }

    fn commit(
        mut self,
        index: u64,
        ordinals: Range<u64>,
        store: &mut RowStore,
        work_folder: &Path,
    ) -> Result<CommittedPart, PartError> {
        self.write_late_rows(store, work_folder)?;
        let mut late_failed = std::mem::take(&mut self.late_failed);
        late_failed.sort_unstable_by_key(|failed| failed.ordinal);
        for failed in &late_failed {
            self.write_failed(failed)?;
        }
        let mut late_rejected = std::mem::take(&mut self.late_rejected);
        // Stable: the values of one account stay in column order.
        late_rejected.sort_by_key(|rejected| rejected.ordinal);
        for rejected in &late_rejected {
            self.write_rejected(rejected)?;
        }
        for sidecar in [self.failed_csv, self.rejected_csv] {
            let path = sidecar.get_ref().path().to_owned();
            sidecar
                .into_inner()
                .map_err(|error| encode_error(&path)(error.into_error()))?
                .commit()?;
        }
        let facts = self.writer.commit()?;
        Ok(CommittedPart {
            index,
            file: self.file,
            ordinals,
            rows: self.rows + self.late_rows,
            facts,
            failed: self.failed,
            rejected_values: self.rejected_values,
        })
    }

    fn write_late_rows(
        &mut self,
        store: &mut RowStore,
        work_folder: &Path,
    ) -> Result<(), PartError> {
        let late = std::mem::take(&mut self.late);
        let mut places: Vec<(u64, usize, usize)> = Vec::new();
        let mut batches = Vec::with_capacity(late.len());
        for (batch_index, (ordinals, rows)) in late.into_iter().enumerate() {
            batches.push(store.take(rows)?);
            places.extend(
                ordinals.into_iter().enumerate().map(|(row, ordinal)| (ordinal, batch_index, row)),
            );
        }
        places.sort_unstable();
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        for places in places.chunks(LATE_ROWS_PER_BATCH) {
            let places: Vec<(usize, usize)> =
                places.iter().map(|&(_, batch, row)| (batch, row)).collect();
            let rows =
                interleave_record_batch(&batches, &places).map_err(encode_error(work_folder))?;
            self.writer.write(&rows)?;
        }
        Ok(())
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
