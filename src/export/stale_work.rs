//! What an earlier run has left in the work directory, and which run this one is for that.

use jiff::civil::Date;
use tracing::info;

use super::resume::{ResumeError, published_run};
use super::telemetry::RunTelemetry;
use crate::snapshot::journal::Journal;
use crate::snapshot::layout::LOCK_FILE;
use crate::snapshot::publish::clean_up;
use crate::snapshot::work_directory::WorkDirectory;
use crate::util::failure::Failure;

/// Ends what a run left that was stopped after it had published. Gives the directory back when there is more to do: that
/// run was of another day.
///
/// From here on it is known which run this is: the one in the directory, if it goes on or has published.
pub fn clean_up_after_publication(
    work: WorkDirectory,
    date: Date,
    watch: &mut RunTelemetry<'_>,
) -> Result<Option<WorkDirectory>, Failure> {
    let published = published_run(work.paths())?;
    match published {
        None => {
            let unfinished = Journal::read_header(work.root());
            if let Some(begin) = unfinished.map_err(ResumeError::from)? {
                watch.run_is(begin.run_id);
            }
            Ok(Some(work))
        }
        Some(begin) if begin.date == date.to_string() => {
            watch.run_is(begin.run_id);
            info!("this run was already published; removing its work directory");
            clean_up(work)?;
            Ok(None)
        }
        Some(_) => {
            work.reset(&[LOCK_FILE])?;
            Ok(Some(work))
        }
    }
}

/// A refusal leaves no directory behind that nothing was done in.
pub fn remove_if_unused(work: WorkDirectory) {
    if matches!(Journal::read_header(work.root()), Ok(None)) {
        // The refusal is what the user must hear of.
        let _ = work.remove();
    }
}
