//! `preview`: the first rows of a job, through the same code as its export. Writes no file and takes no lock.

mod warnings;

use std::collections::{BTreeSet, HashMap};
use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::error::ArrowError;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::warn;

use self::warnings::{Invalid, what_else};
use super::print::print;
use crate::accounts::{AccountList, ListedAccount};
use crate::api::request::tag_list;
use crate::cli::{Flags, PreviewArgs};
use crate::export::load_job;
use crate::export::secret;
use crate::export::service::{Service, connect};
use crate::job::{Job, RetrySettings};
use crate::observability::LogFormat;
use crate::observability::progress::Reporter;
use crate::pipeline::collect_in_memory::{CollectedRows, collect_in_memory};
use crate::pipeline::{RunContext, RunError, RunSettings};
use crate::report::cells::{are_numbers, ndjson, texts};
use crate::report::table::{TableColumn, table};
use crate::snapshot::sidecars::FailedAccount;
use crate::table::schema;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failure::Failure;
use crate::util::runtime::runtime;

/// Nobody waits at a screen for as long as a nightly run does.
const OUTAGE_PATIENCE: Duration = Duration::from_secs(30);

/// Width of the table where there is no terminal.
const WIDTH_ELSEWHERE: usize = 80;

/// Shows the first rows.
pub fn preview(args: &PreviewArgs, flags: &Flags, reporter: &mut Reporter) -> Result<(), Failure> {
    let (job, _) = load_job(&args.job, &flags.overrides, flags.date)?;
    let sig_source = secret::read(&job.api.secret)?;
    let (accounts, invalid) = first_accounts(&job, args.accounts as usize)?;
    if accounts.is_empty() {
        warn!("the account list contains no valid account");
    }
    let service = connect(&job, sig_source)?;
    let collected = ask(&job, &service, &accounts, reporter);
    reporter.finish();
    let mut collected = collected?;
    let rows = in_list_order(&job, &collected, &accounts).map_err(RunError::Rows)?;
    print(if args.json { ndjson(&rows) } else { table_of(&rows) })?;
    collected.failed.sort_by_key(|failed| failed.ordinal);
    collected.rejected.sort_by_key(|rejected| rejected.ordinal);
    for line in what_else(&collected, &invalid) {
        match flags.log_format {
            LogFormat::Json => warn!("{line}"),
            // Whoever has closed stderr does not want to know.
            LogFormat::Text if flags.quiet == 0 => drop(writeln!(io::stderr(), "{line}")),
            LogFormat::Text => {}
        }
    }
    ensure_any_rows(&rows, &collected.failed)
}

/// The first accounts of the list, and the invalid entries before them.
fn first_accounts(job: &Job, count: usize) -> Result<(Vec<ListedAccount>, Invalid), Failure> {
    // Only standard input is spooled there, in a file that has no name.
    let list = AccountList::open(&job.accounts, &env::temp_dir());
    let mut invalid = Invalid::default();
    let accounts = list.and_then(|list| list.first_accounts(count, &mut |one| invalid.add(one)));
    let accounts = accounts?;
    Ok((accounts, invalid))
}

fn ask(
    job: &Job,
    service: &Service,
    accounts: &[ListedAccount],
    reporter: &mut Reporter,
) -> Result<CollectedRows, Failure> {
    let patience = job.retry.outage_patience.min(OUTAGE_PATIENCE);
    let settings = RunSettings {
        columns: job.columns.clone(),
        tag_list: tag_list(job.columns.iter().map(|column| column.tag.as_str())),
        calls_per_second: job.api.calls_per_second,
        first_call_delay: Duration::ZERO,
        max_in_flight: job.api.max_in_flight,
        retry: RetrySettings { outage_patience: patience, ..job.retry.clone() },
        accounts_per_part: job.output.accounts_per_part,
        accounts_to_request: accounts.len() as u64,
        committed: BTreeSet::new(),
        has_rows: false,
        processed_before: 0,
    };
    let runtime = runtime()?;
    // A signal ends the process: there is nothing to complete.
    let (_never, mut stop) = mpsc::channel(1);
    let run_context = RunContext {
        random: fastrand::Rng::new(),
        wall_clock: Timestamp::now,
        observer: &mut |event| reporter.on(event),
        stop: &mut stop,
    };
    let client = Arc::clone(&service.client);
    let collecting = collect_in_memory(client, settings, accounts, run_context);
    runtime.block_on(collecting).map_err(|error| failure_of(error, patience))
}

fn failure_of(error: RunError, patience: Duration) -> Failure {
    let code = error.exit_code();
    let error = match error {
        RunError::Outage { last_failure, .. } => format!(
            "no call succeeded for {patience:?} ({last_failure}); check that the service is reachable from this machine"
        )
        .into(),
        RunError::Unreachable(failure) => {
            format!("the service cannot be reached: {failure}; then run the preview again").into()
        }
        other => other.into(),
    };
    Failure { code, error }
}

/// The rows as they would stand in a snapshot to which every account was answered at once.
fn in_list_order(
    job: &Job,
    collected: &CollectedRows,
    accounts: &[ListedAccount],
) -> Result<RecordBatch, ArrowError> {
    let place_of: HashMap<&str, usize> =
        accounts.iter().enumerate().map(|(place, account)| (&*account.name, place)).collect();
    let mut rows: Vec<(Option<usize>, (usize, usize))> = Vec::new();
    for (batch_index, batch) in collected.rows.iter().enumerate() {
        let names = batch.column(0).as_string::<i32>();
        for row in 0..batch.num_rows() {
            rows.push((place_of.get(names.value(row)).copied(), (batch_index, row)));
        }
    }
    if rows.is_empty() {
        return Ok(RecordBatch::new_empty(schema(&job.columns)));
    }
    rows.sort_unstable();
    let indices: Vec<(usize, usize)> = rows.into_iter().map(|(_, index)| index).collect();
    interleave_record_batch(&collected.rows.iter().collect::<Vec<_>>(), &indices)
}

fn table_of(rows: &RecordBatch) -> String {
    let schema = rows.schema();
    let columns = schema.fields().iter().zip(rows.columns()).map(|(field, column)| TableColumn {
        name: field.name().clone(),
        is_number: are_numbers(column),
        cells: texts(column),
    });
    let chosen = env::var("COLUMNS").ok();
    let stdout = io::stdout();
    let terminal = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok());
    let terminal = terminal.flatten().map(|size| usize::from(size.ws_col));
    table(&columns.collect::<Vec<_>>(), width_of(chosen.as_deref(), terminal))
}

/// `COLUMNS` wins over the terminal's own width.
fn width_of(chosen: Option<&str>, terminal: Option<usize>) -> usize {
    let chosen = chosen.and_then(|text| text.trim().parse().ok());
    // Some terminals do not know their width, and say 0.
    let known = |width: &usize| *width > 0;
    chosen.filter(known).or(terminal.filter(known)).unwrap_or(WIDTH_ELSEWHERE)
}

/// Where not one account came, but some might have, the user must not take it for an empty app.
fn ensure_any_rows(rows: &RecordBatch, failed: &[FailedAccount]) -> Result<(), Failure> {
    let count = failed.iter().filter(|failed| failed.category.counts_as_failed()).count();
    if rows.num_rows() > 0 || count == 0 {
        return Ok(());
    }
    let error = format!(
        "there is no row to show: {count} of {} accounts failed; run it again later, or look at what is told of each above",
        failed.len()
    );
    Err(Failure::new(ExitCode::TooManyFailed, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_is_the_chosen_one_then_the_terminals_then_80() {
        assert_eq!(width_of(Some("40"), Some(120)), 40);
        assert_eq!(width_of(None, Some(120)), 120);
        assert_eq!(width_of(Some("wide"), None), 80);
        assert_eq!(width_of(Some("0"), Some(0)), 80);
    }
}
