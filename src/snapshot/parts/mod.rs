//! The parts of the table: from rows to committed files.

pub mod csv_writer;
pub mod file_writer;
pub mod parquet_writer;
pub mod part_builder;
pub mod row_buffer;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use self::file_writer::PartError;
use crate::snapshot::manifest::FailureSummary;
use crate::table::statistics::ColumnStatistics;
use crate::util::staged_file::FileInfo;

/// A part that is complete and durable, as the journal records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommittedPart {
    /// Its position among the parts, from 0.
    pub index: u64,
    /// The name of its file.
    pub file: String,
    /// The ordinals it covers.
    pub ordinals: Range<u64>,
    /// Rows in its file.
    pub rows: u64,
    /// Size and digest of its file.
    #[serde(rename = "facts")]
    pub file_info: FileInfo,
    /// Accounts without a row, by category and code.
    pub failed: Vec<FailureSummary>,
    /// Size and digest of its lines of `_failed_accounts.csv`.
    pub failed_lines: FileInfo,
    /// Size and digest of its lines of `_rejected_values.csv`.
    pub rejected_lines: FileInfo,
    /// Values that do not fit their column.
    pub rejected_values: u64,
    /// Statistics of each column, `account` first; empty in a journal of a version that did not collect them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnStatistics>,
}

impl CommittedPart {
    /// Accounts of the part without a row.
    #[cfg(test)]
    pub fn failed_accounts(&self) -> u64 {
        self.failed.iter().map(|failure| failure.accounts).sum()
    }
}
