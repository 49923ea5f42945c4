//! Rounds of calls: round 0 requests the account list, each later round the failed accounts of the round before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tracing::info;

use super::kept::{Kept, interrupted};
use super::limits::ensure_publishable;
use super::prepare::PreparedRun;
use super::results::totals_of;
use super::telemetry::RunTelemetry;
use crate::api::request::tag_list;
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::job::OutputSettings;
use crate::job::{Job, RetrySettings};
use crate::pipeline::rate::limiter::SECOND_WITH_MARGIN;
use crate::pipeline::source::AccountSource;
use crate::pipeline::{self, RunContext, RunSettings, SnapshotTarget};
use crate::report::summary::ResultSummary;
use crate::snapshot::checkpoint::Round;
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::run_totals::RunTotals;
use crate::snapshot::snapshot_writer::SnapshotWriter;
use crate::snapshot::work_directory::WorkDirectory;
use crate::table::{Column, schema};
use crate::util::failure::Failure;

/// A round that has not started.
pub const EMPTY_ROUND: Round = Round { parts: BTreeMap::new(), end: None };

/// The settings that all rounds have in common.
#[derive(Debug, Clone)]
pub struct RoundSettings {
    columns: Vec<Column>,
    calls_per_second: u32,
    max_in_flight: usize,
    retry: RetrySettings,
    output: OutputSettings,
}

impl RoundSettings {
    pub fn new(job: &Job) -> RoundSettings {
        RoundSettings {
            columns: job.columns.clone(),
            calls_per_second: job.api.calls_per_second,
            max_in_flight: job.api.max_in_flight,
            retry: job.retry.clone(),
            output: job.output.clone(),
        }
    }
}

/// Runs rounds until the totals may be published, or until one more round has not been enough. The totals are those of
/// the last completed round.
pub fn run_rounds(
    mut run: PreparedRun,
    telemetry: &mut RunTelemetry<'_>,
) -> (Option<ResultSummary>, Result<PreparedRun, Failure>) {
    let mut totals = None;
    let mut has_run_round = false;
    loop {
        let checkpoint = run.journal.checkpoint();
        if checkpoint.last_round().is_some_and(|round| round.end.is_some()) {
            let so_far = ResultSummary {
                seconds_before: run.seconds_before,
                ..totals_of(checkpoint, &run.input.scan, run.rounds.calls_per_second)
            };
            let allowed = ensure_publishable(&run.limits, &so_far, run.previous.as_ref());
            totals = Some(so_far);
            match allowed {
                Ok(()) => return (totals, Ok(run)),
                Err(error) if error.retry_may_help && !has_run_round => {}
                Err(error) => {
                    let error = error.of_run(run.work.root(), &run.resume_command);
                    return (totals, Err(error.into()));
                }
            }
        }
        run = match run_round(run, telemetry) {
            Ok(run) => run,
            Err(failure) => return (totals, Err(failure)),
        };
        has_run_round = true;
    }
}

/// Resumes the unfinished round, or runs the next one.
fn run_round(
    mut run: PreparedRun,
    telemetry: &mut RunTelemetry<'_>,
) -> Result<PreparedRun, Failure> {
    let (settings, accounts, writer) = round_of(&run)?;
    let mut kept = kept_so_far(&run, &settings);
    let calls_of_process = &mut run.calls_of_process;
    calls_of_process.start_round();
    let context = RunContext {
        random: fastrand::Rng::new(),
        wall_clock: Timestamp::now,
        observer: &mut |event| {
            calls_of_process.on(&event);
            kept.on(&event);
            telemetry.on(event);
        },
        stop: &mut run.stop,
    };
    let client = Arc::clone(&run.service.client);
    let target = SnapshotTarget { writer, journal: run.journal };
    let round = run.runtime.block_on(pipeline::run(client, settings, accounts, target, context));
    run.journal = round
        .map_err(|error| interrupted(&error, &kept, run.usersig.as_ref(), &run.resume_command))?;
    run.may_call_from = Some(Instant::now() + SECOND_WITH_MARGIN);
    Ok(run)
}

/// What is committed before the round starts or is resumed.
fn kept_so_far(run: &PreparedRun, settings: &RunSettings) -> Kept {
    let parts = settings.committed.len() as u64;
    Kept {
        earlier_parts: run.journal.checkpoint().parts().len() as u64 - parts,
        parts,
        accounts: settings.processed_before,
        accounts_to_request: settings.accounts_to_request,
        accounts_per_part: settings.accounts_per_part,
    }
}

/// What the next round is about.
fn round_of(run: &PreparedRun) -> Result<(RunSettings, AccountSource, SnapshotWriter), Failure> {
    let checkpoint = run.journal.checkpoint();
    let (round, completed) = match checkpoint.rounds.split_last() {
        Some((last, completed)) if last.end.is_none() => (last, completed),
        _ => (&EMPTY_ROUND, checkpoint.rounds.as_slice()),
    };
    let scan = &run.input.scan;
    let (accounts, accounts_to_request) = match completed.last() {
        None => (AccountSource::List(Box::new(run.input.list.distinct(scan)?)), scan.valid),
        Some(round) => failed_accounts_of(round, &run.work),
    };
    let RoundSettings { columns, calls_per_second, max_in_flight, retry, output } = &run.rounds;
    let committed = round.parts.values().map(|part| part.ordinals.end - part.ordinals.start);
    let settings = RunSettings {
        columns: columns.clone(),
        tag_list: tag_list(columns.iter().map(|column| column.tag.as_str())),
        calls_per_second: *calls_per_second,
        first_call_delay: run
            .may_call_from
            .map_or_else(Default::default, |from| from.saturating_duration_since(Instant::now())),
        max_in_flight: *max_in_flight,
        retry: retry.clone(),
        accounts_per_part: output.accounts_per_part,
        accounts_to_request,
        committed: round
            .parts
            .iter()
            .map(|(first, part)| (*first, part.accounts_digest.clone()))
            .collect(),
        has_rows: checkpoint.parts().iter().any(|part| part.rows > 0),
        processed_before: committed.sum(),
        totals_before: RunTotals { seconds: run.seconds(), ..checkpoint.totals },
    };
    let writer = SnapshotWriter::new(
        output.clone(),
        schema(columns),
        MAX_ACCOUNTS_PER_CALL as u64,
        completed.iter().map(|round| round.parts.len() as u64).sum(),
        run.work.store().clone(),
    );
    let writer = writer.with_part_suffix(run.work.store().part_suffix(&checkpoint.header.run_id));
    Ok((settings, accounts, writer))
}

fn failed_accounts_of(round: &Round, work: &WorkDirectory) -> (AccountSource, u64) {
    let accounts = failed_accounts(round);
    info!(accounts, "retrying failed accounts");
    let parts = round.parts.values();
    let files = parts.map(CommittedPart::failed_lines_file).collect();
    (AccountSource::failed(work.store().clone(), files), accounts)
}

/// The accounts of a round that the next one requests: those that may have failed for a transient reason.
pub fn failed_accounts(round: &Round) -> u64 {
    let failed = round.parts.values().flat_map(|part| &part.failed);
    failed
        .filter(|failure| failure.category.counts_as_failed())
        .map(|failure| failure.accounts)
        .sum()
}
