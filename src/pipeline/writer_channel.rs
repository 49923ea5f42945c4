//! The channel from the dispatcher to the writer, bounded by its messages and by the bytes of their rows: a row may be a
//! hundred bytes wide or a hundred thousand.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::capacities::WRITER_ROWS_KIB;
use super::sink::SinkMessage;

/// A message with its share of the memory for all messages; dropping it returns the share.
pub struct QueuedMessage {
    /// The message.
    pub message: SinkMessage,
    _memory: OwnedSemaphorePermit,
}

/// The dispatcher's end.
pub struct WriterSender {
    messages: mpsc::Sender<QueuedMessage>,
    memory: Arc<Semaphore>,
}

/// A channel for up to `capacity` messages.
pub fn writer_channel(capacity: usize) -> (WriterSender, mpsc::Receiver<QueuedMessage>) {
    let (messages, receiver) = mpsc::channel(capacity);
    let memory = Arc::new(Semaphore::new(WRITER_ROWS_KIB as usize));
    (WriterSender { messages, memory }, receiver)
}

impl WriterSender {
    /// Sends a message with so many KiB of rows; waits while the writer is behind. `false` if the writer has stopped.
    pub async fn send(&self, message: SinkMessage, rows_kib: u32) -> bool {
        // A batch larger than the whole budget is sent alone.
        let share = rows_kib.min(WRITER_ROWS_KIB);
        let Ok(_memory) = Arc::clone(&self.memory).acquire_many_owned(share).await else {
            return false;
        };
        self.messages.send(QueuedMessage { message, _memory }).await.is_ok()
    }
}
