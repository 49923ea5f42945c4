//! Whether this process still holds the lease, as far as it knows without a request.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a lease that was seen to be held counts as held: less than another run waits before it takes it over.
const FRESH_FOR: Duration = Duration::from_secs(30);

/// What is known of the lease of this process.
#[derive(Debug, Default)]
pub struct Holding {
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
        let confirmed_at = *self.confirmed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |at: Duration| Some(now()?.saturating_sub(at));
        confirmed_at.and_then(since).is_some_and(|since| since < FRESH_FOR)
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
    }
}
