//! What is at the output path and beside it: a snapshot, an unfinished run, a lock.

use std::path::PathBuf;

use super::limits::PreviousSnapshot;
use super::previous::{PreviousSnapshotError, previous_snapshot};
use crate::job::IfExists;
use crate::job::{DatedPath, Job, Limit};
use crate::snapshot::store::WorkDirectoryError;
use crate::snapshot::store::local::LocalStore;
use crate::snapshot::store::local::replace::Occupant;
use crate::util::failure::Failure;

/// Where a run publishes, and what it must respect there.
#[derive(Debug, Clone)]
pub struct OutputTarget {
    pub path: PathBuf,
    pub if_exists: IfExists,
    /// Where the snapshots of other dates are; none when the path has no date.
    pub dated_path: Option<DatedPath>,
    /// Whether rows are compared with those of the previous snapshot.
    pub compares_rows: bool,
}

impl OutputTarget {
    pub fn new(job: &Job) -> OutputTarget {
        OutputTarget {
            path: job.output.path.clone(),
            if_exists: job.output.if_exists,
            dated_path: job.dated_output.clone(),
            compares_rows: job.limits.max_shrink != Limit::Off,
        }
    }

    /// Returns the snapshot that `limits.max_shrink` compares with.
    ///
    /// # Errors
    /// When a run may not publish over what is there, or the previous snapshot cannot be read.
    pub fn snapshot_to_compare(
        &self,
        store: &LocalStore,
    ) -> Result<Option<PreviousSnapshot>, Failure> {
        store.ensure_may_be_published(self.if_exists)?;
        Ok(previous_snapshot(self)?)
    }
}

/// What an inspection found.
#[derive(Debug)]
pub struct Inspection {
    /// What is at the output path, or will be there once a run has restored the previous snapshot.
    pub occupant: Occupant,
    /// The previous snapshot, where an interrupted run moved it aside; the next run restores it.
    pub moved_aside: Option<PathBuf>,
    /// What the lock of an active run says about its holder.
    pub active_run: Option<String>,
    /// Whether a run may publish over what is at the output path.
    pub publishable: Result<(), WorkDirectoryError>,
    /// The snapshot that `limits.max_shrink` compares with.
    pub previous: Result<Option<PreviousSnapshot>, PreviousSnapshotError>,
}

/// Inspects the output path. Takes no lock and changes nothing.
///
/// # Errors
/// When the operating system does not let the path be read.
pub fn inspect(
    store: &LocalStore,
    target: &OutputTarget,
) -> Result<Inspection, WorkDirectoryError> {
    Ok(Inspection {
        moved_aside: store.moved_aside().map_err(WorkDirectoryError::Unreadable)?,
        occupant: store.occupant().map_err(WorkDirectoryError::Unreadable)?,
        active_run: store.active_run(),
        publishable: store.ensure_may_be_published(target.if_exists),
        previous: previous_snapshot(target),
    })
}
