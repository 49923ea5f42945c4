//! The channel from the dispatcher to the writer, bounded by the messages in it and by the bytes that their rows hold: rows may
//! be a hundred bytes wide or a hundred thousand.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::ToWriter;
use crate::table::rows::value_bytes;

/// Rows that may wait for the writer, in KiB.
const ROWS_KIB: u32 = 8 * 1024;

/// A message, and its share of the memory for all of them, which comes back when the writer is done with it.
pub(super) struct Handed {
    pub(super) message: ToWriter,
    _memory: OwnedSemaphorePermit,
}

/// The dispatcher's end.
pub(super) struct WriterSender {
    messages: mpsc::Sender<Handed>,
    memory: Arc<Semaphore>,
}

/// A channel for up to `capacity` messages.
pub(super) fn writer_channel(capacity: usize) -> (WriterSender, mpsc::Receiver<Handed>) {
    let (messages, receiver) = mpsc::channel(capacity);
    let memory = Arc::new(Semaphore::new(ROWS_KIB as usize));
    (WriterSender { messages, memory }, receiver)
}

impl WriterSender {
    /// Hands a message over; waits while the writer is behind. `false` when it is gone.
    pub(super) async fn send(&self, message: ToWriter) -> bool {
        // A batch that is larger than all of the memory goes alone.
        let share = kib(&message).min(ROWS_KIB);
        let Ok(_memory) = Arc::clone(&self.memory).acquire_many_owned(share).await else {
            return false;
        };
        self.messages.send(Handed { message, _memory }).await.is_ok()
    }
}

/// What the rows of a message hold, in KiB.
pub(super) fn kib(message: &ToWriter) -> u32 {
    let rows = match message {
        ToWriter::First(answer) => &answer.rows,
        ToWriter::Late(answer) => &answer.rows,
        ToWriter::LateFailure(_) | ToWriter::EndOfRound(_) => return 0,
    };
    u32::try_from(value_bytes(rows) / 1024).unwrap_or(u32::MAX)
}
