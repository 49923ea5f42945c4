//! Statistics of the calls of a run, over all of its processes.

use serde::Serialize;

use crate::snapshot::manifest::CallInfo;
use crate::snapshot::run_totals::RunTotals;

/// Statistics of the calls of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CallStats {
    /// Calls made, including retries and probes.
    pub made: u64,
    /// Calls that failed as a whole, other than throttled ones.
    pub failed: u64,
    /// Calls that the service throttled.
    pub throttled: u64,
    /// How many times an account was retried.
    pub account_retries: u64,
    /// The limit; 0 if there is none.
    pub calls_per_second: u32,
    /// The highest number of calls in any second.
    pub peak_calls_per_second: u64,
    /// The calls per second that the service lately accepted; `None` if it never throttled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned_calls_per_second: Option<u32>,
    /// The share of the limit that was used from the first call to the last; `None` without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_utilization_percent: Option<f64>,
}

impl CallStats {
    /// The statistics of a run with these totals and this limit.
    pub fn new(totals: &RunTotals, calls_per_second: u32) -> CallStats {
        let share = totals.intervals as f64 / totals.intervals_allowed;
        let is_known = calls_per_second > 0 && totals.intervals > 0;
        CallStats {
            made: totals.calls,
            failed: totals.failed,
            throttled: totals.throttled,
            account_retries: totals.account_retries,
            calls_per_second,
            peak_calls_per_second: totals.peak_calls_per_second,
            learned_calls_per_second: totals.learned_calls_per_second,
            rate_utilization_percent: is_known.then(|| (share.min(1.0) * 1000.0).round() / 10.0),
        }
    }
}

impl From<CallStats> for CallInfo {
    fn from(stats: CallStats) -> CallInfo {
        let CallStats {
            made,
            failed,
            throttled,
            account_retries,
            calls_per_second,
            peak_calls_per_second,
            learned_calls_per_second,
            rate_utilization_percent,
        } = stats;
        CallInfo {
            made,
            failed,
            throttled,
            account_retries,
            calls_per_second,
            peak_calls_per_second,
            learned_calls_per_second,
            rate_utilization_percent,
        }
    }
}
