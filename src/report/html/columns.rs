//! The columns: how full each is, and what its values are like. Values of people are never shown, only what they share.

use std::fmt::Write;

use jiff::ToSpan;
use jiff::civil::{Date, date};

use super::Report;
use super::escape::isolated;
use super::text::{bar, count, counted, percent};
use crate::snapshot::manifest::ColumnInfo;
use crate::snapshot::parts::CommittedPart;
use crate::table::statistics::{BoundedValueCounts, ColumnStatistics, MinMax, Values};

/// Tags whose values are words of the service and not of a person.
const ENUMERATIONS: [&str; 3] =
    ["Tag_Profile_IM_Gender", "Tag_Profile_IM_AllowType", "Tag_Profile_IM_AdminForbidType"];

/// Values of other tags are shown only if this many accounts share one on average, so that they tell of no single one.
const ACCOUNTS_PER_SHOWN_VALUE: u64 = 20;

/// What the columns of all parts are like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnTotals {
    /// Rows that were counted.
    pub rows: u64,
    /// The columns, `account` first; empty if no row was counted.
    pub columns: Vec<ColumnStatistics>,
}

impl ColumnTotals {
    /// Adds up parts; those that an earlier version wrote without counting are left out.
    pub fn of(parts: &[CommittedPart]) -> ColumnTotals {
        let mut totals = ColumnTotals::default();
        for part in parts.iter().filter(|part| !part.columns.is_empty()) {
            totals.rows += part.rows;
            if totals.columns.is_empty() {
                totals.columns.clone_from(&part.columns);
                continue;
            }
            for (total, column) in totals.columns.iter_mut().zip(&part.columns) {
                total.merge(column);
            }
        }
        totals
    }
}

/// The section of the columns.
pub fn columns(report: &Report<'_>) -> String {
    let (totals, rows) = (&report.columns, report.manifest.counts.rows);
    let mut html = "<section>\n<h2>Columns</h2>\n".to_owned();
    if totals.rows < rows {
        // Writing to a String cannot fail.
        let _ = writeln!(
            html,
            "<p class=\"notice\">Counted over {} of {} rows: the others were written by an earlier version of the program, \
             which did not count, before the run was stopped and resumed.</p>",
            count(totals.rows),
            count(rows)
        );
    }
    html.push_str("<ul class=\"columns\">\n");
    for (index, facts) in report.manifest.columns.iter().enumerate() {
        let tag = facts.tag.as_deref().map(|tag| format!(" <code>{}</code>", isolated(tag)));
        let _ = writeln!(
            html,
            "<li><div class=\"name\"><b>{}</b> <small>{}{}</small></div>",
            isolated(&facts.name),
            facts.column_type,
            tag.unwrap_or_default()
        );
        if let Some(statistics) = totals.columns.get(index) {
            html.push_str(&column(facts, statistics, totals.rows));
        }
        html.push_str("</li>\n");
    }
    html.push_str("</ul>\n</section>\n");
    html
}

fn column(facts: &ColumnInfo, statistics: &ColumnStatistics, rows: u64) -> String {
    let filled = statistics.filled;
    let label = format!("{} of {} filled", count(filled), counted(rows, "row", "rows"));
    let mut html = format!(
        "<div class=\"fill\">{}<span>{}</span></div>\n<p><data data-filled=\"{filled}\" value=\"{filled}\">{}</data> of {}",
        bar(&label, &[("rows", filled)], rows),
        percent(filled, rows),
        count(filled),
        counted(rows, "row", "rows"),
    );
    for fact in value_facts(&statistics.values) {
        html.push_str(" · ");
        html.push_str(&fact);
    }
    if statistics.rejected > 0 {
        let rejected = counted(statistics.rejected, "value", "values");
        // Writing to a String cannot fail.
        let _ = write!(html, " · <b class=\"warn\">{rejected} did not fit</b>");
    }
    html.push_str("</p>\n");
    if let Some(values) = shown_values(facts, statistics) {
        html.push_str(&values_table(&values, filled));
    }
    html
}

/// What there is to say of values without showing one of a text.
fn value_facts(values: &Values) -> Vec<String> {
    let (range, distinct) = match values {
        Values::Text { characters, distinct } => {
            (length_text(*characters, "character", "characters"), Some(distinct_text(distinct)))
        }
        Values::Bytes { bytes } => (length_text(*bytes, "byte", "bytes"), None),
        Values::Number { range, distinct } => {
            (range_text(*range, count), Some(distinct_text(distinct)))
        }
        Values::Day { range, distinct } => {
            (range_text(*range, day_text), Some(distinct_text(distinct)))
        }
    };
    range.into_iter().chain(distinct.flatten()).collect()
}

fn length_text(lengths: MinMax<u64>, one: &str, more: &str) -> Option<String> {
    let (least, most) = lengths?;
    if least == most {
        return Some(format!("all of {}", counted(most, one, more)));
    }
    Some(format!("{} to {}", count(least), counted(most, one, more)))
}

fn range_text<T: PartialEq>(range: MinMax<T>, text: impl Fn(T) -> String) -> Option<String> {
    let (least, most) = range?;
    if least == most {
        return Some(format!("all {}", text(most)));
    }
    Some(format!("{} to {}", text(least), text(most)))
}

fn distinct_text<T: PartialEq>(distinct: &BoundedValueCounts<T>) -> Option<String> {
    match distinct.values() {
        Some([]) => None,
        Some(values) => Some(counted(values.len() as u64, "distinct value", "distinct values")),
        None => Some("more than 12 distinct values".to_owned()),
    }
}

fn day_text(days: i32) -> String {
    const EPOCH: Date = date(1970, 1, 1);
    EPOCH.checked_add(days.days()).map_or(format!("day {days}"), |day| day.to_string())
}

/// The distinct values as HTML with their counts, the most frequent first; none where they are too many, or where they could
/// be those of single people.
fn shown_values(facts: &ColumnInfo, statistics: &ColumnStatistics) -> Option<Vec<(String, u64)>> {
    let tag = facts.tag.as_deref()?;
    let mut values: Vec<(String, u64)> = match &statistics.values {
        Values::Text { distinct, .. } => in_html(distinct, |text| match text.as_str() {
            "" => "<i>empty text</i>".to_owned(),
            text => isolated(text),
        })?,
        Values::Number { distinct, .. } => in_html(distinct, |number| number.to_string())?,
        Values::Day { distinct, .. } => in_html(distinct, |days| day_text(*days))?,
        Values::Bytes { .. } => return None,
    };
    let shared = ACCOUNTS_PER_SHOWN_VALUE * values.len() as u64 <= statistics.filled;
    if values.is_empty() || !(shared || ENUMERATIONS.contains(&tag)) {
        return None;
    }
    values.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
    Some(values)
}

fn in_html<T: PartialEq>(
    distinct: &BoundedValueCounts<T>,
    html: impl Fn(&T) -> String,
) -> Option<Vec<(String, u64)>> {
    Some(distinct.values()?.iter().map(|(value, count)| (html(value), *count)).collect())
}

fn values_table(values: &[(String, u64)], filled: u64) -> String {
    let rows: String = values
        .iter()
        .map(|(value, accounts)| {
            format!(
                "<tr><th scope=\"row\">{value}</th><td>{}</td><td>{}</td></tr>\n",
                count(*accounts),
                percent(*accounts, filled)
            )
        })
        .collect();
    format!("<table class=\"values\">\n<tbody>\n{rows}</tbody>\n</table>\n")
}
