//! The names of all files of a snapshot and of the work directory beside it.
//!
//! ```text
//! dt=2026-11-22/               the output path
//!   part-00000.parquet …       the table
//!   _failed_accounts.tsv       accounts without a row
//!   _rejected_values.tsv       values that do not fit their column
//!   _report.html               the report for people
//!   _manifest.json             the report for programs
//!   _SUCCESS                   empty, written last
//! .dt=2026-11-22.partial/      the work directory
//!   lock                       held while a run works here
//!   checkpoint.ndjson          the journal
//!   invalid.tsv                lines of _failed_accounts.tsv for the invalid accounts of the list
//!   failed-00000.tsv …         lines of _failed_accounts.tsv, by part
//!   rejected-00000.tsv …       lines of _rejected_values.tsv, by part
//!   snapshot/                  becomes the published directory by one rename
//!   replaced/                  the previous snapshot while it is replaced, where directories cannot be exchanged
//! ```

use std::ffi::OsStr;

use super::sidecars::LinesFormat;

/// Accounts without a row; a valid account list itself.
pub const FAILED_ACCOUNTS_FILE: &str = "_failed_accounts.tsv";

/// Values that do not fit their column.
pub const REJECTED_VALUES_FILE: &str = "_rejected_values.tsv";

/// The report for people.
pub const REPORT_FILE: &str = "_report.html";

/// The report for programs.
pub const MANIFEST_FILE: &str = "_manifest.json";

/// The marker that is written last: a directory that holds it is a complete snapshot.
pub const SUCCESS_MARKER: &str = "_SUCCESS";

/// Everything that is published beside the parts and before [`SUCCESS_MARKER`].
pub const SIDECAR_FILES: [&str; 4] =
    [FAILED_ACCOUNTS_FILE, REJECTED_VALUES_FILE, REPORT_FILE, MANIFEST_FILE];

/// The lock in the work directory.
pub const LOCK_FILE: &str = "lock";

/// The journal in the work directory.
pub const JOURNAL_FILE: &str = "checkpoint.ndjson";

/// Lines of [`FAILED_ACCOUNTS_FILE`] for the invalid accounts of the list.
pub const INVALID_ACCOUNTS_FILE: &str = "invalid.tsv";

/// The directory in the work directory that becomes the snapshot.
pub const STAGED_SNAPSHOT: &str = "snapshot";

/// The directory in the work directory to which a previous snapshot is moved.
pub const REPLACED_SNAPSHOT: &str = "replaced";

/// The file name of a part.
pub fn part_file(index: u64, extension: &str) -> String {
    format!("part-{index:05}.{extension}")
}

/// The key of a file of the staged snapshot.
pub fn staged_file(name: &str) -> String {
    format!("{STAGED_SNAPSHOT}/{name}")
}

/// The file in the work directory with a part's lines of [`FAILED_ACCOUNTS_FILE`].
pub fn failed_lines_file(part: u64, format: LinesFormat) -> String {
    format!("failed-{part:05}.{}", format.extension())
}

/// The file in the work directory with a part's lines of [`REJECTED_VALUES_FILE`].
pub fn rejected_lines_file(part: u64, format: LinesFormat) -> String {
    format!("rejected-{part:05}.{}", format.extension())
}

/// The name of the work directory of a snapshot, beside it and hidden.
pub fn work_directory_name(snapshot: &OsStr) -> String {
    format!(".{}.partial", snapshot.to_string_lossy())
}

/// The name of the snapshot of a work directory; `None` for any other name.
pub fn snapshot_name(work_directory: &str) -> Option<&str> {
    work_directory.strip_prefix('.')?.strip_suffix(".partial")
}
