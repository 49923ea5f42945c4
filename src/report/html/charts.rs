//! The two charts: calls per second against the limit, and latencies, over time.

use maud::Markup;
use plotters::prelude::RGBColor;

use super::elements::count;
use super::scale::{count_marks, latency_marks};
use super::svg::{ANSWERED, Axes, FAILED, LIMIT, PERCENTILES, Series, THROTTLED, chart};
use crate::report::timeline::{CallCounts, Span, Timeline};
use crate::util::human::duration_text;

/// Most points of a line.
const MAX_SPANS: usize = 240;

/// Calls per second by outcome, stacked, and the limit; a limit of 0 is none.
pub fn rate_chart(timeline: &Timeline, calls_per_second: u32) -> Markup {
    let spans = timeline.second_spans(MAX_SPANS);
    let peak =
        spans.iter().map(|span| span.per_second(span.slot.calls.total())).fold(0.0, f64::max);
    let limit = f64::from(calls_per_second);
    // The average of an even rate may be a call above it.
    let peak = if peak <= limit * 1.02 { limit } else { peak };
    let (y_marks, y_end) = count_marks(peak.max(1.0), 5);
    // The limit keeps some distance from the upper edge.
    let axes = Axes {
        seconds: timeline.seconds(),
        y: (0.0, y_end * 1.06),
        y_marks,
        y_text: |mark| count(mark as u64),
    };
    let area = |color: RGBColor, calls: &dyn Fn(&CallCounts) -> u64| {
        let steps = spans.iter().flat_map(|span| {
            let height = span.per_second(calls(&span.slot.calls));
            [(span.from_seconds, height), (span.to_seconds, height)]
        });
        Series::Area(color, steps.collect())
    };
    let mut series = vec![area(ANSWERED, &CallCounts::total)];
    let calls = timeline.whole().calls;
    if calls.throttled + calls.failed > 0 {
        series.push(area(FAILED, &|calls| calls.throttled + calls.failed));
        series.push(area(THROTTLED, &|calls| calls.throttled));
    }
    if calls_per_second > 0 {
        series.push(Series::Line(LIMIT, vec![(0.0, limit), (timeline.seconds(), limit)]));
    }
    let title = format!("Calls per second over {}", duration_text(timeline.seconds()));
    chart(&title, &axes, &series)
}

/// Percentiles of the latency over time, with a gap where no call was made.
pub fn latency_chart(timeline: &Timeline) -> Markup {
    let spans = timeline.spans(MAX_SPANS);
    let lines = PERCENTILES.map(|(share, color)| (color, segments(&spans, share)));
    let logarithms =
        || lines.iter().flat_map(|(_, segments)| segments.iter().flatten().map(|point| point.1));
    let min = 10_f64.powf(logarithms().fold(f64::INFINITY, f64::min));
    let max = 10_f64.powf(logarithms().fold(f64::NEG_INFINITY, f64::max));
    let y_marks = latency_marks(min, max, 6);
    let (Some(&first), Some(&last)) = (y_marks.first(), y_marks.last()) else {
        return Markup::default();
    };
    let axes = Axes {
        seconds: timeline.seconds(),
        y: (first, last.max(max.log10())),
        y_marks,
        y_text: |mark| duration_text(10_f64.powf(mark)),
    };
    let series = lines.into_iter().flat_map(|(color, segments)| {
        segments.into_iter().map(move |points| Series::Line(color, points))
    });
    let title = format!("Latency of calls over {}", duration_text(timeline.seconds()));
    chart(&title, &axes, &series.collect::<Vec<_>>())
}

/// The decimal logarithm of a percentile over time, in segments without a gap.
fn segments(spans: &[Span], share: f64) -> Vec<Vec<(f64, f64)>> {
    let points: Vec<Option<(f64, f64)>> = spans
        .iter()
        .map(|span| {
            let middle = f64::midpoint(span.from_seconds, span.to_seconds);
            Some((middle, span.slot.latencies.percentile(share)?.log10()))
        })
        .collect();
    points
        .split(Option::is_none)
        .filter(|segment| !segment.is_empty())
        .map(|segment| segment.iter().flatten().copied().collect())
        .collect()
}
