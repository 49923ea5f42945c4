//! Runs in virtual time against simulated services: what the law of throttling achieves.

mod outcome;
mod service;
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use self::outcome::{SimulatedCall, SimulatedRun};
use self::service::SimulatedService;
use crate::job::RetrySettings;
use crate::pipeline::rate::limiter::Departure;
use crate::pipeline::rate::throttle::ThrottledCall;
use crate::pipeline::rate::{Gate, RateControl};

const MAX_IN_FLIGHT: usize = 64;
const PATIENCE: Duration = Duration::from_secs(600);

/// The latest delay of a timer; a call leaves up to a quarter of it after it is permitted.
const MAX_LATENESS_MICROS: u64 = 1200;

/// A job of a simulation.
#[derive(Debug, Clone, Copy)]
pub struct SimulatedJob {
    pub calls_per_second: u32,
    pub starts_at: Duration,
}

/// The network: each direction takes the mean delay, give or take the jitter.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    pub delay: Duration,
    pub jitter: Duration,
    /// So long at the start of every [`STALL_INTERVAL`], nothing arrives: all calls of that time arrive at its end.
    pub stall: Duration,
}

const STALL_INTERVAL: Duration = Duration::from_secs(7);

struct RunningJob {
    rate: RateControl,
    clock: Arc<AtomicU64>,
    in_flight: usize,
    wakes_at: Duration,
}

impl RunningJob {
    fn new(job: SimulatedJob) -> RunningJob {
        let retry = RetrySettings {
            max_attempts: 6,
            initial_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(30),
            outage_patience: PATIENCE,
        };
        let clock = Arc::new(AtomicU64::new(0));
        let shown = Arc::clone(&clock);
        let now = move || Duration::from_nanos(shown.load(Ordering::Relaxed));
        let rate = RateControl::new(job.calls_per_second, job.starts_at, &retry, now);
        RunningJob { rate, clock, in_flight: 0, wakes_at: Duration::ZERO }
    }
}

enum SimulatedStep {
    /// Start the calls that may be made.
    Wake,
    Leave {
        departure: Departure,
        called_at: Duration,
    },
    Arrive {
        left_at: Duration,
        called_at: Duration,
    },
    Respond {
        called_at: Duration,
        is_accepted: bool,
    },
}

pub struct Simulation {
    network: Network,
    service: SimulatedService,
    random: fastrand::Rng,
    jobs: Vec<RunningJob>,
    /// When each of the steps is due, by its index.
    queue: BinaryHeap<Reverse<(Duration, usize)>>,
    /// Steps and their jobs, until they are due.
    steps: Vec<Option<(usize, SimulatedStep)>>,
    calls: Vec<SimulatedCall>,
}

impl Simulation {
    pub fn new(
        jobs: &[SimulatedJob],
        network: Network,
        service: SimulatedService,
        seed: u64,
    ) -> Simulation {
        Simulation {
            network,
            service,
            random: fastrand::Rng::with_seed(seed),
            jobs: jobs.iter().copied().map(RunningJob::new).collect(),
            queue: BinaryHeap::new(),
            steps: Vec::new(),
            calls: Vec::new(),
        }
    }

    pub fn run(mut self, duration: Duration) -> SimulatedRun {
        for job in 0..self.jobs.len() {
            self.push(Duration::ZERO, job, SimulatedStep::Wake);
        }
        while let Some(Reverse((now, step))) = self.queue.pop()
            && now < duration
        {
            let (job, step) = self.steps[step].take().unwrap();
            self.run_step(job, step, now);
        }
        SimulatedRun { calls: self.calls }
    }

    fn run_step(&mut self, job: usize, step: SimulatedStep, now: Duration) {
        let running = &mut self.jobs[job];
        running.clock.store(u64::try_from(now.as_nanos()).unwrap(), Ordering::Relaxed);
        match step {
            // It was woken by a response since, and waits for another time.
            SimulatedStep::Wake if running.wakes_at > now => {}
            SimulatedStep::Wake => self.start_calls(job, now),
            SimulatedStep::Leave { departure, called_at } => {
                drop(departure);
                let arrives_at = now + self.delay();
                let arrives_at = self.after_stall(arrives_at);
                self.push(arrives_at, job, SimulatedStep::Arrive { left_at: now, called_at });
            }
            SimulatedStep::Arrive { left_at, called_at } => {
                let is_accepted = self.service.accepts(now, &mut self.random);
                self.calls.push(SimulatedCall { job, left_at, arrived_at: now, is_accepted });
                let delay = self.delay();
                self.push(now + delay, job, SimulatedStep::Respond { called_at, is_accepted });
            }
            SimulatedStep::Respond { called_at, is_accepted } => {
                running.in_flight -= 1;
                if is_accepted {
                    running.rate.call_accepted(called_at, now);
                } else {
                    running.rate.call_throttled(ThrottledCall {
                        called_at,
                        ended_at: now,
                        pause: Duration::ZERO,
                        longest_pause: PATIENCE,
                    });
                }
                self.start_calls(job, now);
            }
        }
    }

    fn start_calls(&mut self, job: usize, now: Duration) {
        let wait_until = loop {
            let running = &mut self.jobs[job];
            running.rate.recover(now);
            if running.in_flight >= MAX_IN_FLIGHT {
                return;
            }
            if let Gate::Closed(until) = running.rate.gate(now, running.in_flight) {
                break until.unwrap();
            }
            match running.rate.permit(now) {
                Ok(departure) => {
                    running.in_flight += 1;
                    let leaves_at = now + self.lateness() / 4;
                    self.push(leaves_at, job, SimulatedStep::Leave { departure, called_at: now });
                }
                Err(until) => break until,
            }
        };
        let wakes_at = wait_until + self.lateness();
        self.jobs[job].wakes_at = wakes_at;
        self.push(wakes_at, job, SimulatedStep::Wake);
    }

    fn lateness(&mut self) -> Duration {
        Duration::from_micros(self.random.u64(0..=MAX_LATENESS_MICROS))
    }

    /// The delay of one direction; calls may overtake each other.
    fn delay(&mut self) -> Duration {
        let Network { delay, jitter, .. } = self.network;
        delay + jitter.mul_f64(2.0 * self.random.f64()) - jitter
    }

    fn after_stall(&self, at: Duration) -> Duration {
        let intervals = at.as_nanos() / STALL_INTERVAL.as_nanos();
        let start = STALL_INTERVAL * u32::try_from(intervals).unwrap();
        at.max(start + self.network.stall)
    }

    fn push(&mut self, at: Duration, job: usize, step: SimulatedStep) {
        self.queue.push(Reverse((at, self.steps.len())));
        self.steps.push(Some((job, step)));
    }
}
