//! `_manifest.json`: the contents of a snapshot and the run that wrote it. Versioned; keys are only ever added.
//!
//! When a manifest is read, only the counts and the parts must be there: earlier versions wrote fewer keys.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::layout::MANIFEST_FILE;
use super::parts::CommittedPart;
use super::sidecars::Category;
use crate::util::disk_error::{DiskError, is_absent};

/// The version of the manifest's schema.
pub const MANIFEST_VERSION: u32 = 1;

/// The manifest of a snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    #[serde(default)]
    pub version: u32,
    /// Name and version of the program that wrote the snapshot.
    #[serde(default)]
    pub generator: String,
    #[serde(default)]
    pub job: JobInfo,
    #[serde(default)]
    pub run: RunInfo,
    #[serde(default)]
    pub account_list: AccountListInfo,
    pub counts: Counts,
    /// The columns of the table, `account` first.
    #[serde(default)]
    pub columns: Vec<ColumnInfo>,
    pub parts: Vec<PartInfo>,
    #[serde(default)]
    pub calls: CallInfo,
    /// Accounts without a row, by category and code.
    #[serde(default)]
    pub failures: Vec<FailureSummary>,
}

/// The job that wrote the snapshot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobInfo {
    pub name: String,
}

/// The run that wrote the snapshot.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunInfo {
    /// Identifies the run.
    pub id: String,
    /// The logical date, yyyy-mm-dd.
    pub date: String,
    /// RFC 3339.
    pub started_at: String,
    /// When the last part was committed, RFC 3339.
    pub finished_at: String,
}

/// The account list of the run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountListInfo {
    /// The absolute path of the file, the directory or the glob, or `-` for standard input.
    pub path: String,
    /// SHA-256 of the stored bytes, in hex; of a directory or a glob, that of the digests of its files, each on a line.
    pub sha256: String,
    /// Number of files; 0 in manifests that do not say it.
    pub files: u64,
    /// Which duplicates were removed: `exact`, `adjacent` or `none`, as in the job; empty in manifests that do not say it,
    /// for which all were.
    pub duplicate_removal: String,
}

/// The outcome of every account of the list: `accounts_in_list = rows + failed + duplicates + invalid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Records of the list.
    #[serde(default)]
    pub accounts_in_list: u64,
    /// Rows of the table.
    pub rows: u64,
    /// Requested accounts without a row.
    #[serde(default)]
    pub failed: u64,
    /// Records that repeat an earlier one and were removed.
    #[serde(default)]
    pub duplicates: u64,
    /// Records that are not valid account ids; these are never requested.
    #[serde(default)]
    pub invalid: u64,
    /// Values that do not fit their column.
    #[serde(default)]
    pub rejected_values: u64,
}

impl Counts {
    /// Whether every account of the list is accounted for (guarantee 1).
    pub fn are_conserved(&self) -> bool {
        self.accounts_in_list == self.rows + self.failed + self.duplicates + self.invalid
    }
}

/// A column of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnInfo {
    pub name: String,
    #[serde(rename = "type")]
    pub column_type: String,
    /// The profile tag; `None` for `account`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// A part file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartInfo {
    /// The file name.
    #[serde(default)]
    pub file: String,
    /// The first ordinal of the part: of the account list, or of the failed accounts that a later round retried.
    #[serde(default)]
    pub first_ordinal: u64,
    /// Ordinals of the part.
    #[serde(default)]
    pub accounts: u64,
    /// Rows in the file.
    pub rows: u64,
    /// Size of the file.
    #[serde(default)]
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    #[serde(default)]
    pub sha256: String,
}

impl From<&CommittedPart> for PartInfo {
    fn from(part: &CommittedPart) -> PartInfo {
        PartInfo {
            file: part.file.clone(),
            first_ordinal: part.ordinals.start,
            accounts: part.ordinals.end - part.ordinals.start,
            rows: part.rows,
            bytes: part.file_info.bytes,
            sha256: part.file_info.sha256.clone(),
        }
    }
}

/// The calls of the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallInfo {
    /// Calls made, including retries and probes.
    pub made: u64,
    /// Calls that failed as a whole, other than throttled ones.
    pub failed: u64,
    /// Calls that the service throttled.
    pub throttled: u64,
    /// How many times an account was retried.
    pub account_retries: u64,
    /// The limit; 0 if there is none.
    pub calls_per_second: u32,
    /// The highest number of calls in any second.
    pub peak_calls_per_second: u64,
    /// The calls per second that the service lately accepted; `None` if it never throttled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned_calls_per_second: Option<u32>,
    /// The share of the limit that was used from the first call to the last; `None` without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_utilization_percent: Option<f64>,
}

/// Accounts without a row for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureSummary {
    pub category: Category,
    /// The error code of the service, if it sent one.
    pub error_code: Option<i64>,
    /// How many accounts.
    pub accounts: u64,
}

/// Counts failed accounts by category and code.
#[derive(Debug, Clone, Default)]
pub struct FailureCounts(BTreeMap<(Category, Option<i64>), u64>);

impl FailureCounts {
    /// Adds accounts that failed for one reason.
    pub fn add(&mut self, category: Category, error_code: Option<i64>, accounts: u64) {
        *self.0.entry((category, error_code)).or_default() += accounts;
    }

    /// Adds failures that were counted elsewhere.
    pub fn add_all<'f>(&mut self, failures: impl IntoIterator<Item = &'f FailureSummary>) {
        for failure in failures {
            self.add(failure.category, failure.error_code, failure.accounts);
        }
    }

    /// All failed accounts.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The counts, ordered by category and code.
    pub fn into_summaries(self) -> Vec<FailureSummary> {
        let summary =
            |((category, error_code), accounts)| FailureSummary { category, error_code, accounts };
        self.0.into_iter().map(summary).collect()
    }
}

/// A manifest could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("{} is damaged ({problem})", .file.display())]
    Damaged { file: PathBuf, problem: String },
}

impl Manifest {
    /// The text of the file.
    pub fn to_json(&self) -> String {
        // Structs with string keys always serialize.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads the manifest of the snapshot at a path; `None` if there is none.
    ///
    /// # Errors
    /// [`ManifestError::Damaged`] if it is not a regular file, or not a manifest.
    pub fn read(snapshot: &Path) -> Result<Option<Manifest>, ManifestError> {
        let file = snapshot.join(MANIFEST_FILE);
        let damaged = |problem: String| ManifestError::Damaged { file: file.clone(), problem };
        match fs::metadata(&file) {
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(DiskError::on("look at", &file)(error).into()),
            // Opening a pipe would wait for its writer.
            Ok(metadata) if !metadata.is_file() => {
                return Err(damaged("it is not a regular file".to_owned()));
            }
            Ok(_) => {}
        }
        let content = fs::read(&file).map_err(DiskError::on("read", &file))?;
        serde_json::from_slice(&content).map(Some).map_err(|error| damaged(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_conserved_only_if_each_account_is_counted_once() {
        let counts = Counts {
            accounts_in_list: 10,
            rows: 5,
            failed: 2,
            duplicates: 2,
            invalid: 1,
            rejected_values: 99,
        };
        assert!(counts.are_conserved());
        assert!(!Counts { rows: 4, ..counts }.are_conserved());
        assert!(!Counts { rows: 6, ..counts }.are_conserved());
    }

    #[test]
    fn only_counts_and_parts_are_required() {
        let manifest: Manifest =
            serde_json::from_str(r#"{"counts":{"rows":3},"parts":[{"rows":3}]}"#).unwrap();
        assert_eq!((manifest.counts.rows, manifest.parts[0].rows), (3, 3));
        for text in ["{}", r#"{"counts":{},"parts":[]}"#, r#"{"counts":{"rows":3}}"#] {
            assert!(serde_json::from_str::<Manifest>(text).is_err(), "{text}");
        }
    }
}
