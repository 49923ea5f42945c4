//! What a simulation resulted in.

use std::ops::Range;
use std::time::Duration;

/// A call that arrived.
#[derive(Debug, Clone, Copy)]
pub struct SimulatedCall {
    pub job: usize,
    pub left_at: Duration,
    pub arrived_at: Duration,
    pub is_accepted: bool,
}

/// The calls of a simulation, in the order of their arrival.
pub struct SimulatedRun {
    pub calls: Vec<SimulatedCall>,
}

/// Periods are in seconds since the start.
impl SimulatedRun {
    fn arrived_in(&self, period: Range<f64>) -> impl Iterator<Item = &SimulatedCall> {
        self.calls.iter().filter(move |call| period.contains(&call.arrived_at.as_secs_f64()))
    }

    /// Calls per second.
    pub fn sent_rate(&self, period: Range<f64>) -> f64 {
        self.arrived_in(period.clone()).count() as f64 / (period.end - period.start)
    }

    /// Accepted calls per second.
    pub fn accepted_rate(&self, period: Range<f64>) -> f64 {
        let accepted = self.arrived_in(period.clone()).filter(|call| call.is_accepted).count();
        accepted as f64 / (period.end - period.start)
    }

    /// Accepted calls per second of one job.
    pub fn accepted_rate_of(&self, job: usize, period: Range<f64>) -> f64 {
        let is_counted = |call: &&SimulatedCall| call.job == job && call.is_accepted;
        let accepted = self.arrived_in(period.clone()).filter(is_counted).count();
        accepted as f64 / (period.end - period.start)
    }

    /// The refused part of all calls.
    pub fn refused_share(&self, period: Range<f64>) -> f64 {
        let refused = self.arrived_in(period.clone()).filter(|call| !call.is_accepted).count();
        refused as f64 / self.arrived_in(period).count().max(1) as f64
    }

    /// The most departures of a job in any sliding second.
    pub fn peak(&self, job: usize) -> usize {
        let of_job = self.calls.iter().filter(|call| call.job == job);
        let mut times: Vec<Duration> = of_job.map(|call| call.left_at).collect();
        times.sort_unstable();
        let (mut first, mut peak) = (0, 0);
        for (last, left_at) in times.iter().enumerate() {
            while times[first] + Duration::from_secs(1) <= *left_at {
                first += 1;
            }
            peak = peak.max(last - first + 1);
        }
        peak
    }
}
