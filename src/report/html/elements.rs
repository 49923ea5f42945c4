//! Elements that several sections of the page share.

use indicatif::HumanCount;
use maud::{Markup, html};

/// A count with a separator between thousands.
pub fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A number that the manifest holds at this JSON pointer; a test compares the two.
pub fn manifest_count(pointer: &str, number: u64) -> Markup {
    html! { data data-manifest=(pointer) value=(number) { (count(number)) } }
}

/// The name of a file of the snapshot, as a link to it.
pub fn file_link(name: &str) -> Markup {
    html! { a href=(name) { code { (name) } } }
}

/// A bar of segments, each with a class of style.css and a count, relative to `whole`. The label is for screen readers.
pub fn stacked_bar(label: &str, segments: &[(&str, u64)], whole: u64) -> Markup {
    html! {
        svg.bar viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.rest width="1000" height="10" {}
            @for (class, x, width) in segment_positions(segments, whole) {
                rect class=(class) x=(format!("{x:.1}")) width=(format!("{width:.1}")) height="10" {}
            }
        }
    }
}

/// Class, left edge and width of each segment that is not empty, out of a width of 1000.
fn segment_positions<'s>(segments: &[(&'s str, u64)], whole: u64) -> Vec<(&'s str, f64, f64)> {
    /// Width of the smallest segment, so that it is not overlooked.
    const MIN_WIDTH: f64 = 4.0;
    const WIDTH: f64 = 1000.0;
    let is_small = |count: u64| (count as f64 / whole as f64 * WIDTH) < MIN_WIDTH;
    let segments = segments.iter().filter(|(_, count)| *count > 0);
    let (mut scaled_width, mut scaled_count) = (WIDTH, whole);
    for (_, count) in segments.clone().filter(|(_, count)| is_small(*count)) {
        // The others shrink for one that is drawn larger than it is.
        scaled_width -= MIN_WIDTH;
        scaled_count = scaled_count.saturating_sub(*count);
    }
    let scale = scaled_width / scaled_count.max(1) as f64;
    let mut x = 0.0;
    let position = |(class, count): &(&'s str, u64)| {
        let width = if is_small(*count) { MIN_WIDTH } else { *count as f64 * scale };
        let left = x;
        x += width;
        (*class, left, width)
    };
    segments.map(position).collect()
}

/// A list of names with their values.
pub fn definition_list(class: &str, entries: &[(&str, Markup)]) -> Markup {
    html! {
        dl class=(class) {
            @for (name, value) in entries {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// A row of [`reason_table`].
pub struct ReasonRow {
    pub reason: Markup,
    pub meaning: String,
    pub count: Markup,
}

/// A table of reasons with their meaning and frequency; `unit` is what is counted.
pub fn reason_table(unit: &str, rows: impl Iterator<Item = ReasonRow>) -> Markup {
    html! {
        table.reasons {
            thead { tr { th scope="col" { "Reason" } th scope="col" { (unit) } } }
            tbody {
                @for row in rows {
                    tr {
                        th scope="row" {
                            div { span { (row.reason) } " " span { (row.meaning) } }
                        }
                        td { (row.count) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_every_segment_within_its_width() {
        let bar = |segments, whole| stacked_bar("x", segments, whole).into_string();
        let many = bar(&[("a", 999_997), ("b", 1), ("c", 0), ("d", 2)], 1_000_000);
        assert_eq!(many.matches("<rect").count(), 4);
        for rect in [
            "class=\"a\" x=\"0.0\" width=\"992.0\"",
            "class=\"b\" x=\"992.0\" width=\"4.0\"",
            "class=\"d\" x=\"996.0\" width=\"4.0\"",
        ] {
            assert!(many.contains(rect), "{many}");
        }
        assert_eq!(bar(&[("a", 0)], 0).matches("<rect").count(), 1);
    }
}
