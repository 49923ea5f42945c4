//! The channel from the dispatcher to the writer, bounded by its messages and by the bytes of their rows: a row may be a
//! hundred bytes wide or a hundred thousand.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::capacities::WRITER_ROWS_KIB;

/// A message with its share of the memory for all messages; dropping it returns the share.
pub struct QueuedMessage<M> {
    /// The message.
    pub message: M,
    _memory: OwnedSemaphorePermit,
}

/// A sender's end.
pub struct WriterSender<M> {
    messages: mpsc::Sender<QueuedMessage<M>>,
    memory: Arc<Semaphore>,
}

/// A channel for up to `capacity` messages.
pub fn writer_channel<M>(capacity: usize) -> (WriterSender<M>, mpsc::Receiver<QueuedMessage<M>>) {
    let (messages, receiver) = mpsc::channel(capacity);
    let memory = Arc::new(Semaphore::new(WRITER_ROWS_KIB as usize));
    (WriterSender { messages, memory }, receiver)
}

impl<M> Clone for WriterSender<M> {
    fn clone(&self) -> Self {
        WriterSender { messages: self.messages.clone(), memory: Arc::clone(&self.memory) }
    }
}

impl<M> WriterSender<M> {
    /// Sends a message with so many KiB of rows; waits while the writer is behind. `false` if the writer has stopped.
    pub async fn send(&self, message: M, rows_kib: u32) -> bool {
        match self.reserve(rows_kib).await {
            Some(place) => {
                place.send(message);
                true
            }
            None => false,
        }
    }

    /// The place of a message with so many KiB of rows; waits while the writer is behind. `None` if the writer has stopped.
    /// Cancel-safe.
    pub async fn reserve(&self, rows_kib: u32) -> Option<QueuePlace<'_, M>> {
        let memory = Arc::clone(&self.memory).acquire_many_owned(share(rows_kib)).await.ok()?;
        let place = self.messages.reserve().await.ok()?;
        Some(QueuePlace { place, memory })
    }

    /// The same if there is a place at once.
    pub fn try_reserve(&self, rows_kib: u32) -> Option<QueuePlace<'_, M>> {
        let memory = Arc::clone(&self.memory).try_acquire_many_owned(share(rows_kib)).ok()?;
        let place = self.messages.try_reserve().ok()?;
        Some(QueuePlace { place, memory })
    }
}

/// A batch larger than the whole budget is sent alone.
fn share(rows_kib: u32) -> u32 {
    rows_kib.min(WRITER_ROWS_KIB)
}

/// A reserved place in the channel.
pub struct QueuePlace<'c, M> {
    place: mpsc::Permit<'c, QueuedMessage<M>>,
    memory: OwnedSemaphorePermit,
}

impl<M> QueuePlace<'_, M> {
    pub fn send(self, message: M) {
        self.place.send(QueuedMessage { message, _memory: self.memory });
    }
}
