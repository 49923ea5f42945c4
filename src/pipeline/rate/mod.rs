//! When calls may start: the limit, throttling by the service, and outages (pure).
//!
//! Times are durations since the start of the run and are passed in.

mod blockade;
pub mod limiter;
mod noise;
pub mod outage;
mod report;
mod responses;
pub mod throttle;

use std::time::Duration;

use self::limiter::{Departure, RateLimiter};
use self::outage::Outage;
use self::report::RateReport;
use self::throttle::{Throttle, ThrottledCall};
use crate::job::RetrySettings;

/// Decides when the next call may start.
pub struct RateControl {
    limiter: RateLimiter,
    throttle: Throttle,
    report: RateReport,
    /// The outage detection, which also holds failed calls back.
    pub outage: Outage,
}

/// Which calls may start, the limit aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Any call.
    Open,
    /// One probe.
    Probe,
    /// None before this time, or before a call in flight has ended.
    Closed(Option<Duration>),
}

/// Calls per second of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRates {
    /// The most calls that left in any second so far.
    pub peak: u64,
    /// What the service lately accepted; `None` if it never throttled.
    pub learned: Option<u32>,
}

impl RateControl {
    /// The rate control of a run whose first call waits for `first_call_delay`. `now` gives the times of departures.
    pub fn new(
        calls_per_second: u32,
        first_call_delay: Duration,
        retry: &RetrySettings,
        now: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> RateControl {
        RateControl {
            limiter: RateLimiter::new(calls_per_second, now),
            throttle: Throttle::starting_at(first_call_delay),
            report: RateReport::default(),
            outage: Outage::new(retry),
        }
    }

    /// Which calls may start while so many are in flight.
    pub fn gate(&self, now: Duration, calls_in_flight: usize) -> Gate {
        if now < self.throttle.paused_until() {
            return Gate::Closed(Some(self.throttle.paused_until()));
        }
        match self.outage.probe_due_at() {
            None => Gate::Open,
            Some(_) if calls_in_flight > 0 => Gate::Closed(None),
            Some(due_at) if now < due_at => Gate::Closed(Some(due_at)),
            Some(_) => Gate::Probe,
        }
    }

    /// The permit for one call now, or the time of the next try.
    pub fn permit(&mut self, now: Duration) -> Result<Departure, Duration> {
        self.limiter.take(now).map_err(|wait| now + wait)
    }

    /// Recovers from throttling by the steps that are due; returns whether to report that the full rate is restored.
    pub fn recover(&mut self, now: Duration) -> bool {
        if self.throttle.share() < 1.0 && !self.is_share_used(now) {
            self.throttle.defer_probing(now);
        }
        if !self.throttle.recover(now) {
            return false;
        }
        self.limiter.set_share(self.throttle.share(), now);
        self.report.is_restoration_due(self.throttle.share())
    }

    /// Whether calls use about the rate that they may have, rather than wait for their next attempt or for responses.
    fn is_share_used(&mut self, now: Duration) -> bool {
        let allowed = self.limiter.full_rate() * self.throttle.share();
        (self.limiter.calls_in_last_second(now) + 1) as f64 >= allowed / 2.0
    }

    /// A call made at `called_at` has a response and was not throttled.
    pub fn call_accepted(&mut self, called_at: Duration, now: Duration) {
        let share = self.throttle.share();
        self.throttle.call_accepted(called_at, now);
        if self.throttle.share() != share {
            self.limiter.set_share(self.throttle.share(), now);
        }
    }

    /// A call was throttled. Returns the share of the limit that the service accepts if that is to be reported.
    pub fn call_throttled(&mut self, call: ThrottledCall) -> Option<f64> {
        let full_rate = self.limiter.full_rate();
        let sent = self.limiter.calls_in_last_second(call.ended_at);
        self.throttle.call_throttled(call, full_rate, sent);
        self.limiter.set_share(self.throttle.share(), call.ended_at);
        let learned = self.throttle.learned_share()?;
        self.report.is_throttling_due(learned, call.ended_at).then_some(learned)
    }

    /// Whether a call made at `called_at` was in flight at the last slow-down.
    pub fn was_in_flight_at_slow_down(&self, called_at: Duration) -> bool {
        self.throttle.was_in_flight_at_cut(called_at)
    }

    /// Allows no call before `time`.
    pub fn pause_until(&mut self, time: Duration) {
        self.throttle.pause_until(time);
    }

    /// Calls that left in the second that ends now.
    pub fn calls_in_last_second(&mut self, now: Duration) -> u64 {
        self.limiter.calls_in_last_second(now)
    }

    /// What is known of the calls per second.
    pub fn call_rates(&mut self) -> CallRates {
        let learned = self.throttle.learned_share().map(|share| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "saturates"
            )]
            let whole = (self.limiter.full_rate() * share) as u32;
            whole.max(1)
        });
        CallRates { peak: self.limiter.peak_calls_per_second(), learned }
    }
}

#[cfg(test)]
mod simulation;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::transport::TransportFailure;
    use crate::pipeline::chunk::Chunk;
    use crate::pipeline::response_processor::FailedCall;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn rate_control(first_call_delay: Duration) -> RateControl {
        let retry = RetrySettings {
            max_attempts: 6,
            initial_backoff: seconds(1),
            max_backoff: seconds(4),
            outage_patience: seconds(20),
        };
        RateControl::new(200, first_call_delay, &retry, || Duration::ZERO)
    }

    #[test]
    fn the_first_call_waits_for_the_initial_delay() {
        let rate = rate_control(seconds(1));
        assert_eq!(rate.gate(Duration::ZERO, 0), Gate::Closed(Some(seconds(1))));
        assert_eq!(rate.gate(seconds(1), 63), Gate::Open);
    }

    #[test]
    fn a_suspected_outage_waits_for_calls_in_flight_and_then_probes() {
        let mut rate = rate_control(Duration::ZERO);
        let chunk = Chunk::retry(Vec::new());
        let failure = TransportFailure::NotJson.into();
        rate.outage
            .call_refused(FailedCall { chunk, failure, needs_confirmation: true }, seconds(1));
        assert_eq!(rate.gate(seconds(1), 2), Gate::Closed(None));
        assert_eq!(rate.gate(seconds(1), 0), Gate::Probe);
        rate.outage.probe_ended(false, seconds(1));
        assert_eq!(rate.gate(seconds(1), 0), Gate::Closed(Some(seconds(2))));
        assert_eq!(rate.gate(seconds(2), 0), Gate::Probe);
        rate.outage.probe_ended(true, seconds(2));
        assert_eq!(rate.gate(seconds(2), 0), Gate::Open);
    }

    #[test]
    fn throttling_pauses_slows_down_and_recovers_to_the_full_rate() {
        let mut rate = rate_control(Duration::ZERO);
        let longest_pause = seconds(20);
        let throttled = |called_at: Duration, pause: Duration| ThrottledCall {
            called_at,
            ended_at: seconds(1),
            pause,
            longest_pause,
        };
        assert_eq!(rate.call_rates().learned, None);
        let learned = rate.call_throttled(throttled(seconds(1), seconds(5))).unwrap();
        assert!((0.9..1.0).contains(&learned), "{learned}");
        assert!(rate.was_in_flight_at_slow_down(seconds(1)));
        assert_eq!(rate.call_throttled(throttled(seconds(1), Duration::ZERO)), None);
        assert_eq!(rate.gate(seconds(2), 0), Gate::Closed(Some(seconds(6))));
        assert!(!rate.recover(seconds(60)), "the change is not considerable");
        // No call has used the rate since, so it was not probed.
        assert_eq!(rate.call_rates().learned, Some(197));
    }
}
