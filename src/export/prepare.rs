//! Everything before the first call: the lock, the account list, the journal, the client.

use std::time::Instant;

use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tracing::warn;

use super::check_list::ListCheck;
use super::content::RunContent;
use super::inspect::{Access, Environment};
use super::kept::ReadyUserSig;
use super::limits::PreviousSnapshot;
use super::outlook::Outlook;
use super::problem::Problems;
use super::read_list::ReadList;
use super::report::CallsOfProcess;
use super::results::ManifestSource;
use super::resume;
use super::resume_command::ResumeCommand;
use super::rounds::RoundSettings;
use super::secret;
use super::service::{ServiceConnection, connect};
use super::stale_work::{clean_up_after_publication, remove_if_unused};
use super::stop::{Deadline, stop_requests};
use super::telemetry::RunTelemetry;
use super::unfinished::{Findings, RunSource};
use super::usersig::GivenUserSig;
use super::{OnUnfinished, RunOptions};
use crate::accounts::Scan;
use crate::job::{Job, Limits};
use crate::pipeline::StopCause;
use crate::pipeline::rate::limiter::SECOND_WITH_MARGIN;
use crate::report::subject::Subject;
use crate::snapshot::checkpoint::RunHeader;
use crate::snapshot::journal::{Journal, VERSION};
use crate::snapshot::layout::{INVALID_ACCOUNTS_FILE, LOCK_FILE};
use crate::snapshot::store;
use crate::snapshot::work_directory::WorkDirectory;
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
    pub resume_command: ResumeCommand,
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
    let is_restored = WorkDirectory::restore_previous_snapshot(&job.output)?;
    let Access { store, sig_source, given_usersig, problems, .. } = Access::inspect(&job);
    let problems = problems.end_if_refused()?;
    let store = store.map_or_else(|| store::open(&job.output), Ok)?;
    let sig_source = sig_source.map_or_else(|| secret::read(&job.api.secret), Ok)?;
    let usersig = secret::ready_usersig(&job.api.secret, &sig_source);
    let work = WorkDirectory::open(&*store)?;
    let may_call_from = work.had_earlier_run().then(|| Instant::now() + SECOND_WITH_MARGIN);
    let Some(work) = claim(work, options, telemetry)? else { return Ok(None) };
    let runtime = runtime()?;
    let (_, mut stop) = {
        let _guard = runtime.enter();
        let elapsed = options.started.elapsed();
        stop_requests(job.limits.deadline.map(|deadline| Deadline::after(deadline, elapsed)))?
    };
    let read = start(&job, &work, problems, telemetry).and_then(|previous| {
        if is_restored {
            warn!("an interrupted run had moved the previous snapshot aside; it was restored");
        }
        let check = ListCheck {
            source: &job.accounts,
            limits: &job.limits,
            previous: previous.as_ref(),
            store: work.store(),
        };
        let input = runtime.block_on(check.run(telemetry, &mut stop))?;
        inspect_outlook(&job, &work, &input.scan, previous.as_ref(), (options, given_usersig))?;
        let service = connect(&job.api, &job.emulator, sig_source)?;
        Ok((previous, input, service))
    });
    let (previous, input, service) = match read {
        Ok(read) => read,
        Err(failure) => {
            remove_if_unused(work);
            return Err(failure);
        }
    };
    let (journal, calls_of_process) = open_journal(&job, &work, &input, options, telemetry)?;
    Ok(Some(PreparedRun {
        service,
        runtime,
        stop,
        resume_command: ResumeCommand::new(&journal.checkpoint().header.date, &job.accounts.path),
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

/// Inspects what the run respects and uses, and logs its start; returns the snapshot to compare with.
fn start(
    job: &Job,
    work: &WorkDirectory,
    mut problems: Problems,
    telemetry: &mut RunTelemetry<'_>,
) -> Result<Option<PreviousSnapshot>, Failure> {
    let environment = Environment::inspect(job, &**work.store());
    problems.append(environment.problems);
    let problems = problems.end_if_refused()?;
    telemetry.start(environment.listener)?;
    problems.log();
    Ok(environment.previous)
}

/// Inspects the work that remains. What is wrong with an unfinished run is found when it is opened.
fn inspect_outlook(
    job: &Job,
    work: &WorkDirectory,
    scan: &Scan,
    previous: Option<&PreviousSnapshot>,
    (options, given_usersig): (RunOptions, Option<GivenUserSig>),
) -> Result<(), Failure> {
    let findings = Findings {
        scan,
        // The exact number takes another pass over the list.
        accounts_to_request: scan.requested_at_least,
        previous,
        date: options.date,
        source: match options.unfinished {
            OnUnfinished::Discard => RunSource::Restarted,
            OnUnfinished::Resume | OnUnfinished::Repair => RunSource::Opened,
        },
    };
    let mut problems = Problems::default();
    Outlook::inspect(job, &**work.store(), findings, given_usersig.as_ref(), &mut problems);
    problems.without_refusals_of(Subject::Resume).end_if_refused()?.log();
    Ok(())
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
    let content = RunContent::new(job, &input.scan);
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
