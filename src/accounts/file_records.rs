//! Reads the records of one file of any format: [`FileRecords::advance`], then [`FileRecords::record`].

use std::time::Duration;

use super::csv::CsvRecords;
use super::error::ListError;
use super::lines::Lines;
use super::list_file::ListDigests;
use super::list_warnings::WarningKind;
use super::ndjson::NdjsonRecords;
use super::parquet::ParquetRecords;
use super::records::{Record, RecordUnit};
use super::txt::TextRecords;

/// A reader of one of the formats.
pub enum FileRecords {
    Csv(CsvRecords),
    Txt(TextRecords),
    Ndjson(NdjsonRecords),
    Parquet(Box<ParquetRecords>),
}

impl FileRecords {
    pub const fn unit(&self) -> RecordUnit {
        match self {
            Self::Parquet(_) => RecordUnit::Row,
            Self::Csv(_) | Self::Txt(_) | Self::Ndjson(_) => RecordUnit::Line,
        }
    }

    /// Waits until [`Self::advance`] returns without waiting for input, at most so long; false if it does not by then. A
    /// quoted field may still end in a later block.
    pub fn is_ready(&mut self, wait: Duration) -> bool {
        match self.source() {
            Source::Lines(lines) => lines.is_ready(wait),
            Source::Rows(_) => true,
        }
    }

    /// Advances to the next record; false at the end of the file.
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

    /// Number of stored bytes, of `bytes`, from which the records so far were read.
    pub fn stored_position(&mut self, bytes: u64) -> u64 {
        match self.source() {
            Source::Lines(lines) => lines.stored_position(),
            Source::Rows(records) => {
                let (seen, rows) = (records.record().line, records.rows().max(1));
                let position = u128::from(seen) * u128::from(bytes) / u128::from(rows);
                position.try_into().unwrap_or(u64::MAX)
            }
        }
    }

    /// Number of lines or rows read so far.
    pub fn lines_read(&mut self) -> u64 {
        match self.source() {
            Source::Lines(lines) => lines.number(),
            Source::Rows(records) => records.record().line,
        }
    }

    /// What was skipped as a trace of concatenated files: its number, and the line of the first.
    pub fn skipped(&self) -> Option<(WarningKind, (u64, u64))> {
        match self {
            Self::Csv(records) => Some((WarningKind::RepeatedHeader, records.repeated_headers()?)),
            Self::Ndjson(records) => Some((WarningKind::MarkedRecord, records.marked()?)),
            Self::Txt(_) | Self::Parquet(_) => None,
        }
    }

    /// Digests of the stored bytes of the file.
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
