//! Accounts to retry: how long each backs off, and how they are packed into full chunks (pure).
//!
//! Times are durations since the start of the run and are passed in.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::chunk::Account;
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::job::RetrySettings;

/// How long accounts that are ready wait for others to fill their chunk.
const FILL_WAIT: Duration = Duration::from_secs(1);

/// The backoff after `attempts` failed attempts: exponential with full jitter. `jitter` is a random number in 0..1.
pub fn backoff(settings: &RetrySettings, attempts: u32, jitter: f64) -> Duration {
    let doublings = attempts.saturating_sub(1).min(31);
    let longest = settings.initial_backoff.saturating_mul(1 << doublings).min(settings.max_backoff);
    longest.mul_f64(jitter.clamp(0.0, 1.0))
}

/// Accounts that wait for their next attempt.
#[derive(Debug, Default)]
pub struct RetryQueue {
    backing_off: BinaryHeap<Waiting>,
    /// In the order in which they became ready.
    ready: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    ready_at: Duration,
    account: Account,
}

/// Reversed, because `BinaryHeap` pops the greatest.
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |waiting: &Waiting| (waiting.ready_at, waiting.account.ordinal);
        key(other).cmp(&key(self))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl RetryQueue {
    /// Adds an account that backs off until `ready_at`.
    pub fn push(&mut self, account: Account, ready_at: Duration) {
        self.backing_off.push(Waiting { ready_at, account });
    }

    pub fn len(&self) -> usize {
        self.backing_off.len() + self.ready.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the accounts to request next: a full chunk if there is one; fewer if they have waited long enough, or if
    /// the queue `is_draining` and no others back off.
    pub fn take(&mut self, now: Duration, is_draining: bool) -> Option<Vec<Account>> {
        while self.backing_off.peek().is_some_and(|first| first.ready_at <= now) {
            self.ready.extend(self.backing_off.pop());
        }
        let oldest = self.ready.front()?;
        let is_due = self.ready.len() >= MAX_ACCOUNTS_PER_CALL
            || now >= oldest.ready_at + FILL_WAIT
            || (is_draining && self.backing_off.is_empty());
        let count = self.ready.len().min(MAX_ACCOUNTS_PER_CALL);
        is_due.then(|| self.ready.drain(..count).map(|waiting| waiting.account).collect())
    }

    /// The next time at which [`RetryQueue::take`] may return accounts.
    pub fn next_at(&self) -> Option<Duration> {
        let filled_at = self.ready.front().map(|oldest| oldest.ready_at + FILL_WAIT);
        let ready_at = self.backing_off.peek().map(|first| first.ready_at);
        filled_at.into_iter().chain(ready_at).min()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::accounts::AccountName;

    const SETTINGS: RetrySettings = RetrySettings {
        max_attempts: 6,
        initial_backoff: Duration::from_millis(500),
        max_backoff: Duration::from_secs(30),
        outage_patience: Duration::from_secs(60),
    };

    fn account(ordinal: u64) -> Account {
        Account::new(AccountName::from(&format!("a{ordinal}")).unwrap(), ordinal, ordinal + 2)
    }

    #[test]
    fn backoff_doubles_up_to_its_cap_and_jitters_fully() {
        let longest: Vec<u128> =
            (1..=9).map(|attempts| backoff(&SETTINGS, attempts, 1.0).as_millis()).collect();
        assert_eq!(longest, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(backoff(&SETTINGS, 3, 0.0), Duration::ZERO);
        assert_eq!(backoff(&SETTINGS, 3, 0.25), Duration::from_millis(500));
        assert_eq!(backoff(&SETTINGS, u32::MAX, 1.0), SETTINGS.max_backoff);
    }

    #[test]
    fn full_chunks_are_taken_at_once_and_partial_ones_after_the_fill_wait() {
        let mut queue = RetryQueue::default();
        for ordinal in 0..130 {
            queue.push(account(ordinal), Duration::from_millis(100));
        }
        assert_eq!(queue.take(Duration::from_millis(99), true), None);
        let now = Duration::from_millis(100);
        assert_eq!(queue.take(now, false).unwrap().len(), 100);
        assert_eq!(queue.take(now, false), None);
        assert_eq!(queue.next_at(), Some(now + FILL_WAIT));
        assert_eq!(queue.take(now + FILL_WAIT, false).unwrap().len(), 30);
        assert!(queue.is_empty());
    }

    #[test]
    fn while_draining_a_partial_chunk_is_taken_once_all_accounts_are_ready() {
        let mut queue = RetryQueue::default();
        queue.push(account(0), Duration::from_millis(100));
        queue.push(account(1), Duration::from_millis(300));
        assert_eq!(queue.take(Duration::from_millis(200), true), None);
        assert_eq!(queue.next_at(), Some(Duration::from_millis(300)));
        assert_eq!(queue.take(Duration::from_millis(300), true).unwrap().len(), 2);
    }

    proptest! {
        #[test]
        fn every_account_is_taken_once_and_not_before_it_is_ready(
            ready_at in proptest::collection::vec(0u64..5000, 0..400),
        ) {
            let mut queue = RetryQueue::default();
            for (ordinal, millis) in ready_at.iter().enumerate() {
                queue.push(account(ordinal as u64), Duration::from_millis(*millis));
            }
            let mut seen = vec![false; ready_at.len()];
            while let Some(now) = queue.next_at() {
                while let Some(accounts) = queue.take(now, true) {
                    prop_assert!(accounts.len() <= MAX_ACCOUNTS_PER_CALL);
                    for account in accounts {
                        let index = usize::try_from(account.ordinal).unwrap();
                        prop_assert!(Duration::from_millis(ready_at[index]) <= now);
                        prop_assert!(!std::mem::replace(&mut seen[index], true));
                    }
                }
            }
            prop_assert!(seen.into_iter().all(|seen| seen));
        }
    }
}
