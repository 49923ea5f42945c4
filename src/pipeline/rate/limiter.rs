//! The limit of calls per second.
//!
//! It combines two mechanisms. governor (GCRA) spaces calls evenly and lets a late timer catch up. A log of the departures
//! of the last second makes the limit exact: no sliding second ever holds more calls than the limit, from the first one.
//! A request does not leave when it is scheduled: it may wait for a processor or a connection. Its time is therefore
//! recorded when it leaves, and until then it counts as one that may leave at any moment.
//! Times are durations since the start of the run and are passed in.

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

/// The length of the sliding second: the service counts calls as they arrive, and calls that leave a second apart may
/// arrive a little closer. The margin costs 0.6 % of the limit.
pub const SECOND_WITH_MARGIN: Duration = Duration::from_millis(1006);

/// How many calls may catch up with a late timer, as a fraction of the calls of a second.
const CATCH_UP_SHARE: f64 = 0.05;

/// A late timer can be caught up with at any limit.
const MIN_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// The polling interval while only requests that have not left yet exhaust the limit.
const DEPARTURE_POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Returns the time since the start of the run.
pub type RunClock = dyn Fn() -> Duration + Send + Sync;

/// Decides when calls may be made, and measures the peak rate.
pub struct RateLimiter {
    limit: Option<NonZeroU32>,
    clock: ManualClock,
    spacing: Option<Spacing>,
    departures: Arc<Departures>,
    /// Permitted calls that have not left yet.
    not_departed: usize,
    last_second: VecDeque<Duration>,
    peak_calls_per_second: usize,
}

/// The times at which requests left since the limiter last read them.
struct Departures {
    now: Box<RunClock>,
    times: Mutex<Vec<Duration>>,
}

/// The permit for one call. The request carries it; dropping it when the request leaves records the time.
pub struct Departure(Arc<Departures>);

impl Drop for Departure {
    fn drop(&mut self) {
        // No code panics while it holds the lock.
        let mut times = self.0.times.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that the times are in ascending order.
        times.push((self.0.now)());
    }
}

type Spacing = governor::RateLimiter<NotKeyed, InMemoryState, ManualClock, NoOpMiddleware<Nanos>>;

/// A clock that shows the time it was last set to.
#[derive(Debug, Clone, Default)]
struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    fn set(&self, now: Duration) {
        self.0.store(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

impl RateLimiter {
    /// A limit of `calls_per_second`; 0 means unlimited. `now` gives the times of departures.
    pub fn new(
        calls_per_second: u32,
        now: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> RateLimiter {
        let departures = Departures { now: Box::new(now), times: Mutex::default() };
        let mut limiter = RateLimiter {
            limit: NonZeroU32::new(calls_per_second),
            clock: ManualClock::default(),
            spacing: None,
            departures: Arc::new(departures),
            not_departed: 0,
            last_second: VecDeque::new(),
            peak_calls_per_second: 0,
        };
        limiter.set_spacing(1.0, false);
        limiter
    }

    /// Slows down to a share of the limit, in 0..=1, 0 excluded. Without a limit it is a share of the peak rate so far.
    /// The next call is due after a full interval, so that frequent changes do not make calls more frequent.
    pub fn set_share(&mut self, share: f64) {
        self.set_spacing(share, true);
    }

    /// Spaces calls evenly at a share of the limit; `is_spent`: whether the burst allowance is empty at first.
    fn set_spacing(&mut self, share: f64, is_spent: bool) {
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
        let burst = NonZeroU32::new(burst).map_or(MIN_BURST, |burst| burst.max(MIN_BURST));
        let period = Duration::from_secs_f64(1.0 / calls_per_second);
        self.spacing = Quota::with_period(period).map(|quota| {
            let spacing = governor::RateLimiter::direct_with_clock(
                quota.allow_burst(burst),
                self.clock.clone(),
            );
            if is_spent {
                // A fresh limiter always grants its whole burst.
                let _ = spacing.check_n(burst);
            }
            spacing
        });
    }

    /// The permit for one call now, or how long to wait before the next try.
    pub fn take(&mut self, now: Duration) -> Result<Departure, Duration> {
        self.record_departures();
        while self.last_second.front().is_some_and(|call| *call + SECOND_WITH_MARGIN <= now) {
            self.last_second.pop_front();
        }
        if let Some(limit) = self.limit
            && self.last_second.len() + self.not_departed >= limit.get() as usize
        {
            let frees_at = self.last_second.front().map(|oldest| *oldest + SECOND_WITH_MARGIN);
            return Err(frees_at.map_or(DEPARTURE_POLL_INTERVAL, |frees_at| frees_at - now));
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

    /// The most calls that left in any second so far.
    pub fn peak_calls_per_second(&mut self) -> u64 {
        self.record_departures();
        self.peak_calls_per_second as u64
    }
}

/// How many of the `calls`, in ascending order, are in the second that ends at `end`, excluding its start.
fn calls_in_second(calls: &VecDeque<Duration>, end: Duration) -> usize {
    calls.len() - calls.partition_point(|call| *call + Duration::from_secs(1) <= end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The most calls in any sliding second.
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

    /// The clock of a limiter, set by the test.
    #[derive(Clone, Default)]
    struct TestClock(Arc<AtomicU64>);

    impl TestClock {
        fn set(&self, now: Duration) {
            self.0.store(u64::try_from(now.as_nanos()).unwrap(), Ordering::Relaxed);
        }

        fn limiter(&self, calls_per_second: u32) -> RateLimiter {
            let clock = self.clone();
            RateLimiter::new(calls_per_second, move || {
                Duration::from_nanos(clock.0.load(Ordering::Relaxed))
            })
        }
    }

    /// A limiter whose calls leave at the time they are permitted.
    struct ImmediateDepartures {
        limiter: RateLimiter,
        clock: TestClock,
    }

    impl ImmediateDepartures {
        fn new(calls_per_second: u32) -> ImmediateDepartures {
            let clock = TestClock::default();
            ImmediateDepartures { limiter: clock.limiter(calls_per_second), clock }
        }

        fn take(&mut self, now: Duration) -> Result<(), Duration> {
            self.clock.set(now);
            self.limiter.take(now).map(drop)
        }
    }

    /// The times of calls over `seconds` if each wait ends late by `lateness`.
    fn calls_over(
        limiter: &mut ImmediateDepartures,
        seconds: u64,
        mut lateness: impl FnMut() -> Duration,
    ) -> Vec<Duration> {
        let mut now = Duration::ZERO;
        let mut calls = Vec::new();
        while now < Duration::from_secs(seconds) {
            match limiter.take(now) {
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
            let mut limiter = ImmediateDepartures::new(limit);
            let calls = calls_over(&mut limiter, 10, || Duration::from_micros(random.u64(0..=lateness_micros)));
            prop_assert!(exact_meter(&calls) <= limit as usize);
            // The first call of a second and the last one of another may each fall outside the ten seconds.
            let least = f64::from(limit) * 10.0 * 0.99 - 1.0;
            prop_assert!(calls.len() as f64 >= least, "{} calls of {least}", calls.len());
            prop_assert!(limiter.limiter.peak_calls_per_second() <= u64::from(limit));
        }

        #[test]
        fn stalls_and_idle_times_cause_no_burst(
            limit in 1u32..500,
            stalls in proptest::collection::vec((0u64..3_000_000, 1u32..400), 1..8),
        ) {
            let mut limiter = ImmediateDepartures::new(limit);
            let mut now = Duration::ZERO;
            let mut calls = Vec::new();
            for (stall_micros, wanted) in stalls {
                now += Duration::from_micros(stall_micros);
                let mut made = 0;
                while made < wanted {
                    match limiter.take(now) {
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

        /// Requests are delayed before they leave, some for seconds, and then leave together.
        #[test]
        fn no_sliding_second_of_departures_exceeds_the_limit(
            limit in 1u32..300,
            delay_millis in proptest::collection::vec(prop_oneof![4 => 0u64..30, 1 => 0u64..4000], 1..600),
        ) {
            let clock = TestClock::default();
            let mut limiter = clock.limiter(limit);
            let mut delay = delay_millis.into_iter();
            let mut leaving: Vec<(Duration, Departure)> = Vec::new();
            let (mut now, mut departures) = (Duration::ZERO, Vec::new());
            let mut has_more = true;
            while has_more || !leaving.is_empty() {
                leaving.sort_by_key(|(leaves_at, _)| std::cmp::Reverse(*leaves_at));
                while leaving.last().is_some_and(|(leaves_at, _)| *leaves_at <= now) {
                    leaving.pop();
                    departures.push(now);
                }
                clock.set(now);
                match limiter.take(now) {
                    Ok(departure) if has_more => match delay.next() {
                        Some(millis) => leaving.push((now + Duration::from_millis(millis), departure)),
                        None => { has_more = false; departures.push(now); }
                    },
                    Ok(_) => { departures.push(now); now += Duration::from_millis(1); }
                    Err(_) => now += Duration::from_millis(1),
                }
                clock.set(now);
            }
            prop_assert!(exact_meter(&departures) <= limit as usize);
            prop_assert_eq!(limiter.peak_calls_per_second(), exact_meter(&departures) as u64);
        }
    }

    #[test]
    fn requests_that_have_not_left_count_against_the_limit() {
        let clock = TestClock::default();
        let mut limiter = clock.limiter(2);
        let first = limiter.take(Duration::ZERO).unwrap();
        let second = limiter.take(Duration::from_millis(600)).unwrap();
        let late = Duration::from_secs(10);
        assert_eq!(limiter.take(late).err(), Some(DEPARTURE_POLL_INTERVAL));
        assert_eq!(limiter.peak_calls_per_second(), 0);
        clock.set(late);
        drop((first, second));
        assert_eq!(limiter.take(late).err(), Some(SECOND_WITH_MARGIN));
        assert_eq!(limiter.peak_calls_per_second(), 2);
        assert!(limiter.take(late + SECOND_WITH_MARGIN).is_ok());
    }

    #[test]
    fn a_wait_is_never_zero() {
        let mut limiter = ImmediateDepartures::new(7);
        let mut now = Duration::ZERO;
        for _ in 0..100 {
            if let Err(wait) = limiter.take(now) {
                assert!(wait > Duration::ZERO);
                now += wait;
            }
        }
    }

    #[test]
    fn a_share_slows_down_and_share_one_restores_the_limit() {
        let no_lateness = || Duration::ZERO;
        let mut limiter = ImmediateDepartures::new(200);
        limiter.limiter.set_share(0.25);
        let slow = calls_over(&mut limiter, 10, no_lateness).len();
        assert!((480..=510).contains(&slow), "{slow}");
        let mut limiter = ImmediateDepartures::new(200);
        limiter.limiter.set_share(0.25);
        limiter.limiter.set_share(1.0);
        assert!(calls_over(&mut limiter, 10, no_lateness).len() >= 1980);
    }

    #[test]
    fn frequent_share_changes_do_not_make_calls_more_frequent() {
        let mut limiter = ImmediateDepartures::new(200);
        let mut calls = 0;
        for millisecond in 0..10_000 {
            calls += u32::from(limiter.take(Duration::from_millis(millisecond)).is_ok());
            limiter.limiter.set_share(1.0 / 64.0);
        }
        // It is set every millisecond, so that no call but the first becomes due.
        assert!(calls <= 1 + 32, "{calls}");
    }

    #[test]
    fn without_a_limit_calls_are_unlimited_until_slowed_down() {
        let mut limiter = ImmediateDepartures::new(0);
        for _ in 0..10_000 {
            assert_eq!(limiter.take(Duration::from_millis(1)), Ok(()));
        }
        assert_eq!(limiter.limiter.peak_calls_per_second(), 10_000);
        limiter.limiter.set_share(0.5);
        let granted =
            (0..10_000).filter(|_| limiter.take(Duration::from_millis(2)).is_ok()).count();
        assert!(granted <= 5_000, "{granted}");
        limiter.limiter.set_share(1.0);
        assert_eq!(limiter.take(Duration::from_millis(2)), Ok(()));
    }
}
