//! What the calls so far show about the service.

use std::time::Duration;

use super::chunk::Account;
use crate::api::outcome::CallFailure;

/// The state that the failure policy needs beyond the failed call.
#[derive(Debug, Default)]
pub struct ServiceHistory {
    last_success_at: Option<Duration>,
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
    pub fn record_success(&mut self, now: Duration) {
        self.last_success_at = Some(now);
        self.was_renewed = false;
        self.was_locked = false;
        self.failed_calls = 0;
        self.last_failure = None;
        self.paused_until = None;
    }

    /// A call has failed; the service names a pause.
    pub fn record_failure(
        &mut self,
        failure: &CallFailure,
        now: Duration,
        named_pause: Option<Duration>,
    ) {
        self.failed_calls += 1;
        self.last_failure = Some(failure.clone());
        self.paused_until = self.paused_until.max(named_pause.map(|pause| now + pause));
    }

    /// Whether any call has succeeded.
    pub fn has_succeeded(&self) -> bool {
        self.last_success_at.is_some()
    }

    /// Time since the last success, or since the start of the run.
    pub fn since_success(&self, now: Duration) -> Duration {
        now.saturating_sub(self.last_success_at.unwrap_or_default())
    }
}
