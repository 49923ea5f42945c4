//! Why a run did not complete, and the exit code for it.

use std::time::Duration;

use arrow_schema::ArrowError;
use jiff::Timestamp;

use super::source::SourceError;
use super::stop_cause::StopCause;
use crate::api::outcome::CallFailure;
use crate::snapshot::journal::JournalError;
use crate::snapshot::parts::PartError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::human::{counted, duration_text};
use crate::util::timestamp::rfc3339_seconds;

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
    /// No call succeeded for `retry.outage_patience`, or the service requires a longer pause.
    #[error(
        "no call succeeded for {elapsed}, since {} ({failed}, the last one: {last_failure}), and retry.outage_patience is {patience}; {}",
        rfc3339_seconds(*.since),
        outage_remedy(.last_failure),
        elapsed = duration_text(.elapsed.as_secs_f64()),
        failed = counted(*.calls, "failed call"),
        patience = duration_text(.patience.as_secs_f64())
    )]
    Outage {
        /// How the last call failed.
        last_failure: Box<CallFailure>,
        /// Failed calls since the last success.
        calls: u64,
        /// Time since the last success.
        elapsed: Duration,
        /// When that was.
        since: Timestamp,
        /// `retry.outage_patience`.
        patience: Duration,
    },
    /// The service cannot be reached, and waiting does not fix that.
    #[error("the service cannot be reached: {0}")]
    Unreachable(CallFailure),
    /// Stopped by a signal or a deadline.
    #[error("{0}")]
    Stopped(StopCause),
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

/// How to fix an outage that is too long.
fn outage_remedy(last_failure: &CallFailure) -> String {
    let remedy = match (last_failure.is_permanent(), last_failure.has_response()) {
        // Its text contains the fix.
        (true, _) => return "or raise retry.outage_patience to wait longer".to_owned(),
        (false, true) => last_failure.remedy(),
        (false, false) => "check that the service can be reached from this machine",
    };
    format!("{remedy}, or raise retry.outage_patience to wait longer")
}

impl HasExitCode for RunError {
    fn exit_code(&self) -> ExitCode {
        match self {
            RunError::Source(SourceError::List(error)) => error.exit_code(),
            RunError::Source(SourceError::Failed(error)) => error.exit_code(),
            RunError::Source(SourceError::TooLong { .. } | SourceError::OtherList { .. }) => {
                ExitCode::BadUsage
            }
            RunError::Checkpoint(error) => error.exit_code(),
            RunError::Refused(_) | RunError::RejectsEverything(_) => ExitCode::RefusedByService,
            RunError::Outage { .. } | RunError::Unreachable(_) => ExitCode::TryAgainLater,
            RunError::Stopped(cause) => cause.exit_code(),
            RunError::Part(_)
            | RunError::Rows(_)
            | RunError::Thread(_)
            | RunError::WriterStopped
            | RunError::Panicked => ExitCode::InternalOrDisk,
        }
    }
}
