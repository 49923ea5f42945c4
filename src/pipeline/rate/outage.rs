//! Distinguishes an outage (no call succeeds) from individual failures (pure).
//!
//! A failed chunk is held back without counting an attempt, because only later calls show the cause. After a few failures
//! in a row no further call is made but one probe:
//!
//! | after a failed call         | cause               | the chunks held back                     |
//! |-----------------------------|---------------------|------------------------------------------|
//! | another call succeeds       | individual failures | have an attempt counted                  |
//! | the first probe succeeds    | individual failures | have an attempt counted                  |
//! | the first probe fails       | an outage           | are resent unchanged, no attempt counted |
//!
//! During an outage one probe at a time is sent, with growing pauses, until one succeeds or the patience ends.
//! Times are durations since the start of the run and are passed in.

use std::time::Duration;

use crate::job::RetrySettings;
use crate::pipeline::chunk::Chunk;
use crate::pipeline::response_processor::FailedCall;

/// Failed calls in a row after which only a probe is sent. If 1 % of all calls fail independently, five in a row happen
/// once in ten billion calls.
const SUSPICIOUS_FAILURES: u32 = 5;

/// The meaning of the end of a probe.
#[derive(Debug)]
pub enum ProbeVerdict {
    /// Not an outage: count an attempt for these chunks.
    NoOutage(Vec<FailedCall>),
    /// An outage has started: resend these chunks unchanged after it.
    OutageStarted(Vec<FailedCall>),
    /// The outage continues.
    OutageContinues,
    /// The outage has lasted for `outage_patience`.
    PatienceEnded,
    /// The outage is over; how long it lasted.
    OutageEnded(Duration),
}

/// The outage detection of a run.
#[derive(Debug)]
pub struct Outage {
    first_pause: Duration,
    longest_pause: Duration,
    patience: Duration,
    held_back: Vec<FailedCall>,
    failures_in_a_row: u32,
    /// The first failure since the last success.
    failing_since: Option<Duration>,
    refused_probes: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calls are made.
    Reachable,
    /// No calls but a probe, which decides.
    Suspected,
    /// No call succeeds.
    Unreachable { pause: Duration, next_probe_at: Duration },
}

impl Outage {
    /// Assumes a reachable service.
    pub fn new(retry: &RetrySettings) -> Outage {
        Outage {
            first_pause: retry.initial_backoff,
            longest_pause: retry.max_backoff,
            patience: retry.outage_patience,
            held_back: Vec::new(),
            failures_in_a_row: 0,
            failing_since: None,
            refused_probes: 0,
            state: State::Reachable,
        }
    }

    /// Whether ordinary calls may be made.
    #[cfg(test)]
    pub fn allows_calls(&self) -> bool {
        self.state == State::Reachable
    }

    /// When a probe is due; send it only while no call is in flight.
    pub fn probe_due_at(&self) -> Option<Duration> {
        match self.state {
            State::Reachable => None,
            State::Suspected => Some(Duration::ZERO),
            State::Unreachable { next_probe_at, .. } => Some(next_probe_at),
        }
    }

    /// Whether an outage has been declared and has not ended.
    pub fn is_declared(&self) -> bool {
        matches!(self.state, State::Unreachable { .. })
    }

    pub fn holds_back(&self) -> bool {
        !self.held_back.is_empty()
    }

    /// The chunk that has been held back longest, for a probe while no account is known to have a row.
    pub fn first_held_back(&self) -> Option<&Chunk> {
        self.held_back.first().map(|call| &call.chunk)
    }

    #[cfg(test)]
    pub fn failing_since(&self) -> Option<Duration> {
        self.failing_since
    }

    /// A call failed in a way that an outage explains.
    pub fn call_failed(&mut self, call: FailedCall, now: Duration) {
        self.held_back.push(call);
        self.failures_in_a_row += 1;
        self.failing_since.get_or_insert(now);
        if self.failures_in_a_row >= SUSPICIOUS_FAILURES && self.state == State::Reachable {
            self.state = State::Suspected;
        }
    }

    /// A call was refused in a way that stops the run once probes confirm it: the next call is a probe.
    pub fn call_refused(&mut self, call: FailedCall, now: Duration) {
        self.call_failed(call, now);
        if self.state == State::Reachable {
            self.state = State::Suspected;
        }
    }

    /// A probe was refused in the same way.
    pub fn count_refused_probe(&mut self) {
        self.refused_probes += 1;
    }

    /// Probes refused since the last call that succeeded.
    pub fn refused_probes(&self) -> u32 {
        self.refused_probes
    }

    /// A call succeeded; returns the chunks to count an attempt for.
    pub fn call_succeeded(&mut self) -> Vec<FailedCall> {
        self.refused_probes = 0;
        if self.state == State::Suspected {
            self.state = State::Reachable;
        }
        if self.state == State::Reachable {
            self.failures_in_a_row = 0;
            self.failing_since = None;
        }
        std::mem::take(&mut self.held_back)
    }

    /// No other work is left and too few calls have failed to suspect an outage; returns the chunks to count an attempt for.
    pub fn take_held_back(&mut self) -> Vec<FailedCall> {
        if self.state == State::Reachable {
            std::mem::take(&mut self.held_back)
        } else {
            Vec::new()
        }
    }

    /// A probe has ended.
    pub fn probe_ended(&mut self, has_succeeded: bool, now: Duration) -> ProbeVerdict {
        let failing_since = *self.failing_since.get_or_insert(now);
        let previous = self.state;
        if has_succeeded {
            self.state = State::Reachable;
            self.failures_in_a_row = 0;
            self.failing_since = None;
            self.refused_probes = 0;
            return match previous {
                State::Unreachable { .. } => ProbeVerdict::OutageEnded(now - failing_since),
                _ => ProbeVerdict::NoOutage(std::mem::take(&mut self.held_back)),
            };
        }
        let pause = match previous {
            State::Unreachable { pause, .. } => pause.saturating_mul(2).min(self.longest_pause),
            _ => self.first_pause,
        };
        self.state = State::Unreachable { pause, next_probe_at: now + pause };
        if now - failing_since >= self.patience {
            return ProbeVerdict::PatienceEnded;
        }
        match previous {
            State::Unreachable { .. } => ProbeVerdict::OutageContinues,
            _ => ProbeVerdict::OutageStarted(std::mem::take(&mut self.held_back)),
        }
    }
}

#[cfg(test)]
mod tests;
