//! When the next call may be made.
//!
//! Two things decide together. governor (GCRA) spaces calls evenly and lets a late timer catch up. A log of the last
//! second's calls makes the promise exact: no sliding second ever holds more than the limit, from the first call on.
//! Time is handed in as nanoseconds since the run began.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

/// How long a second is kept: the service counts calls as they arrive, and those that leave a second apart may arrive
/// a little closer. Costs 0.6 % of the limit.
const SECOND_WITH_MARGIN: Duration = Duration::from_millis(1006);

/// How much lateness is caught up with, as a fraction of a second's calls.
const CATCH_UP_SHARE: f64 = 0.05;

/// A late timer must be caught up with at any limit.
const LEAST_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// Decides when calls may be made, and remembers the highest second.
#[derive(Debug)]
pub struct Pace {
    limit: Option<NonZeroU32>,
    clock: HandedClock,
    spacing: Option<Spacing>,
    last_second: VecDeque<Duration>,
    highest_second: usize,
}

type Spacing = RateLimiter<NotKeyed, InMemoryState, HandedClock, NoOpMiddleware<Nanos>>;

/// A clock that shows the time it was handed.
#[derive(Debug, Clone, Default)]
struct HandedClock(Arc<AtomicU64>);

impl HandedClock {
    fn set(&self, now: Duration) {
        self.0.store(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Clock for HandedClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

impl Pace {
    /// A pace of `calls_per_second`; 0 is no limit.
    pub fn new(calls_per_second: u32) -> Pace {
        let mut pace = Pace {
            limit: NonZeroU32::new(calls_per_second),
            clock: HandedClock::default(),
            spacing: None,
            last_second: VecDeque::new(),
            highest_second: 0,
        };
        pace.set_share(1.0);
        pace
    }

    /// Slows down to a share of the limit (0 excluded, 1 is the limit itself). Without a limit the share is of the
    /// highest second so far.
    pub fn set_share(&mut self, share: f64) {
        let full = match self.limit {
            Some(limit) => f64::from(limit.get()),
            None if share >= 1.0 => {
                self.spacing = None;
                return;
            }
            None => u32::try_from(self.highest_second).map_or(f64::MAX, f64::from).max(1.0),
        };
        let calls_per_second = full * share / SECOND_WITH_MARGIN.as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let burst = (calls_per_second * CATCH_UP_SHARE) as u32;
        let burst = NonZeroU32::new(burst).map_or(LEAST_BURST, |burst| burst.max(LEAST_BURST));
        let period = Duration::from_secs_f64(1.0 / calls_per_second);
        self.spacing = Quota::with_period(period).map(|quota| {
            RateLimiter::direct_with_clock(quota.allow_burst(burst), self.clock.clone())
        });
    }

    /// Takes the right to make one call now, or says how long to wait before asking again.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        while self.last_second.front().is_some_and(|call| *call + SECOND_WITH_MARGIN <= now) {
            self.last_second.pop_front();
        }
        if let Some(limit) = self.limit
            && self.last_second.len() >= limit.get() as usize
            && let Some(oldest) = self.last_second.front()
        {
            return Err(*oldest + SECOND_WITH_MARGIN - now);
        }
        if let Some(spacing) = &self.spacing {
            self.clock.set(now);
            if let Err(not_until) = spacing.check() {
                let wait = not_until.earliest_possible().duration_since(self.clock.now());
                return Err(wait.into());
            }
        }
        self.last_second.push_back(now);
        self.highest_second = self.highest_second.max(self.last_second.len());
        Ok(())
    }

    /// Calls made in the second that ends now.
    pub fn calls_in_last_second(&self, now: Duration) -> u64 {
        let recent = |call: &&Duration| **call + Duration::from_secs(1) > now;
        self.last_second.iter().rev().take_while(recent).count() as u64
    }

    /// Most calls in any second so far.
    pub fn highest_second(&self) -> u64 {
        self.highest_second as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Most calls in any sliding second, by the exact times.
    fn exact_meter(calls: &[Duration]) -> usize {
        let mut first = 0;
        let mut highest = 0;
        for (last, at) in calls.iter().enumerate() {
            while calls[first] + Duration::from_secs(1) <= *at {
                first += 1;
            }
            highest = highest.max(last - first + 1);
        }
        highest
    }

    /// The times of calls over `seconds` when each wait ends `lateness` too late.
    fn calls_over(
        pace: &mut Pace,
        seconds: u64,
        mut lateness: impl FnMut() -> Duration,
    ) -> Vec<Duration> {
        let mut now = Duration::ZERO;
        let mut calls = Vec::new();
        while now < Duration::from_secs(seconds) {
            match pace.take(now) {
                Ok(()) => calls.push(now),
                Err(wait) => now += wait + lateness(),
            }
        }
        calls
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_sliding_second_exceeds_the_limit_and_the_limit_is_used(
            limit in 1u32..2000,
            seed: u64,
            lateness_micros in 0u64..1500,
        ) {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut pace = Pace::new(limit);
            let calls = calls_over(&mut pace, 10, || Duration::from_micros(random.u64(0..=lateness_micros)));
            prop_assert!(exact_meter(&calls) <= limit as usize);
            // The first call of a second and the last one of another may each fall out of the ten.
            let least = f64::from(limit) * 10.0 * 0.99 - 1.0;
            prop_assert!(calls.len() as f64 >= least, "{} calls of {least}", calls.len());
            prop_assert!(pace.highest_second() <= u64::from(limit));
        }

        #[test]
        fn stalls_and_idle_times_make_no_burst(
            limit in 1u32..500,
            stalls in proptest::collection::vec((0u64..3_000_000, 1u32..400), 1..8),
        ) {
            let mut pace = Pace::new(limit);
            let mut now = Duration::ZERO;
            let mut calls = Vec::new();
            for (stall_micros, wanted) in stalls {
                now += Duration::from_micros(stall_micros);
                let mut made = 0;
                while made < wanted {
                    match pace.take(now) {
                        Ok(()) => { calls.push(now); made += 1; }
                        Err(wait) => now += wait,
                    }
                }
            }
            prop_assert!(exact_meter(&calls) <= limit as usize);
        }
    }

    #[test]
    fn a_wait_is_never_zero_long() {
        let mut pace = Pace::new(7);
        let mut now = Duration::ZERO;
        for _ in 0..100 {
            if let Err(wait) = pace.take(now) {
                assert!(wait > Duration::ZERO);
                now += wait;
            }
        }
    }

    #[test]
    fn a_share_slows_down_and_one_is_the_limit_again() {
        let no_lateness = || Duration::ZERO;
        let mut pace = Pace::new(200);
        pace.set_share(0.25);
        let slow = calls_over(&mut pace, 10, no_lateness).len();
        assert!((480..=510).contains(&slow), "{slow}");
        let mut pace = Pace::new(200);
        pace.set_share(0.25);
        pace.set_share(1.0);
        assert!(calls_over(&mut pace, 10, no_lateness).len() >= 1980);
    }

    #[test]
    fn no_limit_is_none_until_slowed_down() {
        let mut pace = Pace::new(0);
        for _ in 0..10_000 {
            assert_eq!(pace.take(Duration::from_millis(1)), Ok(()));
        }
        assert_eq!(pace.highest_second(), 10_000);
        pace.set_share(0.5);
        let granted = (0..10_000).filter(|_| pace.take(Duration::from_millis(2)).is_ok()).count();
        assert!(granted <= 5_000, "{granted}");
        pace.set_share(1.0);
        assert_eq!(pace.take(Duration::from_millis(2)), Ok(()));
    }
}
