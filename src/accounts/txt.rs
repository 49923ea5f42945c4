//! `txt`: one account per line; surrounding white space is ignored.

use super::account_rules::InvalidReason;
use super::error::ListError;
use super::lines::{Lines, is_blank};
use super::records::Record;

/// Reads the lines that are not blank.
pub struct TextRecords {
    lines: Lines,
}

impl TextRecords {
    pub fn new(lines: Lines) -> Self {
        Self { lines }
    }

    /// Advances to the next record; false at the end of the list.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, ListError> {
        while self.lines.advance()? {
            if !is_blank(self.lines.line()) || self.lines.is_too_long() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline]
    pub fn record(&self) -> Record<'_> {
        let fault = self.lines.is_too_long().then_some(InvalidReason::LineTooLong);
        let raw = self.lines.raw_account(0..self.lines.line().len()).trim_ascii();
        Record { line: self.lines.number(), raw, fault }
    }

    pub fn lines(&mut self) -> &mut Lines {
        &mut self.lines
    }
}
