//! Simulated services that limit the calls they accept.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// How a service counts calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// In any second.
    Sliding,
    /// In each second of its clock.
    Fixed,
    /// By tokens, at most as many as the limit, refilled at the limit.
    Bucket,
}

/// A service with one limit for all of its clients. Refused calls do not count.
#[derive(Debug, Clone)]
pub struct SimulatedService {
    counting: Counting,
    limit: u32,
    /// A period with another limit.
    other_limit: Option<(Range<Duration>, u32)>,
    /// The share of calls that are refused at random.
    random_refusals: f64,
    accepted: VecDeque<Duration>,
    tokens: f64,
    refilled_at: Duration,
}

impl SimulatedService {
    pub fn new(counting: Counting, limit: u32) -> SimulatedService {
        SimulatedService {
            counting,
            limit,
            other_limit: None,
            random_refusals: 0.0,
            accepted: VecDeque::new(),
            tokens: f64::from(limit),
            refilled_at: Duration::ZERO,
        }
    }

    /// Another limit in a period, given in seconds.
    pub fn with_limit_in(self, period: Range<u64>, limit: u32) -> SimulatedService {
        let period = Duration::from_secs(period.start)..Duration::from_secs(period.end);
        SimulatedService { other_limit: Some((period, limit)), ..self }
    }

    pub fn with_random_refusals(self, random_refusals: f64) -> SimulatedService {
        SimulatedService { random_refusals, ..self }
    }

    /// Whether the service accepts a call that arrives now.
    pub fn accepts(&mut self, now: Duration, random: &mut fastrand::Rng) -> bool {
        if random.f64() < self.random_refusals {
            return false;
        }
        let limit = match &self.other_limit {
            Some((period, limit)) if period.contains(&now) => *limit,
            _ => self.limit,
        };
        if self.counting == Counting::Bucket {
            let refill = (now - self.refilled_at).as_secs_f64() * f64::from(limit);
            self.tokens = (self.tokens + refill).min(f64::from(limit));
            self.refilled_at = now;
            let is_accepted = self.tokens >= 1.0;
            self.tokens -= if is_accepted { 1.0 } else { 0.0 };
            return is_accepted;
        }
        while self.accepted.front().is_some_and(|call| !self.is_in_second(*call, now)) {
            self.accepted.pop_front();
        }
        let is_accepted = self.accepted.len() < limit as usize;
        if is_accepted {
            self.accepted.push_back(now);
        }
        is_accepted
    }

    fn is_in_second(&self, call: Duration, now: Duration) -> bool {
        match self.counting {
            Counting::Fixed => call.as_secs() == now.as_secs(),
            _ => call + Duration::from_secs(1) > now,
        }
    }
}
