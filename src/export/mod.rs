//! `export`: from a job to a published snapshot.

pub mod connect;
pub mod earlier;
pub mod in_process_emulator;
pub mod limits;
pub mod open_files;
mod reading;
mod report;
pub mod results;
pub mod resume;
pub mod secret;
mod stale_work;
mod stop;
mod telemetry;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::mpsc;
use tracing::{info, warn};

use self::connect::{client_of, load_job, start_emulator};
use self::earlier::earlier_snapshot;
use self::limits::{
    ListTotals, ensure_list_is_exportable, ensure_publishable, may_be_too_short, status,
};
use self::reading::{ReadList, count_distinct, read_list};
use self::report::CallsOfProcess;
use self::results::{absolute, manifest_of, results_of};
use self::stale_work::{clean_up_after_publication, remove_if_unused};
use self::stop::{stop_signals, with_resume_command};
use self::telemetry::{RunTelemetry, new_run_id};
use crate::accounts::{AccountList, Scan};
use crate::api::client::Client;
use crate::api::request::tag_list;
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::cli::{ExportArgs, Flags};
use crate::job::Job;
use crate::observability::LogFormat;
use crate::observability::logging::LogRunId;
use crate::observability::progress::Reporter;
use crate::pipeline::call_stats::CallStats;
use crate::pipeline::rate::limiter::SECOND_WITH_MARGIN;
use crate::pipeline::source::AccountSource;
use crate::pipeline::{self, RunContext, RunResult, RunSettings};
use crate::report::summary::{ResultSummary, Summary};
use crate::report::timeline::Timeline;
use crate::snapshot::journal::{Checkpoint, Journal, Round};
use crate::snapshot::layout::{INVALID_ACCOUNTS_FILE, LOCK_FILE, failed_lines_file};
use crate::snapshot::publish::{Written, publish};
use crate::snapshot::snapshot_writer::SnapshotWriter;
use crate::snapshot::work_directory::WorkDirectory;
use crate::table::schema;
use crate::util::disk_space::free_bytes;
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;
use crate::util::runtime::runtime;
use crate::util::timestamp::rfc3339_seconds;

/// Runs a job; prints its summary.
pub fn export(
    args: &ExportArgs,
    flags: &Flags,
    reporter: &mut Reporter,
    run_id_of_log: &LogRunId,
) -> Result<(), Failure> {
    let started = Instant::now();
    let run_id = new_run_id();
    run_id_of_log.set(&run_id);
    let (job, date) = load_job(&args.job, flags)?;
    let mut watch = RunTelemetry::new(&job, date.to_string(), run_id, reporter, run_id_of_log)?;
    let mut result = None;
    let ended = run_job(&job, date, args.restart, started, &mut watch, &mut result)
        .map_err(|failure| with_resume_command(failure, date));
    let code = ended.as_ref().map_or_else(|failure| failure.code, |()| ExitCode::Published);
    let summary = Summary {
        status: status(&ended),
        exit_code: code.number(),
        job: job.name.clone(),
        date: date.to_string(),
        run_id: watch.run_id().to_owned(),
        snapshot: absolute(&job.output.path).display().to_string(),
        duration_seconds: (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        result,
        error: ended.as_ref().err().map(|failure| failure.text()),
    };
    watch.end(&summary);
    tell(&summary, args, flags);
    ended
}

fn tell(summary: &Summary, args: &ExportArgs, flags: &Flags) {
    let Summary { status, exit_code, duration_seconds, .. } = *summary;
    if flags.log_format == LogFormat::Json {
        let summary = summary.to_json();
        info!(status, exit_code, duration_seconds, summary, "run finished");
    } else {
        info!(status, exit_code, duration_seconds, "run finished");
        if flags.quiet == 0 && summary.result.is_some() {
            let here = std::env::current_dir().unwrap_or_default();
            let _ = write!(io::stderr(), "{}", summary.to_text(&here));
        }
    }
    // Last, since schedulers such as Airflow take the last line of stdout and stderr together.
    if args.json {
        // A reader who has closed the pipe has heard enough.
        let _ = writeln!(io::stdout(), "{}", summary.to_json());
    }
}

/// Runs rounds until there is something to publish, or one round has not been enough.
fn run_job(
    job: &Job,
    date: Date,
    restart: bool,
    started: Instant,
    watch: &mut RunTelemetry<'_>,
    result: &mut Option<ResultSummary>,
) -> Result<(), Failure> {
    let is_put_back = WorkDirectory::put_earlier_snapshot_back(&job.output.path, &lock_holder())?;
    let sig_source = secret::read(&job.api.secret)?;
    let listener = watch.bind()?;
    let work = open_work_directory(job)?;
    let locked_at = Instant::now();
    let had_earlier_run = work.had_earlier_run();
    let work = if restart { Some(work) } else { clean_up_after_publication(work, date, watch)? };
    let Some(work) = work else { return Ok(()) };
    let runtime = runtime()?;
    let mut stop = {
        let _inside = runtime.enter();
        let time_left =
            job.limits.deadline.map(|deadline| deadline.saturating_sub(started.elapsed()));
        stop_signals(time_left)?
    };
    watch.begin(listener)?;
    if is_put_back {
        warn!("an interrupted run had moved the previous snapshot aside; it was restored");
    }
    resume::warn_about_other_unfinished_runs(work.paths(), date);
    let may_be_published =
        work.paths().ensure_may_be_published(job.output.if_exists).map_err(Failure::from);
    let earlier = may_be_published.and_then(|()| Ok(earlier_snapshot(job)?));
    let read = earlier.and_then(|earlier| {
        let reading = read_list(&job.accounts, work.root(), watch, &mut stop);
        let read = runtime.block_on(reading)?;
        let mut totals = ListTotals::new(job, &read.scan);
        if may_be_too_short(&job.limits, &read.scan, earlier.as_ref()) {
            totals.rows_at_most = runtime.block_on(count_distinct(&read, &mut stop))?;
        }
        ensure_list_is_exportable(&job.limits, &totals, earlier.as_ref())?;
        Ok((earlier, read))
    });
    let (earlier, ReadList { list, scan, invalid_lines }) = match read {
        Ok(read) => read,
        Err(failure) => {
            remove_if_unused(work);
            return Err(failure);
        }
    };
    info!(accounts = scan.valid, invalid = scan.invalid, "account list read");
    if scan.valid == 0 {
        warn!("the account list contains no valid account");
    }
    if restart {
        // Only now, when nothing refuses the new run: the work of the earlier one cannot be had back.
        work.reset(&[LOCK_FILE, INVALID_ACCOUNTS_FILE])?;
    }
    // What cannot be read is refused when the journal is opened.
    let begun_before = Journal::read_header(work.root()).ok().flatten();
    let mut journal = resume::open_journal(&work, job, &scan, date, watch.run_id())?;
    watch.metrics().parts_are_there(&journal.checkpoint().parts());
    warn_if_the_disk_is_clearly_too_small(job, &work, scan.valid);
    let emulator = start_emulator(job)?;
    let client = Arc::new(client_of(job, sig_source, emulator.as_ref())?);
    let mut calls = CallStats::default();
    let mut calls_of_process = CallsOfProcess::begin(&journal, begun_before.as_ref());
    let mut has_run_a_round = false;
    loop {
        let checkpoint = journal.checkpoint();
        if checkpoint.last_round().is_some_and(|round| round.end.is_some()) {
            let so_far = results_of(checkpoint, &scan, calls);
            let response_handler = ensure_publishable(&job.limits, &so_far, earlier.as_ref());
            *result = Some(so_far.clone());
            match response_handler {
                Ok(()) => {
                    let manifest = manifest_of(job, checkpoint, &scan, &so_far);
                    let report = calls_of_process.report(&manifest, checkpoint);
                    let (parts, retried_ordinals) =
                        (checkpoint.parts(), retried_ordinals(checkpoint));
                    let written = Written { parts, retried_ordinals, invalid_lines };
                    return Ok(publish(work, &manifest, &written, &report)?);
                }
                Err(error) if error.retry_may_help && !has_run_a_round => {}
                Err(error) => return Err(error.into()),
            }
        }
        let client = Arc::clone(&client);
        // Calls of an earlier process or round may have left in this very second.
        let first_call_delay = match (has_run_a_round, had_earlier_run) {
            (true, _) => SECOND_WITH_MARGIN,
            (false, true) => SECOND_WITH_MARGIN.saturating_sub(locked_at.elapsed()),
            (false, false) => Duration::ZERO,
        };
        let rounds =
            Rounds { job, work: &work, list: &list, scan: &scan, client, first_call_delay };
        let timeline = &mut calls_of_process.timeline;
        let round = runtime.block_on(run_round(&rounds, journal, timeline, watch, &mut stop))?;
        (journal, calls) = (round.journal, round.calls);
        has_run_a_round = true;
    }
}

/// Warns early of what would stop the run late. Only a guess, so it does not refuse.
fn warn_if_the_disk_is_clearly_too_small(job: &Job, work: &WorkDirectory, accounts: u64) {
    /// Less than any real table takes: a short id, and values that compress well.
    const LEAST_BYTES_OF_ACCOUNT: u64 = 8;
    const LEAST_BYTES_OF_VALUE: u64 = 2;
    let Some(free_bytes) = free_bytes(work.root()) else { return };
    let row_bytes = LEAST_BYTES_OF_ACCOUNT + LEAST_BYTES_OF_VALUE * job.columns.len() as u64;
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

/// Parts whose failed accounts were asked again in a later round.
fn retried_ordinals(checkpoint: &Checkpoint) -> BTreeSet<u64> {
    let (_, earlier) = checkpoint.rounds.split_last().unwrap_or((&EMPTY_ROUND, &[]));
    earlier.iter().flat_map(|round| round.parts.values()).map(|part| part.index).collect()
}

const EMPTY_ROUND: Round = Round { parts: std::collections::BTreeMap::new(), end: None };

/// What all rounds of a run have in common.
struct Rounds<'r> {
    job: &'r Job,
    work: &'r WorkDirectory,
    list: &'r AccountList,
    scan: &'r Scan,
    client: Arc<Client>,
    /// How long the first call of the next round waits.
    first_call_delay: Duration,
}

/// Goes on with the round at hand, or with the next one when it has ended.
async fn run_round(
    rounds_of: &Rounds<'_>,
    journal: Journal,
    timeline: &mut Timeline,
    watch: &mut RunTelemetry<'_>,
    stop: &mut mpsc::Receiver<ExitCode>,
) -> Result<RunResult, Failure> {
    let Rounds { job, work, list, scan, client, first_call_delay } = rounds_of;
    let rounds = &journal.checkpoint().rounds;
    let (round, earlier) = match rounds.split_last() {
        Some((last, earlier)) if last.end.is_none() => (last, earlier),
        _ => (&EMPTY_ROUND, rounds.as_slice()),
    };
    let (accounts, accounts_to_request) = match earlier.last() {
        None => {
            let distinct = list.distinct(scan)?;
            (AccountSource::List(Box::new(distinct)), scan.valid)
        }
        Some(before) => failed_accounts_of(before, work),
    };
    let settings = RunSettings {
        tag_list: tag_list(job.columns.iter().map(|column| column.tag.as_str())),
        calls_per_second: job.api.calls_per_second,
        first_call_delay: *first_call_delay,
        max_in_flight: job.api.max_in_flight,
        retry: job.retry.clone(),
        accounts_per_part: job.output.accounts_per_part,
        accounts_to_request,
        committed: round.parts.keys().copied().collect(),
        has_rows: journal.checkpoint().parts().iter().any(|part| part.rows > 0),
        processed_before: round
            .parts
            .values()
            .map(|part| part.ordinals.end - part.ordinals.start)
            .sum(),
    };
    let writer = SnapshotWriter::new(
        job.output.clone(),
        schema(&job.columns),
        MAX_ACCOUNTS_PER_CALL as u64,
        earlier.iter().map(|round| round.parts.len() as u64).sum(),
        &work.snapshot(),
        work.root(),
    );
    let run_context = RunContext {
        random: fastrand::Rng::new(),
        wall_clock: Timestamp::now,
        observer: &mut |event| {
            timeline.on(&event);
            watch.on(event);
        },
        stop,
    };
    let client = Arc::clone(client);
    Ok(pipeline::run(client, settings, &job.columns, accounts, writer, journal, run_context)
        .await?)
}

fn failed_accounts_of(round: &Round, work: &WorkDirectory) -> (AccountSource, u64) {
    let parts = round.parts.values();
    let failed = parts.clone().flat_map(|part| &part.failed);
    let accounts = failed
        .filter(|failure| failure.category.counts_as_failed())
        .map(|failure| failure.accounts)
        .sum();
    info!(accounts, "retrying failed accounts");
    let files = parts.map(|part| work.root().join(failed_lines_file(part.index))).collect();
    (AccountSource::failed(files), accounts)
}

fn open_work_directory(job: &Job) -> Result<WorkDirectory, Failure> {
    Ok(WorkDirectory::open(&job.output.path, &lock_holder())?)
}

/// What the lock says about this process.
fn lock_holder() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let since = rfc3339_seconds(Timestamp::now());
    format!("process {} on {host} since {since}", std::process::id())
}
