//! The capacities of all queues of a run, in one place.
//!
//! | queue                            | holds up to                                                         |
//! |----------------------------------|---------------------------------------------------------------------|
//! | blocks of chunks from the reader | [`PREFETCHED_BLOCKS`], and one that is being used                   |
//! | calls in flight                  | `max_in_flight`                                                     |
//! | chunks to resend                 | as many as calls in flight, and the halves of one split of each     |
//! | accounts backing off             | [`ACCOUNTS_BACKING_OFF`], and the accounts of the calls in flight   |
//! | messages to flush                | [`MESSAGES_PER_FLUSH`], and those of the calls in flight            |
//! | messages to the writer           | [`WRITER_MESSAGES`], and [`WRITER_ROWS_KIB`] of rows                |
//! | complete parts to commit         | [`COMPLETE_PARTS`], and one that is being committed                 |
//! | committed parts                  | [`OPEN_PARTS`]                                                      |
//! | events for observers             | the calls of a progress interval; not bounded                       |

/// Blocks of chunks that the list reader may be ahead.
const PREFETCHED_BLOCKS: usize = 2;

/// Chunks in a block: a send may wake a thread, which costs as much as the rest of the handling of a chunk.
pub const CHUNKS_PER_BLOCK: usize = 32;

/// Accounts that may back off before no further chunk of the list is requested.
pub const ACCOUNTS_BACKING_OFF: usize = 50_000;

/// Messages that are flushed to the writer together while more are expected: waking its thread costs as much as decoding a
/// response.
pub const MESSAGES_PER_FLUSH: usize = 32;

/// Rows, in KiB, that are flushed even if there are fewer messages.
pub const ROWS_PER_FLUSH_KIB: u32 = 1024;

/// Messages that may wait for the writer.
const WRITER_MESSAGES: usize = 256;

/// Rows that may wait for the writer, in KiB.
pub const WRITER_ROWS_KIB: u32 = 2 * 1024;

/// Parts that may wait until they are committed: a slow store slows down the calls.
pub const COMPLETE_PARTS: usize = 2;

/// Parts that may be open: each holds open files and a few rows.
pub const OPEN_PARTS: usize = 64;

/// Capacities of the channels between the threads of a run; tests raise them.
#[derive(Debug, Clone, Copy)]
pub struct QueueCapacities {
    /// Of the channel from the list reader.
    pub prefetched_blocks: usize,
    /// Of the channel to the writer.
    pub writer_messages: usize,
}

impl Default for QueueCapacities {
    fn default() -> Self {
        QueueCapacities { prefetched_blocks: PREFETCHED_BLOCKS, writer_messages: WRITER_MESSAGES }
    }
}
