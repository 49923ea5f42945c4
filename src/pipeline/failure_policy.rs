//! What to do about a failure: pure functions of the failure and of what the run knows. The dispatcher only carries the
//! actions out.

use std::time::Duration;

use super::response_processor::{FailedCall, refusal_category};
use crate::api::error_codes::Class;
use crate::api::outcome::CallFailure;
use crate::snapshot::sidecars::Category;

/// Accounts rejected one after another, before any row, that show the request itself to be at fault: continuing would
/// only use quota for every account of the list.
const MAX_REJECTED_IN_A_ROW: u32 = 20;

/// Probes that must be refused before a refusal stops the run that may come from a gateway or concern single accounts: a
/// gateway that restarts or is one of several refuses calls temporarily.
pub const CONFIRMING_PROBES: u32 = 3;

/// What to do after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Resend the chunk: its UserSig has been replaced since the call.
    Resend,
    /// Renew the UserSig and resend the chunk. If that fails, decide again with [`Signature::NotRenewable`].
    RenewSignature,
    /// Slow down, make no call for `pause`, and resend the chunk. `is_lock`: the code itself requires the pause.
    Throttle { pause: Duration, is_lock: bool },
    /// Keep the chunk until later calls show whether this is an outage. `probe_next`: the next call is a probe.
    HoldBack { probe_next: bool },
    /// Request the halves of the chunk separately.
    Split,
    /// Record the only account of the chunk as failed.
    FailAccount(Category),
    /// Start or extend an outage, because the probe failed. `is_refusal`: it was refused and confirms an earlier refusal.
    ExtendOutage { is_refusal: bool },
    /// End the outage: the probe reached the service, and its account needs no response.
    EndOutage,
    /// Stop the run.
    Stop(StopReason),
}

/// Why a run stops for a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The service refused the call in a way that no retry fixes.
    Refused,
    /// Several probes confirmed a refusal.
    RefusalConfirmed,
    /// The service rejects one account after another.
    RejectsEverything,
    /// The service cannot be reached, and waiting does not fix that.
    Unreachable,
    /// No call succeeded for `retry.outage_patience`, or a pause would exceed it.
    PatienceEnded,
}

impl Action {
    /// Whether the failure of a probe shows that the service is reachable.
    pub fn shows_reachable(self) -> bool {
        use StopReason::{RefusalConfirmed, Unreachable};
        !matches!(self, Action::ExtendOutage { .. } | Action::Stop(RefusalConfirmed | Unreachable))
    }
}

/// The state of the UserSig of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// It has been replaced since the call.
    Replaced,
    /// It can be renewed.
    Renewable,
    /// It cannot be renewed, or the renewed one was refused too.
    NotRenewable,
}

/// What the run knows when a call fails.
#[derive(Debug, Clone, Copy)]
pub struct History {
    /// Whether the call is a probe.
    pub is_probe: bool,
    /// The UserSig of the call.
    pub signature: Signature,
    /// The [`named_pause`] of the call, or zero.
    pub named_pause: Duration,
    /// Whether any call has succeeded.
    pub has_succeeded: bool,
    /// Whether any account is known to have a row.
    pub has_responsive_account: bool,
    /// What is left of `retry.outage_patience`, counted from the last success.
    pub patience_left: Duration,
    /// Whether the call was already in flight at the last slow-down.
    pub was_in_flight_at_slow_down: bool,
    /// Whether the service has locked the client since the last success.
    pub was_locked: bool,
    /// Probes that were refused in a row.
    pub refused_probes: u32,
    /// Accounts rejected in a row, without a row between them.
    pub rejected_in_a_row: u32,
}

/// Decides what to do after a failed call.
pub fn failure_policy(call: &FailedCall, history: &History) -> Action {
    // It would be cut short, and the call made too early.
    if history.named_pause > history.patience_left {
        return Action::Stop(StopReason::PatienceEnded);
    }
    if history.is_probe
        && let Some(action) = outage_action(call, history)
    {
        return action;
    }
    if call.failure.needs_renewed_signature() {
        match history.signature {
            Signature::Replaced => return Action::Resend,
            Signature::Renewable => return Action::RenewSignature,
            Signature::NotRenewable => {}
        }
    }
    match class_of(call, history) {
        Class::Fatal if call.needs_confirmation && !history.is_probe => {
            Action::HoldBack { probe_next: true }
        }
        Class::Fatal => Action::Stop(StopReason::Refused),
        Class::Throttle => throttle_action(call, history),
        _ if history.is_probe => Action::EndOutage,
        // A probe confirms a failure that waiting does not fix, because it may use the backup host.
        Class::Retry => Action::HoldBack { probe_next: is_hopeless(call, history) },
        Class::BadBatch | Class::Permanent => rejection_action(call, history),
    }
}

/// The pause that the service names for a failed call, by `retry_after` or by its code: `None` if it names none, or the
/// call is not retried.
pub fn named_pause(call: &FailedCall, retry_after: Option<Duration>) -> Option<Duration> {
    let is_retried = match call.failure.class_after(0) {
        Class::Retry | Class::Throttle => true,
        Class::Fatal => call.needs_confirmation,
        Class::BadBatch | Class::Permanent => false,
    };
    let pause = retry_after.unwrap_or_default().max(lock_of(&call.failure));
    Some(pause).filter(|pause| is_retried && !pause.is_zero())
}

/// The pause that the code of a failure requires.
fn lock_of(failure: &CallFailure) -> Duration {
    match failure {
        CallFailure::Refused { rule, .. } => rule.min_pause,
        CallFailure::Transport(_) | CallFailure::Unusable { .. } => Duration::ZERO,
    }
}

/// The action if the failure of a probe leaves open whether the service is reachable, or shows nothing else.
fn outage_action(call: &FailedCall, history: &History) -> Option<Action> {
    let is_confirmed = history.refused_probes + 1 >= CONFIRMING_PROBES;
    match call.failure.class_after(1) {
        Class::Retry if is_hopeless(call, history) => Some(Action::Stop(StopReason::Unreachable)),
        Class::Retry => Some(Action::ExtendOutage { is_refusal: false }),
        Class::Fatal if call.needs_confirmation && is_confirmed => {
            Some(Action::Stop(StopReason::RefusalConfirmed))
        }
        Class::Fatal if call.needs_confirmation => Some(Action::ExtendOutage { is_refusal: true }),
        Class::Fatal | Class::Throttle => None,
        Class::BadBatch | Class::Permanent => Some(Action::EndOutage),
    }
}

/// Whether no call has ever succeeded and only a person can fix why.
fn is_hopeless(call: &FailedCall, history: &History) -> bool {
    !history.has_succeeded && call.failure.is_permanent()
}

fn class_of(call: &FailedCall, history: &History) -> Class {
    let FailedCall { chunk, failure, .. } = call;
    // Throttling stays throttling: its pauses are counted, not its calls, of which many may have been in flight.
    if failure.class_after(0) == Class::Throttle {
        return Class::Throttle;
    }
    let tries = failure.code().map_or(0, |code| chunk.min_times_in_a_row(code)) + 1;
    match failure.class_after(tries) {
        // If other accounts get responses, one that is too large for a single account may be temporary.
        Class::BadBatch
            if failure.is_too_large()
                && chunk.accounts.len() == 1
                && history.has_responsive_account =>
        {
            Class::Retry
        }
        class => class,
    }
}

fn throttle_action(call: &FailedCall, history: &History) -> Action {
    let is_lock = !lock_of(&call.failure).is_zero();
    let is_new = !history.was_in_flight_at_slow_down;
    if is_new && is_lock && history.was_locked {
        Action::Stop(StopReason::Refused)
    } else if is_new && history.patience_left.is_zero() {
        Action::Stop(StopReason::PatienceEnded)
    } else {
        Action::Throttle { pause: history.named_pause, is_lock }
    }
}

fn rejection_action(call: &FailedCall, history: &History) -> Action {
    if call.chunk.accounts.len() > 1 {
        return Action::Split;
    }
    let is_not_found =
        matches!(&call.failure, CallFailure::Refused { rule, .. } if rule.is_not_found());
    let is_one_too_many = history.rejected_in_a_row + 1 >= MAX_REJECTED_IN_A_ROW;
    if !is_not_found && is_one_too_many && !history.has_responsive_account {
        return Action::Stop(StopReason::RejectsEverything);
    }
    Action::FailAccount(refusal_category(is_not_found))
}

/// What to do about an account whose attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountAction {
    /// Request it again after a backoff.
    Retry,
    /// Request it again in a smaller chunk.
    Split,
    /// Record it as failed.
    Fail,
}

/// Decides what to do about an account whose attempt failed. `is_own_failure`: whether the service attributes the failure
/// to this account; otherwise another one of its chunk may be the cause, and it fails only after a call of its own.
pub fn account_policy(
    is_last_attempt: bool,
    was_alone: bool,
    is_own_failure: bool,
) -> AccountAction {
    match is_last_attempt {
        false => AccountAction::Retry,
        true if was_alone || is_own_failure => AccountAction::Fail,
        true => AccountAction::Split,
    }
}

#[cfg(test)]
mod tests;
