//! The rate limit and the meter of calls, based on exact call times.
//!
//! Times are durations since the emulator's start and never decrease. A second is half open: no second contains both a
//! call at `t` and one at `t + 1 s`.

use std::collections::VecDeque;
use std::time::Duration;

use super::settings::RateWindowKind;

const SECOND: Duration = Duration::from_secs(1);

/// Admits at most `limit` calls per second; 0 is unlimited. Refused calls do not count.
#[derive(Debug)]
pub struct RateWindow {
    limit: usize,
    kind: RateWindowKind,
    admitted: VecDeque<Duration>,
}

impl RateWindow {
    pub fn new(limit: u32, kind: RateWindowKind) -> RateWindow {
        RateWindow { limit: limit as usize, kind, admitted: VecDeque::new() }
    }

    /// Admits a call at `now` if it is within the limit.
    pub fn admit(&mut self, now: Duration) -> bool {
        if self.limit == 0 {
            return true;
        }
        match self.kind {
            RateWindowKind::Sliding => drop_calls_before_last_second(&mut self.admitted, now),
            RateWindowKind::Calendar => {
                while self.admitted.front().is_some_and(|time| time.as_secs() < now.as_secs()) {
                    self.admitted.pop_front();
                }
            }
        }
        let within_limit = self.admitted.len() < self.limit;
        if within_limit {
            self.admitted.push_back(now);
        }
        within_limit
    }
}

/// GatewayCounters arrivals, refused ones too, and remembers the fullest sliding second.
#[derive(Debug, Default)]
pub struct CallMeter {
    calls: u64,
    peak_calls_per_second: usize,
    recent: VecDeque<Duration>,
}

impl CallMeter {
    pub fn record(&mut self, now: Duration) {
        drop_calls_before_last_second(&mut self.recent, now);
        self.recent.push_back(now);
        self.calls += 1;
        self.peak_calls_per_second = self.peak_calls_per_second.max(self.recent.len());
    }

    pub fn calls(&self) -> u64 {
        self.calls
    }

    pub fn peak_calls_per_second(&self) -> usize {
        self.peak_calls_per_second
    }
}

fn drop_calls_before_last_second(times: &mut VecDeque<Duration>, now: Duration) {
    while times.front().is_some_and(|&time| time + SECOND <= now) {
        times.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn the_call_over_the_limit_is_refused_until_the_first_is_a_second_old() {
        let mut window = RateWindow::new(3, RateWindowKind::Sliding);
        assert!([0, 400, 800].into_iter().all(|at| window.admit(milliseconds(at))));
        assert!(!window.admit(milliseconds(999)));
        assert!(window.admit(milliseconds(1_000)));
        assert!(!window.admit(milliseconds(1_399)));
        assert!(window.admit(milliseconds(1_400)));
    }

    #[test]
    fn a_calendar_second_allows_two_bursts_side_by_side() {
        let mut window = RateWindow::new(2, RateWindowKind::Calendar);
        assert!(window.admit(milliseconds(998)) && window.admit(milliseconds(999)));
        assert!(!window.admit(milliseconds(999)));
        assert!(window.admit(milliseconds(1_000)) && window.admit(milliseconds(1_001)));
        assert!(!window.admit(milliseconds(1_002)));
    }

    #[test]
    fn zero_is_unlimited_and_stores_no_times() {
        let mut window = RateWindow::new(0, RateWindowKind::Sliding);
        assert!((0..10_000).all(|_| window.admit(Duration::ZERO)));
        assert!(window.admitted.is_empty());
    }

    #[test]
    fn meter_counts_refused_calls() {
        let mut meter = CallMeter::default();
        for at in [0, 10, 20, 1_005, 1_015, 5_000] {
            meter.record(milliseconds(at));
        }
        assert_eq!((meter.calls(), meter.peak_calls_per_second()), (6, 3));
    }

    proptest! {
        /// Compared with the definition: the admitted calls in every second that starts at one of them.
        #[test]
        fn no_sliding_second_holds_more_than_the_limit(limit in 1u32..6, gaps in proptest::collection::vec(0u64..500, 0..200)) {
            let mut window = RateWindow::new(limit, RateWindowKind::Sliding);
            let mut meter = CallMeter::default();
            let mut now = Duration::ZERO;
            let mut admitted: Vec<Duration> = Vec::new();
            for gap in gaps {
                now += milliseconds(gap);
                let in_last_second = admitted.iter().filter(|&&time| time + SECOND > now).count();
                prop_assert_eq!(window.admit(now), in_last_second < limit as usize);
                if in_last_second < limit as usize {
                    admitted.push(now);
                    meter.record(now);
                }
            }
            let peak = admitted.iter().map(|&start| {
                admitted.iter().filter(|&&time| time >= start && time < start + SECOND).count()
            }).max().unwrap_or(0);
            prop_assert!(peak <= limit as usize);
            prop_assert_eq!(meter.peak_calls_per_second(), peak);
        }
    }
}
