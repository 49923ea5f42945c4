//! What the calls so far show about the service.

use std::time::Duration;

use super::chunk::Account;
use crate::api::outcome::CallFailure;

/// The state that the failure policy needs beyond the failed call.
#[derive(Debug, Default)]
pub struct ServiceHistory {
    has_succeeded: bool,
    /// When the first call was made that has failed since the last success. The time before it may have passed without
    /// any call, such as while a stream was idle.
    failing_since: Option<Duration>,
    /// An account that has a row: a probe for it fails only if the service does.
    pub responsive_account: Option<Account>,
    /// Whether the UserSig has been renewed since the last success.
    pub was_renewed: bool,
    /// Whether the service has locked the client since the last success.
    pub was_locked: bool,
    /// Accounts rejected in a row, without a row between them.
    pub rejected_in_a_row: u32,
    /// Calls that have failed in a row, probes included.
    pub failed_calls: u64,
    /// How the last of them failed.
    pub last_failure: Option<CallFailure>,
    /// The end of the pause that the service names, by the responses since the last success.
    pub paused_until: Option<Duration>,
    /// Why the UserSig was renewed, until that is reported.
    pub renewal_reason: Option<String>,
}

impl ServiceHistory {
    /// A call has succeeded.
    pub fn record_success(&mut self) {
        self.has_succeeded = true;
        self.failing_since = None;
        self.was_renewed = false;
        self.was_locked = false;
        self.failed_calls = 0;
        self.last_failure = None;
        self.paused_until = None;
    }

    /// A call made at `called_at` has failed at `now`; the service names a pause.
    pub fn record_failure(
        &mut self,
        failure: &CallFailure,
        (called_at, now): (Duration, Duration),
        named_pause: Option<Duration>,
    ) {
        self.failing_since.get_or_insert(called_at);
        self.failed_calls += 1;
        self.last_failure = Some(failure.clone());
        self.paused_until = self.paused_until.max(named_pause.map(|pause| now + pause));
    }

    /// Whether any call has succeeded.
    pub fn has_succeeded(&self) -> bool {
        self.has_succeeded
    }

    /// How long calls have failed, none having succeeded.
    pub fn failing_for(&self, now: Duration) -> Duration {
        self.failing_since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }
}
