//! The counters of a run. Each is counted at one place.

use std::time::Duration;

use super::rate::CallRates;
use super::shared_totals::SharedTotals;
use super::sink::SinkMessage;
use crate::snapshot::run_totals::RunTotals;

/// Counts calls and accounts.
#[derive(Debug)]
pub struct RunStats {
    calls_per_second: u32,
    /// The totals of earlier rounds and processes.
    before: RunTotals,
    /// The calls of this round in this process.
    calls: RunTotals,
    /// Accounts that have a row.
    rows: u64,
    /// Accounts that have failed for good.
    failed: u64,
    first_call_at: Option<Duration>,
    last_call_at: Duration,
    /// The latest totals, for the journal.
    pub shared: SharedTotals,
}

impl RunStats {
    /// The counters of a run with this limit, where 0 means unlimited, and the totals `before` it.
    pub fn new(calls_per_second: u32, before: RunTotals) -> RunStats {
        RunStats {
            calls_per_second,
            before,
            calls: RunTotals::default(),
            rows: 0,
            failed: 0,
            first_call_at: None,
            last_call_at: Duration::ZERO,
            shared: SharedTotals::default(),
        }
    }

    /// A call is made.
    pub fn record_call(&mut self, now: Duration) {
        self.calls.calls += 1;
        self.first_call_at.get_or_insert(now);
        self.last_call_at = now;
    }

    /// A call was throttled.
    pub fn record_throttled_call(&mut self) {
        self.calls.throttled += 1;
    }

    /// A call failed as a whole.
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
            SinkMessage::First { result, .. } => (result.rows.num_rows(), result.failed.len()),
            SinkMessage::Late { result, .. } => (result.rows.num_rows(), result.failed.len()),
            SinkMessage::LateFailure(_) => (0, 1),
            SinkMessage::EndOfRound(_) => (0, 0),
        };
        self.rows += rows as u64;
        self.failed += failed as u64;
    }

    /// Calls made.
    pub fn calls(&self) -> u64 {
        self.calls.calls
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

    /// The totals of the run at the time `now` of this round, given the rates of its calls.
    pub fn totals(&self, rates: CallRates, now: Duration) -> RunTotals {
        let (before, calls) = (&self.before, &self.calls);
        // Between n calls there are n - 1 intervals.
        let is_limited = self.calls_per_second > 0 && calls.calls > 1;
        let intervals = if is_limited { calls.calls - 1 } else { 0 };
        let seconds = (self.last_call_at - self.first_call_at.unwrap_or_default()).as_secs_f64();
        let allowed = if is_limited { seconds * f64::from(self.calls_per_second) } else { 0.0 };
        RunTotals {
            calls: before.calls.saturating_add(calls.calls),
            failed: before.failed.saturating_add(calls.failed),
            throttled: before.throttled.saturating_add(calls.throttled),
            account_retries: before.account_retries.saturating_add(calls.account_retries),
            peak_calls_per_second: before.peak_calls_per_second.max(rates.peak),
            learned_calls_per_second: rates.learned.or(before.learned_calls_per_second),
            intervals: before.intervals.saturating_add(intervals),
            intervals_allowed: before.intervals_allowed + allowed,
            seconds: before.seconds + now.as_secs_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::call_stats::CallStats;

    fn utilization(totals: &RunTotals) -> Option<f64> {
        CallStats::new(totals, 10).rate_utilization_percent
    }

    fn rates(peak: u64, learned: Option<u32>) -> CallRates {
        CallRates { peak, learned }
    }

    fn record_calls(stats: &mut RunStats, calls: u32, interval: Duration) {
        for call in 0..calls {
            stats.record_call(Duration::from_secs(3) + interval * call);
        }
    }

    #[test]
    fn utilization_is_measured_from_the_first_call_to_the_last() {
        let mut stats = RunStats::new(10, RunTotals::default());
        assert_eq!(utilization(&stats.totals(rates(0, None), Duration::ZERO)), None);
        record_calls(&mut stats, 6, Duration::from_millis(200));
        let totals = stats.totals(rates(5, None), Duration::from_secs(9));
        assert_eq!((totals.calls, totals.peak_calls_per_second, totals.seconds), (6, 5, 9.0));
        assert_eq!(utilization(&totals), Some(50.0));
    }

    #[test]
    fn totals_are_those_of_all_processes_without_the_time_between_them() {
        let mut first = RunStats::new(10, RunTotals::default());
        record_calls(&mut first, 6, Duration::from_millis(200));
        first.record_failed_call();
        first.record_account_retry();
        let first = first.totals(rates(5, Some(8)), Duration::from_secs(9));
        // Five intervals in one second, then ten in one second.
        let mut second = RunStats::new(10, first);
        record_calls(&mut second, 11, Duration::from_millis(100));
        second.record_throttled_call();
        second.record_account_retry();
        let totals = second.totals(rates(3, None), Duration::from_secs(2));
        assert_eq!((totals.calls, totals.failed, totals.throttled), (17, 1, 1));
        assert_eq!((totals.account_retries, totals.peak_calls_per_second), (2, 5));
        assert_eq!((totals.seconds, totals.learned_calls_per_second), (11.0, Some(8)));
        let learned_again = second.totals(rates(3, Some(6)), Duration::ZERO);
        assert_eq!(learned_again.learned_calls_per_second, Some(6));
        assert_eq!(utilization(&totals), Some(75.0));
    }
}
