use super::*;

const FULL_RATE: f64 = 200.0;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn throttled(throttle: &mut Throttle, called_at: u64, ended_at: u64) -> bool {
    throttled_with_pause(throttle, called_at, ended_at, Duration::ZERO)
}

fn throttled_with_pause(
    throttle: &mut Throttle,
    called_at: u64,
    ended_at: u64,
    pause: Duration,
) -> bool {
    let (called_at, ended_at) = (millis(called_at), millis(ended_at));
    let longest_pause = Duration::from_secs(600);
    let call = ThrottledCall { called_at, ended_at, pause, longest_pause };
    throttle.call_throttled(call, FULL_RATE, FULL_RATE as u64)
}

/// A throttle whose share was cut at 10 s after 20 accepted calls.
fn cut_once() -> Throttle {
    let mut throttle = Throttle::starting_at(Duration::ZERO);
    for call in 0..20 {
        throttle.call_accepted(millis(call), millis(9_000));
    }
    assert!(throttled(&mut throttle, 9_950, 10_000));
    throttle
}

#[test]
fn calls_in_flight_at_a_cut_cause_no_further_one() {
    let mut throttle = cut_once();
    assert_eq!(throttle.share(), SMALL_CUT);
    assert!(!throttled(&mut throttle, 10_000, 10_020));
    assert_eq!(throttle.share(), SMALL_CUT);
    assert!(throttled(&mut throttle, 10_001, 10_040));
    assert!(throttle.share() < SMALL_CUT);
}

#[test]
fn many_refused_calls_cut_the_share_by_half_of_theirs() {
    let mut throttle = cut_once();
    for call in 0..9 {
        throttled(&mut throttle, 9_990, 10_010 + call);
    }
    let before = throttle.share();
    assert!(throttled(&mut throttle, 10_050, 10_100));
    // Of the latest twenty calls 11 were refused.
    assert!((throttle.share() / before - (1.0 - 11.0 / 20.0 / 2.0)).abs() < 1e-9);
    // Fewer than ten calls since then: a small cut.
    let before = throttle.share();
    assert!(throttled(&mut throttle, 10_101, 10_150));
    assert!(throttle.share() > 0.98 * before);
}

#[test]
fn the_share_is_probed_slowly_at_the_ceiling_and_fast_beyond() {
    let mut throttle = cut_once();
    let mut share_at = |seconds: u64| {
        throttle.recover(Duration::from_secs(10 + seconds));
        throttle.share()
    };
    assert!(share_at(3) < 0.99 && share_at(6) < 0.995, "probed too early");
    assert_eq!(share_at(12), 1.0);
    // From far below the ceiling it returns within seconds.
    let mut throttle = cut_once();
    throttle.share = 0.25;
    throttle.recover(Duration::from_secs(13));
    assert!((0.965..0.98).contains(&throttle.share()), "{}", throttle.share());
    // And from far below the limit.
    (throttle.share, throttle.ceiling) = (0.25, 0.25);
    throttle.recover(Duration::from_secs(26));
    assert!(throttle.share() > 0.97, "{}", throttle.share());
}

#[test]
fn a_rate_that_is_not_used_is_not_probed() {
    let mut throttle = cut_once();
    (throttle.share, throttle.ceiling) = (0.1, 0.4);
    for at in 11..100 {
        throttle.defer_probing(Duration::from_secs(at));
        throttle.recover(Duration::from_secs(at));
        throttle.defer_probing(Duration::from_secs(at));
    }
    assert!(throttle.share() <= 0.4 && throttle.share() > 0.38, "{}", throttle.share());
    assert_eq!(throttle.learned_share(), Some(throttle.share()));
    // Used again, it is probed as slowly as after a refusal.
    throttle.recover(Duration::from_secs(102));
    assert!(throttle.share() < 0.4, "{}", throttle.share());
    throttle.recover(Duration::from_secs(112));
    assert!(throttle.share() > 0.44, "{}", throttle.share());
}

#[test]
fn a_refusal_just_beyond_the_ceiling_confirms_it() {
    let mut throttle = cut_once();
    throttle.call_accepted(millis(19_000), millis(19_050));
    (throttle.share, throttle.ceiling) = (0.55, 0.5);
    assert!(throttled(&mut throttle, 20_000, 20_050));
    assert!((throttle.ceiling - 0.5125).abs() < 1e-9);
    assert!((throttle.share() - SMALL_CUT * 0.5125).abs() < 1e-9);
}

#[test]
fn a_service_that_accepts_nothing_is_called_seldom_and_then_fast_again() {
    let mut throttle = cut_once();
    let mut at = 10_000;
    let mut calls = 0;
    while at < 70_000 {
        throttled(&mut throttle, at, at + 20);
        calls += 1;
        let paused_until = u64::try_from(throttle.paused_until().as_millis()).unwrap();
        at = (at + 100).max(paused_until);
    }
    assert!(calls < 60, "{calls}");
    assert!(throttle.share() * FULL_RATE < 1.0);
    throttle.call_accepted(millis(at), millis(at + 20));
    assert!(throttle.share() > 0.4);
    throttle.recover(millis(at + 2_020));
    assert!(throttle.share() > 0.95);
}

#[test]
fn own_pauses_do_not_exceed_the_patience() {
    let mut throttle = cut_once();
    let call = ThrottledCall {
        called_at: millis(900_000),
        ended_at: millis(900_000),
        pause: Duration::ZERO,
        longest_pause: millis(7),
    };
    throttle.call_throttled(call, FULL_RATE, FULL_RATE as u64);
    assert_eq!(throttle.paused_until(), millis(900_007));
}

#[test]
fn recovery_starts_after_the_longest_pause() {
    let mut throttle = cut_once();
    throttled_with_pause(&mut throttle, 10_100, 10_100, Duration::from_secs(60));
    throttled_with_pause(&mut throttle, 10_100, 10_200, Duration::from_secs(5));
    assert_eq!(throttle.paused_until(), millis(70_100));
    assert!(!throttle.recover(millis(70_100)));
    assert!(throttle.recover(millis(78_000)));
}

#[test]
fn the_learned_share_is_that_of_the_ceiling_while_the_share_is_far_below() {
    let mut throttle = Throttle::starting_at(Duration::ZERO);
    assert_eq!(throttle.learned_share(), None);
    throttle = cut_once();
    assert_eq!(throttle.learned_share(), Some(SMALL_CUT));
    (throttle.share, throttle.ceiling) = (0.01, 0.5);
    assert_eq!(throttle.learned_share(), Some(QUICK_BELOW * 0.5));
}
