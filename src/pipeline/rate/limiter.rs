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
        if self.limit.is_none() && share >= 1.0 {
            self.spacing = None;
            return;
        }
        let calls_per_second = self.full_rate() * share / SECOND_WITH_MARGIN.as_secs_f64();
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

    /// The calls per second of share 1: the limit, or without one the peak rate so far.
    pub fn full_rate(&self) -> f64 {
        match self.limit {
            Some(limit) => f64::from(limit.get()),
            None => u32::try_from(self.peak_calls_per_second).map_or(f64::MAX, f64::from).max(1.0),
        }
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
mod tests;
