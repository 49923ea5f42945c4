//! The sink of an export: a thread that writes the parts of a snapshot, and one that commits them.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::RunError;
use super::account_digests::SharedDigests;
use super::capacities::{MESSAGES_PER_FLUSH, ROWS_PER_FLUSH_KIB};
use super::part_tracker::PartTracker;
use super::shared_totals::SharedTotals;
use super::sink::{Sink, SinkMessage};
use super::writer_channel::{QueuedMessage, WriterSender};
use crate::snapshot::journal::Journal;
use crate::snapshot::parts::{CommittedPart, PartError};
use crate::snapshot::snapshot_writer::SnapshotWriter;
use crate::snapshot::store::Store;

/// The dispatcher's end of the writer thread.
pub struct SnapshotSink {
    writer: Option<WriterSender<SinkMessage>>,
    committed: mpsc::Receiver<CommittedPart>,
    /// With the KiB of their rows.
    unsent: Vec<(SinkMessage, u32)>,
    unsent_kib: u32,
    parts: PartTracker,
    store: Arc<dyn Store>,
    /// Whether an earlier process has committed parts.
    has_earlier_parts: bool,
}

impl SnapshotSink {
    /// A sink that sends to `writer` and gets its `committed` parts.
    pub fn new(
        writer: WriterSender<SinkMessage>,
        committed: mpsc::Receiver<CommittedPart>,
        store: Arc<dyn Store>,
        accounts_per_part: u64,
        has_earlier_parts: bool,
    ) -> SnapshotSink {
        let parts = PartTracker::new(accounts_per_part);
        SnapshotSink {
            writer: Some(writer),
            committed,
            unsent: Vec::new(),
            unsent_kib: 0,
            parts,
            store,
            has_earlier_parts,
        }
    }

    /// Lets the writer thread end.
    pub fn close(&mut self) {
        self.writer = None;
    }

    /// A part that was committed and not yet received.
    pub fn try_next_committed(&mut self) -> Option<CommittedPart> {
        self.committed.try_recv().ok()
    }
}

impl Sink for SnapshotSink {
    fn push(&mut self, message: SinkMessage) {
        let rows_kib = message.rows_kib();
        self.unsent_kib = self.unsent_kib.saturating_add(rows_kib);
        self.unsent.push((message, rows_kib));
    }

    fn is_flush_due(&self) -> bool {
        self.unsent.len() >= MESSAGES_PER_FLUSH || self.unsent_kib >= ROWS_PER_FLUSH_KIB
    }

    async fn flush(&mut self) -> Result<(), RunError> {
        let Some(writer) = &self.writer else { return Err(RunError::WriterStopped) };
        self.unsent_kib = 0;
        for (message, rows_kib) in self.unsent.drain(..) {
            if !writer.send(message, rows_kib).await {
                return Err(RunError::WriterStopped);
            }
        }
        Ok(())
    }

    fn can_start(&self, first_ordinal: u64) -> bool {
        self.parts.can_start(first_ordinal)
    }

    fn may_call(&self) -> bool {
        self.store.may_call()
    }

    fn start(&mut self, first_ordinal: u64) {
        self.parts.start(first_ordinal);
    }

    fn end_round(&mut self, accounts: u64) {
        // An empty list still has one part, which is empty.
        if accounts == 0 && !self.has_earlier_parts {
            self.parts.start(0);
        }
        self.push(SinkMessage::EndOfRound(accounts));
    }

    async fn next_progress(&mut self) -> Result<Option<CommittedPart>, RunError> {
        let part = self.committed.recv().await.ok_or(RunError::WriterStopped)?;
        self.parts.commit();
        Ok(Some(part))
    }

    fn is_complete(&self) -> bool {
        self.parts.has_committed_all()
    }
}

/// What the writer thread needs.
pub struct PartWriter {
    pub writer: SnapshotWriter,
    pub digests: SharedDigests,
    /// Receives the parts whose files are complete.
    pub complete: mpsc::Sender<CommittedPart>,
}

/// Writes messages until the channel closes.
pub fn write_parts(
    target: PartWriter,
    mut messages: mpsc::Receiver<QueuedMessage<SinkMessage>>,
) -> Result<(), RunError> {
    let PartWriter { mut writer, digests, complete } = target;
    while let Some(queued) = messages.blocking_recv() {
        let parts = match queued.message {
            SinkMessage::First { result, .. } => Vec::from_iter(writer.add_chunk(result)?),
            SinkMessage::Late { result, .. } => writer.add_retry(result)?,
            SinkMessage::LateFailure(failed) => Vec::from_iter(writer.add_late_failure(failed)?),
            SinkMessage::EndOfRound(accounts) => Vec::from_iter(writer.end_of_list(accounts)?),
        };
        for mut part in parts {
            part.accounts_digest = digests.take(part.ordinals.start);
            complete.blocking_send(part).map_err(|_| RunError::WriterStopped)?;
        }
    }
    Ok(())
}

/// What the committer thread needs.
pub struct PartCommitter {
    pub store: Arc<dyn Store>,
    pub journal: Journal,
    pub totals: SharedTotals,
    /// Receives the committed parts.
    pub committed: mpsc::Sender<CommittedPart>,
}

/// Commits parts until the channel closes. A part counts once its entry is in the journal.
pub fn commit_parts(
    target: PartCommitter,
    mut complete: mpsc::Receiver<CommittedPart>,
) -> Result<Journal, RunError> {
    let PartCommitter { store, mut journal, totals, committed } = target;
    while let Some(mut part) = complete.blocking_recv() {
        store.commit_part(&mut part).map_err(PartError::from)?;
        journal.set_totals(totals.get());
        journal.add_part(&part)?;
        // The receiver is gone only if the run has stopped, which reports why.
        let _ = committed.blocking_send(part);
    }
    Ok(journal)
}
