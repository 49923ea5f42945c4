//! One file of a list, ready to be read: its compression and the place of the account are known.

use std::sync::Arc;

use super::account_rules::InvalidReason;
use super::column::no_such_column;
use super::content_checks::{
    SAMPLE_BYTES, ensure_is_not_compressed, ensure_is_text, estimate_lines, find_csv_column,
    is_utf8, not_utf8, read_sample,
};
use super::csv::CsvRecords;
use super::decompress::{Input, ListCompression};
use super::error::ListError;
use super::file_records::FileRecords;
use super::lines::Lines;
use super::list_file::{Digesting, ListFile};
use super::ndjson::{NdjsonRecords, keys_if_missing};
use super::other_json::{OtherJson, other_json};
use super::parquet::ParquetRecords;
use super::source::ListFormat;
use super::txt::TextRecords;

/// Number of records checked if the sample is not UTF-8.
const SAMPLE_RECORDS: u64 = 10_000;

/// A file whose start was checked.
#[derive(Debug)]
pub struct CheckedFile {
    pub file: ListFile,
    compression: ListCompression,
    layout: Layout,
    /// Approximate number of records: exact for Parquet and short files, otherwise extrapolated from the first MiB.
    pub estimated_records: u64,
}

/// Where a record holds the account.
#[derive(Debug)]
enum Layout {
    Csv { separator: u8, column: usize, name: String },
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
                let (column, name) = find_csv_column(file, compression, separator, column, sample)?;
                Self::Csv { separator, column, name }
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

impl CheckedFile {
    /// Checks the start of a file.
    ///
    /// # Errors
    /// If it cannot be read, does not have the format, or has no such column.
    pub fn new(
        file: ListFile,
        format: ListFormat,
        column: Option<&str>,
    ) -> Result<Self, ListError> {
        if format == ListFormat::Parquet {
            file.complete()?;
        }
        let compression = ListCompression::detect(file.peek(0)?);
        if format == ListFormat::Parquet {
            ensure_is_not_compressed(&file, compression)?;
            let estimated_records = ParquetRecords::open(&file, column, Digesting::Quick)?.rows();
            let layout = Layout::Parquet { column: column.map(str::to_owned) };
            return Ok(Self { file, compression, layout, estimated_records });
        }
        let (sample, stored_bytes) = read_sample(&file, compression)?;
        ensure_is_text(&file, compression, format, &sample)?;
        let layout = Layout::detect(&file, compression, format, column, &sample)?;
        let estimated_records = estimate_lines(&sample, stored_bytes, file.bytes);
        let checked = Self { file, compression, layout, estimated_records };
        if !is_utf8(&sample) {
            checked.ensure_accounts_are_utf8()?;
        }
        Ok(checked)
    }

    /// Name of the column by the header, if there is one.
    pub fn header_name(&self) -> Option<&str> {
        match &self.layout {
            Layout::Csv { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Refuses a file most of whose accounts are not UTF-8. A few such records are invalid accounts, and other columns
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

    /// Starts reading at the first record.
    pub fn records(&self, digesting: Digesting) -> Result<FileRecords, ListError> {
        if let Layout::Parquet { column } = &self.layout {
            return Ok(FileRecords::Parquet(Box::new(ParquetRecords::open(
                &self.file,
                column.as_deref(),
                digesting,
            )?)));
        }
        let lines = Lines::open(Input::open(&self.file, self.compression, digesting)?)?;
        Ok(match &self.layout {
            Layout::Csv { separator, column, .. } => {
                FileRecords::Csv(CsvRecords::open(lines, *separator, *column)?.1)
            }
            Layout::Ndjson { key } => {
                FileRecords::Ndjson(NdjsonRecords::new(lines, Arc::clone(key)))
            }
            Layout::Txt | Layout::Parquet { .. } => FileRecords::Txt(TextRecords::new(lines)),
        })
    }
}
