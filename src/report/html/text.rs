//! Small pieces of the page: numbers as text, bars, rows of facts.

use std::fmt::Write;

use indicatif::HumanCount;

use super::escape::escape;
use crate::util::human::percent_text;

/// A count with its thousands apart.
pub fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A count that the manifest holds at this JSON pointer; a test compares the two.
pub fn told(pointer: &str, number: u64) -> String {
    format!("<data data-manifest=\"{pointer}\" value=\"{number}\">{}</data>", count(number))
}

/// A count and the noun that goes with it.
pub fn counted(number: u64, one: &str, more: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { more })
}

/// [`percent_text`] as HTML.
pub fn percent(part: u64, whole: u64) -> String {
    escape(&percent_text(part, whole))
}

/// A bar of segments, each a class of style.css and a count, against the whole. The label is for those who cannot see it,
/// and is the program's own words.
pub fn bar(label: &str, segments: &[(&str, u64)], whole: u64) -> String {
    /// What a share is drawn as at the least, so that it is not overlooked.
    const LEAST_WIDTH: f64 = 4.0;
    const WIDTH: f64 = 1000.0;
    let mut bar = format!(
        "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{label}\"><rect class=\"rest\" width=\"1000\" height=\"10\"/>"
    );
    let small = |count: &u64| *count > 0 && (*count as f64 / whole as f64 * WIDTH) < LEAST_WIDTH;
    let (mut room, mut drawn_to_scale) = (WIDTH, whole);
    for (_, count) in segments.iter().filter(|(_, count)| small(count)) {
        // The others make room for one that is drawn larger than it is.
        room -= LEAST_WIDTH;
        drawn_to_scale = drawn_to_scale.saturating_sub(*count);
    }
    let scale = room / drawn_to_scale.max(1) as f64;
    let mut x = 0.0;
    for (class, count) in segments.iter().filter(|(_, count)| *count > 0) {
        let width = if small(count) { LEAST_WIDTH } else { *count as f64 * scale };
        // Writing to a String cannot fail.
        let _ = write!(
            bar,
            "<rect class=\"{class}\" x=\"{x:.1}\" width=\"{width:.1}\" height=\"10\"/>"
        );
        x += width;
    }
    bar.push_str("</svg>");
    bar
}

/// A list of names and what they are, both HTML.
pub fn facts(class: &str, facts: &[(&str, String)]) -> String {
    let facts: String = facts
        .iter()
        .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n"))
        .collect();
    format!("<dl class=\"{class}\">\n{facts}</dl>\n")
}

/// A table of reasons with what each means and how often it came, all HTML. `unit` is what is counted.
pub fn reasons(unit: &str, rows: impl Iterator<Item = (String, String, String)>) -> String {
    let rows: String = rows
        .map(|(reason, meaning, count)| {
            format!(
                "<tr><th scope=\"row\"><div><span>{reason}</span> <span>{meaning}</span></div></th><td>{count}</td></tr>\n"
            )
        })
        .collect();
    format!(
        "<table class=\"reasons\">\n<thead><tr><th scope=\"col\">Reason</th><th scope=\"col\">{unit}</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_every_segment_and_stays_in_its_frame() {
        let bar = bar("x", &[("a", 999_997), ("b", 1), ("c", 0), ("d", 2)], 1_000_000);
        assert_eq!(bar.matches("<rect").count(), 4);
        for rect in [
            "class=\"a\" x=\"0.0\" width=\"992.0\"",
            "class=\"b\" x=\"992.0\" width=\"4.0\"",
            "class=\"d\" x=\"996.0\" width=\"4.0\"",
        ] {
            assert!(bar.contains(rect), "{bar}");
        }
        assert_eq!(super::bar("x", &[("a", 0)], 0).matches("<rect").count(), 1);
    }
}
