//! Carries out what the failure policy decides about failed calls.

use std::time::Duration;

use jiff::Timestamp;

use super::dispatch::Dispatcher;
use super::events::Event;
use super::failure_policy::{Action, History, Signature, StopReason, failure_policy};
use super::rate::outage::ProbeVerdict;
use super::rate::throttle::ThrottledCall;
use super::response_processor::{FailedCall, Reason};
use super::sink::Sink;
use super::{RunError, Service, StopCause};
use crate::api::outcome::CallFailure;
use crate::api::signer::SigGeneration;
use crate::snapshot::sidecars::Category;

/// What is known about an ended call beside its outcome.
#[derive(Clone, Copy)]
pub struct CallContext {
    pub called_at: Duration,
    pub ended_at: Duration,
    pub sig_generation: SigGeneration,
    /// The pause that the service names.
    pub named_pause: Option<Duration>,
    pub is_probe: bool,
}

impl<S: Service, K: Sink> Dispatcher<S, K> {
    /// Carries out what the failure policy decides about a failed call.
    pub fn call_failed(&mut self, call: FailedCall, context: CallContext) -> Result<(), RunError> {
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
            Action::HoldBack { probe_next } => match probe_next {
                true => self.rate.outage.call_refused(call, now),
                false => self.rate.outage.call_failed(call, now),
            },
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
            named_pause: context.named_pause.unwrap_or_default(),
            has_succeeded: self.history.has_succeeded(),
            has_responsive_account: self.history.responsive_account.is_some(),
            patience_left: self.patience_left(context.ended_at),
            was_in_flight_at_slow_down: self.rate.was_in_flight_at_slow_down(context.called_at),
            was_locked: self.history.was_locked,
            refused_probes: self.rate.outage.refused_probes(),
            rejected_in_a_row: self.history.rejected_in_a_row,
        }
    }

    /// What is left of `retry.outage_patience`.
    pub fn patience_left(&self, now: Duration) -> Duration {
        self.settings.retry.outage_patience.saturating_sub(self.history.failing_for(now))
    }

    fn renew_signature(&mut self, failure: &CallFailure) -> bool {
        let is_renewed = self.calls.service().renew_signature();
        if is_renewed {
            self.history.was_renewed = true;
            self.history.renewal_reason = Some(failure.to_string());
            if self.history.has_succeeded() {
                self.report_renewal();
            }
        }
        is_renewed
    }

    /// Reports that the UserSig was renewed: before the first success only once the new one is accepted, since a wrong key
    /// is refused in the same way.
    pub fn report_renewal(&mut self) {
        if let Some(reason) = self.history.renewal_reason.take() {
            self.emit(Event::UserSigRenewed { reason });
        }
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
        let CallContext { called_at, ended_at, .. } = context;
        self.history.was_locked |= is_lock && !self.rate.was_in_flight_at_slow_down(called_at);
        let longest_pause = self.patience_left(ended_at);
        let call = ThrottledCall { called_at, ended_at, pause, longest_pause };
        if let Some(share) = self.rate.call_throttled(call) {
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
                self.emit(Event::OutageStarted {
                    reason: failure.to_string(),
                    has_response: failure.has_response(),
                });
                for call in calls {
                    self.work.requeue_last(call.chunk);
                }
            }
            ProbeVerdict::PatienceEnded => return Err(self.outage_error(failure.clone(), now)),
            ProbeVerdict::OutageContinues
            | ProbeVerdict::OutageEnded(_)
            | ProbeVerdict::NoOutage(_) => {}
        }
        Ok(())
    }

    /// A probe has succeeded, or has shown that the service is reachable.
    pub fn end_outage(&mut self, now: Duration) -> Result<(), RunError> {
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
            StopReason::PatienceEnded => self.outage_error(failure, now),
        }
    }

    /// Why a run ends that `cause` has asked to stop. A deadline that is reached in an outage may be long enough.
    pub fn stopped(&self, cause: StopCause) -> RunError {
        let is_outage = self.rate.outage.is_declared() || !self.history.has_succeeded();
        match (cause, &self.history.last_failure) {
            (StopCause::Deadline(deadline), Some(failure)) if is_outage => {
                let now = self.now();
                RunError::DeadlineInOutage {
                    deadline,
                    last_failure: Box::new(failure.clone()),
                    calls: self.history.failed_calls,
                    since: self.failing_since(now),
                    paused_until: self.paused_until(now),
                }
            }
            _ => RunError::Stopped(cause),
        }
    }

    fn outage_error(&self, last_failure: CallFailure, now: Duration) -> RunError {
        RunError::Outage {
            paused_until: self.paused_until(now),
            last_failure: Box::new(last_failure),
            calls: self.history.failed_calls,
            elapsed: self.history.failing_for(now),
            since: self.failing_since(now),
            patience: self.settings.retry.outage_patience,
        }
    }

    /// The time of the first call that has failed since the last success.
    fn failing_since(&self, now: Duration) -> Timestamp {
        let wall_clock = (self.context.wall_clock)();
        wall_clock.checked_sub(self.history.failing_for(now)).unwrap_or(wall_clock)
    }

    fn paused_until(&self, now: Duration) -> Option<Timestamp> {
        let left = self.history.paused_until?.checked_sub(now)?;
        (self.context.wall_clock)().checked_add(left).ok()
    }
}
