//! A completed run becomes the published snapshot.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::kept::unpublished;
use super::prepare::PreparedRun;
use crate::pipeline::RunError;
use crate::report::summary::ResultSummary;
use crate::snapshot::checkpoint::Checkpoint;
use crate::snapshot::publish::{self, CommittedWork};
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failure::Failure;

/// Publishes the parts of all rounds with their manifest and report.
pub fn publish(run: PreparedRun, totals: &ResultSummary) -> Result<(), Failure> {
    let checkpoint = run.journal.checkpoint();
    let manifest = run.manifest.manifest(checkpoint, &run.input.scan, totals);
    let report = run.calls_of_process.report(&manifest, checkpoint, run.seconds());
    let committed = CommittedWork {
        parts: checkpoint.parts(),
        retried_parts: retried_parts(checkpoint),
        invalid_lines: run.input.invalid_lines,
    };
    let parts = committed.parts.len() as u64;
    let PreparedRun { work, mut stop, runtime, resume_command, .. } = run;
    let store = Arc::clone(work.store());
    let publishing = async move {
        let mut publishing = tokio::task::spawn_blocking(move || {
            publish::publish(work, &manifest, &committed, &report)
        });
        let mut stopped_by = None;
        loop {
            tokio::select! {
                published = &mut publishing => return (published, stopped_by),
                Some(cause) = stop.recv() => {
                    store.interrupt();
                    stopped_by.get_or_insert(cause);
                }
            }
        }
    };
    let (published, stopped_by) = runtime.block_on(publishing);
    match (published.map_err(|_| RunError::Panicked)?, stopped_by) {
        (Ok(()), _) => Ok(()),
        (Err(error), Some(cause)) if error.exit_code() == ExitCode::TryAgainLater => {
            let failure = RunError::Stopped(cause);
            let text = format!("{failure}; kept all of the run; resume with: {resume_command}");
            Err(Failure::new(failure.exit_code(), text))
        }
        (Err(error), _) => Err(unpublished(error, parts, &resume_command)),
    }
}

/// The indexes of parts whose failed accounts were retried in a later round.
fn retried_parts(checkpoint: &Checkpoint) -> BTreeSet<u64> {
    let Some((_, earlier)) = checkpoint.rounds.split_last() else { return BTreeSet::new() };
    earlier.iter().flat_map(|round| round.parts.values()).map(|part| part.index).collect()
}
