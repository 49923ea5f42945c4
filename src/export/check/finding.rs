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
}

impl Finding {
    pub fn passed(text: impl Into<String>) -> Finding {
        Finding { status: Status::Passed, text: text.into(), code: None }
    }

    /// Worth knowing, but not a failure.
    pub fn note(text: impl Into<String>) -> Finding {
        Finding { status: Status::Note, text: text.into(), code: None }
    }

    pub fn skipped(reason: impl Into<String>) -> Finding {
        Finding { status: Status::Skipped, text: reason.into(), code: None }
    }

    /// An export would end with this code.
    pub fn failed(code: ExitCode, text: impl Into<String>) -> Finding {
        Finding { status: Status::Failed, text: text.into(), code: Some(code) }
    }
}
