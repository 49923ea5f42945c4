//! The two pictures: calls per second against the limit, and latencies, over time. Inline SVG.
//!
//! The SVG holds no colours but names of them: style.css gives those their colour, in light and in dark.

use std::error::Error;
use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::{
    AreaSeries, ChartBuilder, Color, IntoDrawingArea, IntoFont, LineSeries, RGBColor, SVGBackend,
    TRANSPARENT,
};

use super::escape::escape;
use super::scale::{count_marks, latency_marks, time_marks};
use super::text::count;
use crate::report::timeline::{Calls, Span, Timeline};
use crate::util::human::duration_text;

const TEXT: RGBColor = RGBColor(0, 0, 1);
const GRID: RGBColor = RGBColor(0, 0, 2);
const LIMIT: RGBColor = RGBColor(0, 0, 3);
const ANSWERED: RGBColor = RGBColor(0, 0, 4);
const THROTTLED: RGBColor = RGBColor(0, 0, 5);
const FAILED: RGBColor = RGBColor(0, 0, 6);
/// Of the 50th, 90th and 99th percentile.
const PERCENTILES: [(f64, RGBColor); 3] =
    [(0.5, RGBColor(0, 0, 7)), (0.9, RGBColor(0, 0, 8)), (0.99, RGBColor(0, 0, 9))];

/// Pieces of the run in a picture.
const SPANS: usize = 240;

/// plotters takes a font for larger than SVG does by this.
const FONT_SCALE: f64 = 1.24;

/// A size that a picture is drawn in; the page shows the one that suits its width. Two units are a pixel of the screen.
struct Size {
    class: &'static str,
    width: u32,
    height: u32,
    font: u32,
    left: u32,
    time_marks: usize,
}

const SIZES: [Size; 3] = [
    Size { class: "wide", width: 1720, height: 460, font: 26, left: 120, time_marks: 10 },
    Size { class: "medium", width: 1180, height: 440, font: 26, left: 110, time_marks: 7 },
    Size { class: "narrow", width: 716, height: 420, font: 25, left: 100, time_marks: 4 },
];

/// An axis: its ends, and where it is marked.
struct Axis {
    ends: (f64, f64),
    marks: Vec<f64>,
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.ends.0) / (self.ends.1 - self.ends.0);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.marks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.ends.0..self.ends.1
    }
}

/// What the axes of a picture hold.
struct Axes {
    seconds: f64,
    y: (f64, f64),
    y_marks: Vec<f64>,
    y_text: fn(f64) -> String,
}

/// Something to draw into a picture.
enum Series {
    Area(RGBColor, Vec<(f64, f64)>),
    Line(RGBColor, Vec<(f64, f64)>),
}

/// Calls per second by how they ended, one on top of the other, and the limit; a limit of 0 is none.
pub fn rate_chart(timeline: &Timeline, calls_per_second: u32) -> String {
    let rates = timeline.rates();
    let sum = |calls: &Calls<f64>| calls.answered + calls.throttled + calls.failed;
    let most = rates.iter().map(|(_, calls)| sum(calls)).fold(0.0, f64::max);
    let limit = f64::from(calls_per_second);
    // The mean of an even rate may be a call above it.
    let most = if most <= limit * 1.02 { limit } else { most };
    let (y_marks, y_end) = count_marks(most.max(1.0), 5);
    // What is at the limit keeps off the upper edge.
    let axes = Axes {
        seconds: timeline.seconds(),
        y: (0.0, y_end * 1.06),
        y_marks,
        y_text: |mark| count(mark as u64),
    };
    let area = |color: RGBColor, height: &dyn Fn(&Calls<f64>) -> f64| {
        Series::Area(color, rates.iter().map(|(at, calls)| (*at, height(calls))).collect())
    };
    let mut series = vec![area(ANSWERED, &sum)];
    let calls = timeline.whole().calls;
    if calls.throttled + calls.failed > 0 {
        series.push(area(FAILED, &|calls| calls.throttled + calls.failed));
        series.push(area(THROTTLED, &|calls| calls.throttled));
    }
    if calls_per_second > 0 {
        series.push(Series::Line(LIMIT, vec![(0.0, limit), (timeline.seconds(), limit)]));
    }
    let highest = format!("Calls per second over {}", duration_text(timeline.seconds()));
    pictures(&highest, &axes, &series)
}

/// Percentiles of the latency over time; where no call was made there is a gap.
pub fn latency_chart(timeline: &Timeline) -> String {
    let spans = timeline.spans(SPANS);
    let lines = PERCENTILES.map(|(share, color)| (color, segments(&spans, share)));
    let logarithms =
        || lines.iter().flat_map(|(_, segments)| segments.iter().flatten().map(|point| point.1));
    let least = 10_f64.powf(logarithms().fold(f64::INFINITY, f64::min));
    let most = 10_f64.powf(logarithms().fold(f64::NEG_INFINITY, f64::max));
    let y_marks = latency_marks(least, most, 6);
    let (Some(&first), Some(&last)) = (y_marks.first(), y_marks.last()) else {
        return String::new();
    };
    let axes = Axes {
        seconds: timeline.seconds(),
        y: (first, last.max(most.log10())),
        y_marks,
        y_text: |mark| duration_text(10_f64.powf(mark)),
    };
    let series = lines.into_iter().flat_map(|(color, segments)| {
        segments.into_iter().map(move |points| Series::Line(color, points))
    });
    let title = format!("Latency of calls over {}", duration_text(timeline.seconds()));
    pictures(&title, &axes, &series.collect::<Vec<_>>())
}

/// The decimal logarithm of a percentile over time, in pieces without a gap.
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

/// The picture in every size.
fn pictures(title: &str, axes: &Axes, series: &[Series]) -> String {
    // Drawing into a String fails only where a picture has no room for its axes. Its numbers are in a table as well.
    SIZES.iter().map(|size| picture(title, size, axes, series).unwrap_or_default()).collect()
}

fn picture(
    title: &str,
    size: &Size,
    axes: &Axes,
    series: &[Series],
) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, (size.width, size.height)).into_drawing_area();
    let time_marks = time_marks(axes.seconds, size.time_marks);
    let x = Axis { ends: (0.0, axes.seconds), marks: time_marks };
    let y = Axis { ends: axes.y, marks: axes.y_marks.clone() };
    let mut chart = ChartBuilder::on(&root)
        .margin_top(size.font)
        .margin_right(size.font * 2)
        .x_label_area_size(size.font * 2)
        .y_label_area_size(size.left)
        .build_cartesian_2d(x, y)?;
    let font = ("sans-serif", f64::from(size.font) * FONT_SCALE).into_font();
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_label_formatter(&|seconds| duration_text(*seconds))
        .y_label_formatter(&|mark| (axes.y_text)(*mark))
        .label_style(font.color(&TEXT))
        .axis_style(GRID.stroke_width(2))
        .bold_line_style(GRID.stroke_width(1))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for series in series {
        match series {
            Series::Area(color, points) => {
                chart.draw_series(AreaSeries::new(points.iter().copied(), 0.0, color.filled()))?;
            }
            Series::Line(color, points) => {
                // A single point is no line.
                let point_size = if points.len() == 1 { 4 } else { 0 };
                let line = LineSeries::new(points.iter().copied(), color.stroke_width(3).filled());
                chart.draw_series(line.point_size(point_size))?;
            }
        }
    }
    drop(chart);
    root.present()?;
    drop(root);
    Ok(embedded(title, size, &svg))
}

/// The SVG as an element of the page: named, and as wide as there is room.
fn embedded(title: &str, size: &Size, svg: &str) -> String {
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    // Each line of the text is one of the page already; the opacity is that of every shape.
    let body = body.replace(" opacity=\"1\"", "").replace(" font-family=\"sans-serif\"", "");
    let (Size { class, width, height, .. }, title) = (size, escape(title));
    format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>{body}"
    )
}
