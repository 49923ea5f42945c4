//! The failure of a command: an error with its exit code.

use std::error::Error;

use super::exit_code::{ExitCode, HasExitCode};
use super::visible::visible;

/// Why a command failed; the error is printed with all its causes.
#[derive(Debug)]
pub struct Failure {
    pub code: ExitCode,
    pub error: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// A failure that is decided by the command itself.
    pub fn new(code: ExitCode, error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
        Failure { code, error: error.into() }
    }

    /// The error and its causes in one line.
    pub fn text(&self) -> String {
        chain(&*self.error)
    }
}

impl<E: HasExitCode + Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure { code: error.exit_code(), error: error.into() }
    }
}

/// What is wrong, its causes, and how to fix it, in one line, safe for a terminal whatever names and texts from outside it
/// repeats.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    visible(&with_causes(error)).into_owned()
}

/// Texts end with the fix, after a semicolon; causes stand before it.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let text = error.to_string();
    let Some(cause) = error.source().map(with_causes) else { return text };
    match text.split_once("; ") {
        Some((problem, fix)) => format!("{problem}: {cause}; {fix}"),
        None => format!("{text}: {cause}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Wrapped {
        text: &'static str,
        source: io::Error,
    }

    #[test]
    fn a_cause_stands_between_the_problem_and_its_fix() {
        let text = |text| chain(&Wrapped { text, source: io::Error::other("cause") });
        assert_eq!(text("cannot listen; use port 0"), "cannot listen: cause; use port 0");
        assert_eq!(text("cannot listen"), "cannot listen: cause");
        assert_eq!(chain(&io::Error::other("only; this")), "only; this");
    }
}
