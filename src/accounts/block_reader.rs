//! Reads a list in blocks of whole lines. A separate thread reads, digests, decompresses and splits the content ahead
//! of the consumer, which makes use of a second core. Buffers are returned and reused, so memory is bounded by a few
//! blocks. Sizes are in bytes.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use memchr::{memchr, memchr_iter, memchr2, memrchr};

use super::decompress::Input;
use super::error::ListError;
use super::list_file::{ListDigests, read_error};

/// Maximum length of a line in memory.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// Size of a block, unless a line is longer. A few blocks fit in the processor's cache.
const BLOCK_BYTES: usize = 256 * 1024;

/// Capacity of the channel of blocks. In addition, one block is being filled and one is being consumed.
const READ_AHEAD_BLOCKS: usize = 2;

/// Whole lines. A line longer than [`MAX_LINE_BYTES`] is alone in its block, truncated to one byte more than that.
#[derive(Debug, Default)]
pub struct Block {
    pub content: BlockContent,
    pub has_quotes: bool,
    /// Whether a line in it ends with a CR that no LF follows.
    pub has_lone_cr: bool,
    /// Number of stored bytes from which the content so far was read.
    pub stored_position: u64,
}

/// Bytes, known to be text if they are UTF-8 without NUL. Checking a whole block at once costs next to nothing.
#[derive(Debug)]
pub enum BlockContent {
    Text(String),
    Bytes(Vec<u8>),
}

impl BlockContent {
    fn new(bytes: Vec<u8>) -> Self {
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

impl Default for BlockContent {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

enum BlockMessage {
    Block(Block),
    End(ListDigests),
}

/// Receives blocks from the thread that reads them. After this is dropped, the thread ends with its current block.
pub struct Blocks {
    name: Arc<str>,
    received: Receiver<Result<BlockMessage, ListError>>,
    /// Received while waiting for it.
    early: Option<Result<BlockMessage, ListError>>,
    spent: Sender<Vec<u8>>,
    end: Option<ListDigests>,
}

impl Blocks {
    /// Starts the thread.
    pub fn open(input: Input) -> Result<Self, ListError> {
        let name = Arc::clone(input.name());
        let (sender, received) = sync_channel(READ_AHEAD_BLOCKS);
        let (spent, reusable) = channel();
        let reader = BlockReader { input, rest: Vec::new() };
        thread::Builder::new()
            .name("list blocks".to_owned())
            .spawn(move || reader.send_all(&sender, &reusable))
            .map_err(|source| ListError::Thread { list: name.to_string(), source })?;
        Ok(Self { name, received, early: None, spent, end: None })
    }

    /// Waits until [`Self::next`] returns at once, at most so long; false if it does not by then.
    pub fn is_ready(&mut self, wait: Duration) -> bool {
        if self.early.is_none() && self.end.is_none() {
            match self.received.recv_timeout(wait) {
                Ok(message) => self.early = Some(message),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => {}
            }
        }
        true
    }

    /// Replaces `block`, which has been consumed, with the next one; false at the end of the list.
    pub fn next(&mut self, block: &mut Block) -> Result<bool, ListError> {
        if self.end.is_some() {
            return Ok(false);
        }
        let spent = std::mem::take(block).content.into_bytes();
        // Sending fails only after the thread has ended.
        drop(self.spent.send(spent));
        let gone =
            |_| read_error(&self.name, io::Error::other("the thread that reads it has ended"));
        let message = match self.early.take() {
            Some(message) => message,
            None => self.received.recv().map_err(gone)?,
        };
        match message? {
            BlockMessage::Block(next) => *block = next,
            BlockMessage::End(digests) => self.end = Some(digests),
        }
        Ok(self.end.is_none())
    }

    /// The name of the list in messages.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Digests of the stored bytes; `None` before the end of the list.
    pub fn digests(&self) -> Option<ListDigests> {
        self.end
    }
}

/// Splits the content after line ends.
struct BlockReader {
    input: Input,
    /// Bytes read after the last line end.
    rest: Vec<u8>,
}

impl BlockReader {
    fn send_all(
        mut self,
        blocks: &SyncSender<Result<BlockMessage, ListError>>,
        reusable: &Receiver<Vec<u8>>,
    ) {
        loop {
            let message = self.next(reusable.try_recv().unwrap_or_default());
            let is_last = !matches!(message, Ok(BlockMessage::Block(_)));
            if blocks.send(message).is_err() || is_last {
                return;
            }
        }
    }

    fn next(&mut self, mut buffer: Vec<u8>) -> Result<BlockMessage, ListError> {
        self.fill(&mut buffer)?;
        if buffer.is_empty() {
            return Ok(BlockMessage::End(self.input.digests()?));
        }
        Ok(BlockMessage::Block(Block {
            has_quotes: memchr(b'"', &buffer).is_some(),
            has_lone_cr: has_lone_cr(&buffer),
            content: BlockContent::new(buffer),
            stored_position: self.input.stored_position(),
        }))
    }

    /// Fills `block` up to a line end, or to the end of the list. Of a live input it takes the lines that are there.
    fn fill(&mut self, block: &mut Vec<u8>) -> Result<(), ListError> {
        let mut filled = self.rest.len();
        block.resize(filled.max(BLOCK_BYTES), 0);
        block[..filled].copy_from_slice(&self.rest);
        self.rest.clear();
        loop {
            let is_full = filled == block.len();
            if (is_full || self.input.is_live())
                && let Some(line_end) = last_line_end(&block[..filled])
            {
                self.rest.extend_from_slice(&block[line_end + 1..filled]);
                block.truncate(line_end + 1);
                return Ok(());
            }
            if is_full {
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

    /// Skips to the next line end; bytes read after it become the rest. `ends_with_cr`: the last byte read was a CR, so
    /// that the line has ended and at most its LF follows.
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

/// Position of the last byte of the last complete line end. A CR at the end of `bytes` may still be followed by an LF.
fn last_line_end(bytes: &[u8]) -> Option<usize> {
    let (_, before_last) = bytes.split_last()?;
    memrchr(b'\n', bytes).or_else(|| memrchr(b'\r', before_last))
}

fn has_lone_cr(bytes: &[u8]) -> bool {
    memchr_iter(b'\r', bytes).any(|at| bytes.get(at + 1) != Some(&b'\n'))
}
