//! The calls per second that the service accepts, from the calls of a process that it throttled (pure).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::pipeline::events::{CallOutcome, Event};

/// Seconds that are kept open: calls end in any order, up to the longest timeout after they were made.
const OPEN_SECONDS: usize = 300;

#[derive(Debug, Default)]
struct Second {
    succeeded: u64,
    is_throttled: bool,
}

/// Counts the calls of each second.
#[derive(Debug, Default)]
pub struct AcceptedRate {
    /// By the second, counted from the start of the round, in which the calls were made.
    open: BTreeMap<u64, Second>,
    has_throttled: bool,
    highest: u64,
}

impl AcceptedRate {
    pub fn on(&mut self, event: &Event<'_>) {
        match *event {
            Event::CallEnded { called_at, outcome, .. } => self.add(called_at, outcome),
            // The times of the next round start at zero.
            Event::RoundEnded(_) => while self.close_first() {},
            _ => {}
        }
    }

    fn add(&mut self, called_at: Duration, outcome: CallOutcome) {
        let second = self.open.entry(called_at.as_secs()).or_default();
        match outcome {
            CallOutcome::Success => second.succeeded += 1,
            CallOutcome::Throttled => second.is_throttled = true,
            CallOutcome::Failed(_) => {}
        }
        if self.open.len() > OPEN_SECONDS {
            self.close_first();
        }
    }

    /// A second before the first throttling shows no limit: the service may have allowed a burst. One in which it throttled
    /// counts too, with the calls it accepted, because a short run ends before the rate has recovered.
    fn close_first(&mut self) -> bool {
        let Some((_, second)) = self.open.pop_first() else { return false };
        self.has_throttled |= second.is_throttled;
        if self.has_throttled {
            self.highest = self.highest.max(second.succeeded);
        }
        true
    }

    /// What `api.calls_per_second`, now `limit` (0 is unlimited), may be set to so that the service does not throttle; `None`
    /// if it has not.
    pub fn suggestion(&self, limit: u32) -> Option<u64> {
        let below = if limit == 0 { u64::MAX } else { u64::from(limit).saturating_sub(1) };
        self.has_throttled.then(|| self.highest.min(below).max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::pipeline::call_stats::CallStats;
    use crate::pipeline::rate::throttle::Throttle;

    const LATENCY: Duration = Duration::from_millis(20);

    fn call(called_at: Duration, outcome: CallOutcome) -> Event<'static> {
        Event::CallEnded { called_at, latency: LATENCY, outcome }
    }

    /// A round of so many calls at `rate`, slowed down as a run is, to a service that accepts `limit` in any second.
    fn round(accepted: &mut AcceptedRate, calls: usize, rate: f64, limit: usize) {
        let mut throttle = Throttle::default();
        let mut admitted = VecDeque::new();
        let mut now = Duration::ZERO;
        let mut done = 0;
        while done < calls {
            throttle.recover(now);
            while admitted.front().is_some_and(|&time| time + Duration::from_secs(1) <= now) {
                admitted.pop_front();
            }
            if admitted.len() < limit {
                admitted.push_back(now);
                accepted.on(&call(now, CallOutcome::Success));
                done += 1;
            } else {
                accepted.on(&call(now, CallOutcome::Throttled));
                throttle.slow_down(now, now, Duration::ZERO);
            }
            now += Duration::from_secs_f64(1.0 / (rate * throttle.share()));
        }
        accepted.on(&Event::RoundEnded(CallStats::default()));
    }

    #[test]
    fn suggestion_is_what_the_service_accepts_in_short_and_long_runs() {
        for limit in [20, 100, 120] {
            for calls in [130, 400, 5000] {
                let mut accepted = AcceptedRate::default();
                round(&mut accepted, calls, 200.0, limit);
                // A short round after it changes nothing.
                round(&mut accepted, 3, 200.0, limit);
                let suggestion = accepted.suggestion(200).unwrap();
                let limit = limit as u64;
                assert!((limit * 9 / 10..=limit).contains(&suggestion), "{suggestion} of {limit}");
            }
        }
    }

    #[test]
    fn nothing_is_suggested_unless_the_service_throttled() {
        let mut accepted = AcceptedRate::default();
        round(&mut accepted, 1000, 100.0, 200);
        assert_eq!(accepted.suggestion(100), None);
    }

    #[test]
    fn suggestion_is_between_one_and_the_limit() {
        let mut accepted = AcceptedRate::default();
        accepted.on(&call(Duration::ZERO, CallOutcome::Throttled));
        accepted.on(&Event::RoundEnded(CallStats::default()));
        assert_eq!(accepted.suggestion(1), Some(1));
        round(&mut accepted, 300, 200.0, 100);
        assert_eq!(accepted.suggestion(50), Some(49));
        assert_eq!(accepted.suggestion(0), Some(100));
    }

    #[test]
    fn seconds_before_the_first_throttling_do_not_count_and_memory_is_bounded() {
        let mut accepted = AcceptedRate::default();
        for millisecond in 0..2000 {
            accepted.on(&call(Duration::from_millis(millisecond), CallOutcome::Success));
        }
        for second in 2..2000 {
            let outcome = if second == 2 { CallOutcome::Throttled } else { CallOutcome::Success };
            accepted.on(&call(Duration::from_secs(second), outcome));
        }
        assert_eq!(accepted.open.len(), OPEN_SECONDS);
        assert_eq!(accepted.suggestion(2000), Some(1));
    }
}
