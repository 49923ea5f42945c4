//! `txt`: one account a line, without the blanks around it.

use super::error::ListError;
use super::lines::{Lines, is_blank};
use super::records::Record;
use super::validate::InvalidReason;

/// Reads the lines that are not blank.
pub(super) struct TextRecords {
    lines: Lines,
}

impl TextRecords {
    /// Begins before the first record.
    pub fn new(lines: Lines) -> Self {
        Self { lines }
    }

    /// Goes to the next record; false at the end of the list.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, ListError> {
        while self.lines.advance()? {
            if !is_blank(self.lines.line()) || self.lines.is_too_long() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The current record.
    #[inline]
    pub fn record(&self) -> Record<'_> {
        let fault = self.lines.is_too_long().then_some(InvalidReason::LineTooLong);
        let entry = self.lines.entry(0..self.lines.line().len()).trim_ascii();
        Record { line: self.lines.number(), entry, fault }
    }

    /// What it reads from.
    pub fn lines(&mut self) -> &mut Lines {
        &mut self.lines
    }
}
