//! The dispatcher's end of the thread that reads the accounts of a round.

use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::RunError;
use super::chunk::Chunk;
use super::source::SourceError;
use crate::snapshot::checkpoint::RoundEnd;

/// Receives the chunks of a round.
pub struct ListReader {
    running: Option<ReaderThread>,
    end: Option<RoundEnd>,
    is_live: bool,
    /// Why a live list has ended early.
    error: Option<SourceError>,
}

struct ReaderThread {
    blocks: mpsc::Receiver<Vec<Chunk>>,
    thread: JoinHandle<Result<RoundEnd, SourceError>>,
}

impl ListReader {
    /// Receives the `blocks` that `thread` sends.
    pub fn new(
        blocks: mpsc::Receiver<Vec<Chunk>>,
        thread: JoinHandle<Result<RoundEnd, SourceError>>,
    ) -> ListReader {
        ListReader {
            running: Some(ReaderThread { blocks, thread }),
            end: None,
            is_live: false,
            error: None,
        }
    }

    /// The list comes from somebody who may pause.
    pub fn live(self) -> ListReader {
        ListReader { is_live: true, ..self }
    }

    /// A list that has already been read.
    pub fn ended(end: RoundEnd) -> ListReader {
        ListReader { running: None, end: Some(end), is_live: false, error: None }
    }

    /// The totals, once the whole list has been received.
    pub fn end(&self) -> Option<RoundEnd> {
        self.end
    }

    /// Why a live list has ended early, once all of it has been received.
    pub fn take_error(&mut self) -> Option<SourceError> {
        self.error.take()
    }

    /// Whether no further block may come for long.
    pub fn may_pause(&self) -> bool {
        self.end.is_some() || self.is_live
    }

    /// The next block if it is there already.
    pub fn try_next_block(&mut self) -> Option<Vec<Chunk>> {
        self.running.as_mut()?.blocks.try_recv().ok()
    }

    /// The next block, or `None` at the end of the list. Cancel-safe.
    pub async fn next_block(&mut self) -> Result<Option<Vec<Chunk>>, RunError> {
        if let Some(running) = &mut self.running
            && let Some(block) = running.blocks.recv().await
        {
            return Ok(Some(block));
        }
        if let Some(running) = self.running.take() {
            let ended = running.thread.join().map_err(|_| RunError::Panicked)?;
            let end = match ended {
                Err(error) if self.is_live => {
                    // What came before it is requested first.
                    self.error = Some(error);
                    RoundEnd { accounts: 0, duplicates: 0 }
                }
                ended => ended?,
            };
            self.end = Some(end);
        }
        Ok(None)
    }

    #[cfg(test)]
    pub fn has_read_all(&self) -> bool {
        self.running.as_ref().is_none_or(|running| running.thread.is_finished())
    }
}
