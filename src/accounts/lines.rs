//! Physical lines of a list. Sizes are in bytes.
//!
//! A line ends with LF, CRLF or a CR alone, in any mixture, as spreadsheets and CSV readers take it. Blocks without a lone
//! CR, which is nearly all of them, are searched for LF only.

use std::ops::Range;

use memchr::{memchr, memchr2};

use super::blocks::{Block, Blocks, Content, MAX_LINE_BYTES};
use super::error::ListError;
use super::file::{ListDigests, ListFile};
use super::input::Input;
use super::records::Entry;
use crate::util::swar::{first_marked, marks};

/// What is kept of a line that is too long, enough to show it.
const KEPT_OF_LONG_LINE_BYTES: usize = 1024;

/// What some editors put first; no part of the content.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads line after line: [`Lines::advance`], then [`Lines::line`]. Skips a byte order mark.
pub(super) struct Lines {
    blocks: Blocks,
    block: Block,
    /// Where the current line begins and ends (its line end included) in the block.
    start: usize,
    end: usize,
    /// Where the next line begins.
    next: usize,
    number: u64,
}

impl Lines {
    /// Begins before the first line.
    pub fn open(input: Input) -> Result<Self, ListError> {
        let blocks = Blocks::open(input)?;
        let mut lines =
            Self { blocks, block: Block::default(), start: 0, end: 0, next: 0, number: 0 };
        if lines.next_block()? && lines.block.content.bytes().starts_with(BYTE_ORDER_MARK) {
            lines.next = BYTE_ORDER_MARK.len();
        }
        Ok(lines)
    }

    /// Goes to the next line; false at the end of the list.
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
        self.end =
            if length > MAX_LINE_BYTES { self.start + KEPT_OF_LONG_LINE_BYTES } else { self.next };
        self.number += 1;
        Ok(true)
    }

    /// The current line with its line end; only its beginning when it is too long.
    #[inline]
    pub fn line(&self) -> &[u8] {
        &self.block.content.bytes()[self.start..self.end]
    }

    /// A part of the current line.
    #[inline]
    pub fn entry(&self, part: Range<usize>) -> Entry<'_> {
        let part = self.start + part.start..self.start + part.end;
        match &self.block.content {
            Content::Text(text) => match text.get(part.clone()) {
                Some(text) => Entry::Text(text),
                // The beginning of a line that is too long may end within a character.
                None => Entry::Bytes(&text.as_bytes()[part]),
            },
            Content::Bytes(bytes) => Entry::Bytes(&bytes[part]),
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

    /// The list it reads.
    pub fn file(&self) -> &ListFile {
        self.blocks.file()
    }

    /// How many stored bytes the lines up to the end of the block came from.
    pub fn stored_position(&self) -> u64 {
        self.block.stored_position
    }

    /// Digests of the stored bytes, what is left of them included.
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

/// Like `memchr`, for what is likely among the first bytes: a call would take longer than the search.
#[inline]
pub(super) fn find_byte(wanted: u8, bytes: &[u8]) -> Option<usize> {
    const NEAR_WORDS: usize = 4;
    let (words, _) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().take(NEAR_WORDS).enumerate() {
        if let Some(byte) = first_marked(marks(*word, wanted)) {
            return Some(8 * at + byte);
        }
    }
    let searched = 8 * words.len().min(NEAR_WORDS);
    memchr(wanted, &bytes[searched..]).map(|at| searched + at)
}

/// Length of the first line in `bytes`, its LF, CRLF or CR included.
pub(super) fn line_length(bytes: &[u8]) -> usize {
    match memchr2(b'\r', b'\n', bytes) {
        None => bytes.len(),
        Some(line_end) if bytes[line_end..].starts_with(b"\r\n") => line_end + 2,
        Some(line_end) => line_end + 1,
    }
}

/// The lines of a text at hand, without their ends.
pub(super) fn lines_of(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (line, after) = rest.split_at_checked(line_length(rest))?;
        rest = after;
        (!line.is_empty()).then(|| without_line_end(line))
    })
}

/// `line` without its LF, CRLF or CR.
pub(super) fn without_line_end(line: &[u8]) -> &[u8] {
    match line {
        [content @ .., b'\r', b'\n'] | [content @ .., b'\n' | b'\r'] => content,
        content => content,
    }
}

/// Whether nobody would see anything on `line`.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn near_and_far_bytes_are_found(
            before in prop::collection::vec(prop_oneof![Just(0), Just(9), Just(11), Just(0x8a), any::<u8>()], 0..80),
            after in prop::collection::vec(prop_oneof![Just(10), Just(11), any::<u8>()], 0..40)) {
            let bytes = [before, after].concat();
            prop_assert_eq!(find_byte(b'\n', &bytes), memchr(b'\n', &bytes));
        }
    }
}
