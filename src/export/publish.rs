//! A completed run becomes the published snapshot.

use std::collections::BTreeSet;

use super::kept::unpublished;
use super::prepare::PreparedRun;
use crate::report::summary::ResultSummary;
use crate::snapshot::checkpoint::Checkpoint;
use crate::snapshot::publish::{self, CommittedWork};
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
    publish::publish(run.work, &manifest, &committed, &report)
        .map_err(|error| unpublished(error, parts, &run.resume_command))
}

/// The indexes of parts whose failed accounts were retried in a later round.
fn retried_parts(checkpoint: &Checkpoint) -> BTreeSet<u64> {
    let Some((_, earlier)) = checkpoint.rounds.split_last() else { return BTreeSet::new() };
    earlier.iter().flat_map(|round| round.parts.values()).map(|part| part.index).collect()
}
