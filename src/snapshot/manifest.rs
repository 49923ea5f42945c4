//! `_manifest.json`: what a snapshot holds and how it came about. Versioned; keys are only ever added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::failed::Category;
use super::snapshot_writer::CommittedPart;

/// Version of the manifest's form.
pub const MANIFEST_VERSION: u32 = 1;

/// The manifest of a snapshot.
#[derive(Debug, Clone, Serialize)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub version: u32,
    /// Program and version that wrote the snapshot.
    pub generator: String,
    /// The job.
    pub job: JobInfo,
    /// The run.
    pub run: RunInfo,
    /// The account list.
    pub account_list: AccountListInfo,
    /// Where every account of the list went.
    pub counts: Counts,
    /// The table's columns, `account` first.
    pub columns: Vec<ColumnInfo>,
    /// The part files.
    pub parts: Vec<PartInfo>,
    /// The calls made.
    pub calls: CallStats,
    /// Accounts without a row, by category and code.
    pub failures: Vec<FailureSummary>,
}

/// Of the job.
#[derive(Debug, Clone, Serialize)]
pub struct JobInfo {
    /// Its name.
    pub name: String,
}

/// Of the run.
#[derive(Debug, Clone, Serialize)]
pub struct RunInfo {
    /// Tells this run from every other.
    pub id: String,
    /// Its logical date, yyyy-mm-dd.
    pub date: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When the last part was complete, RFC 3339.
    pub finished_at: String,
}

/// Of the account list.
#[derive(Debug, Clone, Serialize)]
pub struct AccountListInfo {
    /// Its path, `-` for standard input.
    pub path: String,
    /// SHA-256 of the list's bytes as stored, in hex.
    pub sha256: String,
}

/// Where every account of the list went: `accounts_in_list = rows + failed + duplicates + invalid`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Entries of the list.
    pub accounts_in_list: u64,
    /// Rows in the table.
    pub rows: u64,
    /// Accounts asked for and without a row.
    pub failed: u64,
    /// Entries that repeat an earlier one.
    pub duplicates: u64,
    /// Entries that are no account id and were never asked.
    pub invalid: u64,
    /// Values that did not fit their column.
    pub rejected_values: u64,
}

impl Counts {
    /// Promise 1: no account is ever dropped silently.
    pub fn are_conserved(&self) -> bool {
        self.accounts_in_list == self.rows + self.failed + self.duplicates + self.invalid
    }
}

/// Of a column.
#[derive(Debug, Clone, Serialize)]
pub struct ColumnInfo {
    /// Its name in the table.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub column_type: &'static str,
    /// Its tag; `account` has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// Of a part.
#[derive(Debug, Clone, Serialize)]
pub struct PartInfo {
    /// Name of the file.
    pub file: String,
    /// First account it covers, counted from 0 in the order of the list; of the accounts asked again, in theirs.
    pub first_ordinal: u64,
    /// Ordinals it covers.
    pub accounts: u64,
    /// Rows in it.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
}

impl From<&CommittedPart> for PartInfo {
    fn from(part: &CommittedPart) -> PartInfo {
        PartInfo {
            file: part.file.clone(),
            first_ordinal: part.ordinals.start,
            accounts: part.ordinals.end - part.ordinals.start,
            rows: part.rows,
            bytes: part.facts.bytes,
            sha256: part.facts.sha256.clone(),
        }
    }
}

/// Of the calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CallStats {
    /// Calls made, retries and probes included.
    pub made: u64,
    /// Calls that failed as a whole for a passing reason.
    pub failed: u64,
    /// Calls that were answered with "too fast".
    pub throttled: u64,
    /// Accounts asked again.
    pub account_retries: u64,
    /// The limit, calls a second; 0 is none.
    pub calls_per_second: u32,
    /// Most calls in any second of the run.
    pub peak_calls_per_second: u64,
    /// How much of the limit was used from the first call to the last, in percent; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_utilization_percent: Option<f64>,
}

/// Accounts without a row for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureSummary {
    /// The category.
    pub category: Category,
    /// The service's code, if it gave one.
    pub error_code: Option<i64>,
    /// How many accounts.
    pub accounts: u64,
}

/// Counts failures by category and code.
#[derive(Debug, Clone, Default)]
pub struct FailureCounts(BTreeMap<(Category, Option<i64>), u64>);

impl FailureCounts {
    /// Adds accounts that failed for one reason.
    pub fn add(&mut self, category: Category, error_code: Option<i64>, accounts: u64) {
        *self.0.entry((category, error_code)).or_default() += accounts;
    }

    /// Adds what was counted elsewhere.
    pub fn add_all<'f>(&mut self, failures: impl IntoIterator<Item = &'f FailureSummary>) {
        for failure in failures {
            self.add(failure.category, failure.error_code, failure.accounts);
        }
    }

    /// All accounts counted.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The counts, in the order of category and code.
    pub fn into_facts(self) -> Vec<FailureSummary> {
        let facts =
            |((category, error_code), accounts)| FailureSummary { category, error_code, accounts };
        self.0.into_iter().map(facts).collect()
    }
}

impl Manifest {
    /// The file's text.
    pub fn to_json(&self) -> String {
        // Plain structs with string keys: serialising them cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conservation_counts_every_account_once() {
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
}
