//! Why a command failed, and with which exit code.

use std::error::Error;

use super::exit_code::ExitCode;

/// Why a verb did not do what it says: the exit code, and the error to print with all its causes.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub code: ExitCode,
    /// What to tell.
    pub error: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// For `map_err`.
    pub fn with<E: Into<Box<dyn Error + Send + Sync>>>(
        code: ExitCode,
    ) -> impl FnOnce(E) -> Failure {
        move |error| Failure { code, error: error.into() }
    }
}

/// An error and its causes in one line.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
