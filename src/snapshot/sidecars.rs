//! Accounts that could not be exported and values that did not fit: the two sidecar tables.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::util::timestamp::rfc3339_seconds;

/// Header of `_failed_accounts.csv`; the file is itself a valid account list.
pub const FAILED_ACCOUNTS_HEADER: [&str; 7] = [
    "account",
    "category",
    "error_code",
    "error_info",
    "attempts",
    "last_attempt_at",
    "input_line",
];

/// Header of `_rejected_values.csv`.
pub const REJECTED_VALUES_HEADER: [&str; 4] = ["account", "tag", "expected_type", "value"];

/// Why an account has no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// The service does not know it.
    NotFound,
    /// The service failed on it until the attempts were used up.
    InternalError,
    /// The service refuses it, alone as in a chunk.
    Rejected,
    /// The service did not answer for it until the attempts were used up.
    NoAnswer,
    /// Not an account id; never asked.
    InvalidAccount,
}

impl Category {
    /// Every category, in the order reports list them.
    pub const ALL: [Category; 5] = [
        Category::NotFound,
        Category::InternalError,
        Category::Rejected,
        Category::NoAnswer,
        Category::InvalidAccount,
    ];

    /// The word in files and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Category::NotFound => "not_found",
            Category::InternalError => "internal_error",
            Category::Rejected => "rejected",
            Category::NoAnswer => "no_answer",
            Category::InvalidAccount => "invalid_account",
        }
    }

    /// The category of a word.
    pub fn of_name(name: &str) -> Option<Category> {
        Category::ALL.into_iter().find(|category| category.name() == name)
    }

    /// Whether accounts of the category count towards `max_failed`: an account that does not exist, or is no account,
    /// is a fact of the list and no failure of the run.
    pub const fn counts_as_failed(self) -> bool {
        !matches!(self, Category::NotFound | Category::InvalidAccount)
    }
}

/// One account without a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAccount {
    /// Its place among the distinct valid accounts; decides the order in the file.
    pub ordinal: u64,
    /// The account id.
    pub account: String,
    /// Why it has no row.
    pub category: Category,
    /// The service's last code for it, if it gave one.
    pub error_code: Option<i64>,
    /// The service's or the network's last word on it.
    pub error_info: String,
    /// How often it was asked.
    pub attempts: u32,
    /// When it was asked last.
    pub last_attempt_at: Timestamp,
    /// Where it stands in the account list.
    pub input_line: u64,
}

/// One value that did not fit its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedValue {
    /// Place of its account; decides the order in the file.
    pub ordinal: u64,
    /// Its account.
    pub account: String,
    /// Its tag.
    pub tag: String,
    /// The word for the column's type.
    pub expected_type: &'static str,
    /// The value as the service sent it.
    pub value: String,
}

/// Writes one line of `_failed_accounts.csv`.
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

/// An account of a line that [`write_failed`] wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedLine {
    /// The account id.
    pub account: String,
    /// Why it has no row.
    pub category: Category,
    /// Where it stands in the account list.
    pub input_line: u64,
}

/// Lines of failed accounts cannot be read back.
#[derive(Debug, thiserror::Error)]
#[error("could not read the failed accounts of an earlier run back from {}; start over with --restart", .path.display())]
pub struct FailedLinesError {
    path: PathBuf,
    #[source]
    source: csv::Error,
}

/// Reads back what [`write_failed`] wrote into a file without a header: what each line says, and the line itself.
pub fn read_failed_lines(path: &Path) -> Result<FailedLines, FailedLinesError> {
    let path = path.to_owned();
    let lines = csv::ReaderBuilder::new().has_headers(false).from_path(&path);
    match lines {
        Ok(lines) => Ok(FailedLines { path, lines: lines.into_records() }),
        Err(source) => Err(FailedLinesError { path, source }),
    }
}

/// The lines of one file, read back.
pub struct FailedLines {
    path: PathBuf,
    lines: csv::StringRecordsIntoIter<std::fs::File>,
}

impl Iterator for FailedLines {
    type Item = Result<(FailedLine, csv::StringRecord), FailedLinesError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.lines.next()?.and_then(|record| match failed_line(&record) {
            Some(line) => Ok((line, record)),
            None => Err(std::io::Error::from(std::io::ErrorKind::InvalidData).into()),
        });
        Some(read.map_err(|source| FailedLinesError { path: self.path.clone(), source }))
    }
}

fn failed_line(record: &csv::StringRecord) -> Option<FailedLine> {
    Some(FailedLine {
        account: record.get(0)?.to_owned(),
        category: Category::of_name(record.get(1)?)?,
        input_line: record.get(6)?.parse().ok()?,
    })
}

/// Writes the line of `_failed_accounts.csv` for an entry of the list that is no account and was never asked.
pub fn write_invalid<W: Write>(
    csv: &mut csv::Writer<W>,
    text: &str,
    reason: &str,
    input_line: u64,
) -> io::Result<()> {
    let category = Category::InvalidAccount.name();
    csv.write_record([text, category, "", reason, "0", "", &input_line.to_string()])
        .map_err(io_error)
}

/// Writes one line of `_rejected_values.csv`.
pub fn write_rejected<W: Write>(
    csv: &mut csv::Writer<W>,
    rejected: &RejectedValue,
) -> io::Result<()> {
    csv.write_record([&rejected.account, &rejected.tag, rejected.expected_type, &rejected.value])
        .map_err(io_error)
}

/// The disk's error behind that of the csv crate, which does not tell it as its source.
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
    fn a_failed_account_is_one_line_under_the_header() {
        let failed = FailedAccount {
            ordinal: 0,
            account: "a,b".to_owned(),
            category: Category::InternalError,
            error_code: Some(40006),
            error_info: "say \"hi\"\nthere".to_owned(),
            attempts: 6,
            last_attempt_at: Timestamp::from_second(1_700_000_000).unwrap(),
            input_line: 7,
        };
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record(FAILED_ACCOUNTS_HEADER).unwrap();
        write_failed(&mut csv, &failed).unwrap();
        write_invalid(&mut csv, "", "is empty", 9).unwrap();
        assert_eq!(
            String::from_utf8(csv.into_inner().unwrap()).unwrap(),
            "account,category,error_code,error_info,attempts,last_attempt_at,input_line\n\
             \"a,b\",internal_error,40006,\"say \"\"hi\"\"\nthere\",6,2023-11-14T22:13:20Z,7\n\
             ,invalid_account,,is empty,0,,9\n"
        );
    }

    #[test]
    fn what_the_list_is_to_blame_for_does_not_count_as_failed() {
        let counted: Vec<&str> = Category::ALL
            .iter()
            .filter(|category| category.counts_as_failed())
            .map(|category| category.name())
            .collect();
        assert_eq!(counted, ["internal_error", "rejected", "no_answer"]);
    }
}
