//! The response to throttling by the service: slow down at once, speed up step by step (pure).
//!
//! Times are durations since the start of the run and are passed in.

use std::time::Duration;

/// The factor of a slow-down.
const SLOW_DOWN_SHARE: f64 = 0.5;

/// The lowest share of the limit.
const LOWEST_SHARE: f64 = 1.0 / 64.0;

/// How long without throttling before each step up.
const STEP_UP_AFTER: Duration = Duration::from_millis(500);

/// The share of the limit that a step up restores.
const STEP_UP_SHARE: f64 = 0.05;

/// The current rate relative to the limit.
#[derive(Debug)]
pub struct Throttle {
    share: f64,
    /// When the share changed last; after a slow-down, the end of its pause.
    changed_at: Duration,
    /// When the last slow-down was.
    slowed_at: Option<Duration>,
    paused_until: Duration,
}

impl Default for Throttle {
    fn default() -> Self {
        Throttle {
            share: 1.0,
            changed_at: Duration::ZERO,
            slowed_at: None,
            paused_until: Duration::ZERO,
        }
    }
}

impl Throttle {
    /// The full share after an initial pause.
    pub fn starting_at(paused_until: Duration) -> Throttle {
        Throttle { paused_until, ..Throttle::default() }
    }

    /// Allows no call before `time`.
    pub fn pause_until(&mut self, time: Duration) {
        self.paused_until = self.paused_until.max(time);
    }

    /// Slows down because a call made at `called_at` was throttled, and allows no call for `pause`. Returns `false` if the
    /// call was already in flight at the last slow-down and thus changes nothing.
    pub fn slow_down(&mut self, called_at: Duration, now: Duration, pause: Duration) -> bool {
        self.paused_until = self.paused_until.max(now + pause);
        if self.was_in_flight_at_slow_down(called_at) {
            return false;
        }
        self.share = (self.share * SLOW_DOWN_SHARE).max(LOWEST_SHARE);
        self.slowed_at = Some(now);
        self.changed_at = self.paused_until;
        true
    }

    /// Whether a call made at `called_at` was in flight at the last slow-down.
    pub fn was_in_flight_at_slow_down(&self, called_at: Duration) -> bool {
        self.slowed_at.is_some_and(|slowed_at| called_at <= slowed_at)
    }

    /// Whether the service has throttled any call.
    pub fn has_slowed_down(&self) -> bool {
        self.slowed_at.is_some()
    }

    /// Speeds up by the steps that are due; returns whether the share has changed.
    pub fn recover(&mut self, now: Duration) -> bool {
        let before = self.share;
        while self.share < 1.0 && now >= self.changed_at + STEP_UP_AFTER {
            self.share = (self.share + STEP_UP_SHARE).min(1.0);
            self.changed_at += STEP_UP_AFTER;
        }
        self.share > before
    }

    /// The share of the limit, in 0..=1, 0 excluded.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// The time before which no call may be made.
    pub fn paused_until(&self) -> Duration {
        self.paused_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn calls_in_flight_at_a_slow_down_cause_no_further_one() {
        let mut throttle = Throttle::default();
        assert!(throttle.slow_down(seconds(1), seconds(2), Duration::ZERO));
        assert!(!throttle.slow_down(seconds(2), seconds(2), Duration::ZERO));
        assert_eq!(throttle.share(), 0.5);
        assert!(throttle.slow_down(seconds(3), seconds(3), Duration::ZERO));
        assert_eq!(throttle.share(), 0.25);
    }

    #[test]
    fn the_share_has_a_lower_bound_and_recovers_in_steps() {
        let mut throttle = Throttle::default();
        for second in 1..100 {
            throttle.slow_down(seconds(second), seconds(second), Duration::ZERO);
        }
        assert_eq!(throttle.share(), LOWEST_SHARE);
        let mut shares = Vec::new();
        for half_second in 0..60 {
            if throttle.recover(seconds(99) + Duration::from_millis(500 * half_second)) {
                shares.push(throttle.share());
            }
        }
        assert!(shares.windows(2).all(|pair| pair[1] > pair[0] && pair[1] - pair[0] < 0.051));
        assert_eq!(shares.last(), Some(&1.0));
    }

    #[test]
    fn recovery_starts_after_the_longest_pause() {
        let mut throttle = Throttle::default();
        throttle.slow_down(seconds(1), seconds(1), seconds(60));
        throttle.slow_down(seconds(1), seconds(2), seconds(5));
        assert_eq!(throttle.paused_until(), seconds(61));
        assert!(!throttle.recover(seconds(61)));
        assert!(throttle.recover(seconds(62)));
    }
}
