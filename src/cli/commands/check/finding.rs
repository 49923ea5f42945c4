//! What one check found.

use crate::report::check::Status;
use crate::util::exit_code::ExitCode;

/// How a check went, and what to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it went.
    pub status: Status,
    /// What was found, and what is to be done about it.
    pub text: String,
    /// How an export would end for a failure.
    pub code: Option<ExitCode>,
}

impl Finding {
    /// All is well.
    pub fn passed(text: impl Into<String>) -> Finding {
        Finding { status: Status::Passed, text: text.into(), code: None }
    }

    /// Worth knowing, and no failure.
    pub fn note(text: impl Into<String>) -> Finding {
        Finding { status: Status::Note, text: text.into(), code: None }
    }

    /// Not to be checked, because of this.
    pub fn skipped(because: impl Into<String>) -> Finding {
        Finding { status: Status::Skipped, text: because.into(), code: None }
    }

    /// An export would end with this code.
    pub fn failed(code: ExitCode, text: impl Into<String>) -> Finding {
        Finding { status: Status::Failed, text: text.into(), code: Some(code) }
    }
}
