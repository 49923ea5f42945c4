//! What happens often is told now and then: a bad hour has thousands of failed calls, and the log few lines (pure).
//!
//! Time is handed in as the duration since the run began.

use std::time::Duration;

/// A wave is gathered for so long before it is told.
const GATHERED_FOR: Duration = Duration::from_secs(1);

/// Lines about the same come at the least so long after one another.
const MIN_LOG_INTERVAL: Duration = Duration::from_secs(30);

/// What has been gathered since a wave was told last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetryBatch {
    /// Accounts to ask again.
    pub accounts: u64,
    /// Calls that failed as a whole, with their accounts.
    pub calls_failed: u64,
    /// One of the reasons.
    pub reason: String,
}

/// Gathers waves, and says when one is to be told.
#[derive(Debug, Default)]
pub struct RetryBatchLog {
    collected: RetryBatch,
    began_at: Option<Duration>,
    told_at: Option<Duration>,
}

impl RetryBatchLog {
    /// Accounts will be asked again.
    pub fn add(&mut self, accounts: usize, calls_failed: usize, reason: String, now: Duration) {
        self.began_at.get_or_insert(now);
        self.collected.accounts += accounts as u64;
        self.collected.calls_failed += calls_failed as u64;
        self.collected.reason = reason;
    }

    /// The wave to tell now, if there is one.
    pub fn due(&mut self, now: Duration) -> Option<RetryBatch> {
        let began_at = self.began_at?;
        let is_gathered = now >= began_at + GATHERED_FOR;
        let may_be_told = self.told_at.is_none_or(|told_at| now >= told_at + MIN_LOG_INTERVAL);
        if !is_gathered || !may_be_told {
            return None;
        }
        self.told_at = Some(now);
        self.rest()
    }

    /// What is gathered and has not been told, for the end of a run.
    pub fn rest(&mut self) -> Option<RetryBatch> {
        self.began_at.take()?;
        Some(std::mem::take(&mut self.collected))
    }
}

/// Counts what is told the first time at once, and then now and then.
#[derive(Debug, Default)]
pub struct LogThrottle {
    times: u64,
    told_at: Option<Duration>,
}

impl LogThrottle {
    /// It happened; gives back how often since it was told last, if that is to be told now.
    pub fn happened(&mut self, now: Duration) -> Option<u64> {
        self.times += 1;
        if self.told_at.is_some_and(|told_at| now < told_at + MIN_LOG_INTERVAL) {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_all_the_time_is_told_at_once_and_then_seldom() {
        let mut seldom = LogThrottle::default();
        let told: Vec<(u64, u64)> = (0..90)
            .filter_map(|second| Some((second, seldom.happened(Duration::from_secs(second))?)))
            .collect();
        assert_eq!(told, [(0, 1), (30, 30), (60, 30)]);
    }

    #[test]
    fn a_bad_hour_is_a_line_every_half_minute_and_counts_every_account() {
        let mut waves = RetryBatchLog::default();
        let mut told = Vec::new();
        for tenth in 0..36_000 {
            let now = Duration::from_millis(100 * tenth);
            waves.add(100, 1, format!("failure {tenth}"), now);
            told.extend(waves.due(now));
        }
        assert_eq!(told.len(), 120);
        assert_eq!(told[0].accounts, 11 * 100);
        assert_eq!((told[1].accounts, told[1].calls_failed), (300 * 100, 300));
        assert_eq!(told[1].reason, "failure 310");
        told.extend(waves.rest());
        assert_eq!(told.iter().map(|wave| wave.accounts).sum::<u64>(), 36_000 * 100);
        assert_eq!(waves.rest(), None);
    }

    #[test]
    fn nothing_is_told_of_nothing() {
        let mut waves = RetryBatchLog::default();
        assert_eq!(waves.due(Duration::from_secs(99)), None);
        assert_eq!(waves.rest(), None);
    }
}
