//! The table of `docs/architecture.md`: every bound holds for every seed.

use std::ops::Range;
use std::time::Duration;

use super::outcome::SimulatedRun;
use super::service::{Counting, SimulatedService};
use super::{Network, SimulatedJob, Simulation};

const SEEDS: Range<u64> = 0..6;
const SECONDS: u64 = 120;
const END: f64 = SECONDS as f64;

/// Jobs with these limits that start together.
fn jobs(limits: &[u32]) -> Vec<SimulatedJob> {
    let starts_at = Duration::ZERO;
    limits.iter().map(|limit| SimulatedJob { calls_per_second: *limit, starts_at }).collect()
}

/// A round trip of 60 ms, or more if the jitter is larger than that of one direction.
fn jitter(millis: u64) -> Network {
    let delay = Duration::from_millis(30.max(millis + 5));
    Network { delay, jitter: Duration::from_millis(millis), stall: Duration::ZERO }
}

fn sliding(limit: u32) -> SimulatedService {
    SimulatedService::new(Counting::Sliding, limit)
}

/// Simulates two minutes with each seed. In no second, more calls of a job leave than its limit.
#[track_caller]
fn simulate(
    jobs: &[SimulatedJob],
    network: Network,
    service: &SimulatedService,
) -> Vec<SimulatedRun> {
    let run = |seed| {
        let simulation = Simulation::new(jobs, network, service.clone(), seed);
        let outcome = simulation.run(Duration::from_secs(SECONDS));
        for (job, settings) in jobs.iter().enumerate() {
            let peak = outcome.peak(job);
            assert!(peak <= settings.calls_per_second as usize, "{peak} calls in a second");
        }
        outcome
    };
    SEEDS.map(run).collect()
}

/// The lowest and the highest value of any seed.
fn range_of(outcomes: &[SimulatedRun], value: impl Fn(&SimulatedRun) -> f64) -> (f64, f64) {
    let values = || outcomes.iter().map(&value);
    (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max))
}

#[track_caller]
fn ensure_at_least(
    least: f64,
    what: &str,
    outcomes: &[SimulatedRun],
    value: impl Fn(&SimulatedRun) -> f64,
) {
    let (lowest, highest) = range_of(outcomes, value);
    assert!(lowest >= least, "{what}: {lowest} to {highest}, not at least {least}");
}

#[track_caller]
fn ensure_at_most(
    most: f64,
    what: &str,
    outcomes: &[SimulatedRun],
    value: impl Fn(&SimulatedRun) -> f64,
) {
    let (lowest, highest) = range_of(outcomes, value);
    assert!(highest <= most, "{what}: {lowest} to {highest}, not at most {most}");
}

/// One job: the share of the service's limit that was useful after `warm_up` seconds, and the refused share of all calls.
#[track_caller]
fn ensure_useful(
    (job, jitter_millis): (u32, u64),
    (counting, limit): (Counting, u32),
    warm_up: f64,
    (least_useful, most_refused): (f64, f64),
) {
    let service = SimulatedService::new(counting, limit);
    let outcomes = simulate(&jobs(&[job]), jitter(jitter_millis), &service);
    ensure_at_least(least_useful, "useful", &outcomes, |outcome| {
        outcome.accepted_rate(warm_up..END) / f64::from(limit)
    });
    ensure_at_most(most_refused, "refused", &outcomes, |outcome| outcome.refused_share(0.0..END));
}

#[test]
fn limit_of_the_job_is_used_in_spite_of_jitter() {
    let (sliding, one) = ((Counting::Sliding, 200), 0.001);
    ensure_useful((200, 5), sliding, 0.0, (0.98, one));
    ensure_useful((200, 10), sliding, 0.0, (0.97, one));
    ensure_useful((200, 20), sliding, 0.0, (0.96, 0.0015));
    ensure_useful((200, 40), sliding, 0.0, (0.95, 0.003));
}

#[test]
fn seconds_of_the_clock_and_token_buckets_are_used_like_sliding_seconds() {
    ensure_useful((200, 10), (Counting::Fixed, 200), 0.0, (0.97, 0.001));
    ensure_useful((200, 10), (Counting::Bucket, 200), 0.0, (0.97, 0.001));
    ensure_useful((200, 10), (Counting::Fixed, 120), 5.0, (0.97, 0.01));
    ensure_useful((200, 10), (Counting::Bucket, 120), 5.0, (0.97, 0.02));
}

#[test]
fn lower_limit_than_that_of_the_job_is_found_and_used() {
    ensure_useful((100, 10), (Counting::Sliding, 40), 5.0, (0.92, 0.03));
    ensure_useful((200, 5), (Counting::Sliding, 120), 5.0, (0.97, 0.01));
    ensure_useful((200, 20), (Counting::Sliding, 120), 5.0, (0.95, 0.01));
    ensure_useful((200, 5), (Counting::Sliding, 20), 5.0, (0.95, 0.06));
    ensure_useful((200, 20), (Counting::Sliding, 20), 5.0, (0.92, 0.07));
}

#[test]
fn two_jobs_share_one_limit() {
    for counting in [Counting::Sliding, Counting::Fixed] {
        let service = SimulatedService::new(counting, 200);
        let outcomes = simulate(&jobs(&[200, 200]), jitter(10), &service);
        ensure_at_least(0.92, "together", &outcomes, |outcome| {
            outcome.accepted_rate(0.0..END) / 200.0
        });
        ensure_at_least(0.35, "each", &outcomes, |outcome| {
            let of = |job| outcome.accepted_rate_of(job, 0.0..END) / 200.0;
            of(0).min(of(1))
        });
    }
}

#[test]
fn job_that_starts_later_gets_its_share_of_the_limit() {
    let mut jobs = jobs(&[200, 200]);
    jobs[1].starts_at = Duration::from_secs(20);
    let outcomes = simulate(&jobs, jitter(10), &sliding(200));
    let later = 60.0..END;
    ensure_at_least(0.95, "together", &outcomes, |outcome| {
        outcome.accepted_rate(later.clone()) / 200.0
    });
    ensure_at_least(0.28, "each", &outcomes, |outcome| {
        let of = |job| outcome.accepted_rate_of(job, later.clone()) / 200.0;
        of(0).min(of(1))
    });
}

#[test]
fn limit_that_falls_and_returns_is_followed() {
    let service = sliding(200).with_limit_in(30..50, 50);
    let outcomes = simulate(&jobs(&[200]), jitter(10), &service);
    ensure_at_most(60.0, "sent 3 s after the fall", &outcomes, |outcome| {
        outcome.sent_rate(33.0..35.0)
    });
    ensure_at_least(0.92, "useful while it is low", &outcomes, |outcome| {
        outcome.accepted_rate(33.0..50.0) / 50.0
    });
    ensure_at_least(0.95, "useful 15 s after the return", &outcomes, |outcome| {
        outcome.accepted_rate(65.0..68.0) / 200.0
    });
}

#[test]
fn service_that_refuses_every_call_gets_few() {
    let outcomes = simulate(&jobs(&[200]), jitter(10), &sliding(0));
    ensure_at_most(5.0, "calls per second after 3 s", &outcomes, |outcome| {
        outcome.sent_rate(3.0..5.0)
    });
    ensure_at_most(0.3, "calls per second after 5 s", &outcomes, |outcome| {
        outcome.sent_rate(5.0..END)
    });
    let slow = Network { delay: Duration::from_millis(500), ..jitter(10) };
    let outcomes = simulate(&jobs(&[200]), slow, &sliding(0));
    ensure_at_most(1.0, "calls per second after slow responses", &outcomes, |outcome| {
        outcome.sent_rate(8.0..END)
    });
}

#[test]
fn full_rate_returns_within_seconds_of_a_service_that_refused_every_call() {
    for start in [0, 20] {
        let service = sliding(200).with_limit_in(start..start + 10, 0);
        let outcomes = simulate(&jobs(&[200]), jitter(10), &service);
        let from = start as f64 + 15.0;
        ensure_at_least(0.94, "useful 5 s after", &outcomes, |outcome| {
            outcome.accepted_rate(from..from + 3.0) / 200.0
        });
    }
}

#[test]
fn random_refusals_do_not_lower_the_rate_much() {
    for (limit, share, least) in [(120, 0.02, 0.7), (200, 0.02, 0.75), (200, 0.005, 0.7)] {
        let service = sliding(limit).with_random_refusals(share);
        let outcomes = simulate(&jobs(&[200]), jitter(10), &service);
        ensure_at_least(least, "useful", &outcomes, |outcome| {
            outcome.accepted_rate(0.0..END) / f64::from(limit)
        });
        ensure_at_most(share + 0.04, "refused", &outcomes, |outcome| {
            outcome.refused_share(0.0..END)
        });
    }
}

#[test]
fn long_round_trips_change_little() {
    let network = Network { delay: Duration::from_millis(120), ..jitter(10) };
    for (job, limit) in [(200, 200), (200, 120)] {
        let outcomes = simulate(&jobs(&[job]), network, &sliding(limit));
        ensure_at_least(0.96, "useful", &outcomes, |outcome| {
            outcome.accepted_rate(5.0..END) / f64::from(limit)
        });
        ensure_at_most(0.015, "refused", &outcomes, |outcome| outcome.refused_share(0.0..END));
    }
}

/// A refusal is known only after a round trip, and the calls in flight may bound the rate.
#[test]
fn lower_limit_is_found_though_responses_take_long() {
    for (trip_millis, job, limit, most_refused) in [
        (300, 100, 40, 0.01),
        (500, 100, 40, 0.02),
        (500, 200, 100, 0.03),
        (1000, 100, 40, 0.03),
        (1000, 100, 20, 0.03),
        (2000, 200, 10, 0.15),
    ] {
        let network = Network { delay: Duration::from_millis(trip_millis / 2), ..jitter(10) };
        let outcomes = simulate(&jobs(&[job]), network, &sliding(limit));
        let later = 15.0..END;
        ensure_at_least(0.93, "useful", &outcomes, |outcome| {
            outcome.accepted_rate(later.clone()) / f64::from(limit)
        });
        ensure_at_most(most_refused, "refused", &outcomes, |outcome| {
            outcome.refused_share(later.clone())
        });
    }
}

/// Calls that a busy machine or network delays arrive together, and a second later the service refuses as many.
#[test]
fn stalls_cost_some_of_the_limit() {
    for (stall_millis, least_useful, most_refused) in [(50, 0.93, 0.005), (150, 0.85, 0.01)] {
        let network = Network { stall: Duration::from_millis(stall_millis), ..jitter(10) };
        let outcomes = simulate(&jobs(&[200]), network, &sliding(200));
        ensure_at_least(least_useful, "useful", &outcomes, |outcome| {
            outcome.accepted_rate(0.0..END) / 200.0
        });
        ensure_at_most(most_refused, "refused", &outcomes, |outcome| {
            outcome.refused_share(0.0..END)
        });
    }
}
