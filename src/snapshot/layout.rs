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
//!
//! Until it is published, no file of the work directory has a name that a reader may look for: not the extension of a table,
//! and in `snapshot/` not the name either (see [`staged_name`]). Version 0.1.0 used the names of published files there, and
//! wrote lines as CSV; [`other_key`] finds both.

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

/// The directory in the work directory that is moved to the output path by trial.
pub const TRIAL_DIRECTORY: &str = "trial";

/// The directories of a work directory; any other one in it is the work directory of a partition.
pub const DIRECTORIES: [&str; 3] = [STAGED_SNAPSHOT, REPLACED_SNAPSHOT, TRIAL_DIRECTORY];

/// Starts the file names of parts.
const PART_PREFIX: &str = "part-";

/// The file name of a part. `suffix` is empty, or starts with a hyphen.
pub fn part_file(index: u64, suffix: &str, extension: &str) -> String {
    format!("{PART_PREFIX}{index:05}{suffix}.{extension}")
}

/// Whether a name is that of a part in an object store, such as `part-00000-1a2b3c4d-5e6f7a8b.parquet`.
pub fn is_uploaded_part(name: &str) -> bool {
    let Some(name) = name.strip_prefix(PART_PREFIX) else { return false };
    let stem = name.split('.').next().unwrap_or_default();
    let is_hex = |text: &str| text.len() == 8 && text.bytes().all(|it| it.is_ascii_hexdigit());
    let mut pieces = stem.split('-');
    let number = pieces.next().unwrap_or_default();
    number.len() >= 5
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && [pieces.next(), pieces.next()].iter().all(|piece| piece.is_some_and(is_hex))
        && pieces.next().is_none()
        && name.contains('.')
        && !name.contains('/')
}

/// What differs between the names of the files of two parts: `00000` for `part-00000.parquet`.
fn part_name(file: &str) -> &str {
    let name = file.split('.').next().unwrap_or_default();
    name.strip_prefix(PART_PREFIX).unwrap_or(name)
}

/// Ends the names of files in the staged snapshot.
const STAGED_SUFFIX: &str = ".unpublished";

/// The name of a file that is hidden from readers, which neither `part-*` nor `*.parquet` nor `*.csv*` matches:
/// `.part-00000~parquet.unpublished`.
pub fn staged_name(name: &str) -> String {
    format!(".{}{STAGED_SUFFIX}", name.replace('.', "~"))
}

/// The name under which a file of the staged snapshot is published; `None` for any other name.
pub fn published_name(staged: &str) -> Option<String> {
    Some(staged.strip_prefix('.')?.strip_suffix(STAGED_SUFFIX)?.replace('~', "."))
}

/// The key of a file of the staged snapshot.
pub fn staged_file(name: &str) -> String {
    format!("{STAGED_SNAPSHOT}/{}", staged_name(name))
}

/// The name that the lines of a sidecar have in the work directory instead of `name`, if readers may take that for a table:
/// version 0.1.0 wrote them as CSV.
pub fn hidden_lines_name(name: &str) -> Option<String> {
    name.ends_with(".csv").then(|| staged_name(name))
}

/// Where a file may be instead of its key. A file of the staged snapshot may have its published name, because a run was
/// stopped while it published or version 0.1.0 wrote it; lines of that version may be hidden by now.
pub fn other_key(key: &str) -> Option<String> {
    match key.strip_prefix(STAGED_SNAPSHOT).and_then(|name| name.strip_prefix('/')) {
        Some(staged) => Some(format!("{STAGED_SNAPSHOT}/{}", published_name(staged)?)),
        None => hidden_lines_name(key),
    }
}

/// The file in the work directory with the lines of [`FAILED_ACCOUNTS_FILE`] of a part file.
pub fn failed_lines_file(part_file: &str, format: LinesFormat) -> String {
    format!("failed-{}.{}", part_name(part_file), format.extension())
}

/// The file in the work directory with the lines of [`REJECTED_VALUES_FILE`] of a part file.
pub fn rejected_lines_file(part_file: &str, format: LinesFormat) -> String {
    format!("rejected-{}.{}", part_name(part_file), format.extension())
}

/// Whether a name in the work directory is that of a part's lines of a sidecar.
pub fn is_lines_file(name: &str) -> bool {
    let number = ["failed-", "rejected-"].iter().find_map(|prefix| name.strip_prefix(prefix));
    let number = number.and_then(|number| number.rsplit_once('.'));
    number.is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The name of the work directory of a snapshot, beside it and hidden.
pub fn work_directory_name(snapshot: &OsStr) -> String {
    format!(".{}.partial", snapshot.to_string_lossy())
}

/// The name of the snapshot of a work directory; `None` for any other name.
pub fn snapshot_name(work_directory: &str) -> Option<&str> {
    work_directory.strip_prefix('.')?.strip_suffix(".partial")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staged_names_match_nothing_that_a_reader_looks_for() {
        for name in [&part_file(7, "", "parquet"), &part_file(7, "-1a2b", "csv.gz")]
            .into_iter()
            .map(String::as_str)
            .chain(SIDECAR_FILES)
        {
            let staged = staged_name(name);
            assert_eq!(published_name(&staged).as_deref(), Some(name));
            assert!(
                staged.starts_with('.') && !staged.contains(".parquet") && !staged.contains(".csv"),
                "{staged}"
            );
        }
        assert!(is_uploaded_part("part-00000-1a2b3c4d-5e6f7a8b.csv.gz"));
        for other in [
            "part-00000.csv",
            "part-00000-1a2b3c4d-5e6f7a8b",
            "_SUCCESS",
            "part-00000-1a2b3c4d-5e6f7a8b.csv/x",
        ] {
            assert!(!is_uploaded_part(other), "{other}");
        }
        assert_eq!(staged_name("part-00000.csv.zst"), ".part-00000~csv~zst.unpublished");
        for other in ["part-00000.csv", ".part-00000~csv.unpublished.staged", ".hidden"] {
            assert_eq!(published_name(other), None, "{other}");
        }
    }

    #[test]
    fn files_of_version_0_1_0_have_other_keys() {
        let part = staged_file("part-00000.csv.gz");
        assert_eq!(other_key(&part).unwrap(), "snapshot/part-00000.csv.gz");
        let lines = failed_lines_file("part-00003.csv.gz", LinesFormat::Csv);
        assert_eq!(other_key(&lines).unwrap(), ".failed-00003~csv.unpublished");
        assert!(is_lines_file(&lines) && is_lines_file("rejected-100000.tsv"));
        assert!(!is_lines_file("failed-dt=1.tsv") && !is_lines_file(INVALID_ACCOUNTS_FILE));
        for key in [
            JOURNAL_FILE,
            LOCK_FILE,
            &failed_lines_file("part-00003-1a2b.parquet", LinesFormat::Tsv),
        ] {
            assert_eq!(other_key(key), None, "{key}");
        }
    }
}
