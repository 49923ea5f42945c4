//! Why a run did not complete, and the exit code for it.

use std::time::Duration;

use arrow_schema::ArrowError;

use super::source::SourceError;
use crate::api::outcome::CallFailure;
use crate::snapshot::journal::JournalError;
use crate::snapshot::parts::PartError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::human::duration_text;

/// The run did not complete.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The accounts could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The checkpoint could not be written.
    #[error(transparent)]
    Checkpoint(#[from] JournalError),
    /// A part could not be written.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The service refused a call in a way that no retry fixes.
    #[error("the service refused the call: {0}; {remedy}", remedy = .0.remedy())]
    Refused(CallFailure),
    /// The service rejects one account after another.
    #[error("the service rejects every account: {0}; {remedy}", remedy = .0.remedy())]
    RejectsEverything(CallFailure),
    /// No call succeeded for `retry.outage_patience`.
    #[error(
        "no call succeeded for {elapsed} ({calls} calls failed, the last one: {last_failure}), which exceeds retry.outage_patience; check that the service is reachable from this machine, then run the same command again to resume",
        elapsed = duration_text(.elapsed.as_secs_f64())
    )]
    Outage {
        /// How the last call failed.
        last_failure: String,
        /// Failed calls since the last success.
        calls: u64,
        /// Time since the last success.
        elapsed: Duration,
    },
    /// The service cannot be reached, and waiting does not fix that.
    #[error("the service cannot be reached: {0}; then run again to resume")]
    Unreachable(CallFailure),
    /// Stopped by a signal or a deadline.
    #[error("{}", .0.meaning())]
    Stopped(ExitCode),
    /// The rows of a response could not be built.
    #[error("the rows of a response could not be built, which is a bug; report it")]
    Rows(#[source] ArrowError),
    /// The operating system refused a thread.
    #[error("could not start a thread; raise the process limit (ulimit -u, pids of the container)")]
    Thread(#[source] std::io::Error),
    /// The writer thread ended early; its own error replaces this one.
    #[error("the writer stopped early, which is a bug; report it")]
    WriterStopped,
    /// A thread or task panicked.
    #[error("a thread or task panicked, which is a bug; report it")]
    Panicked,
}

impl HasExitCode for RunError {
    fn exit_code(&self) -> ExitCode {
        match self {
            RunError::Source(SourceError::List(error)) => error.exit_code(),
            RunError::Source(SourceError::Failed(error)) => error.exit_code(),
            RunError::Source(SourceError::TooLong { .. }) => ExitCode::BadUsage,
            RunError::Checkpoint(error) => error.exit_code(),
            RunError::Refused(_) | RunError::RejectsEverything(_) => ExitCode::RefusedByService,
            RunError::Outage { .. } | RunError::Unreachable(_) => ExitCode::TryAgainLater,
            RunError::Stopped(code) => *code,
            RunError::Part(_)
            | RunError::Rows(_)
            | RunError::Thread(_)
            | RunError::WriterStopped
            | RunError::Panicked => ExitCode::InternalOrDisk,
        }
    }
}
