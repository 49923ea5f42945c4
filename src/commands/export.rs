//! `export`: from a job to a published snapshot.

use std::fs::File;
use std::future::Future;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use super::in_process_emulator::InProcessEmulator;
use super::{Failure, chain, secret};
use crate::accounts::{AccountList, ListPath, Scan};
use crate::api::client::Client;
use crate::api::signer::Signer;
use crate::api::wire::{MAX_ACCOUNTS_PER_CALL, tag_list};
use crate::cli::{ExportArgs, Flags};
use crate::columns::rows::ACCOUNT_COLUMN;
use crate::columns::{ColumnType, schema};
use crate::exit_code::ExitCode;
use crate::job::{Job, MaxFailed, Target};
use crate::output::failed::{rfc3339_seconds, write_invalid};
use crate::output::manifest::{
    self, ColumnFacts, Counts, JobFacts, ListFacts, MANIFEST_VERSION, Manifest, RunFacts,
    failures_of,
};
use crate::output::publish::{INVALID_ACCOUNTS_FILE, publish};
use crate::output::snapshot_writer::{CommittedPart, SnapshotWriter};
use crate::output::work_folder::{WorkFolder, WorkFolderError};
use crate::progress::Reporter;
use crate::report::summary::{ResultSummary, Summary, status_of};
use crate::run::{self, RunResult, RunSettings, Surroundings, exit_code_of_list_error};

/// Why a run that got through the list does not publish.
#[derive(Debug, thiserror::Error)]
enum NotPublished {
    #[error(
        "{failed} of {asked} accounts failed, more than limits.max_failed allows; run again, or raise limits.max_failed to publish without them"
    )]
    TooManyFailed { failed: u64, asked: u64 },
    #[error("the counts do not add up ({0:?}), which is a bug; nothing was published")]
    NotConserved(Counts),
}

/// Runs a job; prints its summary.
pub fn export(args: &ExportArgs, flags: &Flags, reporter: &mut Reporter) -> Result<(), Failure> {
    let started = Instant::now();
    let date =
        flags.date.unwrap_or_else(|| Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date());
    let job =
        Job::load(&args.job, &flags.overrides, date).map_err(Failure::with(ExitCode::BadUsage))?;
    let mut result = None;
    let ended = run_job(&job, date, reporter, &mut result);
    reporter.finish();
    let code = ended.as_ref().map_or_else(|failure| failure.code, |()| ExitCode::Published);
    let summary = Summary {
        status: status_of(code),
        exit_code: code.number(),
        job: job.name.clone(),
        date: date.to_string(),
        snapshot: absolute(&job.output.path).display().to_string(),
        duration_seconds: (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        result,
        error: ended.as_ref().err().map(|failure| chain(&*failure.error)),
    };
    tell(&summary, args, flags);
    ended
}

fn tell(summary: &Summary, args: &ExportArgs, flags: &Flags) {
    // A reader who has closed the pipe has heard enough.
    if args.json {
        let _ = writeln!(io::stdout(), "{}", summary.to_json());
    }
    if flags.log_format == crate::cli::LogFormat::Json {
        info!(summary = summary.to_json(), "the run has ended");
    } else if flags.quiet == 0 && summary.result.is_some() {
        let here = std::env::current_dir().unwrap_or_default();
        let _ = write!(io::stderr(), "{}", summary.to_text(&here));
    }
}

fn run_job(
    job: &Job,
    date: Date,
    reporter: &mut Reporter,
    result: &mut Option<ResultSummary>,
) -> Result<(), Failure> {
    let started_at = Timestamp::now();
    let sig_source = secret::read(&job.api.secret).map_err(Failure::with(ExitCode::BadUsage))?;
    let work = open_work_folder(job)?;
    let (list, scan) = match read_list(job, &work, reporter) {
        Ok(read) => read,
        Err(failure) => {
            // Nothing has been done that a later run could use.
            let _ = work.remove();
            return Err(failure);
        }
    };
    info!(accounts = scan.valid, invalid = scan.invalid, "account list read");
    let distinct = list.distinct(&scan).map_err(list_failure)?;
    let emulator = match job.api.target {
        Target::Emulator => Some(
            InProcessEmulator::start(job.emulator.clone())
                .map_err(Failure::with(ExitCode::InternalOrDisk))?,
        ),
        Target::Endpoint(_) => None,
    };
    let endpoint = match (&job.api.target, &emulator) {
        (Target::Endpoint(endpoint), _) => endpoint.clone(),
        (Target::Emulator, Some(emulator)) => emulator.endpoint(),
        (Target::Emulator, None) => return Err(unreachable_emulator()),
    };
    let api = &job.api;
    let signer = Signer::new(sig_source, api.sdkappid, api.identifier.clone(), unix_seconds);
    let client = Client::new(endpoint, signer, api.sdkappid, &api.identifier, api.timeout)
        .map_err(Failure::with(ExitCode::InternalOrDisk))?;
    let settings = RunSettings {
        tag_list: tag_list(job.columns.iter().map(|column| column.tag.as_str())),
        calls_per_second: api.calls_per_second,
        max_in_flight: api.max_in_flight,
        retry: job.retry.clone(),
        accounts_per_part: job.output.accounts_per_part,
        accounts_to_ask: scan.valid,
    };
    let writer = SnapshotWriter::new(
        job.output.clone(),
        schema(&job.columns),
        MAX_ACCOUNTS_PER_CALL as u64,
        &work.snapshot(),
        work.root(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::with(ExitCode::InternalOrDisk))?;
    let run_result = runtime.block_on(async {
        let surroundings = Surroundings {
            random: fastrand::Rng::new(),
            wall_clock: Timestamp::now,
            observer: &mut |event| reporter.on(event),
            stop: stop_signal().map_err(Failure::with(ExitCode::InternalOrDisk))?,
        };
        run::run(Arc::new(client), settings, &job.columns, distinct, writer, surroundings)
            .await
            .map_err(|error| Failure { code: error.exit_code(), error: error.into() })
    })?;
    drop(emulator);
    let counts = counts_of(&scan, &run_result);
    *result = Some(ResultSummary {
        counts,
        failures: failures_of(&run_result.parts, scan.invalid),
        parts: run_result.parts.len() as u64,
        bytes: run_result.parts.iter().map(|part| part.facts.bytes).sum(),
        calls: run_result.calls,
    });
    ensure_publishable(&job.limits.max_failed, &counts, &run_result)?;
    let manifest = manifest_of(job, date, started_at, &scan, counts, &run_result);
    publish(work, &manifest).map_err(Failure::with(ExitCode::InternalOrDisk))
}

fn open_work_folder(job: &Job) -> Result<WorkFolder, Failure> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let since = rfc3339_seconds(Timestamp::now());
    let holder = format!("process {} on {host} since {since}", std::process::id());
    WorkFolder::open(&job.output.path, job.output.if_exists, &holder).map_err(|error| {
        let code = match error {
            WorkFolderError::Disk(_) => ExitCode::InternalOrDisk,
            _ => ExitCode::BadUsage,
        };
        Failure { code, error: error.into() }
    })
}

/// Reads the list once; invalid accounts go to a file of their own.
fn read_list(
    job: &Job,
    work: &WorkFolder,
    reporter: &mut Reporter,
) -> Result<(AccountList, Scan), Failure> {
    let list = AccountList::open(&job.accounts, work.root()).map_err(list_failure)?;
    let path = work.root().join(INVALID_ACCOUNTS_FILE);
    let file = File::create(&path).map_err(Failure::with(ExitCode::InternalOrDisk))?;
    let mut csv = csv::Writer::from_writer(BufWriter::new(file));
    let scan = list
        .scan(
            &mut |invalid| {
                let reason = invalid.reason.to_string();
                write_invalid(&mut csv, &invalid.text, &reason, invalid.line)
                    .map_err(io::Error::other)
            },
            &mut |entries| reporter.scanning(entries),
        )
        .map_err(list_failure)?;
    csv.flush().map_err(Failure::with(ExitCode::InternalOrDisk))?;
    if scan.valid == 0 {
        warn!("the account list holds no valid account");
    }
    Ok((list, scan))
}

fn list_failure(error: crate::accounts::ListError) -> Failure {
    Failure { code: exit_code_of_list_error(&error), error: error.into() }
}

fn unreachable_emulator() -> Failure {
    Failure { code: ExitCode::InternalOrDisk, error: "the emulator did not start".into() }
}

/// Ends with the first SIGINT or SIGTERM.
fn stop_signal() -> io::Result<impl Future<Output = ExitCode>> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => ExitCode::Interrupted,
            _ = terminated.recv() => ExitCode::Terminated,
        }
    })
}

fn list_path(path: &ListPath) -> String {
    match path {
        ListPath::File(path) => absolute(path).display().to_string(),
        ListPath::Stdin => "-".to_owned(),
    }
}

/// The path without detours, as far as it exists.
fn absolute(path: &Path) -> PathBuf {
    let in_its_folder = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(in_its_folder).unwrap_or_else(|| path.to_owned())
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn counts_of(scan: &Scan, result: &RunResult) -> Counts {
    Counts {
        accounts_in_list: scan.valid + scan.invalid,
        rows: result.parts.iter().map(|part| part.rows).sum(),
        failed: result.parts.iter().map(CommittedPart::failed_accounts).sum(),
        duplicates: result.list_end.duplicates,
        invalid: scan.invalid,
        rejected_values: result.parts.iter().map(|part| part.rejected_values).sum(),
    }
}

fn ensure_publishable(
    max_failed: &MaxFailed,
    counts: &Counts,
    result: &RunResult,
) -> Result<(), Failure> {
    if !counts.are_conserved() {
        return Err(Failure::with(ExitCode::InternalOrDisk)(NotPublished::NotConserved(*counts)));
    }
    let failures = result.parts.iter().flat_map(|part| &part.failed);
    let failed = failures
        .filter(|((category, _), _)| category.counts_as_failed())
        .map(|(_, accounts)| accounts)
        .sum();
    let asked = counts.rows + counts.failed;
    if max_failed.allows(failed, asked) {
        return Ok(());
    }
    Err(Failure::with(ExitCode::TooManyFailed)(NotPublished::TooManyFailed { failed, asked }))
}

fn manifest_of(
    job: &Job,
    date: Date,
    started_at: Timestamp,
    scan: &Scan,
    counts: Counts,
    result: &RunResult,
) -> Manifest {
    let account = ColumnFacts {
        name: ACCOUNT_COLUMN.to_owned(),
        column_type: ColumnType::String.name(),
        tag: None,
    };
    let columns = job.columns.iter().map(|column| ColumnFacts {
        name: column.name.clone(),
        column_type: column.column_type.name(),
        tag: Some(column.tag.clone()),
    });
    Manifest {
        version: MANIFEST_VERSION,
        generator: concat!("im-profiles ", env!("CARGO_PKG_VERSION")).to_owned(),
        job: JobFacts { name: job.name.clone() },
        run: RunFacts {
            date: date.to_string(),
            started_at: rfc3339_seconds(started_at),
            finished_at: rfc3339_seconds(Timestamp::now()),
        },
        list: ListFacts { path: list_path(&job.accounts.path), sha256: scan.sha256.clone() },
        counts,
        columns: std::iter::once(account).chain(columns).collect(),
        parts: result.parts.iter().map(manifest::PartFacts::from).collect(),
        calls: result.calls,
        failures: failures_of(&result.parts, scan.invalid),
    }
}
