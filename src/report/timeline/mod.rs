//! The calls of a run over time, in bounded memory: slots of time whose width doubles when there are too many.

mod spans;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::spans::Span;
use super::latency::Latencies;
use crate::pipeline::events::{CallOutcome, Event};

/// With 640 bytes of latencies each, all slots take 150 KiB.
const MAX_SLOTS: usize = 240;

/// Initial width of a slot; some doublings later it is a second.
const INITIAL_WIDTH: Duration = Duration::from_millis(125);

/// Distinct codes that are counted, so that memory is bounded whatever the service sends.
const MAX_CODES: usize = 64;

/// Calls by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CallCounts {
    pub answered: u64,
    pub throttled: u64,
    pub failed: u64,
}

impl CallCounts {
    pub fn total(&self) -> u64 {
        self.answered + self.throttled + self.failed
    }

    fn merge(&mut self, other: &CallCounts) {
        self.answered += other.answered;
        self.throttled += other.throttled;
        self.failed += other.failed;
    }
}

/// The calls made in a slot of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slot {
    pub calls: CallCounts,
    pub latencies: Latencies,
}

impl Slot {
    fn merge(&mut self, other: &Slot) {
        self.calls.merge(&other.calls);
        self.latencies.merge(&other.latencies);
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    width: Duration,
    slots: Vec<Slot>,
    last_called_at: Duration,
    /// When the present round started, from which its calls are timed.
    round_started_at: Duration,
    failed_by_code: BTreeMap<Option<i64>, u64>,
    failed_by_other_codes: u64,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline {
            width: INITIAL_WIDTH,
            slots: Vec::new(),
            last_called_at: Duration::ZERO,
            round_started_at: Duration::ZERO,
            failed_by_code: BTreeMap::new(),
            failed_by_other_codes: 0,
        }
    }
}

impl Timeline {
    /// A round starts, this long after the start of the timeline.
    pub fn start_round(&mut self, at: Duration) {
        self.round_started_at = at;
    }

    pub fn on(&mut self, event: &Event) {
        if let Event::CallEnded { called_at, latency, outcome } = *event {
            self.add(called_at, latency, outcome);
        }
    }

    fn add(&mut self, called_at: Duration, latency: Duration, outcome: CallOutcome) {
        let called_at = self.round_started_at.saturating_add(called_at);
        self.last_called_at = self.last_called_at.max(called_at);
        let index = self.slot_index(called_at);
        let slot = &mut self.slots[index];
        slot.latencies.add(latency);
        match outcome {
            CallOutcome::Success => slot.calls.answered += 1,
            CallOutcome::Throttled => slot.calls.throttled += 1,
            CallOutcome::Failed(code) => {
                slot.calls.failed += 1;
                self.add_code(code);
            }
        }
    }

    fn add_code(&mut self, code: Option<i64>) {
        if self.failed_by_code.len() < MAX_CODES || self.failed_by_code.contains_key(&code) {
            *self.failed_by_code.entry(code).or_default() += 1;
        } else {
            self.failed_by_other_codes += 1;
        }
    }

    /// The index of the slot of a time; creates the slot if needed.
    fn slot_index(&mut self, called_at: Duration) -> usize {
        loop {
            let index = called_at.as_nanos() / self.width.as_nanos();
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            if index < MAX_SLOTS {
                if index >= self.slots.len() {
                    self.slots.resize_with(index + 1, Slot::default);
                }
                return index;
            }
            self.double_width();
        }
    }

    fn double_width(&mut self) {
        self.width *= 2;
        let merge = |pair: &[Slot]| {
            let mut merged = pair[0].clone();
            pair[1..].iter().for_each(|slot| merged.merge(slot));
            merged
        };
        self.slots = self.slots.chunks(2).map(merge).collect();
    }

    pub fn whole(&self) -> Slot {
        let mut whole = Slot::default();
        self.slots.iter().for_each(|slot| whole.merge(slot));
        whole
    }

    /// Failed calls by code, without throttled ones; `None` is a failure without a code of the service.
    pub fn failed_by_code(&self) -> &BTreeMap<Option<i64>, u64> {
        &self.failed_by_code
    }

    /// Failed calls with codes beyond the first [`MAX_CODES`].
    pub fn failed_by_other_codes(&self) -> u64 {
        self.failed_by_other_codes
    }

    /// When the last call was made, in seconds from the start.
    pub fn seconds(&self) -> f64 {
        self.last_called_at.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENCY: Duration = Duration::from_millis(20);

    /// Evenly spaced answered calls.
    fn even(calls_per_second: u64, seconds: u64) -> Timeline {
        let mut timeline = Timeline::default();
        for call in 0..calls_per_second * seconds {
            let called_at = Duration::from_nanos(call * 1_000_000_000 / calls_per_second);
            timeline.add(called_at, LATENCY, CallOutcome::Success);
        }
        timeline
    }

    #[test]
    fn an_even_rate_is_the_same_in_every_second_of_runs_of_any_length() {
        for seconds in [1, 2, 29, 31, 100, 1000, 36_000] {
            let timeline = even(20, seconds);
            assert!(timeline.slots.len() <= MAX_SLOTS);
            assert!(timeline.slots.len() > MAX_SLOTS / 2 || seconds < 16);
            assert_eq!(timeline.whole().calls.answered, 20 * seconds);
            let spans = timeline.second_spans(MAX_SLOTS);
            assert!(spans.len() as u64 <= seconds);
            assert!((spans.last().unwrap().to_seconds - seconds as f64).abs() < 0.1);
            for span in spans {
                let rate = span.per_second(span.slot.calls.answered);
                let width = span.to_seconds - span.from_seconds;
                assert!((rate - 20.0).abs() <= 1.0 / width.min(1.0), "{rate} in {span:?}");
            }
        }
    }

    #[test]
    fn a_burst_within_a_second_does_not_exceed_its_calls() {
        let mut timeline = Timeline::default();
        for second in 0..5 {
            for _ in 0..200 {
                let called_at = Duration::from_millis(second * 1000 + 300);
                timeline.add(called_at, LATENCY, CallOutcome::Success);
            }
        }
        let spans = timeline.second_spans(MAX_SLOTS);
        let rates = spans.iter().map(|span| span.per_second(span.slot.calls.answered));
        assert_eq!(rates.collect::<Vec<_>>(), [200.0; 5]);
    }

    #[test]
    fn rounds_follow_each_other() {
        let mut timeline = Timeline::default();
        for round in 0..3 {
            timeline.start_round(Duration::from_secs(round * 2));
            for call in 0..10 {
                timeline.add(Duration::from_millis(call * 100), LATENCY, CallOutcome::Success);
            }
        }
        let spans = timeline.second_spans(MAX_SLOTS);
        let calls = spans.iter().map(|span| span.slot.calls.answered);
        assert_eq!(calls.collect::<Vec<_>>(), [10, 0, 10, 0, 10]);
    }

    #[test]
    fn calls_may_come_in_any_order_and_with_any_outcome() {
        let mut timeline = Timeline::default();
        let seconds = Duration::from_secs;
        timeline.add(seconds(7200), LATENCY, CallOutcome::Failed(Some(40006)));
        timeline.add(seconds(0), LATENCY, CallOutcome::Throttled);
        timeline.add(seconds(3600), LATENCY, CallOutcome::Failed(None));
        timeline.add(seconds(1), LATENCY, CallOutcome::Failed(Some(40006)));
        let calls = timeline.whole().calls;
        assert_eq!(calls, CallCounts { answered: 0, throttled: 1, failed: 3 });
        assert_eq!(timeline.failed_by_code(), &BTreeMap::from([(None, 1), (Some(40006), 2)]));
        let spans = timeline.spans(12);
        assert!(spans.len() <= 12);
        assert_eq!(spans.iter().map(|span| span.slot.calls.total()).sum::<u64>(), 4);
        assert!((spans.last().unwrap().to_seconds - 7200.0).abs() < 1e-9);
        assert!(spans.windows(2).all(|pair| pair[0].to_seconds == pair[1].from_seconds));
    }

    #[test]
    fn without_calls_there_are_no_spans() {
        let timeline = Timeline::default();
        assert!(timeline.second_spans(12).is_empty() && timeline.spans(12).is_empty());
    }

    #[test]
    fn unbounded_codes_and_times_take_bounded_memory() {
        let mut timeline = Timeline::default();
        for code in 0..1000 {
            timeline.add(Duration::MAX, Duration::MAX, CallOutcome::Failed(Some(code)));
        }
        assert_eq!(timeline.failed_by_code().len(), MAX_CODES);
        assert_eq!(timeline.failed_by_other_codes(), 1000 - 64);
        assert!(timeline.slots.len() <= MAX_SLOTS);
    }
}
