//! The two sidecar tables: accounts without a row, and values that do not fit their column.

use std::error::Error;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::store::Store;
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::timestamp::rfc3339_seconds;

/// The header of `_failed_accounts.tsv`; the file is itself a valid account list.
pub const FAILED_ACCOUNTS_HEADER: [&str; 7] = [
    "account",
    "category",
    "error_code",
    "error_info",
    "attempts",
    "last_attempt_at",
    "input_line",
];

/// The header of `_rejected_values.tsv`.
pub const REJECTED_VALUES_HEADER: [&str; 4] = ["account", "tag", "expected_type", "value"];

/// How the lines of a part in the work directory are written; its name is the extension of their files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinesFormat {
    /// As version 0.1.0 wrote them, separated by commas. Its unfinished runs can be resumed.
    #[default]
    Csv,
    /// As in the sidecar files: separated by tabs, fields quoted as in RFC 4180.
    Tsv,
}

impl LinesFormat {
    /// The extension of the files.
    pub const fn extension(self) -> &'static str {
        match self {
            LinesFormat::Csv => "csv",
            LinesFormat::Tsv => "tsv",
        }
    }

    // serde prescribes the signature.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub fn is_csv(&self) -> bool {
        *self == LinesFormat::Csv
    }

    fn of_key(key: &str) -> LinesFormat {
        if key.ends_with(".csv") { LinesFormat::Csv } else { LinesFormat::Tsv }
    }

    fn records<R: Read>(self, lines: R) -> csv::StringRecordsIntoIter<R> {
        let delimiter = if self.is_csv() { b',' } else { b'\t' };
        let mut reader = csv::ReaderBuilder::new();
        reader.has_headers(false).delimiter(delimiter).from_reader(lines).into_records()
    }
}

/// A writer of lines of the sidecar files.
pub fn line_writer<W: Write>(out: W) -> csv::Writer<W> {
    csv::WriterBuilder::new().delimiter(b'\t').from_writer(out)
}

/// Appends all lines of a file of the work directory to a sidecar file.
pub fn append_lines<W: Write>(out: &mut W, store: &dyn Store, key: &str) -> Result<(), DiskError> {
    let mut lines = store.open(key)?;
    let copied = match LinesFormat::of_key(key) {
        LinesFormat::Tsv => io::copy(&mut lines, out).map(drop),
        LinesFormat::Csv => {
            let mut writer = line_writer(out);
            LinesFormat::Csv
                .records(lines)
                .try_for_each(|record| writer.write_record(&record?))
                .map_err(io_error)
                .and_then(|()| writer.flush())
        }
    };
    copied.map_err(DiskError::on("copy", &store.path(key)))
}

/// Why an account has no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// The service does not know it.
    NotFound,
    /// The service reported a failure at every attempt.
    InternalError,
    /// The service refuses it, even in a call of its own.
    Rejected,
    /// The service did not respond for it at any attempt.
    NoAnswer,
    /// Not a valid account id; never requested.
    InvalidAccount,
}

impl Category {
    /// Every category, in the order of the reports.
    pub const ALL: [Category; 5] = [
        Category::NotFound,
        Category::InternalError,
        Category::Rejected,
        Category::NoAnswer,
        Category::InvalidAccount,
    ];

    /// The name in files and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Category::NotFound => "not_found",
            Category::InternalError => "internal_error",
            Category::Rejected => "rejected",
            Category::NoAnswer => "no_answer",
            Category::InvalidAccount => "invalid_account",
        }
    }

    /// The category with a name.
    pub fn from_name(name: &str) -> Option<Category> {
        Category::ALL.into_iter().find(|category| category.name() == name)
    }

    /// Whether accounts of the category count towards `max_failed`. Unknown and invalid accounts do not: the list is wrong,
    /// the run did not fail.
    pub const fn counts_as_failed(self) -> bool {
        !matches!(self, Category::NotFound | Category::InvalidAccount)
    }
}

/// One account without a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAccount {
    /// Decides the order in the file.
    pub ordinal: u64,
    pub account: String,
    pub category: Category,
    /// The last error code of the service, if it sent one.
    pub error_code: Option<i64>,
    /// The last error text of the service or the network.
    pub error_info: String,
    pub attempts: u32,
    pub last_attempt_at: Timestamp,
    /// The line in the account list.
    pub input_line: u64,
}

/// One value that does not fit its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedValue {
    /// The ordinal of the account; decides the order in the file.
    pub ordinal: u64,
    pub account: String,
    pub tag: String,
    /// The name of the column type.
    pub expected_type: &'static str,
    /// The value as the service sent it.
    pub value: String,
}

/// Writes one line of `_failed_accounts.tsv`.
pub fn write_failed<W: Write>(csv: &mut csv::Writer<W>, failed: &FailedAccount) -> io::Result<()> {
    let code = failed.error_code.map(|code| code.to_string()).unwrap_or_default();
    csv.write_record([
        failed.account.as_str(),
        failed.category.name(),
        &code,
        &failed.error_info,
        &failed.attempts.to_string(),
        &rfc3339_seconds(failed.last_attempt_at),
        &failed.input_line.to_string(),
    ])
    .map_err(io_error)
}

/// An account that [`write_failed`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedLine {
    pub account: String,
    pub category: Category,
    /// The line in the account list.
    pub input_line: u64,
}

/// The failed accounts of an earlier round cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read the failed accounts of an earlier round from {}; run the same command again, with --repair if the file is damaged", .path.display())]
pub struct FailedLinesError {
    path: PathBuf,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl HasExitCode for FailedLinesError {
    fn exit_code(&self) -> ExitCode {
        let is_disk_error = match self.source.downcast_ref::<csv::Error>().map(csv::Error::kind) {
            Some(csv::ErrorKind::Io(error)) => error.raw_os_error().is_some(),
            Some(_) => false,
            None => self.source.is::<DiskError>(),
        };
        if is_disk_error { ExitCode::InternalOrDisk } else { ExitCode::BadUsage }
    }
}

/// Reads a file without a header that [`write_failed`] wrote: the fields that matter, and the record itself.
pub fn read_failed_lines(store: &dyn Store, key: &str) -> Result<FailedLines, FailedLinesError> {
    let path = store.path(key);
    match store.open(key) {
        Ok(file) => Ok(FailedLines { path, records: LinesFormat::of_key(key).records(file) }),
        Err(error) => Err(FailedLinesError { path, source: error.into() }),
    }
}

/// The records of one file of failed accounts.
pub struct FailedLines {
    path: PathBuf,
    records: csv::StringRecordsIntoIter<Box<dyn Read + Send>>,
}

impl Iterator for FailedLines {
    type Item = Result<(FailedLine, csv::StringRecord), FailedLinesError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.records.next()?.and_then(|record| match failed_line(&record) {
            Some(line) => Ok((line, record)),
            None => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
        });
        Some(
            read.map_err(|error| FailedLinesError {
                path: self.path.clone(),
                source: error.into(),
            }),
        )
    }
}

fn failed_line(record: &csv::StringRecord) -> Option<FailedLine> {
    Some(FailedLine {
        account: record.get(0)?.to_owned(),
        category: Category::from_name(record.get(1)?)?,
        input_line: record.get(6)?.parse().ok()?,
    })
}

/// Writes the line of `_failed_accounts.tsv` for an invalid record of the list. `account` is not valid either.
pub fn write_invalid<W: Write>(
    csv: &mut csv::Writer<W>,
    account: &str,
    reason: &str,
    input_line: u64,
) -> io::Result<()> {
    let category = Category::InvalidAccount.name();
    csv.write_record([account, category, "", reason, "0", "", &input_line.to_string()])
        .map_err(io_error)
}

/// Writes one line of `_rejected_values.tsv`.
pub fn write_rejected<W: Write>(
    csv: &mut csv::Writer<W>,
    rejected: &RejectedValue,
) -> io::Result<()> {
    csv.write_record([&rejected.account, &rejected.tag, rejected.expected_type, &rejected.value])
        .map_err(io_error)
}

/// The I/O error within an error of the csv crate, which does not expose it as its source.
pub fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_account_is_one_record() {
        let failed = FailedAccount {
            ordinal: 0,
            account: "a\tb, c".to_owned(),
            category: Category::InternalError,
            error_code: Some(40006),
            error_info: "say \"hi\"\nthere".to_owned(),
            attempts: 6,
            last_attempt_at: Timestamp::from_second(1_700_000_000).unwrap(),
            input_line: 7,
        };
        let mut csv = line_writer(Vec::new());
        csv.write_record(FAILED_ACCOUNTS_HEADER).unwrap();
        write_failed(&mut csv, &failed).unwrap();
        write_invalid(&mut csv, "", "is empty", 9).unwrap();
        assert_eq!(
            String::from_utf8(csv.into_inner().unwrap()).unwrap(),
            "account\tcategory\terror_code\terror_info\tattempts\tlast_attempt_at\tinput_line\n\
             \"a\tb, c\"\tinternal_error\t40006\t\"say \"\"hi\"\"\nthere\"\t6\t2023-11-14T22:13:20Z\t7\n\
             \tinvalid_account\t\tis empty\t0\t\t9\n"
        );
    }

    #[test]
    fn unknown_and_invalid_accounts_do_not_count_as_failed() {
        let counted: Vec<&str> = Category::ALL
            .iter()
            .filter(|category| category.counts_as_failed())
            .map(|category| category.name())
            .collect();
        assert_eq!(counted, ["internal_error", "rejected", "no_answer"]);
    }
}
