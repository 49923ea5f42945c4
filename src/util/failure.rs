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

/// An error and its causes in one line, safe for a terminal whatever names and texts from outside it repeats.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    visible(&causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")).into_owned()
}
