//! Faults of accounts, calls and connections.
//!
//! A fault of an account is determined by seed and account alone. A fault of a call is determined by the seed, the first
//! account of the call and the number of times that this account has met the fault. Neither depends on concurrency.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{InvalidSetting, ensure_is_a_share};

const MAX_OVERSIZED_BYTES: usize = 256 * 1024 * 1024;

/// Faults of accounts, calls and connections; none by default. Call faults affect `portrait_get` only, windows and
/// latency every command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Accounts that the app does not know (40003).
    pub unknown: AccountFault,
    /// Accounts that fail the first `transient_requests` times (40006).
    pub transient: AccountFault,
    /// How many responses report a transient failure before the account succeeds.
    pub transient_requests: u32,
    /// Accounts that always fail (40006).
    pub permanent: AccountFault,
    /// Accounts that make every call fail that includes them (40001).
    pub poison: AccountFault,
    /// Codes of calls that fail as a whole.
    pub codes: Vec<CodeFault>,
    /// Calls that fail with 60007 although they are within the rate.
    pub throttle: CallFault,
    /// HTTP 429 with `Retry-After`.
    pub http_429: CallFault,
    /// `Retry-After` of HTTP 429, in seconds.
    pub retry_after_seconds: u32,
    /// An HTTP error with a body that is not JSON.
    pub http_error: CallFault,
    /// The statuses of `http_error`; each call gets one of them.
    #[schemars(inner(range(min = 400, max = 599)))]
    pub http_statuses: Vec<u16>,
    /// The connection is reset before the first byte of the response.
    pub reset: CallFault,
    /// The connection closes in the middle of the response.
    pub truncated: CallFault,
    /// A body that is not JSON.
    pub garbage: CallFault,
    /// A body with a text that is not valid UTF-8.
    pub invalid_utf8: CallFault,
    /// A complete response with `FAIL` as `ActionStatus` and 0 as `ErrorCode`.
    pub fail_with_code_zero: CallFault,
    /// A response that arrives after `hang_ms`.
    pub hang: CallFault,
    /// Delay of a hanging response; the default is longer than any sensible timeout.
    pub hang_ms: u64,
    /// A body larger than any response of the service.
    pub oversized: CallFault,
    /// Size of an oversized body.
    pub oversized_bytes: usize,
    /// HTTP 302 to another location.
    pub redirect: CallFault,
    /// How many calls, from the start, are refused because their UserSig has expired (70001).
    pub usersig_expired_calls: u64,
    /// Delay of every response.
    pub latency_ms: u64,
    /// Maximum of a random delay of every request before its call is counted against the rate, evenly distributed. The same
    /// request always has the same delay.
    pub request_jitter_ms: u64,
    /// Maximum of a random delay of every response besides `latency_ms`, evenly distributed. The response to the same request
    /// always has the same delay.
    pub response_jitter_ms: u64,
    /// Periods of outage, of throttling or of another limit.
    pub windows: Vec<FaultWindow>,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            unknown: AccountFault::default(),
            transient: AccountFault::default(),
            transient_requests: 1,
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
            request_jitter_ms: 0,
            response_jitter_ms: 0,
            windows: Vec::new(),
        }
    }
}

/// A fault of accounts: a share of all accounts, those listed, and those with the prefix.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccountFault {
    /// Share of all accounts.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rate: f64,
    /// Affected accounts.
    pub accounts: Vec<String>,
    /// Prefix of affected accounts; if empty, the prefix selects none.
    pub prefix: String,
    /// The codes; each account keeps one of them. If empty, the default code of the fault.
    pub codes: Vec<i64>,
}

/// A fault of calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CallFault {
    /// Share of calls. A retry of the same call is another draw.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rate: f64,
    /// How many times in a row the same call meets the fault.
    pub times: u32,
    /// Maximum of affected calls in total; 0 is unlimited. Which calls those are depends on their order.
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
    /// Share of calls. A retry of the same call is another draw.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rate: f64,
    /// How many times in a row the same call meets the fault.
    pub times: u32,
    /// Maximum of affected calls in total; 0 is unlimited.
    pub limit: u64,
}

impl Default for CodeFault {
    fn default() -> CodeFault {
        CodeFault { code: 60008, rate: 0.0, times: 1, limit: 0 }
    }
}

impl CodeFault {
    /// The same fault without its code.
    pub fn call_fault(&self) -> CallFault {
        CallFault { rate: self.rate, times: self.times, limit: self.limit }
    }
}

/// A period in which every call fails in the same way or the limit is another one, in calls or in milliseconds since the
/// start. The end is exclusive. Of several limits at the same time the first applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultWindow {
    /// What happens to every call.
    pub kind: FaultWindowKind,
    /// The limit of every command in place of that in `rate`, with `kind = "limit"`.
    #[serde(default)]
    pub calls_per_second: u32,
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

/// What happens to every call in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultWindowKind {
    /// The connection is reset.
    Outage,
    /// Code 60007.
    Throttle,
    /// HTTP 429 with `Retry-After`.
    Http429,
    /// HTTP 503.
    Http503,
    /// Another limit, `calls_per_second`.
    Limit,
}

impl FaultWindow {
    pub fn contains(&self, call: u64, milliseconds: u64) -> bool {
        (self.from_call..self.until_call).contains(&call)
            || (self.from_ms..self.until_ms).contains(&milliseconds)
    }
}

impl Faults {
    /// The call faults with their keys, by precedence: a call meets at most one.
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

    pub fn check(&self) -> Result<(), InvalidSetting> {
        for (name, fault) in [
            ("unknown", &self.unknown),
            ("transient", &self.transient),
            ("permanent", &self.permanent),
            ("poison", &self.poison),
        ] {
            ensure_is_a_share(&format!("faults.{name}.rate"), fault.rate)?;
            if fault.codes.contains(&0) {
                return Err(InvalidSetting::success_code(format!("faults.{name}.codes")));
            }
        }
        for (name, fault) in self.call_faults() {
            ensure_is_a_share(&format!("faults.{name}.rate"), fault.rate)?;
        }
        for (index, fault) in self.codes.iter().enumerate() {
            ensure_is_a_share(&format!("faults.codes[{index}].rate"), fault.rate)?;
            if fault.code == 0 {
                return Err(InvalidSetting::success_code(format!("faults.codes[{index}].code")));
            }
        }
        if self.http_statuses.is_empty()
            || self.http_statuses.iter().any(|status| !(400..600).contains(status))
        {
            let problem = "must list at least one status, each from 400 to 599";
            return Err(InvalidSetting::new("faults.http_statuses", problem));
        }
        if self.oversized_bytes > MAX_OVERSIZED_BYTES {
            let problem =
                "is more than 256 MiB, which the emulator would hold in memory; write less";
            return Err(InvalidSetting::new("faults.oversized_bytes", problem));
        }
        self.check_windows()
    }

    fn check_windows(&self) -> Result<(), InvalidSetting> {
        for (index, window) in self.windows.iter().enumerate() {
            let key = format!("faults.windows[{index}]");
            if window.from_call >= window.until_call && window.from_ms >= window.until_ms {
                let problem = "is empty; write from_call and until_call, or from_ms and until_ms";
                return Err(InvalidSetting::new(key, problem));
            }
            let problem = match (window.kind, window.calls_per_second) {
                (FaultWindowKind::Limit, 0) => {
                    "is missing; write the limit of the window, or kind = \"throttle\" to refuse every call"
                }
                (FaultWindowKind::Limit, _) | (_, 0) => continue,
                _ => "is only used with kind = \"limit\"; remove it or write that kind",
            };
            return Err(InvalidSetting::new(format!("{key}.calls_per_second"), problem));
        }
        Ok(())
    }
}
