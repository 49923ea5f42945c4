//! Views of the timeline: spans of equal width.

use std::time::Duration;

use super::{Slot, Timeline};

/// The calls between two times, in seconds from the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub from_seconds: f64,
    pub to_seconds: f64,
    pub slot: Slot,
}

impl Span {
    /// Converts a number of calls of the span to calls per second. The last span may be cut short; what was called in
    /// less than a second counts as called in a whole one, so that no number exceeds the limit.
    pub fn per_second(&self, calls: u64) -> f64 {
        calls as f64 / (self.to_seconds - self.from_seconds).max(1.0)
    }
}

impl Timeline {
    /// The run in up to `max_spans` spans of equal width; the last one ends with the last call.
    pub fn spans(&self, max_spans: usize) -> Vec<Span> {
        self.spans_of(self.slots.len().div_ceil(max_spans.max(1)).max(1))
    }

    /// Spans of whole seconds.
    pub fn second_spans(&self, max_spans: usize) -> Vec<Span> {
        let slots_per_second =
            usize::try_from(Duration::from_secs(1).as_nanos() / self.width.as_nanos())
                .unwrap_or(1)
                .max(1);
        let seconds = self.slots.len().div_ceil(slots_per_second);
        self.spans_of(slots_per_second * seconds.div_ceil(max_spans.max(1)).max(1))
    }

    fn spans_of(&self, slots_per_span: usize) -> Vec<Span> {
        let width_seconds = self.width.as_secs_f64() * slots_per_span as f64;
        let span = |(index, slots): (usize, &[Slot])| {
            let mut slot = Slot::default();
            slots.iter().for_each(|other| slot.merge(other));
            let from_seconds = index as f64 * width_seconds;
            Span {
                from_seconds,
                to_seconds: (from_seconds + width_seconds).min(self.seconds()),
                slot,
            }
        };
        self.slots.chunks(slots_per_span).enumerate().map(span).collect()
    }
}
