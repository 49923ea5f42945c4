//! The thread that writes rows to standard output as they are decided.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt32Array};
use arrow_select::take::take_record_batch;
use tokio::sync::mpsc;

use super::batch::{BatchBuilder, FailedRecord, MAX_BATCH_BYTES, MAX_BATCH_ROWS};
use super::encoder::RowEncoder;
use super::sink::StreamMessage;
use super::{SharedRepeats, StreamCounts, output_error};
use crate::api::service_text::sanitize_and_truncate;
use crate::pipeline::RunError;
use crate::pipeline::sink::SinkMessage;
use crate::pipeline::writer_channel::QueuedMessage;
use crate::snapshot::sidecars::{FailedAccount, RejectedValue};
use crate::snapshot::snapshot_writer::{ChunkResult, RetryResult};
use crate::table::Column;
use crate::table::rows::value_bytes;

/// What the writer thread needs.
pub struct RowWriter {
    pub output: Box<dyn Write + Send>,
    pub encoder: RowEncoder,
    pub columns: Vec<Column>,
    pub repeats: SharedRepeats,
    pub counts: Arc<StreamCounts>,
}

/// Writes messages until the end; what ends a stream is written only if all records have been decided.
pub fn write_rows(
    writer: RowWriter,
    mut messages: mpsc::Receiver<QueuedMessage<StreamMessage>>,
) -> Result<(), RunError> {
    let batch = BatchBuilder::new(&writer.columns);
    let mut rows = RowBatches { writer, batch };
    // Readers wait for the schema.
    rows.write_encoded()?;
    while let Some(queued) = messages.blocking_recv() {
        match queued.message {
            StreamMessage::Decided(decided) => rows.add(decided)?,
            StreamMessage::NotAccounts(records) => {
                for record in records {
                    rows.add_record(record)?;
                }
            }
            StreamMessage::Flush => rows.write_batch()?,
            StreamMessage::End { is_complete } => return rows.end(is_complete),
        }
    }
    // The run has panicked.
    Ok(())
}

struct RowBatches {
    writer: RowWriter,
    batch: BatchBuilder,
}

impl RowBatches {
    fn add(&mut self, decided: SinkMessage) -> Result<(), RunError> {
        let (rows, ordinals, attempts, rejected, failed) = match decided {
            SinkMessage::First { result, row_ordinals } => {
                let ChunkResult { rows, rejected, failed, .. } = result;
                (rows, row_ordinals, None, rejected, failed)
            }
            SinkMessage::Late { result, attempts } => {
                let RetryResult { ordinals, rows, rejected, failed } = result;
                (rows, ordinals, Some(attempts), rejected, failed)
            }
            SinkMessage::LateFailure(failed) => return self.add_failed(failed),
            SinkMessage::EndOfRound(_) => return Ok(()),
        };
        if rows.num_rows() > 0 {
            let repeats = self.writer.repeats.take(ordinals.iter().copied());
            match (attempts, repeats, rejected.is_empty()) {
                (None, None, true) => {
                    self.make_room(rows.num_rows(), value_bytes(&rows))?;
                    self.batch.add_plain_rows(rows);
                }
                (attempts, repeats, _) => {
                    let notes = notes_on(&ordinals, rejected);
                    let attempts = attempts.unwrap_or_else(|| vec![1; ordinals.len()]);
                    self.add_repeated(&rows, &attempts, repeats.as_deref(), &notes)?;
                }
            }
        }
        failed.into_iter().try_for_each(|failed| self.add_failed(failed))
    }

    /// Adds each row as often as records have its account, in pieces that fit a batch.
    fn add_repeated(
        &mut self,
        rows: &RecordBatch,
        attempts: &[u32],
        repeats: Option<&[u32]>,
        notes: &[Option<String>],
    ) -> Result<(), RunError> {
        let times = |row: usize| repeats.map_or(1, |repeats| repeats[row]) as usize;
        let places: Vec<usize> =
            (0..rows.num_rows()).flat_map(|row| std::iter::repeat_n(row, times(row))).collect();
        let row_bytes = value_bytes(rows).div_ceil(rows.num_rows()).max(1);
        for piece in places.chunks((MAX_BATCH_BYTES / row_bytes).clamp(1, MAX_BATCH_ROWS)) {
            let indices: UInt32Array = piece.iter().map(|row| *row as u32).collect();
            let taken = take_record_batch(rows, &indices).map_err(RunError::Rows)?;
            self.make_room(taken.num_rows(), value_bytes(&taken))?;
            let attempts = piece.iter().map(|row| attempts[*row]);
            self.batch.add_rows(taken, attempts, piece.iter().map(|row| notes[*row].clone()));
        }
        Ok(())
    }

    /// Adds an account without a row, as often as records have it.
    fn add_failed(&mut self, failed: FailedAccount) -> Result<(), RunError> {
        let repeats = self.writer.repeats.take(std::iter::once(failed.ordinal));
        let record = FailedRecord::from(failed);
        for _ in 0..repeats.map_or(1, |repeats| repeats[0]) {
            self.add_record(record.clone())?;
        }
        Ok(())
    }

    fn add_record(&mut self, record: FailedRecord) -> Result<(), RunError> {
        self.make_room(1, record.text_bytes())?;
        self.batch.add_failed(record);
        Ok(())
    }

    fn end(&mut self, is_complete: bool) -> Result<(), RunError> {
        self.write_batch()?;
        if is_complete {
            self.writer.encoder.finish().map_err(RunError::Rows)?;
            self.write_encoded()?;
        }
        Ok(())
    }

    fn make_room(&mut self, rows: usize, bytes: usize) -> Result<(), RunError> {
        if self.batch.is_full_for(rows, bytes) { self.write_batch() } else { Ok(()) }
    }

    fn write_batch(&mut self) -> Result<(), RunError> {
        let Some(batch) = self.batch.finish().map_err(RunError::Rows)? else { return Ok(()) };
        self.writer.encoder.add(&batch.rows).map_err(RunError::Rows)?;
        self.write_encoded()?;
        self.writer.counts.add_written(batch.exported, batch.failed.into_iter());
        Ok(())
    }

    fn write_encoded(&mut self) -> Result<(), RunError> {
        let RowWriter { output, encoder, .. } = &mut self.writer;
        output.write_all(encoder.bytes()).and_then(|()| output.flush()).map_err(output_error)?;
        encoder.clear();
        Ok(())
    }
}

/// For each row, the values that did not fit their column, whose cells are NULL.
fn notes_on(ordinals: &[u64], rejected: Vec<RejectedValue>) -> Vec<Option<String>> {
    let mut notes = vec![None; ordinals.len()];
    for RejectedValue { ordinal, tag, expected_type, value, .. } in rejected {
        let Ok(row) = ordinals.binary_search(&ordinal) else { continue };
        let value = sanitize_and_truncate(&value);
        let note = format!("the value of {tag} is not of type {expected_type}: {value:?}");
        notes[row] = match notes[row].take() {
            None => Some(note),
            Some(before) => Some(format!("{before}; {note}")),
        };
    }
    notes
}
