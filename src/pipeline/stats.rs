//! The counters of a run. Each is counted at one place.

use std::time::Duration;

use super::sink::SinkMessage;
use crate::pipeline::call_stats::CallStats;

/// Counts calls and accounts.
#[derive(Debug)]
pub struct RunStats {
    calls: CallStats,
    /// Accounts that have a row.
    rows: u64,
    /// Accounts that have failed for good.
    failed: u64,
    first_call_at: Option<Duration>,
    last_call_at: Duration,
}

impl RunStats {
    /// The counters of a run with this limit; 0 means unlimited.
    pub fn new(calls_per_second: u32) -> RunStats {
        let calls = CallStats { calls_per_second, ..CallStats::default() };
        RunStats { calls, rows: 0, failed: 0, first_call_at: None, last_call_at: Duration::ZERO }
    }

    /// A call is made.
    pub fn record_call(&mut self, now: Duration) {
        self.calls.made += 1;
        self.first_call_at.get_or_insert(now);
        self.last_call_at = now;
    }

    /// A call was throttled.
    pub fn record_throttled_call(&mut self) {
        self.calls.throttled += 1;
    }

    /// A call failed as a whole and is retried.
    pub fn record_failed_call(&mut self) {
        self.calls.failed += 1;
    }

    /// An account was scheduled for a retry.
    pub fn record_account_retry(&mut self) {
        self.calls.account_retries += 1;
    }

    /// Rows and failed accounts go to the sink.
    pub fn record_output(&mut self, message: &SinkMessage) {
        let (rows, failed) = match message {
            SinkMessage::First(first) => (first.rows.num_rows(), first.failed.len()),
            SinkMessage::Late(late) => (late.rows.num_rows(), late.failed.len()),
            SinkMessage::LateFailure(_) => (0, 1),
            SinkMessage::EndOfRound(_) => (0, 0),
        };
        self.rows += rows as u64;
        self.failed += failed as u64;
    }

    /// Calls made.
    pub fn calls(&self) -> u64 {
        self.calls.made
    }

    /// How many times an account was scheduled for a retry.
    pub fn account_retries(&self) -> u64 {
        self.calls.account_retries
    }

    /// Accounts that have a row or have failed for good.
    pub fn processed(&self) -> u64 {
        self.rows + self.failed
    }

    /// Accounts that have failed for good.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// The statistics of the calls so far, given their peak rate.
    pub fn call_stats(&self, peak_calls_per_second: u64) -> CallStats {
        let mut stats = CallStats { peak_calls_per_second, ..self.calls };
        if stats.calls_per_second > 0 && stats.made > 1 {
            // Between n calls there are n - 1 intervals.
            let first_call_at = self.first_call_at.unwrap_or_default();
            let seconds = (self.last_call_at - first_call_at).as_secs_f64();
            let intervals = stats.made as f64 - 1.0;
            let share = intervals / (seconds * f64::from(stats.calls_per_second));
            stats.rate_utilization_percent = Some((share.min(1.0) * 1000.0).round() / 10.0);
        }
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utilization_is_measured_from_the_first_call_to_the_last() {
        let mut stats = RunStats::new(10);
        assert_eq!(stats.call_stats(0).rate_utilization_percent, None);
        for call in 0..6 {
            stats.record_call(Duration::from_secs(3) + Duration::from_millis(200) * call);
        }
        let calls = stats.call_stats(5);
        assert_eq!((calls.made, calls.peak_calls_per_second), (6, 5));
        assert_eq!(calls.rate_utilization_percent, Some(50.0));
    }
}
