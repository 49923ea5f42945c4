//! When the next call may be made.
//!
//! Two things decide together. governor (GCRA) spaces calls evenly and lets a late timer catch up. A log of the last
//! second's departures makes the promise exact: no sliding second ever holds more than the limit, from the first call on.
//! A request does not leave when it is scheduled: it may wait for a processor or a connection. So its time is recorded when
//! it leaves, and until then it counts as one that may leave at any moment.
//! Time is handed in as the duration since the run began.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{self, Quota};

/// How long a second is kept: the service counts calls as they arrive, and those that leave a second apart may arrive
/// a little closer. Costs 0.6 % of the limit.
pub const SECOND_WITH_MARGIN: Duration = Duration::from_millis(1006);

/// How much lateness is caught up with, as a fraction of a second's calls.
const CATCH_UP_SHARE: f64 = 0.05;

/// A late timer must be caught up with at any limit.
const LEAST_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// When to look again while all that holds a call back are requests that have not left yet.
const WAIT_FOR_DEPARTURES: Duration = Duration::from_millis(1);

/// Tells the time since the run began.
pub type RunClock = dyn Fn() -> Duration + Send + Sync;

/// Decides when calls may be made, and remembers the highest second.
pub struct RateLimiter {
    limit: Option<NonZeroU32>,
    clock: HandedClock,
    spacing: Option<Spacing>,
    departures: Arc<Departures>,
    /// Calls that were granted and have not left yet.
    not_departed: usize,
    last_second: VecDeque<Duration>,
    peak_calls_per_second: usize,
}

/// The times at which requests left, until the pace takes them in.
struct Departures {
    now: Box<RunClock>,
    times: Mutex<Vec<Duration>>,
}

/// The right to make one call. Goes with the request and is dropped when that leaves, which records the time.
pub struct Departure(Arc<Departures>);

impl Drop for Departure {
    fn drop(&mut self) {
        // Nothing panics while the lock is held.
        let mut times = self.0.times.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that the times are in ascending order.
        times.push((self.0.now)());
    }
}

type Spacing = governor::RateLimiter<NotKeyed, InMemoryState, HandedClock, NoOpMiddleware<Nanos>>;

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

impl RateLimiter {
    /// A pace of `calls_per_second`; 0 is no limit. Departures are recorded by `now`.
    pub fn new(
        calls_per_second: u32,
        now: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> RateLimiter {
        let departures = Departures { now: Box::new(now), times: Mutex::default() };
        let mut pace = RateLimiter {
            limit: NonZeroU32::new(calls_per_second),
            clock: HandedClock::default(),
            spacing: None,
            departures: Arc::new(departures),
            not_departed: 0,
            last_second: VecDeque::new(),
            peak_calls_per_second: 0,
        };
        pace.space(1.0, false);
        pace
    }

    /// Slows down to a share of the limit (0 excluded, 1 is the limit itself). Without a limit the share is of the
    /// highest second so far. The next call is due after one space: to change the share often must not make calls more
    /// frequent.
    pub fn set_share(&mut self, share: f64) {
        self.space(share, true);
    }

    /// Spaces calls evenly at a share of the limit; `is_spent`: whether there is nothing to catch up with at first.
    fn space(&mut self, share: f64, is_spent: bool) {
        let full = match self.limit {
            Some(limit) => f64::from(limit.get()),
            None if share >= 1.0 => {
                self.spacing = None;
                return;
            }
            None => u32::try_from(self.peak_calls_per_second).map_or(f64::MAX, f64::from).max(1.0),
        };
        let calls_per_second = full * share / SECOND_WITH_MARGIN.as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let burst = (calls_per_second * CATCH_UP_SHARE) as u32;
        let burst = NonZeroU32::new(burst).map_or(LEAST_BURST, |burst| burst.max(LEAST_BURST));
        let period = Duration::from_secs_f64(1.0 / calls_per_second);
        self.spacing = Quota::with_period(period).map(|quota| {
            let spacing = governor::RateLimiter::direct_with_clock(
                quota.allow_burst(burst),
                self.clock.clone(),
            );
            if is_spent {
                // All that may be caught up with; never refused by a fresh limiter.
                let _ = spacing.check_n(burst);
            }
            spacing
        });
    }

    /// The right to make one call now, or how long to wait before asking again.
    pub fn take(&mut self, now: Duration) -> Result<Departure, Duration> {
        self.record_departures();
        while self.last_second.front().is_some_and(|call| *call + SECOND_WITH_MARGIN <= now) {
            self.last_second.pop_front();
        }
        if let Some(limit) = self.limit
            && self.last_second.len() + self.not_departed >= limit.get() as usize
        {
            let frees_at = self.last_second.front().map(|oldest| *oldest + SECOND_WITH_MARGIN);
            return Err(frees_at.map_or(WAIT_FOR_DEPARTURES, |frees_at| frees_at - now));
        }
        if let Some(spacing) = &self.spacing {
            self.clock.set(now);
            if let Err(not_until) = spacing.check() {
                let wait = not_until.earliest_possible().duration_since(self.clock.now());
                return Err(wait.into());
            }
        }
        self.not_departed += 1;
        Ok(Departure(Arc::clone(&self.departures)))
    }

    fn record_departures(&mut self) {
        let mut times = self.departures.times.lock().unwrap_or_else(PoisonError::into_inner);
        for departed_at in times.drain(..) {
            self.not_departed -= 1;
            self.last_second.push_back(departed_at);
            let in_second = calls_in_second(&self.last_second, departed_at);
            self.peak_calls_per_second = self.peak_calls_per_second.max(in_second);
        }
    }

    /// Calls that left in the second that ends now.
    pub fn calls_in_last_second(&mut self, now: Duration) -> u64 {
        self.record_departures();
        calls_in_second(&self.last_second, now) as u64
    }

    /// Most calls that left in any second so far.
    pub fn peak_calls_per_second(&mut self) -> u64 {
        self.record_departures();
        self.peak_calls_per_second as u64
    }
}

/// How many of the `calls`, in ascending order, are in the second that ends at `end`, its start excluded.
fn calls_in_second(calls: &VecDeque<Duration>, end: Duration) -> usize {
    calls.len() - calls.partition_point(|call| *call + Duration::from_secs(1) <= end)
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

    /// A clock for the pace, and the hand that sets it.
    #[derive(Clone, Default)]
    struct Hand(Arc<AtomicU64>);

    impl Hand {
        fn set(&self, now: Duration) {
            self.0.store(u64::try_from(now.as_nanos()).unwrap(), Ordering::Relaxed);
        }

        fn pace(&self, calls_per_second: u32) -> RateLimiter {
            let hand = self.clone();
            RateLimiter::new(calls_per_second, move || {
                Duration::from_nanos(hand.0.load(Ordering::Relaxed))
            })
        }
    }

    /// A pace whose calls leave at once, at the time they are granted.
    struct AtOnce {
        pace: RateLimiter,
        hand: Hand,
    }

    impl AtOnce {
        fn new(calls_per_second: u32) -> AtOnce {
            let hand = Hand::default();
            AtOnce { pace: hand.pace(calls_per_second), hand }
        }

        fn take(&mut self, now: Duration) -> Result<(), Duration> {
            self.hand.set(now);
            self.pace.take(now).map(drop)
        }
    }

    /// The times of calls over `seconds` when each wait ends `lateness` too late.
    fn calls_over(
        pace: &mut AtOnce,
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
            let mut pace = AtOnce::new(limit);
            let calls = calls_over(&mut pace, 10, || Duration::from_micros(random.u64(0..=lateness_micros)));
            prop_assert!(exact_meter(&calls) <= limit as usize);
            // The first call of a second and the last one of another may each fall out of the ten.
            let least = f64::from(limit) * 10.0 * 0.99 - 1.0;
            prop_assert!(calls.len() as f64 >= least, "{} calls of {least}", calls.len());
            prop_assert!(pace.pace.peak_calls_per_second() <= u64::from(limit));
        }

        #[test]
        fn stalls_and_idle_times_make_no_burst(
            limit in 1u32..500,
            stalls in proptest::collection::vec((0u64..3_000_000, 1u32..400), 1..8),
        ) {
            let mut pace = AtOnce::new(limit);
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Requests that are held up on their way out, some for seconds, and then leave together.
        #[test]
        fn no_sliding_second_of_departures_exceeds_the_limit(
            limit in 1u32..300,
            held_up_millis in proptest::collection::vec(prop_oneof![4 => 0u64..30, 1 => 0u64..4000], 1..600),
        ) {
            let hand = Hand::default();
            let mut pace = hand.pace(limit);
            let mut held_up = held_up_millis.into_iter();
            let mut leaving: Vec<(Duration, Departure)> = Vec::new();
            let (mut now, mut departures) = (Duration::ZERO, Vec::new());
            let mut has_more = true;
            while has_more || !leaving.is_empty() {
                leaving.sort_by_key(|(leaves_at, _)| std::cmp::Reverse(*leaves_at));
                while leaving.last().is_some_and(|(leaves_at, _)| *leaves_at <= now) {
                    leaving.pop();
                    departures.push(now);
                }
                hand.set(now);
                match pace.take(now) {
                    Ok(departure) if has_more => match held_up.next() {
                        Some(millis) => leaving.push((now + Duration::from_millis(millis), departure)),
                        None => { has_more = false; departures.push(now); }
                    },
                    Ok(_) => { departures.push(now); now += Duration::from_millis(1); }
                    Err(_) => now += Duration::from_millis(1),
                }
                hand.set(now);
            }
            prop_assert!(exact_meter(&departures) <= limit as usize);
            prop_assert_eq!(pace.peak_calls_per_second(), exact_meter(&departures) as u64);
        }
    }

    #[test]
    fn requests_that_have_not_left_count_until_they_do() {
        let hand = Hand::default();
        let mut pace = hand.pace(2);
        let first = pace.take(Duration::ZERO).unwrap();
        let second = pace.take(Duration::from_millis(600)).unwrap();
        let late = Duration::from_secs(10);
        assert_eq!(pace.take(late).err(), Some(WAIT_FOR_DEPARTURES));
        assert_eq!(pace.peak_calls_per_second(), 0);
        hand.set(late);
        drop((first, second));
        assert_eq!(pace.take(late).err(), Some(SECOND_WITH_MARGIN));
        assert_eq!(pace.peak_calls_per_second(), 2);
        assert!(pace.take(late + SECOND_WITH_MARGIN).is_ok());
    }

    #[test]
    fn a_wait_is_never_zero_long() {
        let mut pace = AtOnce::new(7);
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
        let mut pace = AtOnce::new(200);
        pace.pace.set_share(0.25);
        let slow = calls_over(&mut pace, 10, no_lateness).len();
        assert!((480..=510).contains(&slow), "{slow}");
        let mut pace = AtOnce::new(200);
        pace.pace.set_share(0.25);
        pace.pace.set_share(1.0);
        assert!(calls_over(&mut pace, 10, no_lateness).len() >= 1980);
    }

    #[test]
    fn a_share_that_is_set_again_and_again_makes_no_calls_more_frequent() {
        let mut pace = AtOnce::new(200);
        let mut calls = 0;
        for millisecond in 0..10_000 {
            calls += u32::from(pace.take(Duration::from_millis(millisecond)).is_ok());
            pace.pace.set_share(1.0 / 64.0);
        }
        // Set every millisecond, it is never time for one but the first.
        assert!(calls <= 1 + 32, "{calls}");
    }

    #[test]
    fn no_limit_is_none_until_slowed_down() {
        let mut pace = AtOnce::new(0);
        for _ in 0..10_000 {
            assert_eq!(pace.take(Duration::from_millis(1)), Ok(()));
        }
        assert_eq!(pace.pace.peak_calls_per_second(), 10_000);
        pace.pace.set_share(0.5);
        let granted = (0..10_000).filter(|_| pace.take(Duration::from_millis(2)).is_ok()).count();
        assert!(granted <= 5_000, "{granted}");
        pace.pace.set_share(1.0);
        assert_eq!(pace.take(Duration::from_millis(2)), Ok(()));
    }
}
