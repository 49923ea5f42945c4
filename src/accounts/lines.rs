//! Splits a list into physical lines. Sizes are in bytes.
//!
//! A line ends with LF, CRLF or a single CR, in any mixture, as in spreadsheets and CSV readers. Blocks without a
//! single CR, which are nearly all of them, are searched for LF only.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use memchr::{memchr, memchr2};

use super::block_reader::{Block, BlockContent, Blocks, MAX_LINE_BYTES};
use super::decompress::Input;
use super::error::ListError;
use super::list_file::ListDigests;
use super::records::RawAccount;
use crate::util::swar::{first_marked, marks};

/// How much of a line that is too long is kept for messages.
const KEPT_LINE_BYTES: usize = 1024;

/// Written by some editors at the start of a file; not part of the content.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads line after line: [`Lines::advance`], then [`Lines::line`]. Skips a byte order mark.
pub struct Lines {
    blocks: Blocks,
    block: Block,
    /// Start and end (including the line end) of the current line in the block.
    start: usize,
    end: usize,
    /// Start of the next line.
    next: usize,
    number: u64,
}

impl Lines {
    /// Starts before the first line.
    pub fn open(input: Input) -> Result<Self, ListError> {
        let blocks = Blocks::open(input)?;
        let mut lines =
            Self { blocks, block: Block::default(), start: 0, end: 0, next: 0, number: 0 };
        if lines.next_block()? && lines.block.content.bytes().starts_with(BYTE_ORDER_MARK) {
            lines.next = BYTE_ORDER_MARK.len();
        }
        Ok(lines)
    }

    /// Advances to the next line; false at the end of the list.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, ListError> {
        if self.next == self.block.content.bytes().len() && !self.next_block()? {
            return Ok(false);
        }
        let rest = &self.block.content.bytes()[self.next..];
        let length = match self.block.has_lone_cr {
            true => line_length(rest),
            false => find_byte(b'\n', rest).map_or(rest.len(), |line_end| line_end + 1),
        };
        self.start = self.next;
        self.next += length;
        self.end = if length > MAX_LINE_BYTES { self.start + KEPT_LINE_BYTES } else { self.next };
        self.number += 1;
        Ok(true)
    }

    /// The current line with its line end, truncated if it is too long.
    #[inline]
    pub fn line(&self) -> &[u8] {
        &self.block.content.bytes()[self.start..self.end]
    }

    /// The length of [`Self::line`].
    #[inline]
    pub fn line_bytes(&self) -> usize {
        self.end - self.start
    }

    /// A part of the current line as a field.
    #[inline]
    pub fn raw_account(&self, part: Range<usize>) -> RawAccount<'_> {
        let part = self.start + part.start..self.start + part.end;
        match &self.block.content {
            BlockContent::Text(text) => match text.get(part.clone()) {
                Some(text) => RawAccount::Text(text),
                // A truncated line may end within a character.
                None => RawAccount::Bytes(&text.as_bytes()[part]),
            },
            BlockContent::Bytes(bytes) => RawAccount::Bytes(&bytes[part]),
        }
    }

    /// Whether there may be a `"` in the current line.
    #[inline]
    pub fn may_have_quotes(&self) -> bool {
        self.block.has_quotes
    }

    /// Number of the current line, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the current line is longer than [`MAX_LINE_BYTES`].
    #[inline]
    pub fn is_too_long(&self) -> bool {
        self.end < self.next
    }

    /// The name of the list in messages.
    pub fn name(&self) -> &Arc<str> {
        self.blocks.name()
    }

    /// The lines that are there and not read yet, of which the first may be truncated.
    pub fn buffered(&self) -> &[u8] {
        &self.block.content.bytes()[self.next..]
    }

    /// Waits until [`Self::advance`] returns at once, at most so long; false if it does not by then.
    pub fn is_ready(&mut self, wait: Duration) -> bool {
        !is_blank(self.buffered()) || self.blocks.is_ready(wait)
    }

    /// Number of stored bytes from which the lines up to the end of the block were read.
    pub fn stored_position(&self) -> u64 {
        self.block.stored_position
    }

    /// Digests of all stored bytes; reads the rest of the list.
    pub fn digests(&mut self) -> Result<ListDigests, ListError> {
        loop {
            if let Some(digests) = self.blocks.digests() {
                return Ok(digests);
            }
            self.next_block()?;
        }
    }

    fn next_block(&mut self) -> Result<bool, ListError> {
        (self.start, self.end, self.next) = (0, 0, 0);
        self.blocks.next(&mut self.block)
    }
}

/// Like `memchr`, but faster if the byte is likely to be near the start, where a call would take longer than the
/// search.
#[inline]
pub fn find_byte(wanted: u8, bytes: &[u8]) -> Option<usize> {
    const NEAR_WORDS: usize = 4;
    let (words, _) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().take(NEAR_WORDS).enumerate() {
        if let Some(byte) = first_marked(marks(*word, wanted)) {
            return Some(8 * at + byte);
        }
    }
    if words.len() > NEAR_WORDS {
        let searched = 8 * NEAR_WORDS;
        return memchr(wanted, &bytes[searched..]).map(|at| searched + at);
    }
    match bytes.last_chunk() {
        Some(last) => first_marked(marks(*last, wanted)).map(|byte| bytes.len() - 8 + byte),
        None => bytes.iter().position(|byte| *byte == wanted),
    }
}

/// Length of the first line in `bytes`, including its LF, CRLF or CR.
pub fn line_length(bytes: &[u8]) -> usize {
    match memchr2(b'\r', b'\n', bytes) {
        None => bytes.len(),
        Some(line_end) if bytes[line_end..].starts_with(b"\r\n") => line_end + 2,
        Some(line_end) => line_end + 1,
    }
}

/// The lines of `bytes`, without their line ends.
pub fn split_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (line, after) = rest.split_at_checked(line_length(rest))?;
        rest = after;
        (!line.is_empty()).then(|| without_line_end(line))
    })
}

/// `line` without its LF, CRLF or CR.
pub fn without_line_end(line: &[u8]) -> &[u8] {
    match line {
        [content @ .., b'\r', b'\n'] | [content @ .., b'\n' | b'\r'] => content,
        content => content,
    }
}

/// Whether `line` is only white space.
pub fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn find_byte_matches_memchr(
            before in prop::collection::vec(prop_oneof![Just(0), Just(9), Just(11), Just(0x8a), any::<u8>()], 0..80),
            after in prop::collection::vec(prop_oneof![Just(10), Just(11), any::<u8>()], 0..40)) {
            let bytes = [before, after].concat();
            prop_assert_eq!(find_byte(b'\n', &bytes), memchr(b'\n', &bytes));
        }
    }
}
