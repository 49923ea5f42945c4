//! Reads records of any format: [`Records::advance`], then [`Records::record`].

use super::account_rules::{InvalidReason, check_account};
use super::csv::CsvRecords;
use super::error::ListError;
use super::lines::Lines;
use super::list_file::ListDigests;
use super::ndjson::NdjsonRecords;
use super::parquet::ParquetRecords;
use super::txt::TextRecords;

/// The field of a record that should hold an account, not validated yet.
#[derive(Debug, Clone, Copy)]
pub enum RawAccount<'a> {
    /// UTF-8 without NUL.
    Text(&'a str),
    /// Any bytes.
    Bytes(&'a [u8]),
}

impl<'a> RawAccount<'a> {
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    #[inline]
    pub fn trim_ascii(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.trim_ascii()),
            Self::Bytes(bytes) => Self::Bytes(bytes.trim_ascii()),
        }
    }
}

/// One record of the list, valid or not.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Line on which it starts, or row number in Parquet; from 1.
    pub line: u64,
    /// The account as written, or the text to show in messages if there is a fault.
    pub raw: RawAccount<'a>,
    /// Why the record has no account.
    pub fault: Option<InvalidReason>,
}

impl<'a> Record<'a> {
    /// The account, if it is valid.
    #[inline]
    pub fn account(&self) -> Result<&'a str, InvalidReason> {
        match self.fault {
            None => check_account(self.raw),
            Some(reason) => Err(reason),
        }
    }
}

/// A reader of one of the formats.
pub enum Records {
    Csv(CsvRecords),
    Txt(TextRecords),
    Ndjson(NdjsonRecords),
    Parquet(Box<ParquetRecords>),
}

impl Records {
    /// Advances to the next record; false at the end of the list.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, ListError> {
        match self {
            Self::Csv(records) => records.advance(),
            Self::Txt(records) => records.advance(),
            Self::Ndjson(records) => records.advance(),
            Self::Parquet(records) => records.advance(),
        }
    }

    #[inline]
    pub fn record(&self) -> Record<'_> {
        match self {
            Self::Csv(records) => records.record(),
            Self::Txt(records) => records.record(),
            Self::Ndjson(records) => records.record(),
            Self::Parquet(records) => records.record(),
        }
    }

    /// Estimates how many records follow the first `seen` ones, from the bytes read so far.
    pub fn estimate_remaining(&mut self, seen: u64) -> u64 {
        match self.source() {
            Source::Lines(lines) => {
                let position = lines.stored_position().max(1);
                let remaining = lines.file().bytes.saturating_sub(position);
                (u128::from(seen) * u128::from(remaining) / u128::from(position))
                    .try_into()
                    .unwrap_or(u64::MAX)
            }
            Source::Rows(records) => records.rows().saturating_sub(seen),
        }
    }

    /// Digests of the stored bytes of the list.
    pub fn digests(&mut self) -> Result<ListDigests, ListError> {
        match self.source() {
            Source::Lines(lines) => lines.digests(),
            Source::Rows(records) => records.digests(),
        }
    }

    fn source(&mut self) -> Source<'_> {
        match self {
            Self::Csv(records) => Source::Lines(records.lines()),
            Self::Txt(records) => Source::Lines(records.lines()),
            Self::Ndjson(records) => Source::Lines(records.lines()),
            Self::Parquet(records) => Source::Rows(records),
        }
    }
}

enum Source<'a> {
    Lines(&'a mut Lines),
    Rows(&'a ParquetRecords),
}
