//! Everything before the first call: the lock, the account list, the journal, the client.

use std::time::Instant;

use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tracing::warn;

use super::check_list::ListCheck;
use super::content::Content;
use super::inspect::OutputTarget;
use super::kept::ReadyUserSig;
use super::limits::PreviousSnapshot;
use super::other_dates::warn_about_runs_of_other_dates;
use super::read_list::ReadList;
use super::report::CallsOfProcess;
use super::results::ManifestSource;
use super::resume;
use super::rounds::RoundSettings;
use super::secret;
use super::service::{ServiceConnection, connect};
use super::stale_work::{clean_up_after_publication, remove_if_unused};
use super::stop::{Deadline, stop_requests};
use super::telemetry::RunTelemetry;
use super::{OnUnfinished, RunOptions};
use crate::job::{Job, Limits};
use crate::pipeline::StopCause;
use crate::pipeline::rate::limiter::SECOND_WITH_MARGIN;
use crate::snapshot::checkpoint::RunHeader;
use crate::snapshot::journal::{Journal, VERSION};
use crate::snapshot::layout::{INVALID_ACCOUNTS_FILE, LOCK_FILE};
use crate::snapshot::work_directory::WorkDirectory;
use crate::util::disk_space::free_bytes;
use crate::util::failure::Failure;
use crate::util::runtime::runtime;
use crate::util::timestamp::rfc3339_seconds;

/// A run that is ready to make calls, and what its rounds have in common. The lock is released last.
pub struct PreparedRun {
    pub service: ServiceConnection,
    pub runtime: Runtime,
    /// Delivers requests to stop.
    pub stop: mpsc::Receiver<StopCause>,
    pub rounds: RoundSettings,
    pub limits: Limits,
    /// The UserSig that calls are signed with, if it was signed elsewhere.
    pub usersig: Option<ReadyUserSig>,
    pub previous: Option<PreviousSnapshot>,
    pub input: ReadList,
    pub journal: Journal,
    /// When this process started, and how long earlier ones have worked.
    pub started: Instant,
    pub seconds_before: f64,
    pub calls_of_process: CallsOfProcess,
    /// When the last second has passed in which an earlier process or round may have made calls.
    pub may_call_from: Option<Instant>,
    pub manifest: ManifestSource,
    pub work: WorkDirectory,
}

impl PreparedRun {
    /// How long all processes of the run have worked.
    pub fn seconds(&self) -> f64 {
        self.seconds_before + self.started.elapsed().as_secs_f64()
    }
}

/// Prepares a run; returns none if the run of this date had already published and only its work directory was left.
///
/// # Errors
/// When the job, the list, the output path or an unfinished run does not allow the run.
pub fn prepare(
    job: Job,
    options: RunOptions,
    telemetry: &mut RunTelemetry<'_>,
) -> Result<Option<PreparedRun>, Failure> {
    let (output_path, table_root) = (&job.output.path, &job.output.table_root);
    let is_restored = WorkDirectory::restore_previous_snapshot(output_path, table_root)?;
    let sig_source = secret::read(&job.api.secret)?;
    secret::warn_if_exposed(&job.api.secret);
    let usersig = secret::ready_usersig(&job.api.secret, &sig_source);
    let listener = telemetry.bind()?;
    let work = WorkDirectory::open(output_path, table_root)?;
    let may_call_from = work.had_earlier_run().then(|| Instant::now() + SECOND_WITH_MARGIN);
    let Some(work) = claim(work, options, telemetry)? else { return Ok(None) };
    let runtime = runtime()?;
    let mut stop = {
        let _guard = runtime.enter();
        let elapsed = options.started.elapsed();
        stop_requests(job.limits.deadline.map(|deadline| {
            let time_left = deadline.saturating_sub(elapsed);
            Deadline { deadline, time_left }
        }))?
    };
    telemetry.start(listener)?;
    if is_restored {
        warn!("an interrupted run had moved the previous snapshot aside; it was restored");
    }
    warn_about_runs_of_other_dates(&job, work.store());
    let read = OutputTarget::new(&job).snapshot_to_compare(work.store()).and_then(|previous| {
        let check = ListCheck {
            source: &job.accounts,
            limits: &job.limits,
            previous: previous.as_ref(),
            store: work.store(),
        };
        let input = runtime.block_on(check.run(telemetry, &mut stop))?;
        Ok((previous, input))
    });
    let (previous, input) = match read {
        Ok(read) => read,
        Err(failure) => {
            remove_if_unused(work);
            return Err(failure);
        }
    };
    let (journal, calls_of_process) = open_journal(&job, &work, &input, options, telemetry)?;
    warn_if_disk_is_too_small(&work, input.scan.valid, job.columns.len() as u64);
    Ok(Some(PreparedRun {
        service: connect(&job, sig_source)?,
        runtime,
        stop,
        manifest: ManifestSource::new(&job),
        rounds: RoundSettings::new(&job),
        limits: job.limits,
        usersig,
        previous,
        input,
        started: options.started,
        seconds_before: journal.checkpoint().totals.seconds,
        journal,
        calls_of_process,
        may_call_from,
        work,
    }))
}

/// A restart discards the earlier run only once nothing refuses the new one; until then its work stays.
fn claim(
    work: WorkDirectory,
    options: RunOptions,
    telemetry: &mut RunTelemetry<'_>,
) -> Result<Option<WorkDirectory>, Failure> {
    if options.unfinished == OnUnfinished::Discard {
        return Ok(Some(work));
    }
    clean_up_after_publication(work, options.date, telemetry)
}

fn open_journal(
    job: &Job,
    work: &WorkDirectory,
    input: &ReadList,
    options: RunOptions,
    telemetry: &RunTelemetry<'_>,
) -> Result<(Journal, CallsOfProcess), Failure> {
    if options.unfinished == OnUnfinished::Discard {
        work.reset(&[LOCK_FILE, INVALID_ACCOUNTS_FILE])?;
    }
    let content = Content::new(job, &input.scan);
    let header = RunHeader {
        version: VERSION,
        run_id: telemetry.run_id().to_owned(),
        date: options.date.to_string(),
        started_at: rfc3339_seconds(Timestamp::now()),
        content: content.keys.clone(),
    };
    let repair = options.unfinished == OnUnfinished::Repair;
    let journal = resume::open_journal(work, header, &content, repair)?;
    telemetry.metrics().add_committed_parts(&journal.checkpoint().parts());
    let calls_of_process = CallsOfProcess::new(&journal);
    Ok((journal, calls_of_process))
}

/// Warns early of what would stop the run late. The size is an estimate, so it does not refuse.
fn warn_if_disk_is_too_small(work: &WorkDirectory, accounts: u64, columns: u64) {
    /// Less than any real table takes: a short id, and values that compress well.
    const MIN_BYTES_PER_ACCOUNT: u64 = 8;
    const MIN_BYTES_PER_VALUE: u64 = 2;
    let Some(free_bytes) = free_bytes(work.root()) else { return };
    let row_bytes = MIN_BYTES_PER_ACCOUNT + MIN_BYTES_PER_VALUE * columns;
    let estimated_bytes = accounts.saturating_mul(row_bytes);
    if free_bytes < estimated_bytes {
        warn!(
            free_bytes,
            estimated_bytes,
            directory = %work.root().display(),
            "not enough free disk space for the snapshot; free some space or the run will stop"
        );
    }
}
