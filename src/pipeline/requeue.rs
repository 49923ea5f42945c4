//! Accounts whose call or response did not decide them: counted attempts, backoff, halves, and permanent failure.

use std::time::Duration;

use super::chunk::{Account, Chunk};
use super::dispatch::Dispatcher;
use super::events::Event;
use super::failure_policy::{AccountAction, account_policy};
use super::response_processor::{FailedCall, Reason, failed_account};
use super::retry_queue::backoff;
use super::sink::{Sink, SinkMessage};
use super::{RunError, Service};
use crate::snapshot::sidecars::Category;
use crate::snapshot::snapshot_writer::ChunkResult;

impl<S: Service, K: Sink> Dispatcher<S, K> {
    /// Counts an attempt for every account of the calls.
    pub fn record_attempts(
        &mut self,
        calls: Vec<FailedCall>,
        now: Duration,
    ) -> Result<(), RunError> {
        let Some(last) = calls.last() else { return Ok(()) };
        let reason = last.failure.to_string();
        // Those that have used up their attempts are split off or fail, which other events report.
        let accounts = calls.iter().flat_map(|call| &call.chunk.accounts);
        let accounts = accounts.filter(|account| !self.is_last_attempt(account)).count();
        self.emit(Event::CallsFailed { calls: calls.len(), accounts, reason });
        for FailedCall { chunk, failure, .. } in calls {
            self.skip_reserved_slot(&chunk)?;
            let category = match failure.is_from_service() {
                true => Category::InternalError,
                false => Category::NoAnswer,
            };
            let reason = Reason { category, code: failure.code(), info: failure.info() };
            let was_alone = chunk.accounts.len() == 1;
            // One backoff for all: accounts that failed together stay together.
            let jitter = self.context.random.f64();
            let mut to_split = Vec::new();
            let mut failed = Vec::new();
            for account in chunk.accounts {
                match account_policy(self.is_last_attempt(&account), was_alone, false) {
                    AccountAction::Retry => {
                        self.schedule_retry(account, reason.code, jitter, now);
                    }
                    AccountAction::Split => to_split.push(account),
                    AccountAction::Fail => failed.push(account),
                }
            }
            if !to_split.is_empty() {
                self.requeue_halves(to_split, failure.to_string());
            }
            for account in failed {
                self.fail_account(account, reason.clone());
            }
        }
        Ok(())
    }

    /// Handles accounts that a response for so many `accounts` did not decide.
    pub fn retry_undecided(
        &mut self,
        undecided: Vec<(Account, Reason)>,
        accounts: usize,
        now: Duration,
    ) {
        let mut to_split = Vec::new();
        for (account, reason) in undecided {
            let is_last_attempt = self.is_last_attempt(&account);
            let is_own_failure = reason.code.is_some();
            match account_policy(is_last_attempt, accounts == 1, is_own_failure) {
                AccountAction::Retry => {
                    let jitter = self.context.random.f64();
                    self.schedule_retry(account, reason.code, jitter, now);
                }
                AccountAction::Split => to_split.push(account),
                AccountAction::Fail => self.fail_account(account, reason),
            }
        }
        if !to_split.is_empty() {
            self.requeue_halves(to_split, "the response does not decide these accounts".to_owned());
        }
    }

    /// Whether the attempt that has just failed was the last one of the account.
    pub fn is_last_attempt(&self, account: &Account) -> bool {
        account.attempts + 1 >= self.settings.retry.max_attempts
    }

    /// Requests the halves of a chunk before anything else.
    pub fn requeue_halves(&mut self, mut accounts: Vec<Account>, reason: String) {
        let count = accounts.len();
        self.emit(Event::Bisecting { accounts: count, reason });
        let second_half = accounts.split_off(count.div_ceil(2));
        for half in [second_half, accounts] {
            if !half.is_empty() {
                self.work.requeue_first(Chunk::retry(half));
            }
        }
    }

    /// Records an account as failed.
    pub fn fail_account(&mut self, account: Account, reason: Reason) {
        let failed = failed_account(account, reason, (self.context.wall_clock)());
        self.push(SinkMessage::LateFailure(failed));
    }

    /// Leaves the reserved place of a first chunk in its part empty: its rows will come late.
    pub fn skip_reserved_slot(&mut self, chunk: &Chunk) -> Result<(), RunError> {
        if chunk.is_first {
            let rows = self.processor.no_rows().map_err(RunError::Rows)?;
            let (rejected, failed) = (Vec::new(), Vec::new());
            let ordinals = chunk.ordinals();
            let result = ChunkResult { ordinals, rows, rejected, failed };
            self.push(SinkMessage::First { result, row_ordinals: Vec::new() });
        }
        Ok(())
    }

    fn schedule_retry(
        &mut self,
        mut account: Account,
        code: Option<i64>,
        jitter: f64,
        now: Duration,
    ) {
        account.count_attempt(code);
        self.stats.record_account_retry();
        let wait = backoff(&self.settings.retry, account.attempts, jitter);
        self.work.schedule_retry(account, now + wait);
    }
}
