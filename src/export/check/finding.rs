//! The result of one check.

use crate::report::check::Status;
use crate::util::exit_code::ExitCode;

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub status: Status,
    /// What was found, and how to fix it.
    pub text: String,
    /// The exit code of an export that fails so.
    pub code: Option<ExitCode>,
    /// When it fails.
    pub moment: Moment,
}

/// When an export ends; the earliest moment decides its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Before the first call, in this order.
    BeforeCalls(usize),
    FirstCall,
    /// After it has made calls, in this order.
    AfterCalls(usize),
}

impl Finding {
    pub fn passed(text: impl Into<String>) -> Finding {
        Finding { status: Status::Passed, text: text.into(), code: None, moment: Moment::FirstCall }
    }

    /// Worth knowing, but not a failure.
    pub fn note(text: impl Into<String>) -> Finding {
        Finding { status: Status::Note, ..Finding::passed(text) }
    }

    pub fn skipped(reason: impl Into<String>) -> Finding {
        Finding { status: Status::Skipped, ..Finding::passed(reason) }
    }

    /// An export would end with this code at its first call.
    pub fn failed(code: ExitCode, text: impl Into<String>) -> Finding {
        Finding::failed_at(Moment::FirstCall, code, text)
    }

    pub fn failed_at(moment: Moment, code: ExitCode, text: impl Into<String>) -> Finding {
        Finding { status: Status::Failed, code: Some(code), moment, ..Finding::passed(text) }
    }
}
