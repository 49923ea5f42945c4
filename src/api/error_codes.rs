//! The error codes of the service: the only place that knows what a code means, which class it has, what it blames and how
//! to fix it.

mod table;

use std::time::Duration;

pub use self::table::RULES;

/// What a failure means to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Transient: retry after a backoff, as often as the job allows.
    Retry,
    /// Too fast: slow the whole client down, then retry; costs no account an attempt.
    Throttle,
    /// No call can succeed: stop the run.
    Fatal,
    /// The service refuses something in the chunk: split it until the account at fault is alone.
    BadBatch,
    /// Final for one account.
    Permanent,
}

impl Class {
    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Class::Retry => "retry",
            Class::Throttle => "throttle",
            Class::Fatal => "fatal",
            Class::BadBatch => "bad_batch",
            Class::Permanent => "permanent",
        }
    }

    /// Whether a chunk that fails so is split to find the account at fault.
    pub fn splits_chunk(self) -> bool {
        matches!(self, Class::BadBatch | Class::Permanent)
    }
}

/// What a code blames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `api.region`.
    Region,
    /// `api.sdkappid` or `api.region`.
    App,
    /// The secret key.
    Key,
    /// The rights of `api.identifier`.
    Administrator,
    /// The time: the clock of this machine, or an expired UserSig.
    Clock,
    /// A UserSig that has become invalid, whatever the time.
    Revocation,
    /// The UserSig, for any other reason.
    Signature,
    /// The identifier inside the UserSig.
    Identifier,
    /// The SDKAppID inside the UserSig.
    SdkAppId,
    /// The plan or state of the app.
    PlanOrState,
    /// The address of this machine.
    Address,
    /// The rate of calls.
    Rate,
    /// A tag that does not exist or may not be read.
    Tag,
    /// An account that does not exist.
    UnknownAccount,
    /// Anything else.
    Unspecified,
}

impl Fault {
    /// What is wrong, in a few words.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Region => "wrong region",
            Fault::App => "wrong SDKAppID or region",
            Fault::Key => "wrong key",
            Fault::Administrator => "not an administrator",
            Fault::Clock | Fault::Revocation => "UserSig not valid now",
            Fault::Signature => "bad UserSig",
            Fault::Identifier => "UserSig of another identifier",
            Fault::SdkAppId => "UserSig of another SDKAppID",
            Fault::PlanOrState => "plan or state of the app",
            Fault::Address => "address not allowed",
            Fault::Rate => "too fast",
            Fault::Tag | Fault::UnknownAccount | Fault::Unspecified => "refused",
        }
    }
}

/// How the exporter handles one code of `ErrorCode` or `ResultCode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCodeRule {
    /// The code.
    pub code: i64,
    /// What it means to the run.
    pub class: Class,
    /// What it blames.
    pub fault: Fault,
    /// Whether the first reaction is to renew the UserSig and repeat the call, once.
    pub renews_signature: bool,
    /// Number of tries in a row after which `final_class` applies; `None`: unlimited.
    pub max_tries: Option<u32>,
    /// The class after `max_tries`.
    pub final_class: Class,
    /// Shortest pause of the whole client when the code throttles.
    pub min_pause: Duration,
    /// What the code means, in a few words.
    pub meaning: &'static str,
    /// How to fix it.
    pub remedy: &'static str,
}

impl ErrorCodeRule {
    /// The rule for a code, documented or not.
    pub fn for_code(code: i64) -> ErrorCodeRule {
        match RULES.binary_search_by_key(&code, |rule| rule.code) {
            Ok(index) => RULES[index],
            Err(_) => ErrorCodeRule::undocumented(code),
        }
    }

    /// The class for a chunk or an account that got the code `tries` times in a row.
    pub fn class_after(&self, tries: u32) -> Class {
        match self.max_tries {
            Some(max_tries) if tries >= max_tries => self.final_class,
            _ => self.class,
        }
    }

    /// Whether the code says that the account does not exist.
    pub fn is_not_found(&self) -> bool {
        self.fault == Fault::UnknownAccount
    }
}

#[cfg(test)]
mod tests;
