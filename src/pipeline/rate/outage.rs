//! Telling an outage (nothing gets through) from calls that fail by themselves (pure).
//!
//! While nothing gets through, failed chunks are held back uncharged, since only what comes next tells whose fault it
//! was. Once a few calls in a row have failed, calls stop and one probe goes out:
//!
//! | after a failed call            | what it was      | the chunks held back                  |
//! |--------------------------------|------------------|---------------------------------------|
//! | another call gets through      | these calls'     | are charged an attempt                |
//! | the first probe gets through   | these calls'     | are charged an attempt                |
//! | the first probe fails          | an outage        | are asked again as they were, uncharged |
//!
//! In an outage one probe at a time goes out with growing pauses until one gets through, or patience ends.
//! Time is handed in as the duration since the run began.

use std::time::Duration;

use crate::job::RetrySettings;
use crate::pipeline::chunk::Chunk;
use crate::pipeline::response_processor::FailedCall;

/// Failed calls in a row after which no further call is made before a probe. Isolated failures of 1 % of all calls
/// come five in a row once in ten thousand million.
const SUSPICIOUS_FAILURES: u32 = 5;

/// Probes that must be refused like the call before them until a refusal counts that may be that of a gateway or of single
/// accounts: a gateway that is being restarted or is one of several says such things in passing.
const CONFIRMING_PROBES: u32 = 3;

/// What a probe's end means.
#[derive(Debug)]
pub enum ProbeVerdict {
    /// The service is there; the chunks failed by themselves and are to be charged.
    NoOutage(Vec<FailedCall>),
    /// An outage has begun; the chunks are to be asked again uncharged once it is over.
    OutageBegan(Vec<FailedCall>),
    /// The outage goes on.
    OutageGoesOn,
    /// The outage has lasted longer than the run has patience for.
    PatienceEnded,
    /// The outage is over, after so long.
    OutageEnded(Duration),
}

/// Where the run stands with the service.
#[derive(Debug)]
pub struct Outage {
    first_pause: Duration,
    longest_pause: Duration,
    patience: Duration,
    held_back: Vec<FailedCall>,
    failures_in_a_row: u32,
    /// When the row of failures began.
    failing_since: Option<Duration>,
    refused_probes: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calls are made.
    Through,
    /// No new calls; a probe will tell.
    Suspected,
    /// Nothing gets through.
    Out { pause: Duration, next_probe_at: Duration },
}

impl Outage {
    /// A run that trusts the service to be there.
    pub fn new(retry: &RetrySettings) -> Outage {
        Outage {
            first_pause: retry.initial_backoff,
            longest_pause: retry.max_backoff,
            patience: retry.outage_patience,
            held_back: Vec::new(),
            failures_in_a_row: 0,
            failing_since: None,
            refused_probes: 0,
            state: State::Through,
        }
    }

    /// Whether ordinary calls may be made.
    #[cfg(test)]
    pub fn lets_calls_through(&self) -> bool {
        self.state == State::Through
    }

    /// When a probe is due; only to be made when no call is in flight.
    pub fn probe_due_at(&self) -> Option<Duration> {
        match self.state {
            State::Through => None,
            State::Suspected => Some(Duration::ZERO),
            State::Out { next_probe_at, .. } => Some(next_probe_at),
        }
    }

    /// Whether chunks are held back.
    pub fn holds_back(&self) -> bool {
        !self.held_back.is_empty()
    }

    /// The chunk that has been held back longest, for a probe when no account is known to be answered.
    pub fn first_held_back(&self) -> Option<&Chunk> {
        self.held_back.first().map(|call| &call.chunk)
    }

    /// Since when nothing has got through.
    #[cfg(test)]
    pub fn failing_since(&self) -> Option<Duration> {
        self.failing_since
    }

    /// A call failed in a way that an outage would explain.
    pub fn call_failed(&mut self, call: FailedCall, now: Duration) {
        self.held_back.push(call);
        self.failures_in_a_row += 1;
        self.failing_since.get_or_insert(now);
        if self.failures_in_a_row >= SUSPICIOUS_FAILURES && self.state == State::Through {
            self.state = State::Suspected;
        }
    }

    /// A call was refused in a way that would stop the run, if it is confirmed: the next call is a probe.
    pub fn call_refused(&mut self, call: FailedCall, now: Duration) {
        self.call_failed(call, now);
        if self.state == State::Through {
            self.state = State::Suspected;
        }
    }

    /// A probe was refused in the same way; gives back whether that is often enough.
    pub fn confirm_refusal(&mut self) -> bool {
        self.refused_probes += 1;
        self.refused_probes >= CONFIRMING_PROBES
    }

    /// A call got through; gives back the chunks to charge.
    pub fn call_got_through(&mut self) -> Vec<FailedCall> {
        self.refused_probes = 0;
        if self.state == State::Suspected {
            self.state = State::Through;
        }
        if self.state == State::Through {
            self.failures_in_a_row = 0;
            self.failing_since = None;
        }
        std::mem::take(&mut self.held_back)
    }

    /// Nothing else is left to do and too little has failed to suspect an outage; gives back the chunks to charge.
    pub fn take_held_back(&mut self) -> Vec<FailedCall> {
        if self.state == State::Through { std::mem::take(&mut self.held_back) } else { Vec::new() }
    }

    /// A probe has ended.
    pub fn probe_ended(&mut self, on_call_succeeded: bool, now: Duration) -> ProbeVerdict {
        let failing_since = *self.failing_since.get_or_insert(now);
        let was = self.state;
        if on_call_succeeded {
            self.state = State::Through;
            self.failures_in_a_row = 0;
            self.failing_since = None;
            self.refused_probes = 0;
            return match was {
                State::Out { .. } => ProbeVerdict::OutageEnded(now - failing_since),
                _ => ProbeVerdict::NoOutage(std::mem::take(&mut self.held_back)),
            };
        }
        let pause = match was {
            State::Out { pause, .. } => pause.saturating_mul(2).min(self.longest_pause),
            _ => self.first_pause,
        };
        self.state = State::Out { pause, next_probe_at: now + pause };
        if now - failing_since >= self.patience {
            return ProbeVerdict::PatienceEnded;
        }
        match was {
            State::Out { .. } => ProbeVerdict::OutageGoesOn,
            _ => ProbeVerdict::OutageBegan(std::mem::take(&mut self.held_back)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::transport::TransportFailure;

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
        FailedCall { chunk: Chunk::again(Vec::new()), failure, needs_confirmation: true }
    }

    fn suspected() -> Outage {
        let mut outage = outage();
        for second in 0..5 {
            assert!(outage.lets_calls_through());
            outage.call_failed(failed_call(), seconds(second));
        }
        outage
    }

    #[test]
    fn isolated_failures_are_charged_when_another_call_gets_through() {
        let mut outage = outage();
        for round in 0..10 {
            outage.call_failed(failed_call(), seconds(round));
            outage.call_failed(failed_call(), seconds(round));
            assert!(outage.lets_calls_through());
            assert_eq!(outage.call_got_through().len(), 2);
        }
    }

    #[test]
    fn a_probe_that_gets_through_at_once_charges_the_calls() {
        let mut outage = suspected();
        assert!(!outage.lets_calls_through());
        assert_eq!(outage.probe_due_at(), Some(Duration::ZERO));
        assert!(
            matches!(outage.probe_ended(true, seconds(5)), ProbeVerdict::NoOutage(calls) if calls.len() == 5)
        );
        assert!(outage.lets_calls_through());
        assert_eq!(outage.failing_since(), None);
    }

    #[test]
    fn in_an_outage_nothing_is_charged_and_probes_slow_down() {
        let mut outage = suspected();
        assert!(
            matches!(outage.probe_ended(false, seconds(5)), ProbeVerdict::OutageBegan(calls) if calls.len() == 5)
        );
        let mut pauses = Vec::new();
        let mut now = seconds(5);
        for _ in 0..4 {
            let due = outage.probe_due_at().unwrap();
            pauses.push((due - now).as_secs());
            now = due;
            assert!(matches!(outage.probe_ended(false, now), ProbeVerdict::OutageGoesOn));
        }
        assert_eq!(pauses, [1, 2, 4, 4]);
        let ended = outage.probe_ended(true, seconds(17));
        assert!(matches!(ended, ProbeVerdict::OutageEnded(lasted) if lasted == seconds(17)));
        assert!(outage.lets_calls_through() && !outage.holds_back());
    }

    #[test]
    fn a_refusal_counts_when_probes_confirm_it_without_a_call_in_between() {
        let mut outage = outage();
        outage.call_refused(failed_call(), seconds(0));
        assert_eq!(outage.probe_due_at(), Some(Duration::ZERO));
        assert!(!outage.confirm_refusal());
        assert!(
            matches!(outage.probe_ended(false, seconds(1)), ProbeVerdict::OutageBegan(calls) if calls.len() == 1)
        );
        assert!(!outage.confirm_refusal());
        outage.probe_ended(true, seconds(2));
        outage.call_refused(failed_call(), seconds(3));
        assert!(!outage.confirm_refusal() && !outage.confirm_refusal());
        assert!(outage.confirm_refusal());
    }

    #[test]
    fn patience_ends_counted_from_the_first_failure() {
        let mut outage = suspected();
        outage.probe_ended(false, seconds(19));
        assert!(matches!(outage.probe_ended(false, seconds(20)), ProbeVerdict::PatienceEnded));
    }

    #[test]
    fn a_late_answer_ends_the_suspicion() {
        let mut outage = suspected();
        assert_eq!(outage.call_got_through().len(), 5);
        assert!(outage.lets_calls_through());
    }

    #[test]
    fn the_last_calls_of_a_run_are_released_when_there_are_few() {
        let mut outage = outage();
        outage.call_failed(failed_call(), seconds(1));
        assert_eq!(outage.take_held_back().len(), 1);
        assert!(!outage.holds_back());
        assert!(suspected().take_held_back().is_empty());
    }
}
