//! The first rows of a job, through the same code as its export. Writes no file and takes no lock.

mod call_counts;
mod warnings;

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_schema::ArrowError;
use arrow_select::interleave::interleave_record_batch;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::warn;

use self::call_counts::PreviewCalls;
use self::warnings::{InvalidEntries, warnings};
use super::counted_list::INTERACTIVE_PATIENCE;
use super::service::{ServiceConnection, connect};
use super::{open_files, secret};
use crate::accounts::{AccountList, ListedAccount, RecordPlace};
use crate::api::outcome::CallFailure;
use crate::api::request::tag_list;
use crate::api::transport::TransportFailure;
use crate::job::{Job, RetrySettings};
use crate::observability::progress::Reporter;
use crate::pipeline::collect_in_memory::{CollectedRows, collect_in_memory};
use crate::pipeline::events::Event;
use crate::pipeline::{RunContext, RunError, RunSettings};
use crate::snapshot::run_totals::RunTotals;
use crate::snapshot::sidecars::FailedAccount;
use crate::table::schema;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failure::Failure;
use crate::util::human::counted;
use crate::util::human::duration_text;
use crate::util::runtime::runtime;

/// The first rows of a job.
pub struct Preview {
    pub rows: RecordBatch,
    /// A line for each account without a row, value that does not fit and entry that is not an account.
    pub notes: Vec<String>,
    /// Fails when every account has failed, so that the user does not take the app for empty.
    pub result: Result<(), Failure>,
}

/// Fetches the rows of the first `count` accounts.
pub fn preview(job: &Job, count: usize, reporter: &mut Reporter) -> Result<Preview, Failure> {
    let sig_source = secret::read(&job.api.secret)?;
    let found = [
        secret::exposure(&job.api.secret),
        open_files::raise_limit(job.api.max_in_flight, job.api.target.is_emulator()),
    ];
    found.into_iter().flatten().for_each(|warning| warning.log());
    let (accounts, places, invalid) = first_accounts(job, count)?;
    if accounts.is_empty() {
        warn!("the account list contains no valid account");
    }
    let service = connect(&job.api, &job.emulator, sig_source)?;
    let mut calls = PreviewCalls::default();
    let collected = collect(job, &service, &accounts, &mut |event| {
        calls.add(&event);
        reporter.on(event);
    });
    reporter.finish();
    let mut collected = collected?;
    let rows = in_list_order(job, &collected, &accounts).map_err(RunError::Rows)?;
    collected.failed.sort_by_key(|failed| failed.ordinal);
    collected.rejected.sort_by_key(|rejected| rejected.ordinal);
    let result = ensure_any_rows(&rows, &collected.failed);
    let mut notes = warnings(&collected, &places, &invalid);
    notes.extend(calls.note());
    Ok(Preview { notes, rows, result })
}

/// Returns the first accounts of the list with their places, and the invalid entries before them.
fn first_accounts(
    job: &Job,
    count: usize,
) -> Result<(Vec<ListedAccount>, Vec<RecordPlace>, InvalidEntries), Failure> {
    // Only standard input is spooled there, in a file without a name.
    let source = job.accounts.with_limited_patience(INTERACTIVE_PATIENCE);
    let list = AccountList::open(&source, &env::temp_dir());
    let mut invalid = InvalidEntries::default();
    let accounts = list.and_then(|list| list.first_accounts(count, &mut |one| invalid.add(one)));
    let (accounts, places) = accounts?.into_iter().unzip();
    Ok((accounts, places, invalid))
}

fn collect(
    job: &Job,
    service: &ServiceConnection,
    accounts: &[ListedAccount],
    observer: &mut dyn FnMut(Event),
) -> Result<CollectedRows, Failure> {
    let patience = job.retry.outage_patience.min(INTERACTIVE_PATIENCE);
    let settings = RunSettings {
        columns: job.columns.clone(),
        tag_list: tag_list(job.columns.iter().map(|column| column.tag.as_str())),
        calls_per_second: job.api.calls_per_second,
        first_call_delay: Duration::ZERO,
        max_in_flight: job.api.max_in_flight,
        retry: RetrySettings { outage_patience: patience, ..job.retry.clone() },
        accounts_per_part: job.output.accounts_per_part,
        accounts_to_request: accounts.len() as u64,
        committed: BTreeMap::new(),
        has_rows: false,
        processed_before: 0,
        totals_before: RunTotals::default(),
    };
    let runtime = runtime()?;
    // A signal ends the process; there is nothing to complete.
    let (_never, mut stop) = mpsc::channel(1);
    let run_context = RunContext {
        random: fastrand::Rng::new(),
        wall_clock: Timestamp::now,
        observer,
        stop: &mut stop,
    };
    let client = Arc::clone(&service.client);
    let collecting = collect_in_memory(client, settings, accounts, run_context);
    runtime.block_on(collecting).map_err(failure_of)
}

fn failure_of(error: RunError) -> Failure {
    let code = error.exit_code();
    let error = match error {
        RunError::Outage { last_failure, calls, elapsed, .. } => format!(
            "no call succeeded for {} ({}, the last one: {last_failure}); {}, then run the preview again",
            duration_text(elapsed.as_secs_f64()),
            counted(calls, "failed call"),
            remedy_for(&last_failure)
        )
        .into(),
        RunError::Unreachable(failure) => {
            format!("the service cannot be reached: {failure}; then run the preview again").into()
        }
        other => other.into(),
    };
    Failure { code, error }
}

fn remedy_for(failure: &CallFailure) -> &'static str {
    match failure {
        CallFailure::Transport(TransportFailure::Timeout(_)) => {
            "check that the service can be reached from this machine, or raise api.timeout"
        }
        _ if failure.has_response() => failure.remedy(),
        _ => "check that the service can be reached from this machine",
    }
}

/// The rows in the order of a snapshot for which every account was answered at once.
fn in_list_order(
    job: &Job,
    collected: &CollectedRows,
    accounts: &[ListedAccount],
) -> Result<RecordBatch, ArrowError> {
    // From the last to the first, of an account whose duplicates are not removed.
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, account) in accounts.iter().enumerate().rev() {
        places.entry(&account.name).or_default().push(place);
    }
    let mut rows: Vec<(Option<usize>, (usize, usize))> = Vec::new();
    for (batch_index, batch) in collected.rows.iter().enumerate() {
        let names = batch.column(0).as_string::<i32>();
        for row in 0..batch.num_rows() {
            let place = places.get_mut(names.value(row)).and_then(Vec::pop);
            rows.push((place, (batch_index, row)));
        }
    }
    if rows.is_empty() {
        return Ok(RecordBatch::new_empty(schema(&job.columns)));
    }
    rows.sort_unstable();
    let indices: Vec<(usize, usize)> = rows.into_iter().map(|(_, index)| index).collect();
    interleave_record_batch(&collected.rows.iter().collect::<Vec<_>>(), &indices)
}

/// Refuses a preview without rows if some accounts have failed.
fn ensure_any_rows(rows: &RecordBatch, failed: &[FailedAccount]) -> Result<(), Failure> {
    let count = failed.iter().filter(|failed| failed.category.counts_as_failed()).count();
    if rows.num_rows() > 0 || count == 0 {
        return Ok(());
    }
    let error = format!(
        "no rows to show: {count} of {} failed; run it again later, or see the reason for each account above",
        counted(failed.len() as u64, "account")
    );
    Err(Failure::new(ExitCode::TooManyFailed, error))
}
