//! How a whole call fails. Source: `docs/im-rest-api.md` sections 1, 5 and 9.

use std::fmt;

use super::error_codes::{Class, ErrorCodeRule, Fault};
use super::transport::TransportFailure;

/// Why a whole call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFailure {
    /// There was no response.
    Transport(TransportFailure),
    /// The response says neither that the call succeeded nor why it failed.
    Unusable {
        problem: ResponseProblem,
        /// `ErrorInfo`, cut to a length that fits a log line.
        info: String,
    },
    /// The service refused the call.
    Refused {
        rule: ErrorCodeRule,
        /// `ErrorInfo`, cut to a length that fits a log line.
        info: String,
    },
}

/// Why a response cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseProblem {
    #[error("ActionStatus of the response is not OK, and no error code says why")]
    FailWithoutCode,
    #[error("ErrorCode of the response is not a number ({0})")]
    UnreadableCode(String),
    #[error("the response is JSON, but not a response of portrait_get")]
    NotAResponse,
}

impl CallFailure {
    /// The code of the service, if it gave one.
    pub fn code(&self) -> Option<i64> {
        match self {
            CallFailure::Transport(_) | CallFailure::Unusable { .. } => None,
            CallFailure::Refused { rule, .. } => Some(rule.code),
        }
    }

    /// The text for `error_info`.
    pub fn info(&self) -> String {
        match self {
            CallFailure::Transport(_) | CallFailure::Unusable { .. } => self.to_string(),
            CallFailure::Refused { info, .. } => info.clone(),
        }
    }

    /// The class for a chunk that failed so `tries` times in a row.
    pub fn class_after(&self, tries: u32) -> Class {
        match self {
            CallFailure::Transport(failure) => failure.class(),
            CallFailure::Unusable { .. } => Class::Retry,
            CallFailure::Refused { rule, .. } => rule.class_after(tries),
        }
    }

    /// How to fix it.
    pub fn remedy(&self) -> &'static str {
        match self {
            CallFailure::Refused { rule, .. } => rule.remedy,
            CallFailure::Transport(TransportFailure::Status(429)) => {
                "set api.calls_per_second to what the app's limit leaves for this job, or wait until the service no longer throttles the calls"
            }
            CallFailure::Transport(_) | CallFailure::Unusable { .. } => {
                "check api.region or api.base_url, and proxies or gateways on the way"
            }
        }
    }

    /// What the code of the service blames, if it gave one.
    pub fn fault(&self) -> Option<Fault> {
        match self {
            CallFailure::Transport(_) | CallFailure::Unusable { .. } => None,
            CallFailure::Refused { rule, .. } => Some(rule.fault),
        }
    }

    /// Whether the service blames the request, such as a tag or an account in it, and not the caller or the time. `tries` as
    /// for [`CallFailure::class_after`].
    pub fn is_about_request(&self, tries: u32) -> bool {
        match self {
            CallFailure::Transport(_) | CallFailure::Unusable { .. } => false,
            CallFailure::Refused { rule, .. } => {
                rule.fault == Fault::Tag || rule.class_after(tries) == Class::BadBatch
            }
        }
    }

    /// Whether the code can only mean a tag of the request.
    pub fn names_tag(&self) -> bool {
        self.fault() == Some(Fault::Tag)
    }

    /// Whether the service itself reports the failure.
    pub fn is_from_service(&self) -> bool {
        match self {
            CallFailure::Transport(_) => false,
            CallFailure::Unusable { problem, .. } => *problem != ResponseProblem::NotAResponse,
            CallFailure::Refused { .. } => true,
        }
    }

    /// Whether a server responded, be it the service or another one on the way.
    pub fn has_response(&self) -> bool {
        match self {
            CallFailure::Transport(failure) => failure.has_response(),
            CallFailure::Unusable { .. } | CallFailure::Refused { .. } => true,
        }
    }

    /// Whether waiting does not help and a person has to fix it.
    pub fn is_permanent(&self) -> bool {
        matches!(self, CallFailure::Transport(failure) if failure.is_permanent())
    }

    /// Whether the response exceeded the size limit.
    pub fn is_too_large(&self) -> bool {
        matches!(self, CallFailure::Transport(TransportFailure::TooLarge(_)))
    }

    /// Whether a renewed UserSig may fix it.
    pub fn needs_renewed_signature(&self) -> bool {
        matches!(self, CallFailure::Refused { rule, .. } if rule.renews_signature)
    }
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = match self {
            CallFailure::Transport(failure) => return failure.fmt(f),
            CallFailure::Unusable { problem, info } => {
                write!(f, "{problem}")?;
                info
            }
            CallFailure::Refused { rule, info } => {
                write!(f, "code {}, {}", rule.code, rule.meaning)?;
                info
            }
        };
        if info.is_empty() { Ok(()) } else { write!(f, " (the service says: {info})") }
    }
}

impl From<TransportFailure> for CallFailure {
    fn from(failure: TransportFailure) -> Self {
        CallFailure::Transport(failure)
    }
}
