//! What a run has used so far, in all of its processes: the journal records it with every entry.

use serde::{Deserialize, Serialize};

/// The calls and the time of a run, over all processes that worked on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct RunTotals {
    /// Calls made, including retries and probes.
    pub calls: u64,
    /// Calls that failed as a whole, other than throttled ones.
    pub failed: u64,
    /// Calls that the service throttled.
    pub throttled: u64,
    /// How many times an account was retried.
    pub account_retries: u64,
    /// The highest number of calls in any second.
    pub peak_calls_per_second: u64,
    /// The calls per second that a service that throttled lately accepted: those that the last process to learn it learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned_calls_per_second: Option<u32>,
    /// Intervals between calls under a limit, and how many of them the limit allowed in the same time.
    pub intervals: u64,
    pub intervals_allowed: f64,
    /// The time that the processes worked.
    pub seconds: f64,
}
