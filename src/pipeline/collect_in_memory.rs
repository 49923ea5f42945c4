//! A run over a few accounts whose rows stay in memory. Rate, retries, throttling and outages are those of
//! [`run`](super::run).

use std::sync::Arc;

use arrow_array::RecordBatch;

use super::chunk::{Account, Chunk};
use super::dispatch::Dispatcher;
use super::list_reader::ListReader;
use super::observed_task::run_observed;
use super::sink::{Sink, SinkMessage};
use super::{RunContext, RunError, RunSettings, Service};
use crate::accounts;
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::snapshot::checkpoint::RoundEnd;
use crate::snapshot::sidecars::{FailedAccount, RejectedValue};

/// The rows and failed accounts of a run, in no particular order.
#[derive(Debug, Default)]
pub struct CollectedRows {
    /// Batches of rows, none of them empty.
    pub rows: Vec<RecordBatch>,
    /// Accounts without a row.
    pub failed: Vec<FailedAccount>,
    /// Values that did not fit their column.
    pub rejected: Vec<RejectedValue>,
}

impl Sink for CollectedRows {
    fn push(&mut self, message: SinkMessage) {
        let (rows, failed, rejected) = match message {
            SinkMessage::First { result, .. } => (result.rows, result.failed, result.rejected),
            SinkMessage::Late { result, .. } => (result.rows, result.failed, result.rejected),
            SinkMessage::LateFailure(failed) => return self.failed.push(failed),
            SinkMessage::EndOfRound(_) => return,
        };
        if rows.num_rows() > 0 {
            self.rows.push(rows);
        }
        self.failed.extend(failed);
        self.rejected.extend(rejected);
    }
}

/// Requests the accounts, which must be distinct and few enough to keep their rows in memory.
pub async fn collect_in_memory<S: Service>(
    service: Arc<S>,
    settings: RunSettings,
    accounts: &[accounts::ListedAccount],
    context: RunContext<'_>,
) -> Result<CollectedRows, RunError> {
    let end = RoundEnd { accounts: accounts.len() as u64, duplicates: 0 };
    let (reader, sink) = (ListReader::ended(end), CollectedRows::default());
    let chunks = chunks_of(accounts);
    let collecting = async move |context| {
        let mut dispatcher = Dispatcher::new(service, settings, reader, sink, context);
        dispatcher.work.prefetch(chunks);
        dispatcher.run().await?;
        Ok(dispatcher.sink)
    };
    run_observed(context, None, collecting).await?
}

fn chunks_of(accounts: &[accounts::ListedAccount]) -> Vec<Chunk> {
    let numbered: Vec<Account> = (0..)
        .zip(accounts)
        .map(|(ordinal, account)| Account::new(account.name, ordinal, account.line))
        .collect();
    let chunk = |accounts: &[Account]| Chunk { accounts: accounts.to_vec(), is_first: true };
    numbered.chunks(MAX_ACCOUNTS_PER_CALL).map(chunk).collect()
}
