//! A run over a few accounts whose rows stay in memory: nothing is written, nothing is committed. Pace, retries,
//! throttling and outage are those of [`super::run`].

use std::sync::Arc;

use arrow::array::RecordBatch;
use tokio::sync::mpsc;

use super::capacities::QueueCapacities;
use super::chunk::{Account, Chunk};
use super::dispatch::{Dispatcher, WorkerChannels};
use super::response_processor::ResponseProcessor;
use super::writer_channel::{QueuedMessage, writer_channel};
use super::{RunContext, RunError, RunSettings, Service, ToWriter, spawn_named};
use crate::accounts;
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::snapshot::journal::RoundEnd;
use crate::snapshot::sidecars::{FailedAccount, RejectedValue};
use crate::table::Column;

/// What came of the accounts, in no order.
#[derive(Debug, Default)]
pub struct CollectedRows {
    /// Rows.
    pub rows: Vec<RecordBatch>,
    /// Accounts without a row.
    pub failed: Vec<FailedAccount>,
    /// Values that did not fit their column.
    pub rejected: Vec<RejectedValue>,
}

/// Asks for the accounts, which must be distinct and few enough for the memory.
pub async fn collect_in_memory<S: Service>(
    service: Arc<S>,
    settings: RunSettings,
    columns: &[Column],
    accounts: Vec<accounts::Account>,
    run_context: RunContext<'_>,
) -> Result<CollectedRows, RunError> {
    if accounts.is_empty() {
        return Ok(CollectedRows::default());
    }
    let RunContext { random, wall_clock, observer, stop } = run_context;
    let chunks = chunks_of(&accounts);
    let (block_sender, blocks) = mpsc::channel(1);
    let end = RoundEnd { accounts: accounts.len() as u64, duplicates: 0 };
    let reader = spawn_named("list-reader", move || {
        // Nobody listens only when the run has stopped, which then has its own reason.
        let _ = block_sender.blocking_send(chunks);
        Ok(end)
    })?;
    let (writer, answers) = writer_channel(QueueCapacities::default().writer_messages);
    // Open to the end, though no part is ever committed.
    let (_committed_sender, committed) = mpsc::channel(1);
    let connections = WorkerChannels { blocks, reader, writer, committed };
    // All accounts are of the one part that never begins.
    let settings = RunSettings { accounts_per_part: u64::MAX, ..settings };
    let processor = ResponseProcessor::new(columns, settings.retry.max_attempts, settings.has_rows);
    let mut dispatcher =
        Dispatcher::new(service, settings, processor, connections, random, wall_clock, observer);
    let gathering = tokio::spawn(collect_responses(answers));
    let ended = dispatcher.run(stop).await;
    drop(dispatcher);
    let collected = gathering.await.map_err(|_| RunError::Panicked)?;
    ended.map(|()| collected)
}

/// Ordinals begin at 1: with ordinal 0 a part would begin, and the run would wait for somebody to commit it.
fn chunks_of(accounts: &[accounts::Account]) -> Vec<Chunk> {
    let numbered: Vec<Account> = (1..)
        .zip(accounts)
        .map(|(ordinal, account)| Account::new(account.name, ordinal, account.line))
        .collect();
    let chunk = |accounts: &[Account]| Chunk { accounts: accounts.to_vec(), is_first: true };
    numbered.chunks(MAX_ACCOUNTS_PER_CALL).map(chunk).collect()
}

async fn collect_responses(mut answers: mpsc::Receiver<QueuedMessage>) -> CollectedRows {
    let mut collected = CollectedRows::default();
    while let Some(handed) = answers.recv().await {
        let (rows, failed, rejected) = match handed.message {
            ToWriter::First(answer) => (Some(answer.rows), answer.failed, answer.rejected),
            ToWriter::Late(answer) => (Some(answer.rows), answer.failed, answer.rejected),
            ToWriter::LateFailure(failed) => (None, vec![failed], Vec::new()),
            ToWriter::EndOfRound(_) => (None, Vec::new(), Vec::new()),
        };
        collected.rows.extend(rows.filter(|rows| rows.num_rows() > 0));
        collected.failed.extend(failed);
        collected.rejected.extend(rejected);
    }
    collected
}
