//! Why a run did not complete, and the exit code for it.

use std::time::Duration;

use arrow_schema::ArrowError;
use jiff::Timestamp;

use super::source::SourceError;
use super::stop_cause::StopCause;
use crate::api::outcome::CallFailure;
use crate::snapshot::journal::JournalError;
use crate::snapshot::parts::PartError;
use crate::util::disk_error::SystemError;
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
        "no call succeeded for {elapsed}, since {} ({failed}, the last one: {last_failure}), and retry.outage_patience is {patience}{}; {}or raise retry.outage_patience to wait longer",
        rfc3339_seconds(*.since),
        pause_text(.paused_until.as_ref()),
        outage_remedy(.last_failure),
        elapsed = duration_text(.elapsed.as_secs_f64()),
        failed = counted(*.calls, "failed call"),
        patience = duration_text(.patience.as_secs_f64())
    )]
    Outage {
        /// The end of the pause that the service names.
        paused_until: Option<Timestamp>,
        /// How the last call failed.
        last_failure: Box<CallFailure>,
        /// Failed calls since the last success.
        calls: u64,
        /// Time since the first of them.
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
    /// The deadline was reached while no call succeeded.
    #[error(
        "limits.deadline ({}) was reached while no call succeeded, since {} ({}, the last one: {last_failure}){}; {}or let later runs complete the export",
        duration_text(.deadline.as_secs_f64()),
        rfc3339_seconds(*.since),
        counted(*.calls, "failed call"),
        pause_text(.paused_until.as_ref()),
        outage_remedy(.last_failure)
    )]
    DeadlineInOutage {
        deadline: Duration,
        last_failure: Box<CallFailure>,
        calls: u64,
        since: Timestamp,
        paused_until: Option<Timestamp>,
    },
    /// The rows of a response could not be built.
    #[error("the rows of a response could not be built, which is a bug; report it")]
    Rows(#[source] ArrowError),
    /// Standard output could not be written.
    #[error(transparent)]
    Output(SystemError),
    /// The rows of a stream are not one for each record.
    #[error(
        "{read} were read from standard input and {written} written, which is a bug; do not use the rows, and report it",
        read = counted(*.read, "record"),
        written = counted(*.written, "row")
    )]
    NotConserved { read: u64, written: u64 },
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

fn pause_text(until: Option<&Timestamp>) -> String {
    until.map_or_else(String::new, |until| {
        format!("; the service requires a pause until {}", rfc3339_seconds(*until))
    })
}

/// How to fix an outage, up to the alternative of waiting.
fn outage_remedy(last_failure: &CallFailure) -> String {
    let remedy = match (last_failure.is_permanent(), last_failure.has_response()) {
        // Its text contains the fix.
        (true, _) => return String::new(),
        (false, true) => last_failure.remedy(),
        (false, false) => "check that the service can be reached from this machine",
    };
    format!("{remedy}, ")
}

impl HasExitCode for RunError {
    fn exit_code(&self) -> ExitCode {
        match self {
            RunError::Source(SourceError::List(error)) => error.exit_code(),
            RunError::Source(SourceError::Failed(error)) => error.exit_code(),
            RunError::Source(SourceError::Records(error)) => error.exit_code(),
            RunError::Source(SourceError::TooLong { .. } | SourceError::OtherList { .. }) => {
                ExitCode::BadUsage
            }
            RunError::Checkpoint(error) => error.exit_code(),
            RunError::Refused(_) | RunError::RejectsEverything(_) => ExitCode::RefusedByService,
            RunError::Outage { .. }
            | RunError::DeadlineInOutage { .. }
            | RunError::Unreachable(_) => ExitCode::TryAgainLater,
            RunError::Stopped(cause) => cause.exit_code(),
            RunError::Part(error) => error.exit_code(),
            RunError::Output(error) => error.exit_code(),
            RunError::NotConserved { .. }
            | RunError::Rows(_)
            | RunError::Thread(_)
            | RunError::WriterStopped
            | RunError::Panicked => ExitCode::InternalOrDisk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::transport::TransportFailure;

    #[test]
    fn a_deadline_in_an_outage_names_the_outage() {
        let error = RunError::DeadlineInOutage {
            deadline: Duration::from_secs(7200),
            last_failure: Box::new(CallFailure::Transport(TransportFailure::Status(503))),
            calls: 12,
            since: Timestamp::UNIX_EPOCH,
            paused_until: None,
        };
        assert_eq!(error.exit_code(), ExitCode::TryAgainLater);
        insta::assert_snapshot!(error, @"limits.deadline (2 h) was reached while no call succeeded, since 1970-01-01T00:00:00Z (12 failed calls, the last one: HTTP status 503); check api.region or api.base_url, and proxies or gateways on the way, or let later runs complete the export");
    }
}
