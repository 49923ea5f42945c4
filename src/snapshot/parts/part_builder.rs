//! Builds one part: its file, its sidecar lines, and the rows that wait for their position.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::interleave::interleave_record_batch;

use super::CommittedPart;
use super::file_writer::{PartError, PartFileWriter, encode_error};
use super::row_buffer::{BufferedRows, RowBuffer};
use crate::job::OutputSettings;
use crate::snapshot::layout::{failed_lines_file, rejected_lines_file, staged_file};
use crate::snapshot::manifest::FailureCounts;
use crate::snapshot::sidecars::{
    FailedAccount, LinesFormat, RejectedValue, line_writer, write_failed, write_rejected,
};
use crate::snapshot::snapshot_writer::ChunkResult;
use crate::snapshot::store::Store;
use crate::table::statistics::TableStatistics;
use crate::util::staged_file::{FileInfo, StagedFile};

/// Rows of retries are written in batches of this size.
const LATE_ROWS_PER_BATCH: usize = 1024;

/// A part that is not complete yet.
#[derive(Debug)]
pub struct PartBuilder {
    file: String,
    writer: PartFileWriter,
    failed_lines: csv::Writer<StagedFile>,
    rejected_lines: csv::Writer<StagedFile>,
    /// The first ordinal that has no first result yet.
    next_ordinal: u64,
    /// First results that arrived out of order, by first ordinal.
    waiting: BTreeMap<u64, WaitingChunk>,
    late: Vec<(Vec<u64>, BufferedRows)>,
    late_failed: Vec<FailedAccount>,
    late_rejected: Vec<RejectedValue>,
    rows: u64,
    late_rows: u64,
    failed: FailureCounts,
    rejected_values: u64,
    statistics: TableStatistics,
}

#[derive(Debug)]
struct WaitingChunk {
    end: u64,
    rows: BufferedRows,
    rejected: Vec<RejectedValue>,
    failed: Vec<FailedAccount>,
}

impl PartBuilder {
    pub fn create(
        file: String,
        first_ordinal: u64,
        settings: &OutputSettings,
        schema: &SchemaRef,
        store: &dyn Store,
    ) -> Result<PartBuilder, PartError> {
        let staged = store.stage(&staged_file(&file))?;
        let sidecar = |name: String| store.stage(&name).map(line_writer);
        Ok(PartBuilder {
            writer: PartFileWriter::create(staged, schema, settings.format, settings.compression)?,
            failed_lines: sidecar(failed_lines_file(&file, LinesFormat::Tsv))?,
            rejected_lines: sidecar(rejected_lines_file(&file, LinesFormat::Tsv))?,
            file,
            next_ordinal: first_ordinal,
            waiting: BTreeMap::new(),
            late: Vec::new(),
            late_failed: Vec::new(),
            late_rejected: Vec::new(),
            rows: 0,
            late_rows: 0,
            failed: FailureCounts::default(),
            rejected_values: 0,
            statistics: TableStatistics::new(schema),
        })
    }

    /// Writes the first result of a chunk, or keeps it until the chunks before it have been written.
    pub fn add_chunk(
        &mut self,
        result: ChunkResult,
        buffer: &mut RowBuffer,
    ) -> Result<(), PartError> {
        let ChunkResult { ordinals, rows, rejected, failed } = result;
        if ordinals.start != self.next_ordinal {
            let rows = buffer.put(rows)?;
            let waiting = WaitingChunk { end: ordinals.end, rows, rejected, failed };
            self.waiting.insert(ordinals.start, waiting);
            return Ok(());
        }
        self.write_chunk(ordinals.end, rows, &failed, &rejected)?;
        while let Some(chunk) = self.waiting.remove(&self.next_ordinal) {
            let rows = buffer.take(chunk.rows)?;
            self.write_chunk(chunk.end, rows, &chunk.failed, &chunk.rejected)?;
        }
        Ok(())
    }

    /// Keeps rows of accounts that were retried.
    pub fn keep_late_rows(
        &mut self,
        ordinals: Vec<u64>,
        rows: RecordBatch,
        buffer: &mut RowBuffer,
    ) -> Result<(), PartError> {
        self.late_rows += ordinals.len() as u64;
        self.late.push((ordinals, buffer.put(rows)?));
        Ok(())
    }

    /// Keeps a rejected value of an account that was retried.
    pub fn keep_late_rejected(&mut self, rejected: RejectedValue) {
        self.late_rejected.push(rejected);
    }

    /// Keeps an account that was retried without success.
    pub fn keep_late_failure(&mut self, failed: FailedAccount) {
        self.count_failure(&failed);
        self.late_failed.push(failed);
    }

    /// Whether the first results of all chunks have been written.
    pub fn has_all_chunks(&self, ordinals: &Range<u64>) -> bool {
        self.next_ordinal >= ordinals.end
    }

    /// Whether every account has a row or has failed.
    pub fn is_complete(&self, ordinals: &Range<u64>) -> bool {
        let processed = self.rows + self.late_rows + self.failed.total();
        processed >= ordinals.end - ordinals.start
    }

    /// Writes buffered rows to the file.
    pub fn flush(&mut self) -> Result<(), PartError> {
        self.writer.flush()
    }

    fn write_chunk(
        &mut self,
        end: u64,
        rows: RecordBatch,
        failed: &[FailedAccount],
        rejected: &[RejectedValue],
    ) -> Result<(), PartError> {
        self.rows += rows.num_rows() as u64;
        if rows.num_rows() > 0 {
            self.write_rows(rows)?;
        }
        for failed in failed {
            self.count_failure(failed);
            self.write_failed(failed)?;
        }
        for rejected in rejected {
            self.write_rejected(rejected)?;
        }
        self.next_ordinal = end;
        Ok(())
    }

    fn write_rows(&mut self, rows: RecordBatch) -> Result<(), PartError> {
        self.statistics.add(&rows);
        self.writer.write(rows)
    }

    fn count_failure(&mut self, failed: &FailedAccount) {
        self.failed.add(failed.category, failed.error_code, 1);
    }

    fn write_failed(&mut self, failed: &FailedAccount) -> Result<(), PartError> {
        let written = write_failed(&mut self.failed_lines, failed);
        written.map_err(|error| encode_error(self.failed_lines.get_ref().path())(error))
    }

    fn write_rejected(&mut self, rejected: &RejectedValue) -> Result<(), PartError> {
        self.rejected_values += 1;
        self.statistics.add_rejected(&rejected.tag);
        let written = write_rejected(&mut self.rejected_lines, rejected);
        written.map_err(|error| encode_error(self.rejected_lines.get_ref().path())(error))
    }

    /// Completes the part with the rows and sidecar lines of retries, and all its files on this machine.
    pub fn complete(
        mut self,
        index: u64,
        ordinals: Range<u64>,
        buffer: &mut RowBuffer,
    ) -> Result<CommittedPart, PartError> {
        // Row groups must not depend on whether the part had to wait for retries.
        self.writer.flush()?;
        self.write_late_rows(buffer)?;
        let mut late_failed = std::mem::take(&mut self.late_failed);
        late_failed.sort_unstable_by_key(|failed| failed.ordinal);
        for failed in &late_failed {
            self.write_failed(failed)?;
        }
        let mut late_rejected = std::mem::take(&mut self.late_rejected);
        // A stable sort keeps the values of an account in column order.
        late_rejected.sort_by_key(|rejected| rejected.ordinal);
        for rejected in &late_rejected {
            self.write_rejected(rejected)?;
        }
        let failed_lines = complete_lines(self.failed_lines)?;
        let rejected_lines = complete_lines(self.rejected_lines)?;
        let file_info = self.writer.finish()?.commit()?;
        Ok(CommittedPart {
            index,
            file: self.file,
            ordinals,
            accounts_digest: None,
            rows: self.rows + self.late_rows,
            file_info,
            failed: self.failed.into_summaries(),
            failed_lines,
            rejected_lines,
            lines_format: LinesFormat::Tsv,
            rejected_values: self.rejected_values,
            columns: self.statistics.into_columns(),
        })
    }

    fn write_late_rows(&mut self, buffer: &mut RowBuffer) -> Result<(), PartError> {
        let late = std::mem::take(&mut self.late);
        let mut places: Vec<(u64, usize, usize)> = Vec::new();
        let mut batches = Vec::with_capacity(late.len());
        for (batch_index, (ordinals, rows)) in late.into_iter().enumerate() {
            batches.push(buffer.take(rows)?);
            places.extend(
                ordinals.into_iter().enumerate().map(|(row, ordinal)| (ordinal, batch_index, row)),
            );
        }
        places.sort_unstable();
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        for places in places.chunks(LATE_ROWS_PER_BATCH) {
            let places: Vec<(usize, usize)> =
                places.iter().map(|&(_, batch, row)| (batch, row)).collect();
            let rows = interleave_record_batch(&batches, &places)
                .map_err(encode_error(Path::new(&self.file)))?;
            self.write_rows(rows)?;
        }
        Ok(())
    }
}

fn complete_lines(lines: csv::Writer<StagedFile>) -> Result<FileInfo, PartError> {
    let path = lines.get_ref().path().to_owned();
    let file = lines.into_inner().map_err(|error| encode_error(&path)(error.into_error()))?;
    Ok(file.commit()?)
}
