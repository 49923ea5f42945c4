//! The sink of a stream: a thread that writes rows as they are decided.
//!
//! The reader of standard output may be slow or stand still. So the dispatcher never waits for the writer: it buffers
//! messages, makes no call while too many are buffered, and remains ready to stop.

use std::collections::VecDeque;
use std::future::pending;

use super::FailedRecord;
use crate::pipeline::RunError;
use crate::pipeline::capacities::{MESSAGES_PER_FLUSH, ROWS_PER_FLUSH_KIB};
use crate::pipeline::sink::{Sink, SinkMessage};
use crate::pipeline::writer_channel::WriterSender;
use crate::snapshot::parts::CommittedPart;

/// What the writer receives.
pub enum StreamMessage {
    /// Rows and failed accounts of the run.
    Decided(SinkMessage),
    /// Records that are not accounts.
    NotAccounts(Vec<FailedRecord>),
    /// Rows that wait for others to fill their batch are to be written.
    Flush,
    /// Nothing follows.
    End {
        /// Whether every record has been decided.
        is_complete: bool,
    },
}

/// The dispatcher's end of the writer thread.
pub struct StreamSink {
    writer: WriterSender<StreamMessage>,
    /// With the KiB of their rows.
    unsent: VecDeque<(StreamMessage, u32)>,
    unsent_kib: u32,
    /// Whether messages are passed on before there are many of them.
    is_flushing: bool,
}

impl StreamSink {
    pub fn new(writer: WriterSender<StreamMessage>) -> StreamSink {
        StreamSink { writer, unsent: VecDeque::new(), unsent_kib: 0, is_flushing: false }
    }

    /// Sends what is buffered, and the end, unless the writer has stopped. `is_complete`: every record has been decided.
    pub async fn finish(mut self, is_complete: bool) {
        self.add(StreamMessage::End { is_complete }, 0);
        for (message, rows_kib) in self.unsent {
            if !self.writer.send(message, rows_kib).await {
                return;
            }
        }
    }

    fn add(&mut self, message: StreamMessage, rows_kib: u32) {
        self.unsent_kib = self.unsent_kib.saturating_add(rows_kib);
        self.unsent.push_back((message, rows_kib));
    }

    fn has_many(&self) -> bool {
        self.unsent.len() >= MESSAGES_PER_FLUSH || self.unsent_kib >= ROWS_PER_FLUSH_KIB
    }
}

impl Sink for StreamSink {
    fn push(&mut self, message: SinkMessage) {
        let rows_kib = message.rows_kib();
        self.add(StreamMessage::Decided(message), rows_kib);
    }

    fn is_flush_due(&self) -> bool {
        self.has_many() && !self.is_flushing
    }

    async fn flush(&mut self) -> Result<(), RunError> {
        self.is_flushing = !self.unsent.is_empty();
        Ok(())
    }

    fn may_call(&self) -> bool {
        !(self.is_flushing && self.has_many())
    }

    fn tick(&mut self) {
        // While the writer is behind, its batches are full.
        if !self.is_flushing {
            self.add(StreamMessage::Flush, 0);
        }
    }

    async fn next_progress(&mut self) -> Result<Option<CommittedPart>, RunError> {
        let Some((_, rows_kib)) = self.unsent.front().filter(|_| self.is_flushing) else {
            return pending().await;
        };
        let slot = self.writer.reserve(*rows_kib).await.ok_or(RunError::WriterStopped)?;
        if let Some((message, rows_kib)) = self.unsent.pop_front() {
            self.unsent_kib -= rows_kib;
            slot.send(message);
        }
        while let Some((_, rows_kib)) = self.unsent.front()
            && let Some(slot) = self.writer.try_reserve(*rows_kib)
            && let Some((message, rows_kib)) = self.unsent.pop_front()
        {
            self.unsent_kib -= rows_kib;
            slot.send(message);
        }
        self.is_flushing = !self.unsent.is_empty();
        Ok(None)
    }

    fn is_complete(&self) -> bool {
        self.unsent.is_empty()
    }
}
