//! Where the rows of a run go: a snapshot ([`SnapshotSink`](super::snapshot_sink::SnapshotSink)), memory
//! ([`CollectedRows`](super::collect_in_memory::CollectedRows)) or a stream ([`StreamSink`](super::stream::sink::StreamSink)).

use std::future::{Future, pending};

use super::RunError;
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::sidecars::FailedAccount;
use crate::snapshot::snapshot_writer::{ChunkResult, RetryResult};
use crate::table::rows::value_bytes;

/// What a run passes to its sink.
pub enum SinkMessage {
    /// The first response to a chunk of the list.
    First {
        result: ChunkResult,
        /// The ordinal of each row.
        row_ordinals: Vec<u64>,
    },
    /// The response to retried accounts.
    Late {
        result: RetryResult,
        /// The attempts of each row, the successful one included.
        attempts: Vec<u32>,
    },
    /// An account that has failed for good.
    LateFailure(FailedAccount),
    /// The list has ended after so many accounts.
    EndOfRound(u64),
}

impl SinkMessage {
    /// The size of its rows, in KiB.
    pub fn rows_kib(&self) -> u32 {
        let rows = match self {
            SinkMessage::First { result, .. } => &result.rows,
            SinkMessage::Late { result, .. } => &result.rows,
            SinkMessage::LateFailure(_) | SinkMessage::EndOfRound(_) => return 0,
        };
        u32::try_from(value_bytes(rows) / 1024).unwrap_or(u32::MAX)
    }
}

/// Receives the rows and failed accounts of a run. The defaults are those of a sink without parts and without a buffer.
pub trait Sink {
    /// Accepts a message, or buffers it until the next flush.
    fn push(&mut self, message: SinkMessage);

    /// Whether a flush is due even if more messages are expected soon.
    fn is_flush_due(&self) -> bool {
        false
    }

    /// Passes buffered messages on; waits while the receiver is behind.
    fn flush(&mut self) -> impl Future<Output = Result<(), RunError>> {
        async { Ok(()) }
    }

    /// Whether the chunk of the list that starts with this ordinal may be requested now.
    fn can_start(&self, _first_ordinal: u64) -> bool {
        true
    }

    /// Whether calls may be made at all.
    fn may_call(&self) -> bool {
        true
    }

    /// The chunk of the list that starts with this ordinal is requested.
    fn start(&mut self, _first_ordinal: u64) {}

    /// The list has ended after so many accounts.
    fn end_round(&mut self, _accounts: u64) {}

    /// Time passes while no message may come.
    fn tick(&mut self) {}

    /// The next part that is committed, or `None` when buffered messages were passed on, so that more calls may be
    /// possible. Cancel-safe.
    fn next_progress(&mut self) -> impl Future<Output = Result<Option<CommittedPart>, RunError>> {
        pending()
    }

    /// Whether all that was pushed is committed, or passed on by a sink without parts.
    fn is_complete(&self) -> bool {
        true
    }
}
