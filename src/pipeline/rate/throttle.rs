//! What the run does when the service says "too fast": slow down at once, speed up again step by step (pure).
//!
//! Time is handed in as the duration since the run began.

use std::time::Duration;

/// The share of the limit that is kept on a slow-down.
const SLOW_DOWN_SHARE: f64 = 0.5;

/// The share below which it is no use to go.
const LOWEST_SHARE: f64 = 1.0 / 64.0;

/// How long without "too fast" before a step up.
const STEP_UP_AFTER: Duration = Duration::from_millis(500);

/// How much of the limit a step up gives back.
const STEP_UP_SHARE: f64 = 0.05;

/// How fast the client goes at present, relative to its limit.
#[derive(Debug)]
pub struct Throttle {
    share: f64,
    /// When the share was changed last.
    changed_at: Duration,
    /// When it was last slowed down.
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
    /// The full share, once a first pause is over.
    pub fn starting_at(paused_until: Duration) -> Throttle {
        Throttle { paused_until, ..Throttle::default() }
    }

    /// No call is to be made before `time`.
    pub fn pause_until(&mut self, time: Duration) {
        self.paused_until = self.paused_until.max(time);
    }

    /// Slows down after a call made at `called_at` was answered with "too fast". Calls that were already on their way
    /// when it last slowed down tell nothing new, and gives back `false` for them. No call is to be made for `pause`.
    pub fn slow_down(&mut self, called_at: Duration, now: Duration, pause: Duration) -> bool {
        self.paused_until = self.paused_until.max(now + pause);
        if self.slowed_at.is_some_and(|slowed_at| called_at <= slowed_at) {
            return false;
        }
        self.share = (self.share * SLOW_DOWN_SHARE).max(LOWEST_SHARE);
        self.slowed_at = Some(now);
        self.changed_at = self.paused_until;
        true
    }

    /// Speeds up by the steps that are due; gives back whether the share has changed.
    pub fn recover(&mut self, now: Duration) -> bool {
        let before = self.share;
        while self.share < 1.0 && now >= self.changed_at + STEP_UP_AFTER {
            self.share = (self.share + STEP_UP_SHARE).min(1.0);
            self.changed_at += STEP_UP_AFTER;
        }
        self.share > before
    }

    /// The share of the limit to keep to, 0 excluded, 1 the whole.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// No call is to be made before.
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
    fn slows_down_once_for_all_calls_that_were_on_their_way() {
        let mut throttle = Throttle::default();
        assert!(throttle.slow_down(seconds(1), seconds(2), Duration::ZERO));
        assert!(!throttle.slow_down(seconds(2), seconds(2), Duration::ZERO));
        assert_eq!(throttle.share(), 0.5);
        assert!(throttle.slow_down(seconds(3), seconds(3), Duration::ZERO));
        assert_eq!(throttle.share(), 0.25);
    }

    #[test]
    fn never_stops_altogether_and_recovers_step_by_step() {
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
    fn a_pause_is_kept_and_recovery_waits_for_its_end() {
        let mut throttle = Throttle::default();
        throttle.slow_down(seconds(1), seconds(1), seconds(60));
        throttle.slow_down(seconds(1), seconds(2), seconds(5));
        assert_eq!(throttle.paused_until(), seconds(61));
        assert!(!throttle.recover(seconds(61)));
        assert!(throttle.recover(seconds(62)));
    }
}
