//! Views of the timeline: spans of equal width, and rates.

use super::{CallCounts, MAX_SLOTS, Slot, Timeline};

/// The calls between two times, in seconds from the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub from_seconds: f64,
    pub to_seconds: f64,
    pub slot: Slot,
}

impl Timeline {
    /// The run in up to `max_spans` spans of equal width; the last one ends with the last call.
    pub fn spans(&self, max_spans: usize) -> Vec<Span> {
        let slots_per_span = self.slots.len().div_ceil(max_spans.max(1)).max(1);
        let span = |(index, slots): (usize, &[Slot])| {
            let mut slot = Slot::default();
            slots.iter().for_each(|other| slot.merge(other));
            let from = (index * slots_per_span) as f64 * self.width.as_secs_f64();
            let to = from + slots_per_span as f64 * self.width.as_secs_f64();
            Span { from_seconds: from, to_seconds: to.min(self.seconds()), slot }
        };
        self.slots.chunks(slots_per_span).enumerate().map(span).collect()
    }

    /// Calls per second at the start of the run and at the end of each slot, with the time in seconds from the start. The
    /// rate is an average over the slot, or over the preceding second if slots are shorter: a burst within a second does
    /// not look like more than the limit.
    pub fn rates(&self) -> Vec<(f64, CallCounts<f64>)> {
        let spans = self.spans(MAX_SLOTS);
        let slots_in_second = (1.0 / self.width.as_secs_f64()) as usize;
        let rate = |(index, span): (usize, &Span)| {
            // The last slot may be too short for an average of its own.
            let is_cut_short = index + 1 == spans.len() && slots_in_second <= 1;
            let slots = slots_in_second.max(1) + usize::from(is_cut_short);
            let window = &spans[(index + 1).saturating_sub(slots)..=index];
            let from_seconds = window.first().map_or(0.0, |first| first.from_seconds);
            let seconds = (span.to_seconds - from_seconds).max(1.0);
            let mut sum = CallCounts::default();
            window.iter().for_each(|span| sum.merge(&span.slot.calls));
            let average = CallCounts {
                answered: sum.answered as f64 / seconds,
                throttled: sum.throttled as f64 / seconds,
                failed: sum.failed as f64 / seconds,
            };
            (span.to_seconds, average)
        };
        let mut rates: Vec<_> = spans.iter().enumerate().map(rate).collect();
        if let Some((_, first)) = rates.first() {
            // With short slots, the first second starts without calls.
            let at_start = if slots_in_second > 1 { CallCounts::default() } else { *first };
            rates.insert(0, (0.0, at_start));
        }
        rates
    }
}
