//! The chunks and accounts that a run has to request.

use std::collections::VecDeque;
use std::time::Duration;

use super::capacities::ACCOUNTS_BACKING_OFF;
use super::chunk::{Account, Chunk};
use super::retry_queue::RetryQueue;

/// Chunks in the order of their next call: requeued ones, due retries, and then those of the list.
#[derive(Debug, Default)]
pub struct WorkQueue {
    /// Chunks of the list, in order.
    prefetched: VecDeque<Chunk>,
    /// Chunks to send again at once.
    requeued: VecDeque<Chunk>,
    retries: RetryQueue,
}

impl WorkQueue {
    /// Adds chunks of the list.
    pub fn prefetch(&mut self, block: Vec<Chunk>) {
        self.prefetched.extend(block);
    }

    /// Whether another block of the list is needed.
    pub fn needs_prefetch(&self) -> bool {
        self.prefetched.is_empty()
    }

    /// Adds a chunk that is sent before all others.
    pub fn requeue_first(&mut self, chunk: Chunk) {
        self.requeued.push_front(chunk);
    }

    /// Adds a chunk that is sent after the other requeued ones.
    pub fn requeue_last(&mut self, chunk: Chunk) {
        self.requeued.push_back(chunk);
    }

    /// Adds an account that backs off until `ready_at`.
    pub fn schedule_retry(&mut self, account: Account, ready_at: Duration) {
        self.retries.push(account, ready_at);
    }

    /// Whether a chunk is requeued, if need be by packing due retries into one. `is_draining`: no other work is left.
    pub fn has_requeued(&mut self, now: Duration, is_draining: bool) -> bool {
        if self.requeued.is_empty()
            && let Some(accounts) = self.retries.take(now, is_draining)
        {
            self.requeued.push_back(Chunk::retry(accounts));
        }
        !self.requeued.is_empty()
    }

    /// The next chunk of the list, unless too many accounts back off.
    pub fn next_prefetched(&self) -> Option<&Chunk> {
        self.prefetched.front().filter(|_| self.retries.len() < ACCOUNTS_BACKING_OFF)
    }

    /// The next requeued chunk.
    pub fn next_requeued(&self) -> Option<&Chunk> {
        self.requeued.front()
    }

    /// Takes the next requeued chunk.
    pub fn take_requeued(&mut self) -> Option<Chunk> {
        self.requeued.pop_front()
    }

    /// Takes the next chunk of the list.
    pub fn take_prefetched(&mut self) -> Option<Chunk> {
        self.prefetched.pop_front()
    }

    /// Whether no chunk is ready; accounts may still back off.
    pub fn has_no_chunk(&self) -> bool {
        self.requeued.is_empty() && self.prefetched.is_empty()
    }

    /// Whether accounts wait for their next attempt.
    pub fn has_retries(&self) -> bool {
        !self.retries.is_empty()
    }

    /// Accounts that wait for their next attempt.
    pub fn awaiting_retry(&self) -> usize {
        self.retries.len()
    }

    /// When the next retry may be due.
    pub fn next_retry_at(&self) -> Option<Duration> {
        self.retries.next_at()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::AccountName;

    fn account(ordinal: u64) -> Account {
        Account::new(AccountName::from(&format!("a{ordinal}")).unwrap(), ordinal, ordinal + 1)
    }

    fn chunk(ordinal: u64) -> Chunk {
        Chunk { accounts: vec![account(ordinal)], is_first: true }
    }

    #[test]
    fn requeued_chunks_keep_their_order() {
        let mut work = WorkQueue::default();
        work.requeue_last(chunk(1));
        work.requeue_last(chunk(2));
        work.requeue_first(chunk(0));
        let order = std::iter::from_fn(|| work.take_requeued());
        assert_eq!(order.map(|chunk| chunk.ordinals().start).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(work.has_no_chunk());
    }

    #[test]
    fn due_retries_become_a_requeued_chunk_unless_one_is_requeued_already() {
        let mut work = WorkQueue::default();
        work.schedule_retry(account(7), Duration::ZERO);
        work.requeue_first(chunk(0));
        assert!(work.has_requeued(Duration::ZERO, true));
        assert_eq!((work.take_requeued(), work.awaiting_retry()), (Some(chunk(0)), 1));
        assert!(!work.has_requeued(Duration::ZERO, false));
        assert!(work.has_requeued(Duration::ZERO, true));
        assert_eq!(work.next_requeued(), Some(&Chunk::retry(vec![account(7)])));
        assert_eq!((work.awaiting_retry(), work.next_retry_at()), (0, None));
    }

    #[test]
    fn the_list_waits_while_too_many_accounts_back_off() {
        let mut work = WorkQueue::default();
        work.prefetch(vec![chunk(0)]);
        assert!(work.next_prefetched().is_some() && !work.needs_prefetch());
        for ordinal in 0..ACCOUNTS_BACKING_OFF as u64 {
            work.schedule_retry(account(ordinal), Duration::ZERO);
        }
        assert!(work.next_prefetched().is_none() && !work.needs_prefetch());
    }
}
