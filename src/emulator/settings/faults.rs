//! What goes wrong.
//!
//! An account fault is decided by seed and account alone. A call fault is decided by seed, the first account of
//! the call and how often that account has met the fault, so that neither depends on concurrency.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NO_FAILURE, ensure_is_a_share};

/// What goes wrong; nothing by default. Call faults meet `portrait_get` alone, windows and latency every call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Accounts that the app does not know (40003).
    pub unknown: AccountFault,
    /// Accounts that fail the first `transient_asks` times (40006).
    pub transient: AccountFault,
    /// How many answers a transient failure lasts.
    pub transient_asks: u32,
    /// Accounts that fail always (40006).
    pub permanent: AccountFault,
    /// Accounts that make the whole call fail (40001).
    pub poison: AccountFault,
    /// Codes for the whole call.
    pub codes: Vec<CodeFault>,
    /// The call is answered 60007 although the rate was kept.
    pub throttle: CallFault,
    /// HTTP 429 with `Retry-After`.
    pub http_429: CallFault,
    /// `Retry-After` of HTTP 429, in seconds.
    pub retry_after_seconds: u32,
    /// An HTTP error with a body that is not JSON.
    pub http_error: CallFault,
    /// The statuses that `http_error` takes turns with.
    #[schemars(inner(range(min = 400, max = 599)))]
    pub http_statuses: Vec<u16>,
    /// The connection is reset before any byte of the answer.
    pub reset: CallFault,
    /// The connection ends in the midst of the answer.
    pub truncated: CallFault,
    /// A body that is not JSON.
    pub garbage: CallFault,
    /// A body with a byte that is not UTF-8 within a text.
    pub invalid_utf8: CallFault,
    /// The answer says `FAIL` in `ActionStatus` and 0 in `ErrorCode`, whatever else it holds.
    pub fail_with_code_zero: CallFault,
    /// The answer comes after `hang_ms`.
    pub hang: CallFault,
    /// How long a hanging answer takes; the default is longer than any sensible timeout.
    pub hang_ms: u64,
    /// A body larger than any answer.
    pub oversized: CallFault,
    /// Size of an oversized body.
    pub oversized_bytes: usize,
    /// HTTP 302 to another place.
    pub redirect: CallFault,
    /// The first so many calls are told that their UserSig has expired (70001).
    pub usersig_expired_calls: u64,
    /// Time that every answer takes.
    pub latency_ms: u64,
    /// Most time to add to it; drawn evenly.
    pub latency_jitter_ms: u64,
    /// Times of outage or throttling.
    pub windows: Vec<Window>,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            unknown: AccountFault::default(),
            transient: AccountFault::default(),
            transient_asks: 1,
            permanent: AccountFault::default(),
            poison: AccountFault::default(),
            codes: Vec::new(),
            throttle: CallFault::default(),
            http_429: CallFault::default(),
            retry_after_seconds: 1,
            http_error: CallFault::default(),
            http_statuses: vec![502, 500, 503, 504],
            reset: CallFault::default(),
            truncated: CallFault::default(),
            garbage: CallFault::default(),
            invalid_utf8: CallFault::default(),
            fail_with_code_zero: CallFault::default(),
            hang: CallFault::default(),
            hang_ms: 60_000,
            oversized: CallFault::default(),
            oversized_bytes: 17 * 1024 * 1024,
            redirect: CallFault::default(),
            usersig_expired_calls: 0,
            latency_ms: 0,
            latency_jitter_ms: 0,
            windows: Vec::new(),
        }
    }
}

/// Accounts that something befalls: a share of all, those listed, and those whose id begins with the prefix.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccountFault {
    /// Share of all accounts.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rate: f64,
    /// Accounts by name.
    pub accounts: Vec<String>,
    /// Accounts by the beginning of their name; empty is none.
    pub prefix: String,
    /// The codes, each account keeping one of them; empty is the code of the fault.
    pub codes: Vec<i64>,
}

/// A call that something befalls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CallFault {
    /// Share of calls; each time the same call meets the fault, it is drawn anew whether it does again.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rate: f64,
    /// How many times in a row the same call meets it.
    pub times: u32,
    /// Most calls that meet it in all; 0 is any number. Which those are depends on the order of calls.
    pub limit: u64,
}

impl Default for CallFault {
    fn default() -> CallFault {
        CallFault { rate: 0.0, times: 1, limit: 0 }
    }
}

/// A code for the whole call, at HTTP 200.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CodeFault {
    /// The top-level code.
    pub code: i64,
    /// Share of calls; each time the same call meets the fault, it is drawn anew whether it does again.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rate: f64,
    /// How many times in a row the same call meets it.
    pub times: u32,
    /// Most calls that meet it in all; 0 is any number.
    pub limit: u64,
}

impl Default for CodeFault {
    fn default() -> CodeFault {
        CodeFault { code: 60008, rate: 0.0, times: 1, limit: 0 }
    }
}

impl CodeFault {
    /// The fault without its code.
    pub fn call_fault(&self) -> CallFault {
        CallFault { rate: self.rate, times: self.times, limit: self.limit }
    }
}

/// A time in which every call meets the same; counted in calls or in milliseconds since the start, from the
/// first number up to but not including the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// What every call meets.
    pub kind: WindowKind,
    /// The first call, counted from 0 over all commands.
    #[serde(default)]
    pub from_call: u64,
    /// The call after the last; 0 when the window is not counted in calls.
    #[serde(default)]
    pub until_call: u64,
    /// The first millisecond.
    #[serde(default)]
    pub from_ms: u64,
    /// The millisecond after the last; 0 when the window is not counted in time.
    #[serde(default)]
    pub until_ms: u64,
}

/// What every call of a window meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// The connection is reset.
    Outage,
    /// 60007.
    Throttle,
    /// HTTP 429 with `Retry-After`.
    Http429,
    /// HTTP 503.
    Http503,
}

impl Window {
    /// Whether a call lies in the window.
    pub fn holds(&self, call: u64, milliseconds: u64) -> bool {
        (self.from_call..self.until_call).contains(&call)
            || (self.from_ms..self.until_ms).contains(&milliseconds)
    }
}

impl Faults {
    /// The call faults with their keys, in the order in which they are drawn; a call meets at most one.
    pub fn call_faults(&self) -> [(&'static str, &CallFault); 11] {
        [
            ("hang", &self.hang),
            ("reset", &self.reset),
            ("http_error", &self.http_error),
            ("http_429", &self.http_429),
            ("throttle", &self.throttle),
            ("redirect", &self.redirect),
            ("garbage", &self.garbage),
            ("oversized", &self.oversized),
            ("truncated", &self.truncated),
            ("invalid_utf8", &self.invalid_utf8),
            ("fail_with_code_zero", &self.fail_with_code_zero),
        ]
    }

    pub(super) fn check(&self) -> Result<(), (String, String)> {
        let accounts = [
            ("unknown", &self.unknown),
            ("transient", &self.transient),
            ("permanent", &self.permanent),
            ("poison", &self.poison),
        ];
        for (name, fault) in accounts {
            ensure_is_a_share(&format!("faults.{name}.rate"), fault.rate)?;
            if fault.codes.contains(&0) {
                return Err((format!("faults.{name}.codes"), NO_FAILURE.to_owned()));
            }
        }
        for (name, fault) in self.call_faults() {
            ensure_is_a_share(&format!("faults.{name}.rate"), fault.rate)?;
        }
        for (index, fault) in self.codes.iter().enumerate() {
            ensure_is_a_share(&format!("faults.codes[{index}].rate"), fault.rate)?;
            if fault.code == 0 {
                return Err((format!("faults.codes[{index}].code"), NO_FAILURE.to_owned()));
            }
        }
        if self.http_statuses.is_empty()
            || self.http_statuses.iter().any(|status| !(400..600).contains(status))
        {
            let problem = "must name at least one status, each from 400 to 599";
            return Err(("faults.http_statuses".to_owned(), problem.to_owned()));
        }
        if self.oversized_bytes > MAX_OVERSIZED_BYTES {
            let problem = "is more than 256 MiB, which the emulator would hold in memory";
            return Err(("faults.oversized_bytes".to_owned(), problem.to_owned()));
        }
        self.check_windows()
    }

    fn check_windows(&self) -> Result<(), (String, String)> {
        for (index, window) in self.windows.iter().enumerate() {
            if window.from_call >= window.until_call && window.from_ms >= window.until_ms {
                let problem = "is empty; write from_call and until_call, or from_ms and until_ms";
                return Err((format!("faults.windows[{index}]"), problem.to_owned()));
            }
        }
        Ok(())
    }
}

const MAX_OVERSIZED_BYTES: usize = 256 * 1024 * 1024;
