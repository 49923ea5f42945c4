//! The parts of the table: from rows to committed files.

pub mod csv_writer;
mod dictionary_estimate;
pub mod file_writer;
pub mod parquet_writer;
pub mod part_builder;
pub mod row_buffer;

use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use self::file_writer::PartError;
use crate::snapshot::layout::{failed_lines_file, rejected_lines_file, staged_file};
use crate::snapshot::manifest::FailureSummary;
use crate::snapshot::sidecars::LinesFormat;
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
    /// The digest of the accounts that it covers; a journal of version 0.1.0 does not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts_digest: Option<String>,
    /// Rows in its file.
    pub rows: u64,
    /// Size and digest of its file.
    #[serde(rename = "facts")]
    pub file_info: FileInfo,
    /// Accounts without a row, by category and code.
    pub failed: Vec<FailureSummary>,
    /// Size and digest of its lines of `_failed_accounts.tsv`.
    pub failed_lines: FileInfo,
    /// Size and digest of its lines of `_rejected_values.tsv`.
    pub rejected_lines: FileInfo,
    /// The format of both kinds of lines; a journal of version 0.1.0 does not have it.
    #[serde(default, skip_serializing_if = "LinesFormat::is_csv")]
    pub lines_format: LinesFormat,
    /// Values that do not fit their column.
    pub rejected_values: u64,
    /// Statistics of each column, `account` first; empty in a journal of a version that did not collect them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnStatistics>,
}

impl CommittedPart {
    /// The keys of its file and of its lines of the two sidecar files.
    pub fn keys(&self) -> [String; 3] {
        [staged_file(&self.file), self.failed_lines_file(), self.rejected_lines_file()]
    }

    /// The key of its lines of `_failed_accounts.tsv`.
    pub fn failed_lines_file(&self) -> String {
        failed_lines_file(&self.file, self.lines_format)
    }

    /// The key of its lines of `_rejected_values.tsv`.
    pub fn rejected_lines_file(&self) -> String {
        rejected_lines_file(&self.file, self.lines_format)
    }

    /// Accounts of the part without a row.
    #[cfg(test)]
    pub fn failed_accounts(&self) -> u64 {
        self.failed.iter().map(|failure| failure.accounts).sum()
    }
}
