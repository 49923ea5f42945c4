//! What asks a run to stop before its end.

use std::fmt;
use std::time::Duration;

use crate::util::exit_code::ExitCode;
use crate::util::human::duration_text;

/// What asks a run to stop before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// SIGHUP, such as of a terminal that was closed.
    HangUp,
    /// SIGINT, such as of Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// The end of `limits.deadline`, which is so long.
    Deadline(Duration),
    /// Another run has taken over the lease of the object store.
    TakenOver,
    /// The reader of standard output has closed it.
    OutputClosed,
}

impl StopCause {
    pub fn exit_code(self) -> ExitCode {
        match self {
            StopCause::HangUp => ExitCode::HungUp,
            StopCause::Interrupt => ExitCode::Interrupted,
            StopCause::Terminate => ExitCode::Terminated,
            StopCause::Deadline(_) | StopCause::TakenOver => ExitCode::TryAgainLater,
            StopCause::OutputClosed => ExitCode::OutputClosed,
        }
    }

    /// The signal or the key of the job.
    pub fn name(self) -> &'static str {
        match self {
            StopCause::HangUp => "SIGHUP",
            StopCause::Interrupt => "SIGINT",
            StopCause::Terminate => "SIGTERM",
            StopCause::Deadline(_) => "limits.deadline",
            StopCause::TakenOver => "lease",
            StopCause::OutputClosed => "standard output",
        }
    }
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopCause::Deadline(deadline) => write!(
                f,
                "limits.deadline ({}) was reached before the export was complete; raise it, or let later runs complete the export",
                duration_text(deadline.as_secs_f64())
            ),
            StopCause::TakenOver => f.write_str(
                "another run has taken over, since this one did not renew its lease for a minute; let that run complete, or run the same command again when it has ended",
            ),
            StopCause::OutputClosed => f.write_str("the reader of standard output has closed it"),
            signal => write!(f, "stopped by {}", signal.name()),
        }
    }
}
