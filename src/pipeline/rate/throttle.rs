//! The law by which the rate follows what the service accepts (pure).
//!
//! A call made after the last cut that the service refuses cuts the share of the limit: a little, or, if many of the latest
//! calls were refused, by half their share. The share at the refusal becomes the ceiling. The share returns quickly to just
//! below the ceiling, stays there for some seconds, and then grows faster and faster. So a limit that is known is probed
//! seldom, and a limit that has risen is found soon. Refusals at random ([`noise`](super::noise)) and a service that accepts
//! nothing ([`blockade`](super::blockade)) are exceptions.
//!
//! Times are durations since the start of the run and are passed in.

use std::time::Duration;

use super::blockade::Blockade;
use super::noise::Noise;
use super::responses::{LatestResponses, RecentResponses};

/// What a small cut leaves of the share.
const SMALL_CUT: f64 = 0.985;

/// The share of refused calls among the latest ones from which a cut is large, and how many responses show it.
const LARGE_CUT_SHARE: f64 = 0.2;
const LARGE_CUT_RESPONSES: u64 = 10;

/// From this round trip on, the refusals since a cut are judged late and together, and the calls in flight may bound the rate.
const SLOW_ROUND_TRIP: Duration = Duration::from_millis(250);

/// If less than this part of the share is used while so many calls are refused, the share is cut to what is used.
const UNUSED_BELOW: f64 = 0.9;
const UNUSED_REFUSED_SHARE: f64 = 0.05;

/// A refusal that comes before the share exceeds the ceiling by this part confirms the ceiling.
const PROBE: f64 = 0.15;

/// The interval of the steps up.
const STEP: Duration = Duration::from_millis(100);

/// Up to this part of the ceiling, a step up is this part of the ceiling.
const QUICK_BELOW: f64 = 0.97;
const QUICK_STEP: f64 = 0.05;

/// Above, the steps grow with the time since the last refusal: by `e` in so many seconds, up to the largest step. After
/// t seconds the share has grown by about `GROWTH * e^(t / GROWTH_SECONDS)`, less if it is small.
const GROWTH: f64 = 0.000_22;
const GROWTH_SECONDS: f64 = 1.79;
const MAX_STEP: f64 = 0.03;

/// The lowest share while any call is accepted, and the calls per second while none is.
const LOWEST_SHARE: f64 = 1.0 / 64.0;
const BLOCKED_RATE: f64 = 0.5;

/// The part of the earlier ceiling at which calls resume after a blockade.
const RESUME_AT: f64 = 0.5;

/// A call that the service throttled.
#[derive(Debug, Clone, Copy)]
pub struct ThrottledCall {
    pub called_at: Duration,
    pub ended_at: Duration,
    /// The pause that the service requires.
    pub pause: Duration,
    /// The longest pause that the run takes by itself.
    pub longest_pause: Duration,
}

impl ThrottledCall {
    fn is_slow(&self) -> bool {
        self.ended_at.saturating_sub(self.called_at) >= SLOW_ROUND_TRIP
    }
}

/// The current rate relative to the limit.
#[derive(Debug)]
pub struct Throttle {
    share: f64,
    /// The share at which a call was refused last.
    ceiling: f64,
    cut_at: Option<Duration>,
    /// The time of the last refusal that was not ignored, or the end of its pause.
    clear_since: Duration,
    stepped_at: Duration,
    large_cut_at: Option<Duration>,
    /// Those to calls made since the last large cut: the last twenty, which show soon that a limit has fallen, and those of two
    /// seconds, because after slow responses a service may refuse the calls of a part of each second.
    latest: LatestResponses,
    latest_seconds: RecentResponses,
    recent: RecentResponses,
    noise: Noise,
    blockade: Blockade,
    paused_until: Duration,
}

impl Throttle {
    /// The full share after an initial pause.
    pub fn starting_at(paused_until: Duration) -> Throttle {
        Throttle {
            share: 1.0,
            ceiling: 1.0,
            cut_at: None,
            clear_since: Duration::ZERO,
            stepped_at: Duration::ZERO,
            large_cut_at: None,
            latest: LatestResponses::default(),
            latest_seconds: RecentResponses::default(),
            recent: RecentResponses::default(),
            noise: Noise::default(),
            blockade: Blockade::default(),
            paused_until,
        }
    }

    /// Allows no call before `time`.
    pub fn pause_until(&mut self, time: Duration) {
        self.paused_until = self.paused_until.max(time);
    }

    /// A call made at `called_at` was not throttled.
    pub fn call_accepted(&mut self, called_at: Duration, now: Duration) {
        self.count(true, called_at, now);
        if let Some(ceiling) = self.blockade.on_accepted() {
            self.ceiling = ceiling;
            self.share = ceiling * RESUME_AT;
            self.clear_since = now;
        } else if !self.was_in_flight_at_cut(called_at) {
            self.end_trial(true, now);
        }
    }

    /// A call was throttled; share 1 is `full_rate` calls per second, and `sent` left in the last second. Returns whether the
    /// share was cut.
    pub fn call_throttled(&mut self, call: ThrottledCall, full_rate: f64, sent: u64) -> bool {
        let ThrottledCall { called_at, ended_at: now, pause, longest_pause } = call;
        self.count(false, called_at, now);
        let own_pause = self.blockade.on_refused(self.ceiling, now);
        self.pause_until(now + pause.max(own_pause.unwrap_or_default().min(longest_pause)));
        if self.was_in_flight_at_cut(called_at) {
            return false;
        }
        if own_pause.is_some() {
            self.share = (BLOCKED_RATE / full_rate).min(LOWEST_SHARE);
            self.noise.reset();
        } else {
            let is_ignored = self.end_trial(false, now)
                || self.noise.ignores(self.recent.of_two_seconds(now).refused_share(), now);
            if is_ignored && pause.is_zero() {
                return false;
            }
            if call.is_slow() {
                self.cut_to_used(sent as f64 / full_rate, now);
            }
            self.cut(call, full_rate);
        }
        self.cut_at = Some(now);
        self.clear_since = self.paused_until.max(now);
        true
    }

    fn count(&mut self, is_accepted: bool, called_at: Duration, now: Duration) {
        self.recent.add(is_accepted, now);
        if self.large_cut_at.is_none_or(|cut_at| called_at > cut_at) {
            self.latest.add(is_accepted);
            self.latest_seconds.add(is_accepted, now);
        }
    }

    /// Returns to the earlier share if a trial shows that refusals are noise.
    fn end_trial(&mut self, is_accepted: bool, now: Duration) -> bool {
        let earlier = self.noise.on_response(is_accepted, now);
        if let Some(share) = earlier {
            (self.share, self.ceiling) = (share, share);
        }
        earlier.is_some()
    }

    fn cut(&mut self, call: ThrottledCall, full_rate: f64) {
        let now = call.ended_at;
        let before = self.share;
        let refused_share = self.latest_refused_share(call);
        if refused_share >= LARGE_CUT_SHARE {
            self.share = (before * (1.0 - refused_share / 2.0)).max(LOWEST_SHARE.min(before));
            // A service that counts the calls of a second accepts so many, though not before its second is over.
            let accepted = self.recent.accepted_per_second(now) / full_rate;
            self.ceiling = accepted.clamp(self.share, before);
            self.large_cut_at = Some(now);
            self.latest = LatestResponses::default();
            self.latest_seconds = RecentResponses::default();
            self.noise.reset();
        } else {
            let excess = before - self.ceiling;
            let is_confirmed = excess > 0.0 && excess < PROBE * self.ceiling;
            self.ceiling = if is_confirmed { self.ceiling + excess / 4.0 } else { before };
            self.share = (SMALL_CUT * self.ceiling).max(LOWEST_SHARE.min(before));
            self.noise.on_cut(before, self.share, now);
        }
    }

    /// Cuts the share to what is used: a higher one has no effect, so that cutting it has none either.
    fn cut_to_used(&mut self, used: f64, now: Duration) {
        let is_refused = self.recent.of_two_seconds(now).refused_share() >= UNUSED_REFUSED_SHARE;
        if is_refused && used < UNUSED_BELOW * self.share {
            self.share = used.max(LOWEST_SHARE.min(self.share));
        }
    }

    /// The refused share of the latest calls, or zero if they are few.
    fn latest_refused_share(&mut self, call: ThrottledCall) -> f64 {
        let seconds = self.latest_seconds.of_two_seconds(call.ended_at);
        let of_seconds = (seconds.total(), seconds.refused_share());
        let of_calls = (u64::from(self.latest.count()), self.latest.refused_share());
        let enough = [Some(of_calls), call.is_slow().then_some(of_seconds)].into_iter().flatten();
        let enough = enough.filter(|(count, _)| *count >= LARGE_CUT_RESPONSES);
        enough.map(|(_, refused_share)| refused_share).fold(0.0, f64::max)
    }

    /// Whether a call made at `called_at` was in flight at the last cut.
    pub fn was_in_flight_at_cut(&self, called_at: Duration) -> bool {
        self.cut_at.is_some_and(|cut_at| called_at <= cut_at)
    }

    /// Speeds up by the steps that are due; returns whether the share has changed.
    pub fn recover(&mut self, now: Duration) -> bool {
        let before = self.share;
        self.stepped_at = self.stepped_at.max(self.clear_since);
        while self.share < 1.0 && now >= self.stepped_at + STEP {
            self.step_up();
            self.stepped_at += STEP;
        }
        self.share > before
    }

    /// The rate is hardly used, so that no refusal says nothing about a higher one.
    pub fn defer_probing(&mut self, now: Duration) {
        self.stepped_at = self.stepped_at.max(self.clear_since);
        if self.share >= QUICK_BELOW * self.ceiling {
            self.clear_since += now.saturating_sub(self.stepped_at);
            self.stepped_at = self.stepped_at.max(now);
        }
    }

    fn step_up(&mut self) {
        if self.noise.is_trial() || self.blockade.is_blocked() {
            return;
        }
        let quick_below = QUICK_BELOW * self.ceiling;
        if self.share < quick_below {
            self.share = (self.share + QUICK_STEP * self.ceiling).min(quick_below);
            return;
        }
        let clear = (self.stepped_at - self.clear_since).as_secs_f64() / GROWTH_SECONDS;
        let growth = (STEP.as_secs_f64() / GROWTH_SECONDS).exp_m1() * clear.exp();
        let step = (GROWTH * growth * self.share.sqrt()).min(MAX_STEP);
        self.share = (self.share + step).min(1.0);
    }

    /// The share of the limit, in 0..=1, 0 excluded.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// The share that the service lately accepted; `None` if it never throttled.
    pub fn learned_share(&self) -> Option<f64> {
        self.cut_at.map(|_| self.share.max(QUICK_BELOW * self.ceiling))
    }

    /// The time before which no call may be made.
    pub fn paused_until(&self) -> Duration {
        self.paused_until
    }
}

#[cfg(test)]
mod tests;
