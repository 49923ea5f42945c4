//! A run over a few accounts whose rows stay in memory: nothing is written, nothing is committed. Pace, retries,
//! throttling and outage are those of [`super::run`].

use std::sync::Arc;

use arrow::array::RecordBatch;
use tokio::sync::mpsc;

use super::chunk::{Account, Chunk};
use super::dispatch::{ANSWERS_TO_WRITE, Connections, Dispatcher};
use super::settle::Settler;
use super::writer_channel::{Handed, writer_channel};
use super::{RunError, RunSettings, Service, Surroundings, ToWriter, spawn_named};
use crate::accounts;
use crate::api::wire::MAX_ACCOUNTS_PER_CALL;
use crate::checkpoint::RoundEnd;
use crate::columns::Column;
use crate::output::failed::{FailedAccount, RejectedValue};

/// What came of the accounts, in no order.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Rows.
    pub rows: Vec<RecordBatch>,
    /// Accounts without a row.
    pub failed: Vec<FailedAccount>,
    /// Values that did not fit their column.
    pub rejected: Vec<RejectedValue>,
}

/// Asks for the accounts, which must be distinct and few enough for the memory.
pub async fn gather<S: Service>(
    service: Arc<S>,
    settings: RunSettings,
    columns: &[Column],
    accounts: Vec<accounts::Account>,
    surroundings: Surroundings<'_>,
) -> Result<Gathered, RunError> {
    if accounts.is_empty() {
        return Ok(Gathered::default());
    }
    let Surroundings { random, wall_clock, observer, stop } = surroundings;
    let chunks = chunks_of(&accounts);
    let (block_sender, blocks) = mpsc::channel(1);
    let end = RoundEnd { accounts: accounts.len() as u64, duplicates: 0 };
    let reader = spawn_named("list-reader", move || {
        // Nobody listens only when the run has stopped, which then has its own reason.
        let _ = block_sender.blocking_send(chunks);
        Ok(end)
    })?;
    let (writer, answers) = writer_channel(ANSWERS_TO_WRITE);
    // Open to the end, though no part is ever committed.
    let (_committed_sender, committed) = mpsc::channel(1);
    let connections = Connections { blocks, reader, writer, committed };
    // All accounts are of the one part that never begins.
    let settings = RunSettings { accounts_per_part: u64::MAX, ..settings };
    let settler = Settler::new(columns, settings.retry.max_attempts, settings.has_rows);
    let mut dispatcher =
        Dispatcher::new(service, settings, settler, connections, random, wall_clock, observer);
    let gathering = tokio::spawn(gather_answers(answers));
    let ended = dispatcher.run(stop).await;
    drop(dispatcher);
    let gathered = gathering.await.map_err(|_| RunError::Panicked)?;
    ended.map(|()| gathered)
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

async fn gather_answers(mut answers: mpsc::Receiver<Handed>) -> Gathered {
    let mut gathered = Gathered::default();
    while let Some(handed) = answers.recv().await {
        let (rows, failed, rejected) = match handed.message {
            ToWriter::First(answer) => (Some(answer.rows), answer.failed, answer.rejected),
            ToWriter::Late(answer) => (Some(answer.rows), answer.failed, answer.rejected),
            ToWriter::LateFailure(failed) => (None, vec![failed], Vec::new()),
            ToWriter::EndOfRound(_) => (None, Vec::new(), Vec::new()),
        };
        gathered.rows.extend(rows.filter(|rows| rows.num_rows() > 0));
        gathered.failed.extend(failed);
        gathered.rejected.extend(rejected);
    }
    gathered
}
