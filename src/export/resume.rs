//! Whether an unfinished run can be resumed.

use std::path::PathBuf;

use jiff::Timestamp;
use tracing::{info, warn};

use super::content::{ContentChanged, RunContent};
use crate::snapshot::checkpoint::RunHeader;
use crate::snapshot::committed_files::remove_uncommitted_files;
use crate::snapshot::journal::replay::DamagedLine;
use crate::snapshot::journal::{Journal, JournalError};
use crate::snapshot::layout::{INVALID_ACCOUNTS_FILE, LOCK_FILE};
use crate::snapshot::manifest::{ManifestError, RunInfo};
use crate::snapshot::store::{PartFilesError, Store};
use crate::snapshot::unfinished_run::{Damage, UnfinishedRun};
use crate::snapshot::work_directory::WorkDirectory;
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// Why an unfinished run cannot be resumed. Each text ends with the fix.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// What is published at the output path cannot be read.
    #[error(transparent)]
    Unreadable(DiskError),
    #[error(transparent)]
    Changed(#[from] ContentChanged),
    #[error(transparent)]
    Damaged(#[from] Box<Damage>),
    #[error(transparent)]
    PartFiles(#[from] PartFilesError),
    /// Its rows are older than those it would replace.
    #[error(
        "the unfinished run in {} was started at {started_at}, before the run that has published {} ({published}), whose rows are newer; discard it and start over with --restart",
        .work_directory.display(), .output_path.display()
    )]
    Superseded {
        work_directory: PathBuf,
        started_at: String,
        output_path: PathBuf,
        published: String,
    },
}

impl HasExitCode for ResumeError {
    fn exit_code(&self) -> ExitCode {
        match self {
            ResumeError::Journal(error) => error.exit_code(),
            ResumeError::Disk(error) => error.exit_code(),
            ResumeError::Unreadable(error) if error.is_permanent() => ExitCode::BadUsage,
            ResumeError::Unreadable(error) => error.exit_code(),
            ResumeError::Changed(_) | ResumeError::Superseded { .. } => ExitCode::BadUsage,
            ResumeError::Damaged(damage) => damage.exit_code(),
            ResumeError::PartFiles(error) => error.exit_code(),
        }
    }
}

/// Returns the run in the work directory if it has published and only its cleanup was interrupted.
pub fn published_run(store: &dyn Store) -> Result<Option<RunHeader>, ResumeError> {
    let Some(run) = UnfinishedRun::read(store)? else { return Ok(None) };
    let header = run.checkpoint.header;
    let published = run_of_snapshot(store)?;
    Ok(published.is_some_and(|published| published.id == header.run_id).then_some(header))
}

/// The run that has published what is at the output path, as far as a manifest says so.
fn run_of_snapshot(store: &dyn Store) -> Result<Option<RunInfo>, ResumeError> {
    match store.manifest() {
        Ok(manifest) => Ok(manifest.map(|manifest| manifest.run)),
        Err(ManifestError::Damaged { .. }) => Ok(None),
        Err(ManifestError::Disk(error)) => Err(ResumeError::Unreadable(error)),
    }
}

/// Verifies that a run does not replace the snapshot of one that started later.
///
/// # Errors
/// [`ResumeError::Superseded`]. Times that cannot be read prevent nothing.
pub fn ensure_not_superseded(store: &dyn Store, run: &RunHeader) -> Result<(), ResumeError> {
    let Some(published) = run_of_snapshot(store)? else { return Ok(()) };
    let [mine, other] = [&run.started_at, &published.started_at].map(|time| time.parse().ok());
    match (mine, other) {
        (Some::<Timestamp>(mine), Some::<Timestamp>(other)) if mine < other => {
            Err(ResumeError::Superseded {
                work_directory: store.root().to_owned(),
                started_at: run.started_at.clone(),
                output_path: store.output_path().to_owned(),
                published: published.started_at,
            })
        }
        _ => Ok(()),
    }
}

/// Resumes the run in the work directory, or starts a new run of this content. A run that has committed nothing keeps its
/// id when it starts over, since the log has used that id already.
pub fn open_journal(
    work: &WorkDirectory,
    new: RunHeader,
    content: &RunContent,
    repair: bool,
) -> Result<Journal, ResumeError> {
    let store = &**work.store();
    if let Some(mut run) = UnfinishedRun::read(store)?
        && content.can_resume(&mut run, store.root())?
    {
        ensure_not_superseded(store, &run.checkpoint.header)?;
        run.verify_files(store)?;
        let parts = run.checkpoint.parts();
        let started_at = run.checkpoint.header.started_at.clone();
        let journal = match run.damage(store) {
            Some(damage) if repair => {
                log_repair(&damage);
                Journal::rewrite(store, run.checkpoint)?
            }
            Some(damage) => return Err(Box::new(damage).into()),
            None => Journal::resume(store, run)?,
        };
        // It may be missing with the parts that were in it, or before any was.
        store.create_staged_snapshot()?;
        remove_uncommitted_files(store, &parts)?;
        info!(parts = parts.len(), started_at, "resuming unfinished run");
        return Ok(journal);
    }
    work.reset(&[LOCK_FILE, INVALID_ACCOUNTS_FILE])?;
    Ok(Journal::create(store, new)?)
}

/// Logs what a repair drops.
fn log_repair(damage: &Damage) {
    for DamagedLine { line, problem, part } in &damage.lines {
        let journal = damage.journal.display();
        warn!(%journal, line, part, problem, "dropped a damaged line from the journal");
    }
    for file in &damage.files {
        warn!(file = %file.path.display(), "a file of the unfinished run is missing or damaged");
    }
    for part in &damage.dropped_parts {
        warn!(part, "dropped a part of the unfinished run");
    }
    let Damage { dropped, kept, .. } = damage;
    warn!(
        parts_dropped = dropped.parts,
        accounts_to_request_again = dropped.accounts,
        parts_kept = kept.parts,
        "repaired the unfinished run"
    );
}
