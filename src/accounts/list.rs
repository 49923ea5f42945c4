//! An account list ready to be read: its format, compression and column are known.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::account_rules::InvalidReason;
use super::column::no_such_column;
use super::content_checks::{
    SAMPLE_BYTES, ensure_is_not_compressed, ensure_is_text, estimate_lines, find_csv_column,
    is_utf8, not_utf8, read_sample,
};
use super::csv::CsvRecords;
use super::decompress::{Input, ListCompression};
use super::duplicates::Budget;
use super::error::ListError;
use super::lines::Lines;
use super::list_file::{Digesting, ListFile};
use super::ndjson::{NdjsonRecords, keys_if_missing};
use super::other_json::{OtherJson, other_json};
use super::parquet::ParquetRecords;
use super::records::Records;
use super::source::{ListFormat, ListPath, ListSource};
use super::txt::TextRecords;
use crate::util::visible::visible_path;

/// Number of records checked if the sample is not UTF-8.
const SAMPLE_RECORDS: u64 = 10_000;

/// A list that can be read any number of times.
#[derive(Debug)]
pub struct AccountList {
    file: ListFile,
    compression: ListCompression,
    layout: Layout,
    estimated_accounts: u64,
    spool_directory: PathBuf,
    budget: Budget,
}

/// Where a record holds the account.
#[derive(Debug)]
enum Layout {
    Csv { separator: u8, column: usize },
    Txt,
    Ndjson { key: Arc<str> },
    Parquet { column: Option<String> },
}

impl Layout {
    /// Finds the column or key in `sample`, the start of a text list.
    fn detect(
        file: &ListFile,
        compression: ListCompression,
        format: ListFormat,
        column: Option<&str>,
        sample: &[u8],
    ) -> Result<Self, ListError> {
        Ok(match (format, column) {
            // Neither a header nor a record: the job decides whether the list may be empty.
            (ListFormat::Csv | ListFormat::Tsv, _) if sample.is_empty() => Self::Txt,
            (ListFormat::Csv | ListFormat::Tsv, column) => {
                let separator = if format == ListFormat::Csv { b',' } else { b'\t' };
                let column = find_csv_column(file, compression, separator, column, sample)?;
                Self::Csv { separator, column }
            }
            (ListFormat::Ndjson, Some(key)) => {
                if let Some(OtherJson { kind, remedy }) =
                    other_json(sample, sample.len() < SAMPLE_BYTES, key)
                {
                    let (list, format) = (file.name.to_string(), format.name());
                    return Err(ListError::OtherKind { list, kind, format, remedy });
                }
                if let Some(keys) = keys_if_missing(sample, key) {
                    return Err(no_such_column(&file.name, key, &keys));
                }
                Self::Ndjson { key: key.into() }
            }
            (ListFormat::Ndjson, None) => {
                return Err(ListError::NoKeyChosen { list: file.name.to_string() });
            }
            (ListFormat::Txt | ListFormat::Parquet, _) => Self::Txt,
        })
    }
}

impl AccountList {
    /// Opens a list and checks its start. `spool_directory` is for temporary files without names, which disappear with
    /// the list and its readers: one for a copy of standard input, one for the possible duplicates of a scan.
    ///
    /// # Errors
    /// If the file does not exist, cannot be read, does not have its format, or has no such column.
    pub fn open(source: &ListSource, spool_directory: &Path) -> Result<Self, ListError> {
        let (format, file) = match &source.path {
            ListPath::File(path) => {
                let unknown = || ListError::UnknownFormat { list: visible_path(path) };
                let file = ListFile::open(path)?;
                (source.format.or_else(|| ListFormat::from_path(path)).ok_or_else(unknown)?, file)
            }
            ListPath::Stdin => {
                let unknown = || ListError::UnknownFormat { list: "standard input".to_owned() };
                let format = source.format.ok_or_else(unknown)?;
                (format, ListFile::spool(&mut io::stdin().lock(), spool_directory)?)
            }
        };
        Self::from_file(file, format, source.column.as_deref(), spool_directory)
    }

    pub(super) fn from_file(
        file: ListFile,
        format: ListFormat,
        column: Option<&str>,
        spool_directory: &Path,
    ) -> Result<Self, ListError> {
        let (spool_directory, budget) = (spool_directory.to_owned(), Budget::default());
        let compression = ListCompression::detect(file.peek(0)?);
        if format == ListFormat::Parquet {
            ensure_is_not_compressed(&file, compression)?;
            let estimated_accounts = ParquetRecords::open(&file, column, Digesting::Quick)?.rows();
            let layout = Layout::Parquet { column: column.map(str::to_owned) };
            return Ok(Self {
                file,
                compression,
                layout,
                estimated_accounts,
                spool_directory,
                budget,
            });
        }
        let (sample, stored_bytes) = read_sample(&file, compression)?;
        ensure_is_text(&file, compression, format, &sample)?;
        let layout = Layout::detect(&file, compression, format, column, &sample)?;
        let estimated_accounts = estimate_lines(&sample, stored_bytes, file.bytes);
        let list = Self { file, compression, layout, estimated_accounts, spool_directory, budget };
        if !is_utf8(&sample) {
            list.ensure_accounts_are_utf8()?;
        }
        Ok(list)
    }

    /// Refuses a list most of whose accounts are not UTF-8. A few such records are invalid accounts, and other columns
    /// do not matter.
    fn ensure_accounts_are_utf8(&self) -> Result<(), ListError> {
        let mut records = self.records(Digesting::Quick)?;
        let (mut count, mut invalid, mut text) = (0, 0, Vec::new());
        while count < SAMPLE_RECORDS && records.advance()? {
            let record = records.record();
            count += 1;
            if record.account() == Err(InvalidReason::NotUtf8) {
                invalid += 1;
                text.extend_from_slice(record.raw.bytes());
                text.push(b'\n');
            }
        }
        if 2 * invalid > count { Err(not_utf8(&self.file, &text)) } else { Ok(()) }
    }

    /// Approximate number of records: exact for Parquet and short lists, otherwise extrapolated from the first MiB.
    pub fn estimated_accounts(&self) -> u64 {
        self.estimated_accounts
    }

    pub(super) fn file(&self) -> &ListFile {
        &self.file
    }

    pub(super) fn spool_directory(&self) -> &Path {
        &self.spool_directory
    }

    pub(super) fn budget(&self) -> Budget {
        self.budget
    }

    #[cfg(test)]
    pub(super) fn set_budget(&mut self, budget: Budget) {
        self.budget = budget;
    }

    #[cfg(test)]
    pub(super) fn set_estimated_accounts(&mut self, accounts: u64) {
        self.estimated_accounts = accounts;
    }

    /// Starts reading at the first record.
    pub(super) fn records(&self, digesting: Digesting) -> Result<Records, ListError> {
        if let Layout::Parquet { column } = &self.layout {
            return Ok(Records::Parquet(Box::new(ParquetRecords::open(
                &self.file,
                column.as_deref(),
                digesting,
            )?)));
        }
        let lines = Lines::open(Input::open(&self.file, self.compression, digesting)?)?;
        Ok(match &self.layout {
            Layout::Csv { separator, column } => {
                Records::Csv(CsvRecords::open(lines, *separator, *column)?.1)
            }
            Layout::Ndjson { key } => Records::Ndjson(NdjsonRecords::new(lines, Arc::clone(key))),
            Layout::Txt | Layout::Parquet { .. } => Records::Txt(TextRecords::new(lines)),
        })
    }
}
