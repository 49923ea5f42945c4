//! Accounts whose call or response did not decide them: counted attempts, backoff, halves, and the end of their attempts.

use std::time::Duration;

use super::chunk::{Account, Chunk};
use super::dispatch::Dispatcher;
use super::events::Event;
use super::response_processor::{FailedCall, Reason, failed_account, refusal_category};
use super::retry_queue::backoff;
use super::{RunError, Service, ToWriter};
use crate::api::outcome::CallFailure;
use crate::snapshot::sidecars::Category;
use crate::snapshot::snapshot_writer::ChunkResult;

/// Accounts rejected one after another, without any row in between, that show the request itself to be at fault: going
/// on would only burn quota on every account of the list.
const REJECTED_IN_A_ROW: u32 = 20;

impl<S: Service> Dispatcher<'_, S> {
    /// Counts an attempt of every account of the calls, and lets them wait to be asked again.
    pub fn record_attempts(
        &mut self,
        calls: Vec<FailedCall>,
        now: Duration,
    ) -> Result<(), RunError> {
        let Some(last) = calls.last() else { return Ok(()) };
        let reason = last.failure.to_string();
        let accounts = calls.iter().map(|call| call.chunk.accounts.len()).sum();
        (self.observer)(Event::CallsFailed { calls: calls.len(), accounts, reason });
        for FailedCall { chunk, failure, .. } in calls {
            self.skip_reserved_slot(&chunk)?;
            let category = match failure.is_from_service() {
                true => Category::InternalError,
                false => Category::NoAnswer,
            };
            let reason = Reason { category, code: failure.code(), info: failure.info() };
            let was_alone = chunk.accounts.len() == 1;
            // One wait for all: accounts that failed together stay together.
            let jitter = self.random.f64();
            let (used_up, others): (Vec<Account>, Vec<Account>) =
                chunk.accounts.into_iter().partition(|account| self.is_last_try(account));
            for account in others {
                self.schedule_retry(account, reason.clone(), jitter, now)?;
            }
            // One account may be to blame for the failures of all: none is given up before it has been requested alone.
            if !was_alone && !used_up.is_empty() {
                self.push_halves(used_up, &failure.to_string());
                continue;
            }
            for account in used_up {
                self.give_up(account, reason.clone());
            }
        }
        Ok(())
    }

    /// Counts an attempt; lets the account wait to be asked again, or gives it up when its attempts are used up.
    pub fn schedule_retry(
        &mut self,
        mut account: Account,
        reason: Reason,
        jitter: f64,
        now: Duration,
    ) -> Result<(), RunError> {
        if self.is_last_try(&account) {
            self.give_up(account, reason);
            return Ok(());
        }
        account.count_attempt(reason.code);
        self.facts.account_retries += 1;
        let wait = backoff(&self.settings.retry, account.attempts, jitter);
        self.retry.push(account, now + wait);
        Ok(())
    }

    /// Splits a chunk the service would not take, until the account that is to blame stands alone.
    pub fn bisect(&mut self, chunk: Chunk, failure: &CallFailure) -> Result<(), RunError> {
        self.skip_reserved_slot(&chunk)?;
        if chunk.accounts.len() > 1 {
            self.push_halves(chunk.accounts, &failure.to_string());
            return Ok(());
        }
        let is_not_found =
            matches!(failure, CallFailure::Refused { rule, .. } if rule.is_not_found());
        if !is_not_found {
            self.rejected_in_a_row += 1;
            if self.rejected_in_a_row >= REJECTED_IN_A_ROW && self.answered_account.is_none() {
                return Err(RunError::RejectsEverything(failure.clone()));
            }
        }
        let category = refusal_category(is_not_found);
        let reason = Reason { category, code: failure.code(), info: failure.info() };
        for account in chunk.accounts {
            self.give_up(account, reason.clone());
        }
        Ok(())
    }

    pub fn push_halves(&mut self, mut accounts: Vec<Account>, reason: &str) {
        let count = accounts.len();
        (self.observer)(Event::Bisecting { accounts: count, reason: reason.to_owned() });
        let second_half = accounts.split_off(count.div_ceil(2));
        for half in [second_half, accounts] {
            if !half.is_empty() {
                self.requeued.push_front(Chunk::retry(half));
            }
        }
    }

    fn give_up(&mut self, account: Account, reason: Reason) {
        let failed = failed_account(account, reason, (self.wall_clock)());
        self.settled += 1;
        self.failed += 1;
        self.to_write.push(ToWriter::LateFailure(failed));
    }

    /// The rows of a first chunk that failed will come late: its place in the part stays empty.
    fn skip_reserved_slot(&mut self, chunk: &Chunk) -> Result<(), RunError> {
        if chunk.is_first {
            let rows = self.processor.no_rows().map_err(RunError::Rows)?;
            let (rejected, failed) = (Vec::new(), Vec::new());
            let ordinals = chunk.ordinals();
            self.to_write.push(ToWriter::First(ChunkResult { ordinals, rows, rejected, failed }));
        }
        Ok(())
    }
}
