//! Joins rows and failed records into the batches of a stream.

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, Int64Builder, StringBuilder};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat;

use crate::snapshot::sidecars::{Category, FailedAccount};
use crate::table::Column;
use crate::table::rows::value_bytes;
use crate::table::stream_rows::{OUTCOME_COLUMNS, stream_schema};

/// Rows of a batch.
pub const MAX_BATCH_ROWS: usize = 4096;

/// Values of a batch, in bytes, unless one row has more.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;

/// The outcome of a record whose account has a row.
const EXPORTED: &str = "exported";

/// A record whose account has no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRecord {
    /// `None` for a record without one.
    pub account: Option<String>,
    pub category: Category,
    /// The code of the service, if it gave one.
    pub error_code: Option<i64>,
    pub error_info: String,
    pub attempts: u32,
}

impl FailedRecord {
    /// Size of its texts.
    pub fn text_bytes(&self) -> usize {
        self.error_info.len() + self.account.as_ref().map_or(0, String::len)
    }
}

impl From<FailedAccount> for FailedRecord {
    fn from(failed: FailedAccount) -> FailedRecord {
        let FailedAccount { account, category, error_code, error_info, attempts, .. } = failed;
        FailedRecord { account: Some(account), category, error_code, error_info, attempts }
    }
}

/// A batch, and what is counted of it.
#[derive(Debug)]
pub struct StreamBatch {
    /// With the schema of [`stream_schema`]: the rows, then the failed records.
    pub rows: RecordBatch,
    /// How many of them have a row.
    pub exported: u64,
    /// The categories of the others.
    pub failed: Vec<Category>,
}

/// The rows of the next batch.
#[derive(Debug)]
pub struct BatchBuilder {
    schema: SchemaRef,
    /// Without the columns for the outcome.
    rows: Vec<RecordBatch>,
    exported: usize,
    attempts: Int32Builder,
    rejected: StringBuilder,
    failed: Vec<FailedRecord>,
    bytes: usize,
}

impl BatchBuilder {
    pub fn new(columns: &[Column]) -> BatchBuilder {
        BatchBuilder {
            schema: stream_schema(columns),
            rows: Vec::new(),
            exported: 0,
            attempts: Int32Builder::new(),
            rejected: StringBuilder::new(),
            failed: Vec::new(),
            bytes: 0,
        }
    }

    /// Whether so many rows with so many bytes belong to the next batch.
    pub fn is_full_for(&self, rows: usize, bytes: usize) -> bool {
        let count = self.exported + self.failed.len();
        count > 0 && (count + rows > MAX_BATCH_ROWS || self.bytes + bytes > MAX_BATCH_BYTES)
    }

    /// Adds rows with the attempts of each, and what is wrong with a value of it.
    pub fn add_rows(
        &mut self,
        rows: RecordBatch,
        attempts: impl Iterator<Item = u32>,
        rejected: impl Iterator<Item = Option<String>>,
    ) {
        self.bytes += value_bytes(&rows);
        self.exported += rows.num_rows();
        self.rows.push(rows);
        for attempts in attempts {
            self.attempts.append_value(int32(attempts));
        }
        for rejected in rejected {
            self.rejected.append_option(rejected);
        }
    }

    /// Adds rows that have had one attempt and no value that does not fit.
    pub fn add_plain_rows(&mut self, rows: RecordBatch) {
        let count = rows.num_rows();
        self.bytes += value_bytes(&rows);
        self.exported += count;
        self.rows.push(rows);
        self.attempts.append_value_n(1, count);
        self.rejected.append_nulls(count);
    }

    /// Adds a record without a row.
    pub fn add_failed(&mut self, record: FailedRecord) {
        self.bytes += record.text_bytes();
        self.failed.push(record);
    }

    /// Takes the batch; `None` if it has no rows.
    pub fn finish(&mut self) -> Result<Option<StreamBatch>, ArrowError> {
        let (exported, failed) = (self.exported, std::mem::take(&mut self.failed));
        if exported + failed.len() == 0 {
            return Ok(None);
        }
        let rows = std::mem::take(&mut self.rows);
        (self.exported, self.bytes) = (0, 0);
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        let of_job = self.schema.fields().len() - OUTCOME_COLUMNS.len();
        let accounts = failed.iter().map(|record| record.account.as_deref());
        let accounts: ArrayRef = Arc::new(StringArray::from_iter(accounts));
        for (position, field) in self.schema.fields().iter().take(of_job).enumerate() {
            let rest = match position {
                0 => ArrayRef::clone(&accounts),
                _ => new_null_array(field.data_type(), failed.len()),
            };
            columns.push(joined(rows.iter().map(|rows| rows.column(position)), &rest)?);
        }
        columns.extend(self.outcome_columns(exported, &failed)?);
        let rows = RecordBatch::try_new(SchemaRef::clone(&self.schema), columns)?;
        let failed = failed.iter().map(|record| record.category).collect();
        Ok(Some(StreamBatch { rows, exported: exported as u64, failed }))
    }

    fn outcome_columns(
        &mut self,
        exported: usize,
        failed: &[FailedRecord],
    ) -> Result<[ArrayRef; 4], ArrowError> {
        let all = exported + failed.len();
        let mut outcomes = StringBuilder::with_capacity(all, all * EXPORTED.len());
        (0..exported).for_each(|_| outcomes.append_value(EXPORTED));
        let mut codes = Int64Builder::with_capacity(all);
        codes.append_nulls(exported);
        for record in failed {
            outcomes.append_value(record.category.name());
            codes.append_option(record.error_code);
            self.rejected.append_value(&record.error_info);
            self.attempts.append_value(int32(record.attempts));
        }
        let info: ArrayRef = Arc::new(self.rejected.finish());
        let attempts: ArrayRef = Arc::new(self.attempts.finish());
        Ok([Arc::new(outcomes.finish()), Arc::new(codes.finish()), info, attempts])
    }
}

fn joined<'a>(
    pieces: impl Iterator<Item = &'a ArrayRef>,
    rest: &ArrayRef,
) -> Result<ArrayRef, ArrowError> {
    let mut pieces: Vec<&dyn Array> = pieces.map(|piece| &**piece).collect();
    if !rest.is_empty() {
        pieces.push(&**rest);
    }
    match pieces.as_slice() {
        [] => Ok(ArrayRef::clone(rest)),
        pieces => concat(pieces),
    }
}

fn int32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
