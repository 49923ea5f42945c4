//! What the end of a call means to the run: rows to write, accounts to ask again, a slower pace, or the end.

use std::time::Duration;

use super::chunk::Account;
use super::dispatch::{Dispatcher, EndedCall};
use super::events::{CallOutcome, Event};
use super::rate::outage::ProbeVerdict;
use super::response_processor::{ChunkError, FailedCall, ProcessedResponse, Reason};
use super::{RunError, Service, ToWriter};
use crate::api::client::CallResult;
use crate::api::error_codes::Class;
use crate::api::outcome::CallFailure;
use crate::api::signer::SigGeneration;
use crate::snapshot::snapshot_writer::{ChunkResult, RetryResult};

/// What is known of a call that ended, beside its outcome.
#[derive(Clone, Copy)]
struct CallContext {
    called_at: Duration,
    ended_at: Duration,
    sig_generation: SigGeneration,
    /// `Retry-After` of the response.
    retry_after: Option<Duration>,
    /// Whether it is a probe, whose account needs no answer.
    is_probe: bool,
}

impl<S: Service> Dispatcher<'_, S> {
    /// Takes in a call that has ended.
    pub fn call_ended(&mut self, ended: EndedCall) -> Result<(), RunError> {
        let now = self.now();
        let EndedCall { chunk, reply, called_at, is_probe } = ended;
        let first_ordinals = chunk.is_first.then(|| chunk.ordinals());
        let first_account = chunk.accounts.first().cloned();
        let accounts = chunk.accounts.len();
        let CallResult { body, sig_generation, retry_after, .. } = reply;
        let context =
            CallContext { called_at, ended_at: now, sig_generation, retry_after, is_probe };
        let settled = match body {
            Ok(body) => self.processor.process(chunk, &body, (self.wall_clock)()),
            Err(failure) => Err(ChunkError::failed(chunk, failure)),
        };
        if let Err(ChunkError::Failed(call)) = &settled
            && let Some(pause) = retry_after
            && may_be_retried(call)
        {
            let pause = self.within_patience(pause, now);
            self.throttle.pause_until(now + pause);
            (self.observer)(Event::PausedByService { pause, reason: call.failure.to_string() });
        }
        let outcome = outcome_of(&settled);
        (self.observer)(Event::CallEnded { called_at, latency: now - called_at, outcome });
        if is_probe {
            return self.probe_ended(settled, context);
        }
        match settled {
            Ok(settled) => {
                self.on_call_succeeded(now)?;
                if self.answered_account.is_none() {
                    self.answered_account = first_account
                        .filter(|account| settled.ordinals.first() == Some(&account.ordinal));
                }
                self.write(first_ordinals, accounts, settled, now)
            }
            Err(ChunkError::Failed(call)) => self.handle_call_failure(*call, context),
            Err(ChunkError::Bug(error)) => Err(RunError::Rows(error)),
        }
    }

    /// A call was answered: whatever failed before it failed by itself.
    fn on_call_succeeded(&mut self, now: Duration) -> Result<(), RunError> {
        self.renewal_failed = false;
        self.paused_by_code = false;
        self.got_through_at = Some(now);
        let calls = self.outage.call_succeeded();
        self.record_attempts(calls, now)
    }

    /// Hands over what a response for so many `accounts` has brought, and keeps the rest for retries.
    fn write(
        &mut self,
        first_ordinals: Option<std::ops::Range<u64>>,
        accounts: usize,
        settled: ProcessedResponse,
        now: Duration,
    ) -> Result<(), RunError> {
        let ProcessedResponse {
            rows,
            ordinals,
            rejected,
            failed,
            to_retry,
            to_split,
            was_not_utf8,
        } = settled;
        if was_not_utf8 {
            (self.observer)(Event::ResponseNotUtf8);
        }
        self.settled += (ordinals.len() + failed.len()) as u64;
        self.failed += failed.len() as u64;
        if !ordinals.is_empty() {
            self.rejected_in_a_row = 0;
        }
        self.to_write.push(match first_ordinals {
            Some(ordinals) => ToWriter::First(ChunkResult { ordinals, rows, rejected, failed }),
            None => ToWriter::Late(RetryResult { ordinals, rows, rejected, failed }),
        });
        self.log_accounts_to_retry(&to_retry);
        let mut undecided = Vec::new();
        for (account, reason) in to_retry {
            // One account may be to blame for what the response does not say of others: none is given up for it before it has
            // been requested alone. A code of its own, in turn, is its own.
            if accounts > 1 && reason.code.is_none() && self.is_last_try(&account) {
                undecided.push(account);
                continue;
            }
            let jitter = self.random.f64();
            self.schedule_retry(account, reason, jitter, now)?;
        }
        if !undecided.is_empty() {
            self.push_halves(undecided, "the response does not decide these accounts");
        }
        if !to_split.is_empty() {
            self.push_halves(to_split, "markers and unanswered accounts do not match in number");
        }
        Ok(())
    }

    fn log_accounts_to_retry(&mut self, again: &[(Account, Reason)]) {
        let mut with_tries_left =
            again.iter().filter(|(account, _)| !self.is_last_try(account)).peekable();
        let Some((_, reason)) = with_tries_left.peek() else { return };
        let (reason, accounts) = (reason.to_string(), with_tries_left.count());
        (self.observer)(Event::AccountsFailed { accounts, reason });
    }

    /// Whether the attempt that has just failed was the account's last.
    pub fn is_last_try(&self, account: &Account) -> bool {
        account.attempts + 1 >= self.settings.retry.max_attempts
    }

    fn probe_ended(
        &mut self,
        settled: Result<ProcessedResponse, ChunkError>,
        context: CallContext,
    ) -> Result<(), RunError> {
        let now = context.ended_at;
        let failure = match settled {
            Ok(_) => None,
            Err(ChunkError::Failed(call)) => match call.failure.class_after(1) {
                Class::Retry if self.is_hopeless(&call.failure) => {
                    return Err(RunError::Unreachable(call.failure));
                }
                Class::Retry => Some(call.failure),
                Class::Fatal if call.needs_confirmation => {
                    if self.outage.confirm_refusal() {
                        return Err(RunError::Refused(call.failure));
                    }
                    Some(call.failure)
                }
                // The service is there, and says something else that counts for the whole run.
                Class::Fatal | Class::Throttle => {
                    let calls = self.outage.call_succeeded();
                    self.record_attempts(calls, now)?;
                    self.end_outage(now)?;
                    return self.handle_call_failure(*call, context);
                }
                Class::BadBatch | Class::Permanent => None,
            },
            Err(ChunkError::Bug(error)) => return Err(RunError::Rows(error)),
        };
        let Some(failure) = failure else { return self.end_outage(now) };
        match self.outage.probe_ended(false, now) {
            ProbeVerdict::OutageStarted(calls) => {
                (self.observer)(Event::OutageStarted { reason: failure.to_string() });
                self.requeued.extend(calls.into_iter().map(|call| call.chunk));
            }
            ProbeVerdict::PatienceEnded => {
                return Err(RunError::Outage { last_failure: failure.to_string() });
            }
            ProbeVerdict::OutageContinues
            | ProbeVerdict::OutageEnded(_)
            | ProbeVerdict::NoOutage(_) => {}
        }
        Ok(())
    }

    fn end_outage(&mut self, now: Duration) -> Result<(), RunError> {
        match self.outage.probe_ended(true, now) {
            ProbeVerdict::NoOutage(calls) => self.record_attempts(calls, now)?,
            ProbeVerdict::OutageEnded(duration) => {
                (self.observer)(Event::OutageEnded { duration });
            }
            _ => {}
        }
        Ok(())
    }

    /// Decides by the class of a failure.
    fn handle_call_failure(
        &mut self,
        call: FailedCall,
        context: CallContext,
    ) -> Result<(), RunError> {
        let FailedCall { chunk, failure, needs_confirmation } = call;
        let now = context.ended_at;
        if failure.needs_renewed_signature() && self.renew(context.sig_generation, &failure) {
            if !context.is_probe {
                self.requeued.push_front(chunk);
            }
            return Ok(());
        }
        let tries = failure.code().map_or(0, |code| chunk.min_times_in_a_row(code)) + 1;
        let class = match class_of(&failure, tries) {
            // Where others are answered, too large an answer for one account is no fault of the account's.
            Class::BadBatch
                if failure.is_too_large()
                    && chunk.accounts.len() == 1
                    && self.answered_account.is_some() =>
            {
                Class::Retry
            }
            class => class,
        };
        match class {
            Class::Fatal if needs_confirmation && !context.is_probe => {
                self.facts.failed += 1;
                let call = FailedCall { chunk, failure, needs_confirmation };
                self.outage.call_refused(call, now);
            }
            Class::Fatal => return Err(RunError::Refused(failure)),
            Class::Throttle => {
                self.slow_down(&failure, context)?;
                if !context.is_probe {
                    self.requeued.push_front(chunk);
                }
            }
            _ if context.is_probe => {}
            Class::Retry if self.is_hopeless(&failure) => {
                self.facts.failed += 1;
                let call = FailedCall { chunk, failure, needs_confirmation };
                self.outage.call_refused(call, now);
            }
            Class::Retry => {
                self.facts.failed += 1;
                let call = FailedCall { chunk, failure, needs_confirmation };
                self.outage.call_failed(call, now);
            }
            Class::BadBatch | Class::Permanent => {
                let calls = self.outage.call_succeeded();
                self.record_attempts(calls, now)?;
                self.bisect(chunk, &failure)?;
            }
        }
        Ok(())
    }

    /// A pause that the service asks for, but no longer than the run has patience.
    fn within_patience(&self, pause: Duration, now: Duration) -> Duration {
        let patience_ends =
            self.got_through_at.unwrap_or_default() + self.settings.retry.outage_patience;
        pause.min(patience_ends.saturating_sub(now))
    }

    /// Whether waiting for the service is of no use: nothing has ever got through, and only a person can fix why. Confirmed
    /// by a probe, since that one may go to the backup host.
    fn is_hopeless(&self, failure: &CallFailure) -> bool {
        self.got_through_at.is_none() && failure.is_permanent()
    }

    /// Whether the call may be made again because the UserSig is, or by now has been, signed anew.
    fn renew(&mut self, refused: SigGeneration, failure: &CallFailure) -> bool {
        if refused < self.service.sig_generation() {
            return true;
        }
        if self.renewal_failed || !self.service.resign() {
            return false;
        }
        self.renewal_failed = true;
        (self.observer)(Event::UserSigRenewed { reason: failure.to_string() });
        true
    }

    fn slow_down(&mut self, failure: &CallFailure, context: CallContext) -> Result<(), RunError> {
        self.facts.throttled += 1;
        let now = context.ended_at;
        let lock = match failure {
            CallFailure::Refused { rule, .. } => rule.min_pause,
            CallFailure::Transport(_) | CallFailure::Unusable { .. } => Duration::ZERO,
        };
        let is_lock = !lock.is_zero();
        if lock > self.within_patience(lock, now) {
            return Err(RunError::Outage { last_failure: failure.to_string() });
        }
        let pause = self.within_patience(lock.max(context.retry_after.unwrap_or_default()), now);
        let is_new = self.throttle.slow_down(context.called_at, now, pause);
        if !is_new {
            return Ok(());
        }
        if is_lock && std::mem::replace(&mut self.paused_by_code, true) {
            return Err(RunError::Refused(failure.clone()));
        }
        if now - self.got_through_at.unwrap_or_default() >= self.settings.retry.outage_patience {
            return Err(RunError::Outage { last_failure: failure.to_string() });
        }
        let share = self.throttle.share();
        self.set_share(share);
        (self.observer)(Event::Throttled { share, reason: failure.to_string() });
        Ok(())
    }
}

/// Whether a failed call is made again, be it only to confirm the failure.
fn may_be_retried(call: &FailedCall) -> bool {
    match call.failure.class_after(0) {
        Class::Retry => true,
        Class::Fatal => call.needs_confirmation,
        Class::Throttle | Class::BadBatch | Class::Permanent => false,
    }
}

/// How a call counts.
fn outcome_of(settled: &Result<ProcessedResponse, ChunkError>) -> CallOutcome {
    match settled {
        Err(ChunkError::Failed(call)) if call.failure.class_after(0) == Class::Throttle => {
            CallOutcome::Throttled
        }
        Err(ChunkError::Failed(call)) => CallOutcome::Failed(call.failure.code()),
        // Rows that cannot be put together are no fault of the call's.
        Ok(_) | Err(ChunkError::Bug(_)) => CallOutcome::Success,
    }
}

/// The class of a failure. Throttling stays throttling: its pauses are counted, not its calls, of which many may have been
/// on their way.
fn class_of(failure: &CallFailure, tries: u32) -> Class {
    match failure.class_after(0) {
        Class::Throttle => Class::Throttle,
        _ => failure.class_after(tries),
    }
}
