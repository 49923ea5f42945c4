//! The calls of a run over time, in bounded memory: slots of time whose width doubles when there are too many of them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::latency::Latencies;
use crate::pipeline::events::{CallOutcome, Event};

/// Slots at most: at 640 bytes of latencies each, 150 KiB.
const MOST_SLOTS: usize = 240;

/// Width of a slot at first. Doubled again and again it meets the second.
const FIRST_WIDTH: Duration = Duration::from_millis(125);

/// Codes told apart; a service that makes up codes does not make memory grow.
const MOST_CODES: usize = 64;

/// Calls by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CallCounts<N> {
    /// With an answer.
    pub answered: N,
    /// With "too fast".
    pub throttled: N,
    /// In any other way.
    pub failed: N,
}

impl CallCounts<u64> {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.answered + self.throttled + self.failed
    }

    fn merge(&mut self, other: &CallCounts<u64>) {
        self.answered += other.answered;
        self.throttled += other.throttled;
        self.failed += other.failed;
    }
}

/// The calls made in some time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slot {
    /// How they ended.
    pub calls: CallCounts<u64>,
    /// How long they took.
    pub latencies: Latencies,
}

impl Slot {
    fn merge(&mut self, other: &Slot) {
        self.calls.merge(&other.calls);
        self.latencies.merge(&other.latencies);
    }
}

/// A piece of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// From, in seconds from the begin.
    pub from_seconds: f64,
    /// To, in seconds from the begin.
    pub to_seconds: f64,
    /// What was called in it.
    pub slot: Slot,
}

/// The calls of a run over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    width: Duration,
    slots: Vec<Slot>,
    last_called_at: Duration,
    failed_by_code: BTreeMap<Option<i64>, u64>,
    failed_by_other_codes: u64,
}

impl Default for Timeline {
    fn default() -> Timeline {
        Timeline {
            width: FIRST_WIDTH,
            slots: Vec::new(),
            last_called_at: Duration::ZERO,
            failed_by_code: BTreeMap::new(),
            failed_by_other_codes: 0,
        }
    }
}

impl Timeline {
    /// Takes note of an event.
    pub fn on(&mut self, event: &Event<'_>) {
        if let Event::CallEnded { called_at, latency, outcome } = *event {
            self.add(called_at, latency, outcome);
        }
    }

    fn add(&mut self, called_at: Duration, latency: Duration, outcome: CallOutcome) {
        self.last_called_at = self.last_called_at.max(called_at);
        let index = self.make_room(called_at);
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
        if self.failed_by_code.len() < MOST_CODES || self.failed_by_code.contains_key(&code) {
            *self.failed_by_code.entry(code).or_default() += 1;
        } else {
            self.failed_by_other_codes += 1;
        }
    }

    /// The slot of a time, which is there then.
    fn make_room(&mut self, called_at: Duration) -> usize {
        loop {
            let index = called_at.as_nanos() / self.width.as_nanos();
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            if index < MOST_SLOTS {
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

    /// All calls of the run.
    pub fn whole(&self) -> Slot {
        let mut whole = Slot::default();
        self.slots.iter().for_each(|slot| whole.merge(slot));
        whole
    }

    /// Failed calls by code, throttled ones left out; no code is none that the service gave.
    pub fn failed_by_code(&self) -> &BTreeMap<Option<i64>, u64> {
        &self.failed_by_code
    }

    /// Failed calls of codes beyond the first 64.
    pub fn failed_by_other_codes(&self) -> u64 {
        self.failed_by_other_codes
    }

    /// When the last call was made, in seconds from the begin.
    pub fn seconds(&self) -> f64 {
        self.last_called_at.as_secs_f64()
    }

    /// The run in up to `at_most` pieces of equal width; the last one ends with the last call.
    pub fn spans(&self, at_most: usize) -> Vec<Span> {
        let slots_per_span = self.slots.len().div_ceil(at_most.max(1)).max(1);
        let span = |(index, slots): (usize, &[Slot])| {
            let mut slot = Slot::default();
            slots.iter().for_each(|other| slot.merge(other));
            let from = (index * slots_per_span) as f64 * self.width.as_secs_f64();
            let to = from + slots_per_span as f64 * self.width.as_secs_f64();
            Span { from_seconds: from, to_seconds: to.min(self.seconds()), slot }
        };
        self.slots.chunks(slots_per_span).enumerate().map(span).collect()
    }

    /// Calls per second at the begin and at the end of each slot, with the time in seconds from the begin: the mean over the slot, and
    /// over the second before where slots are shorter. So no burst within a second looks like more than the limit.
    pub fn rates(&self) -> Vec<(f64, CallCounts<f64>)> {
        let spans = self.spans(MOST_SLOTS);
        let slots_in_second = (1.0 / self.width.as_secs_f64()) as usize;
        let rate = |(index, span): (usize, &Span)| {
            // The last slot may be too short for a mean of its own.
            let is_cut_short = index + 1 == spans.len() && slots_in_second <= 1;
            let slots = slots_in_second.max(1) + usize::from(is_cut_short);
            let window = &spans[(index + 1).saturating_sub(slots)..=index];
            let from_seconds = window.first().map_or(0.0, |first| first.from_seconds);
            let seconds = (span.to_seconds - from_seconds).max(1.0);
            let mut sum = CallCounts::default();
            window.iter().for_each(|span| sum.merge(&span.slot.calls));
            let mean = CallCounts {
                answered: sum.answered as f64 / seconds,
                throttled: sum.throttled as f64 / seconds,
                failed: sum.failed as f64 / seconds,
            };
            (span.to_seconds, mean)
        };
        let mut rates: Vec<_> = spans.iter().enumerate().map(rate).collect();
        if let Some((_, first)) = rates.first() {
            // Where slots are short the first second begins with no call in it.
            let at_begin = if slots_in_second > 1 { CallCounts::default() } else { *first };
            rates.insert(0, (0.0, at_begin));
        }
        rates
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
    fn an_even_rate_is_told_as_such_however_long_the_run() {
        for seconds in [2, 29, 31, 100, 1000, 36_000] {
            let timeline = even(20, seconds);
            assert!(timeline.slots.len() <= MOST_SLOTS);
            assert!(timeline.slots.len() > MOST_SLOTS / 2 || seconds < 16);
            assert_eq!(timeline.whole().calls.answered, 20 * seconds);
            let rates = timeline.rates();
            assert!((rates.last().unwrap().0 - seconds as f64).abs() < 0.1);
            for (at, rate) in rates.into_iter().filter(|(at, _)| *at >= 1.0) {
                assert!(
                    (rate.answered - 20.0).abs() < 1.1,
                    "{} at {at} of {seconds}",
                    rate.answered
                );
            }
        }
    }

    #[test]
    fn a_burst_within_a_second_is_no_more_than_its_calls() {
        let mut timeline = Timeline::default();
        for second in 0..5 {
            for _ in 0..200 {
                let called_at = Duration::from_millis(second * 1000 + 300);
                timeline.add(called_at, LATENCY, CallOutcome::Success);
            }
        }
        let most = timeline.rates().into_iter().map(|(_, rate)| rate.answered).fold(0.0, f64::max);
        assert!((most - 200.0).abs() < 1e-6, "{most}");
    }

    #[test]
    fn calls_come_in_any_order_and_by_every_end() {
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
    fn without_a_call_there_is_nothing_to_show() {
        let timeline = Timeline::default();
        assert!(timeline.rates().is_empty() && timeline.spans(12).is_empty());
    }

    #[test]
    fn made_up_codes_and_times_take_no_memory() {
        let mut timeline = Timeline::default();
        for code in 0..1000 {
            timeline.add(Duration::MAX, Duration::MAX, CallOutcome::Failed(Some(code)));
        }
        assert_eq!(timeline.failed_by_code().len(), MOST_CODES);
        assert_eq!(timeline.failed_by_other_codes(), 1000 - 64);
        assert!(timeline.slots.len() <= MOST_SLOTS);
    }
}
