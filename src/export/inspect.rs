//! What an export verifies before it reads the account list. It takes no lock and changes nothing, so that `plan` and `check`
//! run the same code.

use std::path::PathBuf;
use std::sync::Arc;

use super::disk_space::ensure_not_full;
use super::limits::PreviousSnapshot;
use super::open_files;
use super::other_dates::runs_of_other_dates;
use super::previous::previous_snapshot;
use super::problem::Problems;
use super::secret;
use super::textfile::ensure_can_be_written;
use super::usersig::GivenUserSig;
use super::warning::Warning;
use crate::api::signer::SigSource;
use crate::job::IfExists;
use crate::job::{DatedPath, Job, Limit};
use crate::observability::metrics_listener::MetricsListener;
use crate::report::subject::Subject;
use crate::snapshot::store::{self, Store, WorkDirectoryError};
use crate::snapshot::work_directory::ensure_may_be_published;
use crate::util::failure::{Failure, chain};

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
    fn new(job: &Job) -> OutputTarget {
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
    fn snapshot_to_compare(
        &self,
        store: &dyn Store,
        on_warning: &mut dyn FnMut(Warning),
    ) -> Result<Option<PreviousSnapshot>, Failure> {
        ensure_may_be_published(store, self.if_exists)?;
        Ok(previous_snapshot(self, store, on_warning)?)
    }
}

/// Whether a run can work at the output path, and the secret that it signs with: everything before it takes the lock.
#[derive(Debug)]
pub struct Access {
    /// The place of the snapshot; `None` if none can be at the output path.
    pub store: Option<Arc<dyn Store>>,
    /// What the lock of an active run says about its holder.
    pub active_run: Option<String>,
    pub sig_source: Option<SigSource>,
    /// The UserSig, if it was signed elsewhere.
    pub given_usersig: Option<GivenUserSig>,
    pub problems: Problems,
}

impl Access {
    pub fn inspect(job: &Job) -> Access {
        let mut problems = Problems::default();
        let store = problems.keep(Subject::Output, store::open(&job.output));
        let active_run = store.as_ref().and_then(|store| store.active_run());
        if let (Some(holder), Some(store)) = (active_run.clone(), &store) {
            let path = store.output_path().to_owned();
            problems.refuse(Subject::Output, WorkDirectoryError::Locked { path, holder });
        }
        let sig_source = problems.keep(Subject::Secret, secret::read(&job.api.secret));
        let given_usersig = sig_source.as_ref().and_then(|source| {
            problems.keep(Subject::Secret, GivenUserSig::of(&job.api, source)).flatten()
        });
        if let Some(warning) = secret::exposure(&job.api.secret) {
            problems.warn(Subject::Secret, warning);
        }
        if let Some(store) = &store {
            problems.keep(Subject::Output, store.ensure_usable());
            problems.keep(Subject::Disk, ensure_not_full(&**store));
        }
        Access { store, active_run, sig_source, given_usersig, problems }
    }
}

/// What a run respects and uses beside its list; an export inspects it under the lock.
#[derive(Debug)]
pub struct Environment {
    /// The snapshot that `limits.max_shrink` compares with.
    pub previous: Option<PreviousSnapshot>,
    /// The bound address of `metrics.listen`.
    pub listener: Option<MetricsListener>,
    pub problems: Problems,
}

impl Environment {
    pub fn inspect(job: &Job, store: &dyn Store) -> Environment {
        let mut problems = Problems::default();
        let mut warnings = Vec::new();
        let previous = OutputTarget::new(job)
            .snapshot_to_compare(store, &mut |warning| warnings.push(warning));
        let previous = problems.keep(Subject::Output, previous).flatten();
        let listener = job.metrics.listen.map(MetricsListener::bind).transpose();
        let listener = problems.keep(Subject::Metrics, listener).flatten();
        // An export has restored it by now.
        if let Ok(Some(replaced)) = store.moved_aside() {
            let replaced = replaced.display().to_string();
            warnings.push(Warning::MovedAside { replaced });
        }
        for warning in warnings {
            problems.warn(Subject::Output, warning);
        }
        for warning in runs_of_other_dates(job, store) {
            problems.warn(Subject::Resume, warning);
        }
        if let Some(Err(error)) = job.metrics.textfile.as_deref().map(ensure_can_be_written) {
            problems.warn(Subject::Metrics, Warning::Textfile { error: chain(&error) });
        }
        let with_emulator = job.api.target.is_emulator();
        if let Some(warning) = open_files::raise_limit(job.api.max_in_flight, with_emulator) {
            problems.warn(Subject::System, warning);
        }
        Environment { previous, listener, problems }
    }
}
