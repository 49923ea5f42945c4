//! One stream of records over all formats: [`Records::advance`], then [`Records::record`].

use super::csv::CsvRecords;
use super::error::ListError;
use super::file::ListDigests;
use super::lines::Lines;
use super::ndjson::NdjsonRecords;
use super::parquet::ParquetRecords;
use super::text::TextRecords;
use super::validate::{InvalidReason, check_account};

/// An id as it stands in the list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry<'a> {
    /// Known to be UTF-8 without NUL.
    Text(&'a str),
    /// Any bytes.
    Bytes(&'a [u8]),
}

impl<'a> Entry<'a> {
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// Without the blanks around it.
    #[inline]
    pub fn trim_ascii(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.trim_ascii()),
            Self::Bytes(bytes) => Self::Bytes(bytes.trim_ascii()),
        }
    }
}

/// One entry of the list, valid or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// Line on which it begins, or row number in Parquet; from 1.
    pub line: u64,
    /// The id as it stands in the list, or what to show when there is a fault.
    pub entry: Entry<'a>,
    /// Why no id was found in it.
    pub fault: Option<InvalidReason>,
}

impl<'a> Record<'a> {
    /// The account, or why there is none.
    #[inline]
    pub fn account(&self) -> Result<&'a str, InvalidReason> {
        match self.fault {
            None => check_account(self.entry),
            Some(reason) => Err(reason),
        }
    }
}

/// A reader of one of the formats.
pub(super) enum Records {
    Csv(CsvRecords),
    Txt(TextRecords),
    Ndjson(NdjsonRecords),
    Parquet(Box<ParquetRecords>),
}

impl Records {
    /// Goes to the next record; false at the end of the list.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, ListError> {
        match self {
            Self::Csv(records) => records.advance(),
            Self::Txt(records) => records.advance(),
            Self::Ndjson(records) => records.advance(),
            Self::Parquet(records) => records.advance(),
        }
    }

    /// The current record.
    #[inline]
    pub fn record(&self) -> Record<'_> {
        match self {
            Self::Csv(records) => records.record(),
            Self::Txt(records) => records.record(),
            Self::Ndjson(records) => records.record(),
            Self::Parquet(records) => records.record(),
        }
    }

    /// How many records still follow the `seen` ones, guessed from the bytes that they took.
    pub fn estimate_left(&mut self, seen: u64) -> u64 {
        match self.source() {
            Source::Lines(lines) => {
                let position = lines.stored_position().max(1);
                let left = lines.file().bytes.saturating_sub(position);
                (u128::from(seen) * u128::from(left) / u128::from(position))
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

/// What records come from.
enum Source<'a> {
    Lines(&'a mut Lines),
    Rows(&'a ParquetRecords),
}
