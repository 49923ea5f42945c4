//! Limits how often frequent events are logged: an hour of outages has thousands of failed calls, but few log lines (pure).
//!
//! Time is passed in as the duration since the start of the run.

use std::time::Duration;

/// Retries are collected for this long before they are logged.
const COLLECTION_TIME: Duration = Duration::from_secs(1);

/// Minimum time between two lines about the same kind of event.
const MIN_LOG_INTERVAL: Duration = Duration::from_secs(30);

/// Retries since the last line about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetryBatch {
    /// Accounts that will be retried.
    pub accounts: u64,
    /// Calls that failed as a whole, with all of their accounts.
    pub calls_failed: u64,
    /// The latest of the reasons.
    pub reason: String,
}

/// Collects retries, and decides when they are logged.
#[derive(Debug, Default)]
pub struct RetryBatchLog {
    collected: RetryBatch,
    collecting_since: Option<Duration>,
    logged_at: Option<Duration>,
}

impl RetryBatchLog {
    pub fn add(&mut self, accounts: usize, calls_failed: usize, reason: String, now: Duration) {
        self.collecting_since.get_or_insert(now);
        self.collected.accounts += accounts as u64;
        self.collected.calls_failed += calls_failed as u64;
        self.collected.reason = reason;
    }

    /// Takes the batch if it is to be logged now.
    pub fn take_due(&mut self, now: Duration) -> Option<RetryBatch> {
        let is_complete = now >= self.collecting_since? + COLLECTION_TIME;
        if !is_complete || !may_log(self.logged_at, now) {
            return None;
        }
        self.logged_at = Some(now);
        self.take_rest()
    }

    /// Takes what has not been logged yet, at the end of a round.
    pub fn take_rest(&mut self) -> Option<RetryBatch> {
        self.collecting_since.take()?;
        Some(std::mem::take(&mut self.collected))
    }
}

/// Counts events of one kind; the first is logged at once, later ones at intervals.
#[derive(Debug, Default)]
pub struct LogThrottle {
    occurrences: u64,
    logged_at: Option<Duration>,
}

impl LogThrottle {
    /// Counts an event. Returns the number of events since the last line if a line is to be logged now.
    pub fn count(&mut self, now: Duration) -> Option<u64> {
        self.occurrences += 1;
        if !may_log(self.logged_at, now) {
            return None;
        }
        self.logged_at = Some(now);
        Some(std::mem::take(&mut self.occurrences))
    }
}

fn may_log(logged_at: Option<Duration>, now: Duration) -> bool {
    logged_at.is_none_or(|logged_at| now >= logged_at + MIN_LOG_INTERVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequent_event_is_logged_at_once_and_then_at_intervals() {
        let mut throttle = LogThrottle::default();
        let logged: Vec<(u64, u64)> = (0..90)
            .filter_map(|second| Some((second, throttle.count(Duration::from_secs(second))?)))
            .collect();
        assert_eq!(logged, [(0, 1), (30, 30), (60, 30)]);
    }

    #[test]
    fn retries_of_an_hour_are_two_lines_a_minute_that_count_every_account() {
        let mut log = RetryBatchLog::default();
        let mut logged = Vec::new();
        for tenth in 0..36_000 {
            let now = Duration::from_millis(100 * tenth);
            log.add(100, 1, format!("failure {tenth}"), now);
            logged.extend(log.take_due(now));
        }
        assert_eq!(logged.len(), 120);
        assert_eq!(logged[0].accounts, 11 * 100);
        assert_eq!((logged[1].accounts, logged[1].calls_failed), (300 * 100, 300));
        assert_eq!(logged[1].reason, "failure 310");
        logged.extend(log.take_rest());
        assert_eq!(logged.iter().map(|batch| batch.accounts).sum::<u64>(), 36_000 * 100);
        assert_eq!(log.take_rest(), None);
    }

    #[test]
    fn without_retries_nothing_is_logged() {
        let mut log = RetryBatchLog::default();
        assert_eq!(log.take_due(Duration::from_secs(99)), None);
        assert_eq!(log.take_rest(), None);
    }
}
