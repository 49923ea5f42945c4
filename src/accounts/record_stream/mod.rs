//! Records from standard input as they come, each read once: for `stream`, which returns one row for each of them.
//!
//! The rules for a record are those of a list, with two differences: nothing is decompressed, and a record that repeats
//! the header of CSV is a record like any other.

mod arrow;
mod arrow_column;
mod error;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::time::Duration;

use clap::ValueEnum;

use self::arrow::ArrowRecords;
pub use self::error::RecordStreamError;
use super::column::{find_column, no_such_column};
use super::content_checks::{OtherKind, header_of_another_separator, other_kind};
use super::csv::CsvRecords;
use super::decompress::{Input, ListCompression};
use super::encoding::utf16_or_utf32;
use super::error::ListError;
use super::file_records::FileRecords;
use super::lines::{Lines, is_blank, split_lines};
use super::list_file::STDIN;
use super::ndjson::{NdjsonRecords, keys_if_missing};
use super::other_json::{OtherJson, other_json};
use super::records::{Record, RecordUnit};
use super::txt::TextRecords;

/// The column or key that holds the account if a job names none.
pub const DEFAULT_COLUMN: &str = "account";

/// The format of a stream of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// Apache Arrow IPC stream
    Arrow,
    /// RFC 4180 with a header line
    Csv,
    /// RFC 4180 with a header line, separated by tabs
    Tsv,
    /// One account per line
    Txt,
    /// One JSON object per line
    Ndjson,
}

impl RecordFormat {
    const fn name(self) -> &'static str {
        match self {
            Self::Arrow => "arrow",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Txt => "txt",
            Self::Ndjson => "ndjson",
        }
    }
}

/// What a stream of records contains.
#[derive(Debug, Clone)]
pub struct RecordSettings {
    /// Its format.
    pub format: RecordFormat,
    /// The column or key that holds the account; [`DEFAULT_COLUMN`] without it.
    pub column: Option<String>,
    /// The largest record batch of Arrow, in bytes.
    pub max_batch_bytes: u64,
}

/// A reader of records: [`RecordStream::advance`], then [`RecordStream::record`].
pub enum RecordStream {
    /// Lines of text, in one of its formats.
    Text(FileRecords),
    /// Rows of record batches.
    Arrow(ArrowRecords),
}

impl RecordStream {
    /// Reads the first bytes and checks them.
    ///
    /// # Errors
    /// If they do not have the format, or lack the column.
    pub fn open(
        settings: &RecordSettings,
        pipe: impl Read + Send + 'static,
    ) -> Result<Self, RecordStreamError> {
        let RecordSettings { format, column, max_batch_bytes } = settings;
        let column = column.as_deref();
        match format {
            RecordFormat::Arrow => {
                Ok(Self::Arrow(ArrowRecords::open(pipe, column, *max_batch_bytes)?))
            }
            format => {
                let lines = Lines::open(Input::live(Box::new(pipe)))?;
                ensure_is_text(lines.buffered(), *format)?;
                Ok(Self::Text(text_records(lines, *format, column)?))
            }
        }
    }

    /// Waits until [`Self::advance`] returns without waiting for input, at most so long; false if it does not by then.
    pub fn is_ready(&mut self, wait: Duration) -> bool {
        match self {
            Self::Text(records) => records.is_ready(wait),
            Self::Arrow(records) => records.is_ready(wait),
        }
    }

    /// Advances to the next record; false at the end.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, RecordStreamError> {
        match self {
            Self::Text(records) => Ok(records.advance()?),
            Self::Arrow(records) => records.advance(),
        }
    }

    /// The current record.
    #[inline]
    pub fn record(&self) -> Record<'_> {
        match self {
            Self::Text(records) => records.record(),
            Self::Arrow(records) => records.record(),
        }
    }

    /// What its records are counted by.
    pub const fn unit(&self) -> RecordUnit {
        match self {
            Self::Text(records) => records.unit(),
            Self::Arrow(_) => RecordUnit::Row,
        }
    }
}

fn text_records(
    lines: Lines,
    format: RecordFormat,
    column: Option<&str>,
) -> Result<FileRecords, RecordStreamError> {
    Ok(match format {
        RecordFormat::Csv | RecordFormat::Tsv if !lines.buffered().is_empty() => {
            FileRecords::Csv(csv_records(lines, format, column)?)
        }
        RecordFormat::Ndjson => {
            let key = column.unwrap_or(DEFAULT_COLUMN);
            ensure_has_key(lines.buffered(), key)?;
            FileRecords::Ndjson(NdjsonRecords::new(lines, key.into()))
        }
        // Without any input, CSV has neither a header nor a record.
        _ => FileRecords::Txt(TextRecords::new(lines)),
    })
}

fn csv_records(
    lines: Lines,
    format: RecordFormat,
    column: Option<&str>,
) -> Result<CsvRecords, RecordStreamError> {
    let separator = if format == RecordFormat::Tsv { b'\t' } else { b',' };
    let (names, records) = match CsvRecords::open(lines, separator, 0) {
        Err(ListError::NoHeader { .. }) => return Err(RecordStreamError::NoHeader),
        opened => opened?,
    };
    if let Some(header) = header_of_another_separator(&names, column) {
        let (expected, remedy) = match separator {
            b'\t' if header.contains(',') => ("tabs", "use --input csv"),
            b'\t' => ("tabs", "write it with tabs"),
            _ if header.contains('\t') => ("commas", "use --input tsv"),
            _ => ("commas", "write it with commas"),
        };
        return Err(
            ListError::Separator { list: STDIN.to_owned(), expected, header, remedy }.into()
        );
    }
    let position = position_of(column, &names)?;
    Ok(records.with_column(position).keeping_repeated_headers())
}

/// Position of the column that holds the account. A column of another name may be the first record of CSV without a header.
fn position_of(wanted: Option<&str>, names: &[String]) -> Result<usize, ListError> {
    find_column(STDIN, Some(wanted.unwrap_or(DEFAULT_COLUMN)), names)
}

/// Refuses other formats, in which every line would be an invalid account. `start` is what was read first, at least a line.
fn ensure_is_text(start: &[u8], format: RecordFormat) -> Result<(), RecordStreamError> {
    let list = STDIN.to_owned();
    if let Some((kind, remedy)) = kind_that_is_not_text(start) {
        let (format, remedy) = (format.name(), remedy.to_owned());
        return Err(ListError::OtherKind { list, kind, format, remedy }.into());
    }
    match utf16_or_utf32(start) {
        Some(encoding) => Err(ListError::WideEncoding { list, encoding }.into()),
        None => Ok(()),
    }
}

/// The kind of other content, and how to fix it.
fn kind_that_is_not_text(start: &[u8]) -> Option<(&'static str, &'static str)> {
    const WRITE_TEXT: &str = "write its accounts as Arrow, csv, txt or ndjson";
    match ListCompression::detect(start.first_chunk().copied().unwrap_or_default()) {
        ListCompression::Gzip => {
            return Some((
                "a gzip file",
                "decompress it on the way: zcat LIST | im-profiles stream JOB",
            ));
        }
        ListCompression::Zstd => {
            return Some((
                "a zstd file",
                "decompress it on the way: zstdcat LIST | im-profiles stream JOB",
            ));
        }
        ListCompression::Plain => {}
    }
    match start {
        [b'P', b'A', b'R', b'1', ..] => Some(("a Parquet file", WRITE_TEXT)),
        [0xff, 0xff, 0xff, 0xff, ..] => Some(("an Arrow stream", "use --input arrow")),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => {
            Some(("an Arrow file", "write it as an Arrow stream and use --input arrow"))
        }
        _ => other_kind(start).map(|OtherKind { kind, .. }| (kind, WRITE_TEXT)),
    }
}

/// Refuses NDJSON whose first object does not have the key: it is a mistake in the job rather than in the record.
fn ensure_has_key(start: &[u8], key: &str) -> Result<(), RecordStreamError> {
    let Some(first) = split_lines(start).find(|line| !is_blank(line)) else { return Ok(()) };
    if let Some(OtherJson { kind, remedy }) = other_json(first, false, key) {
        let list = STDIN.to_owned();
        return Err(ListError::OtherKind { list, kind, format: "ndjson", remedy }.into());
    }
    match keys_if_missing(first, key) {
        Some(keys) => Err(no_such_column(STDIN, key, &keys).into()),
        None => Ok(()),
    }
}
