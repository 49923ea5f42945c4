//! The limit of calls per second.
//!
//! It combines two mechanisms. governor (GCRA) spaces calls evenly and lets a late timer catch up. A log of the departures
//! of the last second makes the limit exact: no sliding second ever holds more calls than the limit, from the first one.
//! A run that is throttled uses a share of the limit: governor's clock runs at that share of real time, and the log holds
//! that share of the calls. Both keep their state when the share changes, so a change never permits a burst.
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
    /// In 0..=1, 0 excluded.
    share: f64,
    /// The calls that the share allows in any second.
    allowed: usize,
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

/// Spaces calls evenly at a share of a full rate.
struct Spacing {
    full_rate: f64,
    governor: governor::RateLimiter<NotKeyed, InMemoryState, ManualClock, NoOpMiddleware<Nanos>>,
    clock: ManualClock,
    /// The real time that the clock was last set at.
    set_at: Duration,
}

impl Spacing {
    /// Spaces `full_rate` calls per second from `now` on; `None` if they are too many to be spaced.
    fn new(full_rate: f64, now: Duration) -> Option<Spacing> {
        let calls_per_second = full_rate / SECOND_WITH_MARGIN.as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let burst = (calls_per_second * CATCH_UP_SHARE) as u32;
        let burst = NonZeroU32::new(burst).map_or(MIN_BURST, |burst| burst.max(MIN_BURST));
        let quota = Quota::with_period(Duration::from_secs_f64(1.0 / calls_per_second))?;
        let clock = ManualClock::default();
        let governor =
            governor::RateLimiter::direct_with_clock(quota.allow_burst(burst), clock.clone());
        Some(Spacing { full_rate, governor, clock, set_at: now })
    }

    /// Advances the clock to `now` at `share` times real time.
    fn advance(&mut self, now: Duration, share: f64) {
        self.clock.advance(now.saturating_sub(self.set_at).mul_f64(share));
        self.set_at = self.set_at.max(now);
    }

    /// Permits one call, or returns how long to wait at this share.
    fn check(&self, share: f64) -> Result<(), Duration> {
        self.governor.check().map_err(|not_until| {
            let wait: Duration =
                not_until.earliest_possible().duration_since(self.clock.now()).into();
            // Rounded up, so that it is never zero.
            wait.div_f64(share) + Duration::from_nanos(1)
        })
    }
}

/// A clock that shows the time it was advanced to.
#[derive(Debug, Clone, Default)]
struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    fn advance(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
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
        let limit = NonZeroU32::new(calls_per_second);
        RateLimiter {
            limit,
            share: 1.0,
            allowed: limit.map_or(usize::MAX, |limit| limit.get() as usize),
            spacing: limit.and_then(|limit| Spacing::new(f64::from(limit.get()), Duration::ZERO)),
            departures: Arc::new(departures),
            not_departed: 0,
            last_second: VecDeque::new(),
            peak_calls_per_second: 0,
        }
    }

    /// Uses a share of the limit from `now` on, in 0..=1, 0 excluded. Without a limit it is a share of the peak rate before
    /// the first such change.
    pub fn set_share(&mut self, share: f64, now: Duration) {
        let full_rate = self.full_rate();
        match &mut self.spacing {
            Some(_) if self.limit.is_none() && share >= 1.0 => self.spacing = None,
            Some(spacing) => spacing.advance(now, self.share),
            None if self.limit.is_none() && share < 1.0 => {
                self.spacing = Spacing::new(full_rate, now);
            }
            None => {}
        }
        self.share = share;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let allowed = (full_rate * share).ceil() as usize;
        self.allowed = if self.spacing.is_some() { allowed.max(1) } else { usize::MAX };
    }

    /// The calls per second of share 1: the limit, or without one the peak rate before the run was throttled.
    pub fn full_rate(&self) -> f64 {
        match (&self.spacing, self.limit) {
            (Some(spacing), _) => spacing.full_rate,
            (None, Some(limit)) => f64::from(limit.get()),
            (None, None) => {
                u32::try_from(self.peak_calls_per_second).map_or(f64::MAX, f64::from).max(1.0)
            }
        }
    }

    /// The permit for one call now, or how long to wait before the next try.
    pub fn take(&mut self, now: Duration) -> Result<Departure, Duration> {
        self.record_departures();
        while self.last_second.front().is_some_and(|call| *call + SECOND_WITH_MARGIN <= now) {
            self.last_second.pop_front();
        }
        let in_second = self.last_second.len() + self.not_departed;
        if in_second >= self.allowed {
            // The call that has to leave the second first; the share may just have been lowered.
            let frees = self.last_second.get(in_second - self.allowed);
            let frees_at = frees.map(|call| *call + SECOND_WITH_MARGIN);
            return Err(frees_at.map_or(DEPARTURE_POLL_INTERVAL, |frees_at| frees_at - now));
        }
        if let Some(spacing) = &mut self.spacing {
            spacing.advance(now, self.share);
            spacing.check(self.share)?;
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
