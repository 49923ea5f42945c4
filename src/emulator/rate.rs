//! The rate limit and the meter of calls, over exact call times.
//!
//! Times are durations since the emulator's start. A second is half open: a call at `t` and one at `t + 1 s` lie
//! in no common second.

use std::collections::VecDeque;
use std::time::Duration;

use super::settings::RateWindowKind;

const SECOND: Duration = Duration::from_secs(1);

/// Lets at most `limit` calls through in a second; 0 is unlimited. Calls that were refused do not count.
#[derive(Debug)]
pub struct RateWindow {
    limit: usize,
    kind: RateWindowKind,
    admitted: VecDeque<Duration>,
}

impl RateWindow {
    /// A window without any calls yet.
    pub fn new(limit: u32, kind: RateWindowKind) -> RateWindow {
        RateWindow { limit: limit as usize, kind, admitted: VecDeque::new() }
    }

    /// Whether a call at `now` is within the limit; times must not run backwards.
    pub fn admit(&mut self, now: Duration) -> bool {
        if self.limit == 0 {
            return true;
        }
        match self.kind {
            RateWindowKind::Sliding => forget_before_the_second_of(&mut self.admitted, now),
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

/// Counts arrivals, refused ones too, and remembers the fullest sliding second.
#[derive(Debug, Default)]
pub struct Meter {
    calls: u64,
    peak_calls_per_second: usize,
    recent: VecDeque<Duration>,
}

impl Meter {
    /// Notes a call at `now`; times must not run backwards.
    pub fn arrive(&mut self, now: Duration) {
        forget_before_the_second_of(&mut self.recent, now);
        self.recent.push_back(now);
        self.calls += 1;
        self.peak_calls_per_second = self.peak_calls_per_second.max(self.recent.len());
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Most calls that any sliding second held.
    pub fn peak_calls_per_second(&self) -> usize {
        self.peak_calls_per_second
    }
}

fn forget_before_the_second_of(times: &mut VecDeque<Duration>, now: Duration) {
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
    fn zero_is_unlimited_and_remembers_nothing() {
        let mut window = RateWindow::new(0, RateWindowKind::Sliding);
        assert!((0..10_000).all(|_| window.admit(Duration::ZERO)));
        assert!(window.admitted.is_empty());
    }

    #[test]
    fn the_meter_counts_refused_calls_too() {
        let mut meter = Meter::default();
        for at in [0, 10, 20, 1_005, 1_015, 5_000] {
            meter.arrive(milliseconds(at));
        }
        assert_eq!((meter.calls(), meter.peak_calls_per_second()), (6, 3));
    }

    proptest! {
        /// Checked against the plain definition: all admitted calls, counted in every second that begins at one.
        #[test]
        fn no_sliding_second_holds_more_than_the_limit(limit in 1u32..6, gaps in proptest::collection::vec(0u64..500, 0..200)) {
            let mut window = RateWindow::new(limit, RateWindowKind::Sliding);
            let mut meter = Meter::default();
            let mut now = Duration::ZERO;
            let mut admitted: Vec<Duration> = Vec::new();
            for gap in gaps {
                now += milliseconds(gap);
                let in_last_second = admitted.iter().filter(|&&time| time + SECOND > now).count();
                prop_assert_eq!(window.admit(now), in_last_second < limit as usize);
                if in_last_second < limit as usize {
                    admitted.push(now);
                    meter.arrive(now);
                }
            }
            let fullest = admitted.iter().map(|&start| {
                admitted.iter().filter(|&&time| time >= start && time < start + SECOND).count()
            }).max().unwrap_or(0);
            prop_assert!(fullest <= limit as usize);
            prop_assert_eq!(meter.peak_calls_per_second(), fullest);
        }
    }
}
