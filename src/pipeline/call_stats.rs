//! Statistics of the calls of a run.

use serde::Serialize;

use crate::snapshot::manifest::CallInfo;

/// Statistics of the calls of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CallStats {
    /// Calls made, including retries and probes.
    pub made: u64,
    /// Calls that failed as a whole for a transient reason.
    pub failed: u64,
    /// Calls that the service throttled.
    pub throttled: u64,
    /// How many times an account was retried.
    pub account_retries: u64,
    /// The limit; 0 if there is none.
    pub calls_per_second: u32,
    /// The highest number of calls in any second.
    pub peak_calls_per_second: u64,
    /// The share of the limit that was used from the first call to the last; `None` without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_utilization_percent: Option<f64>,
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
            rate_utilization_percent,
        } = stats;
        CallInfo {
            made,
            failed,
            throttled,
            account_retries,
            calls_per_second,
            peak_calls_per_second,
            rate_utilization_percent,
        }
    }
}
