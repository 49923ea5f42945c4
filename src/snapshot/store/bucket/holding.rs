//! Whether this process still holds the lease, as far as it knows without a request.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::snapshot::store::LeaseState;

/// How long a lease that was seen to be held counts as held: less than another run waits before it takes it over.
const FRESH_FOR: Duration = Duration::from_secs(30);

/// How long calls are made without a renewal: they end before another run takes over and makes its own.
const CALLS_FOR: Duration = Duration::from_secs(40);

/// What is known of the lease of this process.
#[derive(Debug, Default)]
pub struct Holding {
    is_at_risk: AtomicBool,
    is_lost: AtomicBool,
    /// When it was last seen to be held, since the start of the machine.
    confirmed_at: Mutex<Option<Duration>>,
}

impl Holding {
    /// The lease was held at this time.
    pub fn confirm(&self, at: Option<Duration>) {
        *self.confirmed_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Another run has it.
    pub fn lose(&self) {
        self.is_lost.store(true, Ordering::Relaxed);
    }

    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }

    /// Whether no other run can have it yet. A process that was suspended, alone or with its machine, cannot be sure.
    pub fn is_fresh(&self) -> bool {
        self.is_confirmed_within(FRESH_FOR)
    }

    fn is_confirmed_within(&self, time: Duration) -> bool {
        let confirmed_at = *self.confirmed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |at: Duration| Some(now()?.saturating_sub(at));
        confirmed_at.and_then(since).is_some_and(|since| since < time)
    }

    /// Looks at the clock, and decides whether calls may be made until the next look.
    pub fn look(&self) -> LeaseState {
        let is_at_risk = !self.is_confirmed_within(CALLS_FOR);
        self.is_at_risk.store(is_at_risk, Ordering::Relaxed);
        match (self.is_lost(), is_at_risk) {
            (true, _) => LeaseState::Lost,
            (false, true) => LeaseState::AtRisk,
            (false, false) => LeaseState::Held,
        }
    }

    /// Whether calls may be made, as of the latest look.
    pub fn may_call(&self) -> bool {
        !self.is_lost() && !self.is_at_risk.load(Ordering::Relaxed)
    }
}

/// The time since the start of the machine, during which it may have slept.
pub fn now() -> Option<Duration> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    Duration::try_from_secs_f64(uptime.split(' ').next()?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_fresh_for_half_of_the_time_that_another_run_waits() {
        let holding = Holding::default();
        assert!(!holding.is_fresh());
        let now = now().unwrap();
        holding.confirm(Some(now));
        assert!(holding.is_fresh());
        holding.confirm(Some(now.saturating_sub(FRESH_FOR)));
        assert!(!holding.is_fresh());
        assert_eq!((holding.look(), holding.may_call()), (LeaseState::Held, true));
        holding.confirm(Some(now.saturating_sub(CALLS_FOR)));
        assert_eq!((holding.look(), holding.may_call()), (LeaseState::AtRisk, false));
        holding.confirm(Some(now));
        assert_eq!((holding.look(), holding.may_call()), (LeaseState::Held, true));
        holding.lose();
        assert_eq!((holding.look(), holding.may_call()), (LeaseState::Lost, false));
    }
}
