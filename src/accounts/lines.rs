//! Physical lines of a list, found at memory speed in one buffer. Sizes are in bytes.

use memchr::memchr;

use super::error::ListError;
use super::file::{ListDigest, ListFile};
use super::input::Input;

/// No line is held beyond this.
pub(super) const MAX_LINE_BYTES: usize = 1024 * 1024;

/// The buffer to begin with; it grows to hold a longer line and stays in the processor's cache otherwise.
const BUFFER_BYTES: usize = 256 * 1024;

/// What is kept of a line that is too long, enough to show it.
const KEPT_OF_LONG_LINE_BYTES: usize = 1024;

/// What some editors put first; no part of the content.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads line after line: [`Lines::advance`], then [`Lines::line`]. Skips a byte order mark.
pub(super) struct Lines {
    input: Input,
    buffer: Vec<u8>,
    /// Where the current line begins and ends (its line end included) in `buffer`.
    start: usize,
    end: usize,
    /// Where the next line begins, and where the bytes read so far end.
    next: usize,
    filled: usize,
    number: u64,
    is_too_long: bool,
}

impl Lines {
    /// Begins before the first line.
    pub fn open(input: Input) -> Result<Self, ListError> {
        let buffer = vec![0; BUFFER_BYTES];
        let mut lines = Self {
            input,
            buffer,
            start: 0,
            end: 0,
            next: 0,
            filled: 0,
            number: 0,
            is_too_long: false,
        };
        while lines.filled < BYTE_ORDER_MARK.len() && lines.fill()? {}
        if lines.buffer[..lines.filled].starts_with(BYTE_ORDER_MARK) {
            lines.next = BYTE_ORDER_MARK.len();
        }
        Ok(lines)
    }

    /// Goes to the next line; false at the end of the list.
    pub fn advance(&mut self) -> Result<bool, ListError> {
        self.start = self.next;
        self.is_too_long = false;
        self.number += 1;
        let mut searched = 0;
        loop {
            if let Some(at) = memchr(b'\n', &self.buffer[self.start + searched..self.filled]) {
                self.end = self.start + searched + at + 1;
                self.next = self.end;
                break;
            }
            searched = self.filled - self.start;
            if searched > MAX_LINE_BYTES {
                self.skip_long_line()?;
                break;
            }
            if !self.fill()? {
                self.end = self.filled;
                self.next = self.filled;
                break;
            }
        }
        if self.end - self.start > MAX_LINE_BYTES {
            self.is_too_long = true;
            self.end = self.start + KEPT_OF_LONG_LINE_BYTES;
        }
        Ok(self.start < self.end)
    }

    /// The current line with its line end; only its beginning when it is too long.
    pub fn line(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Number of the current line, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the current line is longer than [`MAX_LINE_BYTES`].
    pub fn is_too_long(&self) -> bool {
        self.is_too_long
    }

    /// The list it reads.
    pub fn file(&self) -> &ListFile {
        self.input.file()
    }

    /// How many stored bytes the lines so far came from.
    pub fn stored_position(&self) -> u64 {
        self.input.stored_position()
    }

    /// Digest of the stored bytes, what is left of them included.
    pub fn digest(&mut self) -> Result<ListDigest, ListError> {
        self.input.digest()
    }

    /// Drops all but the beginning of the current line, up to the next one.
    fn skip_long_line(&mut self) -> Result<(), ListError> {
        self.is_too_long = true;
        self.end = self.start + KEPT_OF_LONG_LINE_BYTES;
        loop {
            self.filled = self.end;
            if !self.fill()? {
                self.next = self.filled;
                return Ok(());
            }
            // `fill` may have moved the line to the front.
            self.end = self.start + KEPT_OF_LONG_LINE_BYTES;
            if let Some(at) = memchr(b'\n', &self.buffer[self.end..self.filled]) {
                self.next = self.end + at + 1;
                return Ok(());
            }
        }
    }

    /// Reads on behind what is there, making room first; false at the end of the list.
    fn fill(&mut self) -> Result<bool, ListError> {
        if self.filled == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.filled, 0);
                self.filled -= self.start;
                self.start = 0;
            } else {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        let length = self.input.read(&mut self.buffer[self.filled..])?;
        self.filled += length;
        Ok(length > 0)
    }
}

/// `line` without its LF or CRLF.
pub(super) fn without_line_end(line: &[u8]) -> &[u8] {
    match line {
        [content @ .., b'\r', b'\n'] | [content @ .., b'\n'] => content,
        content => content,
    }
}

/// Whether nobody would see anything on `line`.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}
