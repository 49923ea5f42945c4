//! How a stream ends that does not end with its records.

use crate::export::kept::{ReadyUserSig, text_of};
use crate::pipeline::stream::StreamCounts;
use crate::pipeline::{RunError, StopCause};
use crate::util::disk_error::RUN_AGAIN;
use crate::util::exit_code::HasExitCode;
use crate::util::failure::Failure;
use crate::util::human::{counted, duration_text};

/// The failure, which says how much was written; a reader that closes standard output when it has a row for every record
/// read has what it wants.
pub fn failure_of(
    error: RunError,
    counts: &StreamCounts,
    usersig: Option<&ReadyUserSig>,
) -> Result<(), Failure> {
    let (read, written) = (counts.read(), counts.written());
    let code = error.exit_code();
    let progress =
        format!("wrote {} for {} read", counted(written, "row"), counted(read, "record"));
    let text = match &error {
        RunError::Stopped(StopCause::OutputClosed) if read == written => return Ok(()),
        RunError::Stopped(StopCause::OutputClosed) => format!(
            "the reader of standard output closed it too early ({progress}); read it to its end, or write fewer records to standard input"
        ),
        RunError::Stopped(StopCause::Deadline(deadline)) => format!(
            "limits.deadline ({}) was reached before the records ended ({progress}); raise it, or write fewer records to standard input",
            duration_text(deadline.as_secs_f64())
        ),
        RunError::NotConserved { .. } => text_of(&error, usersig),
        error => {
            let text = text_of(error, usersig);
            // There is nothing to resume.
            let text = text.trim_end_matches(", or let later runs complete the export");
            match read {
                0 => text.to_owned(),
                _ => format!("{}; {progress}", text.trim_end_matches(RUN_AGAIN)),
            }
        }
    };
    Err(Failure::new(code, text))
}
