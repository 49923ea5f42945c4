//! The rate limit and the meter of calls, based on exact call times.
//!
//! Times are durations since the emulator's start and never decrease. A second is half open: no second contains both a
//! call at `t` and one at `t + 1 s`.

use std::collections::VecDeque;
use std::time::Duration;

use super::settings::RateWindowKind;

const SECOND: Duration = Duration::from_secs(1);

/// Tokens of a bucket are counted in nanoseconds of the refill of one call per second, so that no rounding adds up.
const TOKEN: u64 = 1_000_000_000;

/// Counts the calls of a command against its limit in calls per second. Refused calls do not count.
#[derive(Debug)]
pub enum RateWindow {
    Sliding { admitted: VecDeque<Duration> },
    Fixed { second: u64, admitted: u32 },
    Bucket { refilled_at: Duration, credit: u64 },
}

impl RateWindow {
    pub fn new(kind: RateWindowKind) -> RateWindow {
        match kind {
            RateWindowKind::Sliding => RateWindow::Sliding { admitted: VecDeque::new() },
            RateWindowKind::Fixed => RateWindow::Fixed { second: 0, admitted: 0 },
            // The first call reduces it to a bucket of its limit.
            RateWindowKind::Bucket => {
                RateWindow::Bucket { refilled_at: Duration::ZERO, credit: u64::MAX }
            }
        }
    }

    /// Admits a call at `now` if it is within the limit; 0 is unlimited.
    pub fn admit(&mut self, now: Duration, limit: u32) -> bool {
        if limit == 0 {
            return true;
        }
        match self {
            RateWindow::Sliding { admitted } => {
                drop_calls_before_last_second(admitted, now);
                let within_limit = admitted.len() < limit as usize;
                if within_limit {
                    admitted.push_back(now);
                }
                within_limit
            }
            RateWindow::Fixed { second, admitted } => {
                if now.as_secs() > *second {
                    (*second, *admitted) = (now.as_secs(), 0);
                }
                let within_limit = *admitted < limit;
                *admitted += u32::from(within_limit);
                within_limit
            }
            RateWindow::Bucket { refilled_at, credit } => {
                let elapsed = now.saturating_sub(*refilled_at).min(SECOND).as_nanos() as u64;
                let capacity = u64::from(limit) * TOKEN;
                *credit = credit.saturating_add(elapsed * u64::from(limit)).min(capacity);
                *refilled_at = now;
                let within_limit = *credit >= TOKEN;
                *credit -= if within_limit { TOKEN } else { 0 };
                within_limit
            }
        }
    }
}

/// Counts calls as they are sent, refused ones too, and remembers the fullest sliding second.
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
    fn sliding_window_refuses_until_the_first_call_is_a_second_old() {
        let mut window = RateWindow::new(RateWindowKind::Sliding);
        assert!([0, 400, 800].into_iter().all(|at| window.admit(milliseconds(at), 3)));
        assert!(!window.admit(milliseconds(999), 3));
        assert!(window.admit(milliseconds(1_000), 3));
        assert!(!window.admit(milliseconds(1_399), 3));
        assert!(window.admit(milliseconds(1_400), 3));
    }

    #[test]
    fn fixed_window_allows_two_bursts_side_by_side() {
        let mut window = RateWindow::new(RateWindowKind::Fixed);
        assert!(window.admit(milliseconds(998), 2) && window.admit(milliseconds(999), 2));
        assert!(!window.admit(milliseconds(999), 2));
        assert!(window.admit(milliseconds(1_000), 2) && window.admit(milliseconds(1_001), 2));
        assert!(!window.admit(milliseconds(1_002), 2));
    }

    #[test]
    fn bucket_allows_one_burst_and_then_the_refill() {
        let mut window = RateWindow::new(RateWindowKind::Bucket);
        assert!([0, 0, 0, 0].into_iter().all(|at| window.admit(milliseconds(at), 4)));
        assert!(!window.admit(milliseconds(249), 4));
        assert!(window.admit(milliseconds(250), 4));
        assert!(!window.admit(milliseconds(499), 4));
        assert!(window.admit(milliseconds(500), 4));
        let after_a_pause = (0..9).filter(|_| window.admit(milliseconds(99_000), 4)).count();
        assert_eq!(after_a_pause, 4);
    }

    #[test]
    fn a_lower_limit_counts_the_calls_admitted_under_a_higher_one() {
        for (kind, admitted_at_once) in
            [(RateWindowKind::Sliding, 0), (RateWindowKind::Fixed, 0), (RateWindowKind::Bucket, 2)]
        {
            let mut window = RateWindow::new(kind);
            assert!((0..8).all(|_| window.admit(milliseconds(100), 10)), "{kind:?}");
            let admitted = (0..8).filter(|_| window.admit(milliseconds(100), 4)).count();
            assert_eq!(admitted, admitted_at_once, "{kind:?}");
            let admitted = (0..8).filter(|_| window.admit(milliseconds(1_200), 4)).count();
            assert_eq!(admitted, 4, "{kind:?}");
            let admitted = (0..20).filter(|_| window.admit(milliseconds(2_400), 10)).count();
            assert_eq!(admitted, 10, "{kind:?}");
        }
    }

    #[test]
    fn zero_is_unlimited_and_stores_no_times() {
        let mut window = RateWindow::new(RateWindowKind::Sliding);
        assert!((0..10_000).all(|_| window.admit(Duration::ZERO, 0)));
        assert!(matches!(window, RateWindow::Sliding { admitted } if admitted.is_empty()));
    }

    #[test]
    fn meter_counts_refused_calls() {
        let mut meter = CallMeter::default();
        for at in [0, 10, 20, 1_005, 1_015, 5_000] {
            meter.record(milliseconds(at));
        }
        assert_eq!((meter.calls(), meter.peak_calls_per_second()), (6, 3));
    }

    /// The times of calls, from the gaps between them.
    fn times(gaps: Vec<u64>) -> impl Iterator<Item = Duration> {
        gaps.into_iter().scan(Duration::ZERO, |now, gap| {
            *now += milliseconds(gap);
            Some(*now)
        })
    }

    fn gaps() -> impl Strategy<Value = Vec<u64>> {
        proptest::collection::vec(0u64..500, 0..200)
    }

    // Each window is compared with its definition, applied to all calls that it admitted before.
    proptest! {
        #[test]
        fn no_sliding_second_holds_more_than_the_limit(limit in 1u32..6, gaps in gaps()) {
            let mut window = RateWindow::new(RateWindowKind::Sliding);
            let mut meter = CallMeter::default();
            let mut admitted: Vec<Duration> = Vec::new();
            for now in times(gaps) {
                let in_last_second = admitted.iter().filter(|&&time| time + SECOND > now).count();
                prop_assert_eq!(window.admit(now, limit), in_last_second < limit as usize);
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

        #[test]
        fn no_whole_second_holds_more_than_the_limit(limit in 1u32..6, gaps in gaps()) {
            let mut window = RateWindow::new(RateWindowKind::Fixed);
            let mut admitted: Vec<Duration> = Vec::new();
            for now in times(gaps) {
                let in_second = admitted.iter().filter(|time| time.as_secs() == now.as_secs()).count();
                prop_assert_eq!(window.admit(now, limit), in_second < limit as usize);
                if in_second < limit as usize {
                    admitted.push(now);
                }
            }
        }

        /// From any call to a later one, a bucket admits as many as it holds and as it was refilled with between them.
        #[test]
        fn bucket_never_admits_more_than_it_holds_and_is_refilled_with(limit in 1u32..6, gaps in gaps()) {
            let mut window = RateWindow::new(RateWindowKind::Bucket);
            let mut admitted: Vec<Duration> = Vec::new();
            for now in times(gaps) {
                let has_token = admitted.iter().enumerate().all(|(index, &start)| {
                    let with_this = (admitted.len() - index + 1) as u128;
                    with_this * 1_000 <= u128::from(limit) * (1_000 + (now - start).as_millis())
                });
                prop_assert_eq!(window.admit(now, limit), has_token);
                if has_token {
                    admitted.push(now);
                }
            }
        }
    }
}
