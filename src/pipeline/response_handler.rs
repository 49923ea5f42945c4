//! Handles calls that have ended: passes rows on, and carries out what the failure policy decides.

use std::ops::Range;
use std::time::Duration;

use super::calls::EndedCall;
use super::chunk::Account;
use super::dispatch::Dispatcher;
use super::events::{CallOutcome, Event};
use super::failure_policy::{
    Action, History, Signature, StopReason, failure_policy, requested_pause,
};
use super::rate::outage::ProbeVerdict;
use super::response_processor::{ChunkError, FailedCall, ProcessedResponse, Reason};
use super::sink::{Sink, SinkMessage};
use super::{RunError, Service};
use crate::api::client::CallResult;
use crate::api::error_codes::Class;
use crate::api::outcome::CallFailure;
use crate::api::signer::SigGeneration;
use crate::snapshot::sidecars::Category;
use crate::snapshot::snapshot_writer::{ChunkResult, RetryResult};

/// What is known about an ended call beside its outcome.
#[derive(Clone, Copy)]
struct CallContext {
    called_at: Duration,
    ended_at: Duration,
    sig_generation: SigGeneration,
    retry_after: Option<Duration>,
    is_probe: bool,
}

impl<S: Service, K: Sink> Dispatcher<'_, S, K> {
    /// Handles a call that has ended.
    pub fn call_ended(&mut self, ended: EndedCall) -> Result<(), RunError> {
        let now = self.now();
        let EndedCall { chunk, reply, called_at, is_probe } = ended;
        let first_ordinals = chunk.is_first.then(|| chunk.ordinals());
        let first_account = chunk.accounts.first().cloned();
        let accounts = chunk.accounts.len();
        let CallResult { body, sig_generation, retry_after, .. } = reply;
        let context =
            CallContext { called_at, ended_at: now, sig_generation, retry_after, is_probe };
        let processed = match body {
            Ok(body) => self.processor.process(chunk, &body, (self.context.wall_clock)()),
            Err(failure) => Err(ChunkError::failed(chunk, failure)),
        };
        if let Err(ChunkError::Failed(call)) = &processed {
            self.history.failed_calls += 1;
            self.honor_retry_after(call, &context);
        }
        let outcome = call_outcome(&processed);
        if outcome == CallOutcome::Throttled {
            self.stats.record_throttled_call();
        }
        self.emit(Event::CallEnded { called_at, latency: now - called_at, outcome });
        match processed {
            Err(ChunkError::Bug(error)) => Err(RunError::Rows(error)),
            Err(ChunkError::Failed(call)) => self.call_failed(*call, context),
            Ok(_) if is_probe => self.end_outage(now),
            Ok(response) => {
                self.history.record_success(now);
                let held_back = self.rate.outage.call_succeeded();
                self.record_attempts(held_back, now)?;
                if self.history.responsive_account.is_none() {
                    self.history.responsive_account = first_account
                        .filter(|account| response.ordinals.first() == Some(&account.ordinal));
                }
                self.response_received(first_ordinals, accounts, response, now);
                Ok(())
            }
        }
    }

    /// Passes on what a response for so many `accounts` decides, and schedules the other accounts.
    fn response_received(
        &mut self,
        first_ordinals: Option<Range<u64>>,
        accounts: usize,
        response: ProcessedResponse,
        now: Duration,
    ) {
        let ProcessedResponse {
            rows,
            ordinals,
            rejected,
            failed,
            to_retry,
            to_split,
            was_not_utf8,
        } = response;
        if was_not_utf8 {
            self.emit(Event::ResponseNotUtf8);
        }
        if !ordinals.is_empty() {
            self.history.rejected_in_a_row = 0;
        }
        self.push(match first_ordinals {
            Some(ordinals) => SinkMessage::First(ChunkResult { ordinals, rows, rejected, failed }),
            None => SinkMessage::Late(RetryResult { ordinals, rows, rejected, failed }),
        });
        self.report_accounts_to_retry(&to_retry);
        self.retry_undecided(to_retry, accounts, now);
        if !to_split.is_empty() {
            let reason = "markers and unanswered accounts do not match in number";
            self.requeue_halves(to_split, reason.to_owned());
        }
    }

    fn report_accounts_to_retry(&mut self, to_retry: &[(Account, Reason)]) {
        let mut with_attempts_left =
            to_retry.iter().filter(|(account, _)| !self.is_last_attempt(account)).peekable();
        let Some((_, reason)) = with_attempts_left.peek() else { return };
        let (reason, accounts) = (reason.to_string(), with_attempts_left.count());
        self.emit(Event::AccountsFailed { accounts, reason });
    }

    fn honor_retry_after(&mut self, call: &FailedCall, context: &CallContext) {
        let now = context.ended_at;
        let patience_left = self.patience_left(now);
        if let Some(pause) = requested_pause(call, context.retry_after, patience_left) {
            self.rate.pause_until(now + pause);
            self.emit(Event::PausedByService { pause, reason: call.failure.to_string() });
        }
    }

    fn call_failed(&mut self, call: FailedCall, context: CallContext) -> Result<(), RunError> {
        let now = context.ended_at;
        let mut history = self.history_of(&context);
        let mut action = failure_policy(&call, &history);
        if context.is_probe && action.shows_reachable() {
            self.end_outage(now)?;
        }
        if action == Action::RenewSignature && !self.renew_signature(&call.failure) {
            history.signature = Signature::NotRenewable;
            action = failure_policy(&call, &history);
        }
        match action {
            Action::Resend | Action::RenewSignature => self.resend(call, context),
            Action::Throttle { pause, is_lock } => {
                self.slow_down(&call.failure, context, pause, is_lock);
                self.resend(call, context);
            }
            Action::HoldBack { probe_next } => {
                self.stats.record_failed_call();
                match probe_next {
                    true => self.rate.outage.call_refused(call, now),
                    false => self.rate.outage.call_failed(call, now),
                }
            }
            Action::Split => {
                self.service_rejected(&call, now)?;
                self.requeue_halves(call.chunk.accounts, call.failure.to_string());
            }
            Action::FailAccount(category) => {
                self.service_rejected(&call, now)?;
                if category != Category::NotFound {
                    self.history.rejected_in_a_row += 1;
                }
                let FailedCall { chunk, failure, .. } = call;
                let reason = Reason { category, code: failure.code(), info: failure.info() };
                for account in chunk.accounts {
                    self.fail_account(account, reason.clone());
                }
            }
            Action::ExtendOutage { is_refusal } => {
                return self.extend_outage(&call.failure, is_refusal, now);
            }
            Action::EndOutage => {}
            Action::Stop(reason) => return Err(self.stop_error(reason, call.failure, now)),
        }
        Ok(())
    }

    fn history_of(&self, context: &CallContext) -> History {
        let signature = if context.sig_generation < self.calls.service().sig_generation() {
            Signature::Replaced
        } else if self.history.was_renewed {
            Signature::NotRenewable
        } else {
            Signature::Renewable
        };
        History {
            is_probe: context.is_probe,
            signature,
            retry_after: context.retry_after.unwrap_or_default(),
            has_succeeded: self.history.has_succeeded(),
            has_responsive_account: self.history.responsive_account.is_some(),
            patience_left: self.patience_left(context.ended_at),
            was_in_flight_at_slow_down: self.rate.was_in_flight_at_slow_down(context.called_at),
            was_locked: self.history.was_locked,
            refused_probes: self.rate.outage.refused_probes(),
            rejected_in_a_row: self.history.rejected_in_a_row,
        }
    }

    fn patience_left(&self, now: Duration) -> Duration {
        self.settings.retry.outage_patience.saturating_sub(self.history.since_success(now))
    }

    fn renew_signature(&mut self, failure: &CallFailure) -> bool {
        let is_renewed = self.calls.service().renew_signature();
        if is_renewed {
            self.history.was_renewed = true;
            self.emit(Event::UserSigRenewed { reason: failure.to_string() });
        }
        is_renewed
    }

    /// Sends a chunk again, unless it was that of a probe.
    fn resend(&mut self, call: FailedCall, context: CallContext) {
        if !context.is_probe {
            self.work.requeue_first(call.chunk);
        }
    }

    fn slow_down(
        &mut self,
        failure: &CallFailure,
        context: CallContext,
        pause: Duration,
        is_lock: bool,
    ) {
        let share = self.rate.slow_down(context.called_at, context.ended_at, pause);
        if let Some(share) = share {
            self.history.was_locked |= is_lock;
            self.emit(Event::Throttled { share, reason: failure.to_string() });
        }
    }

    /// The service is reachable and rejects a chunk: earlier failures were not an outage.
    fn service_rejected(&mut self, call: &FailedCall, now: Duration) -> Result<(), RunError> {
        let held_back = self.rate.outage.call_succeeded();
        self.record_attempts(held_back, now)?;
        self.skip_reserved_slot(&call.chunk)
    }

    fn extend_outage(
        &mut self,
        failure: &CallFailure,
        is_refusal: bool,
        now: Duration,
    ) -> Result<(), RunError> {
        if is_refusal {
            self.rate.outage.count_refused_probe();
        }
        match self.rate.outage.probe_ended(false, now) {
            ProbeVerdict::OutageStarted(calls) => {
                self.emit(Event::OutageStarted { reason: failure.to_string() });
                for call in calls {
                    self.work.requeue_last(call.chunk);
                }
            }
            ProbeVerdict::PatienceEnded => return Err(self.outage_error(failure, now)),
            ProbeVerdict::OutageContinues
            | ProbeVerdict::OutageEnded(_)
            | ProbeVerdict::NoOutage(_) => {}
        }
        Ok(())
    }

    fn end_outage(&mut self, now: Duration) -> Result<(), RunError> {
        match self.rate.outage.probe_ended(true, now) {
            ProbeVerdict::NoOutage(calls) => self.record_attempts(calls, now)?,
            ProbeVerdict::OutageEnded(duration) => self.emit(Event::OutageEnded { duration }),
            _ => {}
        }
        Ok(())
    }

    fn stop_error(&self, reason: StopReason, failure: CallFailure, now: Duration) -> RunError {
        match reason {
            StopReason::Refused | StopReason::RefusalConfirmed => RunError::Refused(failure),
            StopReason::RejectsEverything => RunError::RejectsEverything(failure),
            StopReason::Unreachable => RunError::Unreachable(failure),
            StopReason::PatienceEnded => self.outage_error(&failure, now),
        }
    }

    fn outage_error(&self, failure: &CallFailure, now: Duration) -> RunError {
        RunError::Outage {
            last_failure: failure.to_string(),
            calls: self.history.failed_calls,
            elapsed: self.history.since_success(now),
        }
    }
}

fn call_outcome(processed: &Result<ProcessedResponse, ChunkError>) -> CallOutcome {
    match processed {
        Err(ChunkError::Failed(call)) if call.failure.class_after(0) == Class::Throttle => {
            CallOutcome::Throttled
        }
        Err(ChunkError::Failed(call)) => CallOutcome::Failed(call.failure.code()),
        // A bug in building rows is not a failure of the call.
        Ok(_) | Err(ChunkError::Bug(_)) => CallOutcome::Success,
    }
}
