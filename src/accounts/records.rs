//! Reads the records of all files of a list: [`Records::advance`], then [`Records::record`].

use std::fmt;
use std::sync::Arc;

use super::account_rules::{InvalidAccount, InvalidReason, check_account};
use super::error::ListError;
use super::file_records::FileRecords;
use super::file_set::FileSequence;
use super::list_file::ListDigests;
use super::list_warnings::ListWarning;

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

/// What the records of a file are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordUnit {
    #[default]
    Line,
    /// In Parquet.
    Row,
}

impl fmt::Display for RecordUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Line => "line",
            Self::Row => "row",
        })
    }
}

/// Where a record is, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPlace {
    /// The name of the file in messages, if the list is a directory or a glob.
    pub file: Option<Arc<str>>,
    pub unit: RecordUnit,
    /// Line of the file on which the record starts, or row number in Parquet; from 1.
    pub line: u64,
}

impl fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.unit, self.line)?;
        match &self.file {
            Some(file) => write!(f, " of {file}"),
            None => Ok(()),
        }
    }
}

/// One record of the list, valid or not.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Line of its file on which it starts, or row number in Parquet; from 1.
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

/// A reader of all files of a list, one after the other.
pub struct Records {
    current: FileRecords,
    /// Stored bytes of the current file.
    bytes: u64,
    /// The other files of a directory or a glob.
    files: Option<FileSequence>,
    /// Lines of the files before the current one.
    lines_before: u64,
    skipped: Option<ListWarning>,
}

impl Records {
    /// Starts before the first record of the only file.
    pub fn of_file(current: FileRecords, bytes: u64) -> Self {
        Self { current, bytes, files: None, lines_before: 0, skipped: None }
    }

    /// Starts before the first record of the first file.
    pub fn of_files(mut files: FileSequence) -> Result<Self, ListError> {
        let (current, bytes) = files.open_first()?;
        Ok(Self { files: Some(files), ..Self::of_file(current, bytes) })
    }

    /// Advances to the next record; false at the end of the list.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, ListError> {
        if self.current.advance()? { Ok(true) } else { self.advance_to_next_file() }
    }

    #[inline]
    pub fn record(&self) -> Record<'_> {
        self.current.record()
    }

    /// Line of a record of the current file, counted through all files of the list; from 1.
    #[inline]
    pub fn input_line(&self, line: u64) -> u64 {
        self.lines_before + line
    }

    /// Where the current record is.
    pub fn place(&self) -> RecordPlace {
        self.place_of(self.record().line)
    }

    /// The current record, which is not a valid account.
    pub fn invalid(&self, reason: InvalidReason) -> InvalidAccount {
        let record = self.record();
        let line = self.input_line(record.line);
        InvalidAccount::new(line, self.place(), record.raw.bytes(), reason)
    }

    /// Estimates how many records follow the first `seen` ones, from the bytes read so far.
    pub fn estimate_remaining(&mut self, seen: u64) -> u64 {
        let (bytes_before, all_bytes) = match &self.files {
            Some(files) => (files.bytes_before(), files.all_bytes()),
            None => (0, self.bytes),
        };
        let position = (bytes_before + self.current.stored_position(self.bytes)).max(1);
        let remaining = all_bytes.saturating_sub(position);
        (u128::from(seen) * u128::from(remaining) / u128::from(position))
            .try_into()
            .unwrap_or(u64::MAX)
    }

    /// What was skipped so far as a trace of concatenated files.
    pub fn skipped(&self) -> Option<ListWarning> {
        let mut all = self.skipped.clone();
        if let Some((kind, (count, line))) = self.current.skipped() {
            let first = self.place_of(line);
            all.get_or_insert(ListWarning { kind, records: 0, first }).records += count;
        }
        all
    }

    /// Digests of the list; reads it to its end.
    ///
    /// # Errors
    /// If the list cannot be read, or a file was added or removed.
    pub fn digests(&mut self) -> Result<ListDigests, ListError> {
        while self.advance()? {}
        let last = self.current.digests()?;
        match &mut self.files {
            Some(files) => files.digests(last),
            None => Ok(last),
        }
    }

    fn place_of(&self, line: u64) -> RecordPlace {
        let file = self.files.as_ref().map(FileSequence::current_name);
        RecordPlace { file, unit: self.current.unit(), line }
    }

    #[cold]
    fn advance_to_next_file(&mut self) -> Result<bool, ListError> {
        loop {
            self.skipped = match &self.files {
                Some(files) if !files.is_at_last() => self.skipped(),
                _ => return Ok(false),
            };
            let lines = self.current.lines_read();
            let digests = self.current.digests()?;
            if let Some(files) = &mut self.files {
                (self.current, self.bytes) = files.open_next(digests, self.bytes)?;
            }
            self.lines_before += lines;
            if self.current.advance()? {
                return Ok(true);
            }
        }
    }
}
