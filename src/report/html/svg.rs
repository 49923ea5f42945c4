//! Charts as inline SVG.
//!
//! The SVG does not contain real colors but placeholders: style.css replaces them, for light and for dark mode.

use std::error::Error;
use std::ops::Range;

use maud::{Markup, PreEscaped, html};
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::prelude::{
    AreaSeries, ChartBuilder, Color, IntoDrawingArea, IntoFont, LineSeries, RGBColor, SVGBackend,
    TRANSPARENT,
};

use super::scale::time_marks;
use crate::util::human::duration_text;

const TEXT: RGBColor = RGBColor(0, 0, 1);
const GRID: RGBColor = RGBColor(0, 0, 2);
pub const LIMIT: RGBColor = RGBColor(0, 0, 3);
pub const ANSWERED: RGBColor = RGBColor(0, 0, 4);
pub const THROTTLED: RGBColor = RGBColor(0, 0, 5);
pub const FAILED: RGBColor = RGBColor(0, 0, 6);
/// Of the 50th, 90th and 99th percentile.
pub const PERCENTILES: [(f64, RGBColor); 3] =
    [(0.5, RGBColor(0, 0, 7)), (0.9, RGBColor(0, 0, 8)), (0.99, RGBColor(0, 0, 9))];

/// plotters makes a font larger than the same size is in SVG, by this factor.
const FONT_SCALE: f64 = 1.24;

/// A size in which a chart is drawn; the page shows the one that suits its width. Two units are a pixel of the screen.
struct ChartSize {
    class: &'static str,
    width: u32,
    height: u32,
    font: u32,
    left: u32,
    time_marks: usize,
}

const SIZES: [ChartSize; 3] = [
    ChartSize { class: "wide", width: 1720, height: 460, font: 26, left: 120, time_marks: 10 },
    ChartSize { class: "medium", width: 1180, height: 440, font: 26, left: 110, time_marks: 7 },
    ChartSize { class: "narrow", width: 716, height: 420, font: 25, left: 100, time_marks: 4 },
];

/// An axis with given marks.
struct MarkedAxis {
    ends: (f64, f64),
    marks: Vec<f64>,
}

impl Ranged for MarkedAxis {
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

/// The axes of a chart; the horizontal one is time, from 0.
pub struct Axes {
    pub seconds: f64,
    pub y: (f64, f64),
    pub y_marks: Vec<f64>,
    pub y_text: fn(f64) -> String,
}

/// Points with a color.
pub enum Series {
    Area(RGBColor, Vec<(f64, f64)>),
    Line(RGBColor, Vec<(f64, f64)>),
}

/// The chart in every size.
pub fn chart(title: &str, axes: &Axes, series: &[Series]) -> Markup {
    html! {
        @for size in &SIZES {
            // Drawing fails only if the axes do not fit. The numbers are in a table as well.
            @if let Ok(shapes) = shapes(size, axes, series) {
                svg class=(size.class) viewBox=(format!("0 0 {} {}", size.width, size.height)) role="img" aria-label=(title) {
                    title { (title) }
                    (shapes)
                }
            }
        }
    }
}

/// The content of the SVG element.
fn shapes(
    size: &ChartSize,
    axes: &Axes,
    series: &[Series],
) -> Result<PreEscaped<String>, Box<dyn Error>> {
    let mut svg = String::new();
    draw(&mut svg, size, axes, series)?;
    let content = svg.split_once('>').map_or("", |(_, content)| content);
    let content = content.trim_end().strip_suffix("</svg>").unwrap_or_default();
    // The page has its own font, and every shape has this opacity.
    let content = content.replace(" opacity=\"1\"", "").replace(" font-family=\"sans-serif\"", "");
    Ok(PreEscaped(content))
}

fn draw(
    svg: &mut String,
    size: &ChartSize,
    axes: &Axes,
    series: &[Series],
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::with_string(svg, (size.width, size.height)).into_drawing_area();
    let time_marks = time_marks(axes.seconds, size.time_marks);
    let x = MarkedAxis { ends: (0.0, axes.seconds), marks: time_marks };
    let y = MarkedAxis { ends: axes.y, marks: axes.y_marks.clone() };
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
                // A line through a single point is not visible.
                let point_size = if points.len() == 1 { 4 } else { 0 };
                let line = LineSeries::new(points.iter().copied(), color.stroke_width(3).filled());
                chart.draw_series(line.point_size(point_size))?;
            }
        }
    }
    drop(chart);
    root.present()?;
    Ok(())
}
