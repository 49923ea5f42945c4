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
    limiter.limiter.set_share(0.25, Duration::ZERO);
    let slow = calls_over(&mut limiter, 10, no_lateness).len();
    assert!((480..=510).contains(&slow), "{slow}");
    let mut limiter = ImmediateDepartures::new(200);
    limiter.limiter.set_share(0.25, Duration::ZERO);
    limiter.limiter.set_share(1.0, Duration::ZERO);
    assert!(calls_over(&mut limiter, 10, no_lateness).len() >= 1980);
}

#[test]
fn frequent_share_changes_do_not_change_the_rate() {
    let mut limiter = ImmediateDepartures::new(200);
    let mut calls = 0;
    for millisecond in 0..100_000 {
        let now = Duration::from_millis(millisecond);
        calls += u32::from(limiter.take(now).is_ok());
        limiter.limiter.set_share(if millisecond % 2 == 0 { 0.2 } else { 0.3 }, now);
    }
    // A quarter of 198.8 calls per second.
    assert!((4950..=5000).contains(&calls), "{calls}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Between any two times, no more calls leave than the shares between them allow, and the burst that lets a late timer
    /// catch up. This includes every change of the share.
    #[test]
    fn a_change_of_share_permits_no_burst(
        limit in 1u32..400,
        changes in proptest::collection::vec((1u64..1500, 1u32..=64), 1..40),
    ) {
        let mut limiter = ImmediateDepartures::new(limit);
        let burst = (f64::from(limit) * CATCH_UP_SHARE).floor().max(2.0);
        let per_millisecond = f64::from(limit) / 1006.0;
        // For each call, those that the shares allowed until then.
        let (mut now, mut allowed, mut share) = (0, 0.0, 1.0);
        let mut calls: Vec<f64> = Vec::new();
        let mut times = Vec::new();
        for (milliseconds, sixty_fourths) in changes {
            for _ in 0..milliseconds {
                while limiter.take(Duration::from_millis(now)).is_ok() {
                    calls.push(allowed);
                    times.push(Duration::from_millis(now));
                }
                (now, allowed) = (now + 1, allowed + per_millisecond * share);
            }
            share = f64::from(sixty_fourths) / 64.0;
            limiter.limiter.set_share(share, Duration::from_millis(now));
        }
        prop_assert!(exact_meter(&times) <= limit as usize);
        // The most calls in excess of what was allowed between the first of them and the last.
        let (mut least_excess, mut most) = (f64::MAX, f64::MIN);
        for (call, allowed) in calls.iter().enumerate() {
            let excess = call as f64 - allowed;
            least_excess = least_excess.min(excess);
            most = most.max(excess - least_excess);
        }
        prop_assert!(most < burst + 0.001, "{most} of {burst}");
    }
}

#[test]
fn a_share_bounds_every_second() {
    let mut limiter = ImmediateDepartures::new(200);
    let mut calls = calls_over(&mut limiter, 3, || Duration::ZERO);
    limiter.limiter.set_share(0.3, Duration::from_secs(3));
    let mut now = Duration::from_secs(3);
    // Timers that are late by nearly half a second, so that calls catch up.
    while now < Duration::from_secs(10) {
        match limiter.take(now) {
            Ok(()) => calls.push(now),
            Err(wait) => now += wait + Duration::from_millis(450),
        }
    }
    let slow: Vec<Duration> =
        calls.into_iter().filter(|call| *call >= Duration::from_secs(3)).collect();
    assert!((20..=60).contains(&exact_meter(&slow)), "{}", exact_meter(&slow));
}

#[test]
fn without_a_limit_calls_are_unlimited_until_slowed_down() {
    let mut limiter = ImmediateDepartures::new(0);
    let at = Duration::from_millis;
    for _ in 0..10_000 {
        assert_eq!(limiter.take(at(1)), Ok(()));
    }
    assert_eq!(limiter.limiter.peak_calls_per_second(), 10_000);
    limiter.limiter.set_share(0.5, at(1));
    assert!(limiter.take(at(2)).is_err(), "the calls of the last second exceed the share");
    let granted = (0..10_000).filter(|call| limiter.take(at(1010 + call)).is_ok()).count();
    assert!((4000..=10_000).contains(&granted), "{granted}");
    limiter.limiter.set_share(1.0, at(20_000));
    let granted = (0..20_000).filter(|_| limiter.take(at(20_000)).is_ok()).count();
    assert_eq!(granted, 20_000);
}
