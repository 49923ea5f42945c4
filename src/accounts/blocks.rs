//! A list's content in blocks of whole lines. A thread of its own reads, digests, decompresses and cuts ahead of the one
//! that takes the blocks, so that a second core has its share; the buffers go back and forth, so memory stays at a few
//! blocks. Sizes are in bytes.

use std::io;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use memchr::{memchr, memchr_iter, memchr2, memrchr};

use super::error::ListError;
use super::file::{ListDigests, ListFile};
use super::input::Input;

/// No line is held beyond this.
pub(super) const MAX_LINE_BYTES: usize = 1024 * 1024;

/// Size of a block, unless a line is longer: a few of them stay in the processor's cache.
const BLOCK_BYTES: usize = 256 * 1024;

/// Blocks that wait to be taken. Besides them, one is being filled and one being read.
const READ_AHEAD_BLOCKS: usize = 2;

/// Some whole lines; of a line longer than [`MAX_LINE_BYTES`], alone in its block, one byte more than that.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub content: Content,
    /// Whether there is a `"` anywhere in it.
    pub has_quotes: bool,
    /// Whether a line in it ends with a CR that no LF follows.
    pub has_lone_cr: bool,
    /// How many stored bytes the content so far came from.
    pub stored_position: u64,
}

/// Bytes, known as text when all of them are UTF-8 and none is NUL: checked for a block at once, that costs next to nothing.
#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    Bytes(Vec<u8>),
}

impl Content {
    fn of(bytes: Vec<u8>) -> Self {
        if memchr(0, &bytes).is_some() {
            return Self::Bytes(bytes);
        }
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

enum Message {
    Block(Block),
    End(ListDigests),
}

/// Takes the blocks from the thread that reads them. When it is dropped, that thread ends with the block it is at.
pub(super) struct Blocks {
    file: ListFile,
    arriving: Receiver<Result<Message, ListError>>,
    spent: Sender<Vec<u8>>,
    end: Option<ListDigests>,
}

impl Blocks {
    /// Begins to read.
    pub fn open(input: Input) -> Result<Self, ListError> {
        let file = input.file().clone();
        let (sender, arriving) = sync_channel(READ_AHEAD_BLOCKS);
        let (spent, reusable) = channel();
        let cutter = BlockReader { input, rest: Vec::new() };
        thread::Builder::new()
            .name("list blocks".to_owned())
            .spawn(move || cutter.send_all(&sender, &reusable))
            .map_err(|source| ListError::Thread { list: file.name.to_string(), source })?;
        Ok(Self { file, arriving, spent, end: None })
    }

    /// Puts the next block in the place of `block`, which has been read; false at the end of the list.
    pub fn next(&mut self, block: &mut Block) -> Result<bool, ListError> {
        if self.end.is_some() {
            return Ok(false);
        }
        let spent = std::mem::take(block).content.into_bytes();
        // Nobody takes it when the reading is over.
        drop(self.spent.send(spent));
        let gone = |_| self.file.read_error(io::Error::other("the thread that reads it is gone"));
        match self.arriving.recv().map_err(gone)?? {
            Message::Block(next) => *block = next,
            Message::End(digests) => self.end = Some(digests),
        }
        Ok(self.end.is_none())
    }

    /// The list they come from.
    pub fn file(&self) -> &ListFile {
        &self.file
    }

    /// Digests of the stored bytes; known at the end.
    pub fn digests(&self) -> Option<ListDigests> {
        self.end
    }
}

/// Cuts the content after line ends.
struct BlockReader {
    input: Input,
    /// What was read beyond the last cut.
    rest: Vec<u8>,
}

impl BlockReader {
    fn send_all(
        mut self,
        blocks: &SyncSender<Result<Message, ListError>>,
        reusable: &Receiver<Vec<u8>>,
    ) {
        loop {
            let message = self.next(reusable.try_recv().unwrap_or_default());
            let is_last = !matches!(message, Ok(Message::Block(_)));
            if blocks.send(message).is_err() || is_last {
                return;
            }
        }
    }

    fn next(&mut self, mut buffer: Vec<u8>) -> Result<Message, ListError> {
        self.fill(&mut buffer)?;
        if buffer.is_empty() {
            return Ok(Message::End(self.input.digests()?));
        }
        Ok(Message::Block(Block {
            has_quotes: memchr(b'"', &buffer).is_some(),
            has_lone_cr: has_lone_cr(&buffer),
            content: Content::of(buffer),
            stored_position: self.input.stored_position(),
        }))
    }

    /// Fills `block` up to a line end, or to the end of the list.
    fn fill(&mut self, block: &mut Vec<u8>) -> Result<(), ListError> {
        let mut filled = self.rest.len();
        block.resize(filled.max(BLOCK_BYTES), 0);
        block[..filled].copy_from_slice(&self.rest);
        self.rest.clear();
        loop {
            if filled == block.len() {
                if let Some(line_end) = last_line_end(block) {
                    self.rest.extend_from_slice(&block[line_end + 1..]);
                    block.truncate(line_end + 1);
                    return Ok(());
                }
                if filled > MAX_LINE_BYTES {
                    let ends_with_cr = block.last() == Some(&b'\r');
                    block.truncate(MAX_LINE_BYTES + 1);
                    return self.skip_line(ends_with_cr);
                }
                block.resize(2 * filled, 0);
            }
            match self.input.read(&mut block[filled..])? {
                0 => break,
                length => filled += length,
            }
        }
        block.truncate(filled);
        Ok(())
    }

    /// Reads up to the next line end; what was read beyond it is the rest. `ends_with_cr`: the last byte read was a CR,
    /// so the line has ended and at most its LF is missing.
    fn skip_line(&mut self, mut ends_with_cr: bool) -> Result<(), ListError> {
        loop {
            self.rest.resize(BLOCK_BYTES, 0);
            let length = self.input.read(&mut self.rest)?;
            self.rest.truncate(length);
            if ends_with_cr || length == 0 {
                let line_feed = usize::from(self.rest.first() == Some(&b'\n'));
                self.rest.drain(..line_feed);
                return Ok(());
            }
            let Some(line_end) = memchr2(b'\r', b'\n', &self.rest) else { continue };
            ends_with_cr = self.rest[line_end..] == *b"\r";
            if !ends_with_cr {
                let line_end_bytes = if self.rest[line_end..].starts_with(b"\r\n") { 2 } else { 1 };
                self.rest.drain(..line_end + line_end_bytes);
                return Ok(());
            }
        }
    }
}

/// The last byte of the last line end that is complete: after a CR at the end of `bytes`, an LF may still come.
fn last_line_end(bytes: &[u8]) -> Option<usize> {
    let (_, before_last) = bytes.split_last()?;
    memrchr(b'\n', bytes).or_else(|| memrchr(b'\r', before_last))
}

fn has_lone_cr(bytes: &[u8]) -> bool {
    memchr_iter(b'\r', bytes).any(|at| bytes.get(at + 1) != Some(&b'\n'))
}
