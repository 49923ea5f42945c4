//! The service behind `stream`: records in on standard input, a row for each out on standard output, nothing on disk.

mod failure;
mod output;
mod rate_share;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Runtime;
use tracing::info;

use self::failure::failure_of;
use self::output::{StandardStream, ensure_not_terminal, watch};
pub use self::rate_share::RateShare;
use super::service::connect;
use super::stop::{Deadline, stop_requests};
use super::usersig::GivenUserSig;
use super::{open_files, secret};
use crate::accounts::{RecordFormat, RecordSettings, RecordStream};
use crate::api::client::Client;
use crate::api::request::tag_list;
use crate::job::StreamJob;
use crate::observability::progress::Reporter;
use crate::pipeline::events::{Event, UNKNOWN_ACCOUNTS};
use crate::pipeline::rate::limiter::SECOND_WITH_MARGIN;
use crate::pipeline::stream::{OutputFormat, StreamCounts, StreamEnds, run_stream, schema_message};
use crate::pipeline::{RunContext, RunError, RunSettings};
use crate::snapshot::run_totals::RunTotals;
use crate::snapshot::sidecars::Category;
use crate::util::failure::Failure;
use crate::util::runtime::runtime;

/// How a stream is started.
#[derive(Debug, Clone, Copy)]
pub struct StreamOptions {
    pub input: RecordFormat,
    pub output: OutputFormat,
    /// This process's share of the limit of the app; all of it, and no others, without it.
    pub share: Option<RateShare>,
    /// The start of the process, from which `limits.deadline` counts.
    pub started: Instant,
}

/// The Arrow IPC stream of the schema alone.
///
/// # Errors
/// If a stream would refuse the share, or standard output is a terminal.
pub fn schema(job: &StreamJob, share: Option<RateShare>) -> Result<Vec<u8>, Failure> {
    ensure_not_terminal(RecordFormat::Txt, OutputFormat::Arrow)?;
    share.map_or(Ok(0), |share| share.of(job.api.calls_per_second))?;
    let message = schema_message(&job.columns, job.api.calls_per_second);
    Ok(message.map_err(RunError::Rows)?)
}

/// Requests the account of each record on standard input and writes a row for it to standard output.
///
/// # Errors
/// As an export; also when the reader of standard output closes it before every record read has its row.
pub fn stream(
    job: &StreamJob,
    options: StreamOptions,
    reporter: &mut Reporter,
) -> Result<(), Failure> {
    ensure_not_terminal(options.input, options.output)?;
    let limit = job.api.calls_per_second;
    let calls_per_second = options.share.map_or(Ok(limit), |share| share.of(limit))?;
    let sig_source = secret::read(&job.api.secret)?;
    let given_usersig = GivenUserSig::of(&job.api, &sig_source)?;
    if let Some(usersig) = given_usersig {
        usersig.ensure_lasts(super::service::unix_seconds(), 0.0)?;
    }
    let usersig = secret::ready_usersig(&job.api.secret, &sig_source);
    let found = [
        secret::exposure(&job.api.secret),
        open_files::raise_limit(job.api.max_in_flight, job.api.target.is_emulator()),
    ];
    found.into_iter().flatten().for_each(|warning| warning.log());
    let service = connect(&job.api, &job.emulator, sig_source)?;
    let runtime = runtime()?;
    let counts = Arc::new(StreamCounts::default());
    let mut calls = 0;
    let ended = run(
        (&runtime, Arc::clone(&service.client)),
        job,
        (options, calls_per_second),
        Arc::clone(&counts),
        &mut |event| {
            if let Event::RoundEnded(stats) = &event {
                calls = stats.made;
            }
            reporter.on(event);
        },
    );
    reporter.finish();
    // A thread may still wait for a standard output that nobody reads.
    runtime.shutdown_background();
    log_end(&counts, calls, options.started);
    ended.or_else(|error| failure_of(error, &counts, usersig.as_ref()))
}

/// Runs it until the records end or something stops it.
fn run(
    (runtime, client): (&Runtime, Arc<Client>),
    job: &StreamJob,
    (options, calls_per_second): (StreamOptions, u32),
    counts: Arc<StreamCounts>,
    observer: &mut dyn FnMut(Event),
) -> Result<(), RunError> {
    let output = StandardStream::output().map_err(RunError::Output)?;
    let input = StandardStream::input().map_err(RunError::Output)?;
    let (stop_sender, mut stop) = {
        let _guard = runtime.enter();
        let elapsed = options.started.elapsed();
        let deadline = job.deadline.map(|deadline| Deadline::after(deadline, elapsed));
        stop_requests(deadline).map_err(RunError::Output)?
    };
    let watched = StandardStream::output().and_then(|output| watch(output, stop_sender));
    watched.map_err(RunError::Output)?;
    let records = RecordSettings {
        format: options.input,
        column: job.account_column.clone(),
        max_batch_bytes: job.memory_bytes,
    };
    let ends = StreamEnds {
        records: Box::new(move || RecordStream::open(&records, input)),
        output: Box::new(output),
        format: options.output,
        calls_per_second_of_app: job.api.calls_per_second,
        counts,
    };
    let context = RunContext {
        random: fastrand::Rng::new(),
        wall_clock: Timestamp::now,
        observer,
        stop: &mut stop,
    };
    let mut settings = settings(job, calls_per_second);
    if options.share.is_some() && calls_per_second > 0 {
        // A process whose share this one takes over may have made calls just now.
        settings.first_call_delay = SECOND_WITH_MARGIN;
    }
    runtime.block_on(run_stream(client, settings, ends, context))
}

fn settings(job: &StreamJob, calls_per_second: u32) -> RunSettings {
    RunSettings {
        columns: job.columns.clone(),
        tag_list: tag_list(job.columns.iter().map(|column| column.tag.as_str())),
        calls_per_second,
        first_call_delay: Duration::ZERO,
        max_in_flight: job.api.max_in_flight,
        retry: job.retry.clone(),
        // A stream has no parts, and its length is not known.
        accounts_per_part: u64::MAX,
        accounts_to_request: UNKNOWN_ACCOUNTS,
        committed: BTreeMap::new(),
        has_rows: false,
        processed_before: 0,
        totals_before: RunTotals::default(),
    }
}

fn log_end(counts: &StreamCounts, calls: u64, started: Instant) {
    info!(
        records = counts.read(),
        exported = counts.exported(),
        not_found = counts.failed(Category::NotFound),
        internal_error = counts.failed(Category::InternalError),
        rejected = counts.failed(Category::Rejected),
        no_answer = counts.failed(Category::NoAnswer),
        invalid_account = counts.failed(Category::InvalidAccount),
        calls,
        duration_seconds = (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        "stream finished"
    );
}
