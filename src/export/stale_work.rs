//! What an earlier run left in the work directory, and which run this one is because of it.

use jiff::civil::Date;
use tracing::info;

use super::resume::published_run;
use super::telemetry::RunTelemetry;
use crate::job::OutputSettings;
use crate::snapshot::layout::LOCK_FILE;
use crate::snapshot::publish::clean_up;
use crate::snapshot::store;
use crate::snapshot::unfinished_run::UnfinishedRun;
use crate::snapshot::work_directory::WorkDirectory;
use crate::util::failure::Failure;

/// Completes the cleanup of a run that was stopped after it had published. Returns the directory if there is more to do:
/// that run had another date, or none had published.
///
/// From here on the run's id is final: it is the id of the run in the directory, if that one is resumed or has published.
pub fn clean_up_after_publication(
    work: WorkDirectory,
    date: Date,
    telemetry: &mut RunTelemetry<'_>,
) -> Result<Option<WorkDirectory>, Failure> {
    match published_run(&**work.store())? {
        None => {
            if let Some(unfinished) = UnfinishedRun::read(&**work.store())? {
                telemetry.set_run_id(unfinished.checkpoint.header.run_id);
            }
            Ok(Some(work))
        }
        Some(published) if published.date == date.to_string() => {
            telemetry.set_run_id(published.run_id);
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

/// Removes the work directory of a run that the service refused before it committed a part, so that a wrong key leaves
/// nothing behind.
pub fn remove_if_nothing_committed(output: &OutputSettings) {
    let opened = store::open(output).and_then(|store| WorkDirectory::open(&*store));
    let Ok(work) = opened else { return };
    let is_empty = |run: Option<UnfinishedRun>| {
        run.is_none_or(|run| run.journal.damage.is_empty() && run.checkpoint.parts().is_empty())
    };
    if UnfinishedRun::read(&**work.store()).is_ok_and(is_empty) {
        // The refusal is the error to report.
        let _ = work.remove();
    }
}

/// Removes a work directory in which nothing was done, after a refusal.
pub fn remove_if_unused(work: WorkDirectory) {
    if matches!(UnfinishedRun::read(&**work.store()), Ok(None)) {
        // The refusal is the error to report.
        let _ = work.remove();
    }
}
