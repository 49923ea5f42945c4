//! Handles calls that have ended: passes on what their responses decide.

use std::ops::Range;
use std::time::Duration;

use super::calls::EndedCall;
use super::chunk::Account;
use super::dispatch::Dispatcher;
use super::events::{CallOutcome, Event};
use super::failure_handler::CallContext;
use super::failure_policy::named_pause;
use super::response_processor::{ChunkError, ProcessedResponse, Reason};
use super::sink::{Sink, SinkMessage};
use super::{RunError, Service};
use crate::api::client::CallResult;
use crate::api::error_codes::Class;
use crate::api::outcome::CallFailure;
use crate::snapshot::snapshot_writer::{ChunkResult, RetryResult};

impl<S: Service, K: Sink> Dispatcher<S, K> {
    /// Handles a call that has ended.
    pub fn call_ended(&mut self, ended: EndedCall) -> Result<(), RunError> {
        let now = self.now();
        let EndedCall { chunk, reply, called_at, is_probe } = ended;
        let first_ordinals = chunk.is_first.then(|| chunk.ordinals());
        let first_account = chunk.accounts.first().cloned();
        let accounts = chunk.accounts.len();
        let CallResult { body, sig_generation, retry_after, .. } = reply;
        let processed = match body {
            Ok(body) => self.processor.process(chunk, &body, (self.context.wall_clock)()),
            Err(failure) => Err(ChunkError::failed(chunk, failure)),
        };
        let named_pause = match &processed {
            Err(ChunkError::Failed(call)) => named_pause(call, retry_after),
            _ => None,
        };
        let context =
            CallContext { called_at, ended_at: now, sig_generation, named_pause, is_probe };
        if let Err(ChunkError::Failed(call)) = &processed {
            self.history.record_failure(&call.failure, (called_at, now), named_pause);
            self.keep_named_pause(&call.failure, &context);
        }
        let outcome = call_outcome(&processed);
        match outcome {
            CallOutcome::Success => {}
            CallOutcome::Throttled => self.stats.record_throttled_call(),
            CallOutcome::Failed(_) => self.stats.record_failed_call(),
        }
        // A call that failed without a code may not have reached the service.
        if matches!(outcome, CallOutcome::Success | CallOutcome::Failed(Some(_))) {
            self.rate.call_accepted(called_at, now);
        }
        self.emit(Event::CallEnded { called_at, latency: now - called_at, outcome });
        match processed {
            Err(ChunkError::Bug(error)) => Err(RunError::Rows(error)),
            Err(ChunkError::Failed(call)) => self.call_failed(*call, context),
            Ok(_) if is_probe => self.end_outage(now),
            Ok(response) => {
                self.history.record_success();
                self.report_renewal();
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
            attempts,
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
            Some(chunk) => SinkMessage::First {
                result: ChunkResult { ordinals: chunk, rows, rejected, failed },
                row_ordinals: ordinals,
            },
            None => SinkMessage::Late {
                result: RetryResult { ordinals, rows, rejected, failed },
                attempts,
            },
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

    /// Makes no call before the end of the pause that the service names. A longer one than the patience ends the run.
    fn keep_named_pause(&mut self, failure: &CallFailure, context: &CallContext) {
        let now = context.ended_at;
        let Some(pause) = context.named_pause else { return };
        if pause <= self.patience_left(now) {
            self.rate.pause_until(now + pause);
            self.emit(Event::PausedByService { pause, reason: failure.to_string() });
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
