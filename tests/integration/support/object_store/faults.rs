//! Which requests a [`super::proxy::FaultProxy`] fails, and how.

use glob::Pattern;

use super::http::{Operation, Request};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A response of the proxy; the store does not see the request.
    Reply { status: &'static str, code: &'static str, retry_after: Option<u32> },
    /// The connection is reset; the store does not see the request.
    Reset,
    /// The store has carried the request out, and the connection ends without a response.
    DropResponse,
    /// The connection ends in the middle of the response's body.
    TruncateResponse,
    /// The request waits until the test ends the wait.
    Hold,
    /// The store has carried the request out, and its response waits until the test ends the wait.
    HoldResponse,
}

impl Fault {
    /// Whether the request waits for the test.
    pub fn holds(self) -> bool {
        matches!(self, Fault::Hold | Fault::HoldResponse)
    }
}

/// 503 as S3 throttles.
pub const SLOW_DOWN: Fault =
    Fault::Reply { status: "503 Slow Down", code: "SlowDown", retry_after: None };
/// 500 as S3 fails.
pub const INTERNAL_ERROR: Fault =
    Fault::Reply { status: "500 Internal Server Error", code: "InternalError", retry_after: None };
/// 429 as Google throttles, with a pause to keep.
pub const TOO_MANY_REQUESTS: Fault =
    Fault::Reply { status: "429 Too Many Requests", code: "TooManyRequests", retry_after: Some(1) };

/// How the wait of held requests ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// They go the way of every request.
    Forward,
    /// Their connections end.
    Discard,
}

/// The requests that fail, and how.
#[derive(Debug, Clone)]
pub struct Rule {
    operation: Option<Operation>,
    pattern: Pattern,
    skip: u64,
    times: u64,
    pub fault: Fault,
}

impl Rule {
    /// Every request of any kind.
    pub fn new(fault: Fault) -> Rule {
        Rule {
            operation: None,
            pattern: Pattern::new("*").unwrap(),
            skip: 0,
            times: u64::MAX,
            fault,
        }
    }

    /// Only requests of this kind.
    pub fn on(self, operation: Operation) -> Rule {
        Rule { operation: Some(operation), ..self }
    }

    /// Only requests whose key matches; `*` also stands for slashes.
    pub fn key(self, pattern: &str) -> Rule {
        Rule { pattern: Pattern::new(pattern).unwrap(), ..self }
    }

    /// Not the first of them.
    pub fn skip(self, skip: u64) -> Rule {
        Rule { skip, ..self }
    }

    /// Only so many of them.
    pub fn times(self, times: u64) -> Rule {
        Rule { times, ..self }
    }

    /// Whether a request fails by this rule, which counts it.
    pub fn applies(&mut self, request: &Request) -> bool {
        if self.operation.is_some_and(|operation| operation != request.operation)
            || !self.pattern.matches(&request.key)
            || self.times == 0
        {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}
