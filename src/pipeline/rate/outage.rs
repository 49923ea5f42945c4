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
mod tests {
    use super::*;
    use crate::api::transport::TransportFailure;
    use crate::pipeline::failure_policy::CONFIRMING_PROBES;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn outage() -> Outage {
        Outage::new(&RetrySettings {
            max_attempts: 6,
            initial_backoff: seconds(1),
            max_backoff: seconds(4),
            outage_patience: seconds(20),
        })
    }

    fn failed_call() -> FailedCall {
        let failure = TransportFailure::NotJson.into();
        FailedCall { chunk: Chunk::retry(Vec::new()), failure, needs_confirmation: true }
    }

    fn confirms_refusal(outage: &mut Outage) -> bool {
        outage.count_refused_probe();
        outage.refused_probes() >= CONFIRMING_PROBES
    }

    fn suspected() -> Outage {
        let mut outage = outage();
        for second in 0..5 {
            assert!(outage.allows_calls());
            outage.call_failed(failed_call(), seconds(second));
        }
        outage
    }

    #[test]
    fn a_success_counts_attempts_for_isolated_failures() {
        let mut outage = outage();
        for round in 0..10 {
            outage.call_failed(failed_call(), seconds(round));
            outage.call_failed(failed_call(), seconds(round));
            assert!(outage.allows_calls());
            assert_eq!(outage.call_succeeded().len(), 2);
        }
    }

    #[test]
    fn a_first_probe_that_succeeds_counts_attempts() {
        let mut outage = suspected();
        assert!(!outage.allows_calls());
        assert_eq!(outage.probe_due_at(), Some(Duration::ZERO));
        assert!(
            matches!(outage.probe_ended(true, seconds(5)), ProbeVerdict::NoOutage(calls) if calls.len() == 5)
        );
        assert!(outage.allows_calls());
        assert_eq!(outage.failing_since(), None);
    }

    #[test]
    fn an_outage_counts_no_attempts_and_spaces_its_probes() {
        let mut outage = suspected();
        assert!(
            matches!(outage.probe_ended(false, seconds(5)), ProbeVerdict::OutageStarted(calls) if calls.len() == 5)
        );
        let mut pauses = Vec::new();
        let mut now = seconds(5);
        for _ in 0..4 {
            let due = outage.probe_due_at().unwrap();
            pauses.push((due - now).as_secs());
            now = due;
            assert!(matches!(outage.probe_ended(false, now), ProbeVerdict::OutageContinues));
        }
        assert_eq!(pauses, [1, 2, 4, 4]);
        let ended = outage.probe_ended(true, seconds(17));
        assert!(matches!(ended, ProbeVerdict::OutageEnded(lasted) if lasted == seconds(17)));
        assert!(outage.allows_calls() && !outage.holds_back());
    }

    #[test]
    fn a_refusal_is_confirmed_by_probes_without_a_success_between_them() {
        let mut outage = outage();
        outage.call_refused(failed_call(), seconds(0));
        assert_eq!(outage.probe_due_at(), Some(Duration::ZERO));
        assert!(!confirms_refusal(&mut outage));
        assert!(
            matches!(outage.probe_ended(false, seconds(1)), ProbeVerdict::OutageStarted(calls) if calls.len() == 1)
        );
        assert!(!confirms_refusal(&mut outage));
        outage.probe_ended(true, seconds(2));
        outage.call_refused(failed_call(), seconds(3));
        assert!(!confirms_refusal(&mut outage) && !confirms_refusal(&mut outage));
        assert!(confirms_refusal(&mut outage));
    }

    #[test]
    fn patience_is_counted_from_the_first_failure() {
        let mut outage = suspected();
        outage.probe_ended(false, seconds(19));
        assert!(matches!(outage.probe_ended(false, seconds(20)), ProbeVerdict::PatienceEnded));
    }

    #[test]
    fn a_late_success_ends_the_suspicion() {
        let mut outage = suspected();
        assert_eq!(outage.call_succeeded().len(), 5);
        assert!(outage.allows_calls());
    }

    #[test]
    fn few_failures_at_the_end_of_a_run_are_released() {
        let mut outage = outage();
        outage.call_failed(failed_call(), seconds(1));
        assert_eq!(outage.take_held_back().len(), 1);
        assert!(!outage.holds_back());
        assert!(suspected().take_held_back().is_empty());
    }
}
