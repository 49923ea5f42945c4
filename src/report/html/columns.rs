//! The section of the columns: how full each is, and what its values have in common. Values of single people are not shown.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use maud::{Markup, html};

use super::Report;
use super::elements::{count, stacked_bar};
use super::visible::isolated;
use crate::snapshot::manifest::ColumnInfo;
use crate::table::statistics::{BoundedValueCounts, ColumnStatistics, MinMax, Values};
use crate::util::human::{counted, percent_text};

/// Tags whose values are constants of the service.
const ENUMERATIONS: [&str; 3] =
    ["Tag_Profile_IM_Gender", "Tag_Profile_IM_AllowType", "Tag_Profile_IM_AdminForbidType"];

/// Values of other tags are shown only if each is shared by this many accounts on average, so that they do not identify
/// anyone.
const MIN_ACCOUNTS_PER_VALUE: u64 = 20;

pub fn columns(report: &Report<'_>) -> Markup {
    let (totals, rows) = (&report.columns, report.manifest.counts.rows);
    html! {
        section {
            h2 { "Columns" }
            @if totals.rows < rows {
                p.notice {
                    "Counted over " (count(totals.rows)) " of " (count(rows)) " rows: the others were written before the run \
                     was resumed, by an earlier version of the program without statistics."
                }
            }
            ul.columns {
                @for (index, info) in report.manifest.columns.iter().enumerate() {
                    li {
                        div.name {
                            b { (isolated(&info.name)) } " "
                            small {
                                (info.column_type)
                                @if let Some(tag) = &info.tag { " " code { (isolated(tag)) } }
                            }
                        }
                        @if let Some(statistics) = totals.columns.get(index) {
                            (column(info, statistics, totals.rows))
                        }
                    }
                }
            }
        }
    }
}

fn column(info: &ColumnInfo, statistics: &ColumnStatistics, rows: u64) -> Markup {
    let filled = statistics.filled;
    let all_rows = counted(rows, "row");
    let label = format!("{} of {all_rows} filled", count(filled));
    html! {
        div.fill {
            (stacked_bar(&label, &[("rows", filled)], rows))
            span { (percent_text(filled, rows)) }
        }
        p {
            data data-filled=(filled) value=(filled) { (count(filled)) } " of " (all_rows)
            @for text in value_texts(&statistics.values) { " · " (text) }
            @if statistics.rejected > 0 {
                " · " b.warn { (counted(statistics.rejected, "value")) " did not fit" }
            }
        }
        @if let Some(values) = shown_values(info, statistics) {
            table.values {
                tbody {
                    @for (value, accounts) in values {
                        tr {
                            th scope="row" { (value) }
                            td { (count(accounts)) }
                            td { (percent_text(accounts, filled)) }
                        }
                    }
                }
            }
        }
    }
}

/// The range and the number of distinct values; never a text itself.
fn value_texts(values: &Values) -> Vec<String> {
    let (range, distinct) = match values {
        Values::Text { characters, distinct } => {
            (length_text(*characters, "character"), Some(distinct_text(distinct)))
        }
        Values::Bytes { bytes } => (length_text(*bytes, "byte"), None),
        Values::Number { range, distinct } => {
            (range_text(*range, count), Some(distinct_text(distinct)))
        }
        Values::Integer { range, distinct } => {
            (range_text(*range, signed_count), Some(distinct_text(distinct)))
        }
        Values::Day { range, distinct } => {
            (range_text(*range, day_text), Some(distinct_text(distinct)))
        }
    };
    range.into_iter().chain(distinct.flatten()).collect()
}

fn length_text(lengths: MinMax<u64>, noun: &str) -> Option<String> {
    let (min, max) = lengths?;
    if min == max {
        return Some(format!("all of {}", counted(max, noun)));
    }
    Some(format!("{} to {}", count(min), counted(max, noun)))
}

fn range_text<T: PartialEq>(range: MinMax<T>, text: impl Fn(T) -> String) -> Option<String> {
    let (min, max) = range?;
    if min == max {
        return Some(format!("all {}", text(max)));
    }
    Some(format!("{} to {}", text(min), text(max)))
}

fn distinct_text<T: PartialEq>(distinct: &BoundedValueCounts<T>) -> Option<String> {
    match distinct.values() {
        Some([]) => None,
        Some(values) => Some(counted(values.len() as u64, "distinct value")),
        None => Some("more than 12 distinct values".to_owned()),
    }
}

fn signed_count(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", count(number.unsigned_abs()))
}

fn day_text(days: i32) -> String {
    const EPOCH: Date = date(1970, 1, 1);
    EPOCH.checked_add(days.days()).map_or(format!("day {days}"), |day| day.to_string())
}

/// The distinct values with their counts, the most frequent first; `None` if they are too many, or could be those of single
/// people.
fn shown_values(info: &ColumnInfo, statistics: &ColumnStatistics) -> Option<Vec<(Markup, u64)>> {
    let tag = info.tag.as_deref()?;
    let mut values: Vec<(Markup, u64)> = match &statistics.values {
        Values::Text { distinct, .. } => rendered(distinct, |text| match text.as_str() {
            "" => html! { i { "empty text" } },
            text => isolated(text),
        })?,
        Values::Number { distinct, .. } => rendered(distinct, |number| html! { (number) })?,
        Values::Integer { distinct, .. } => rendered(distinct, |number| html! { (number) })?,
        Values::Day { distinct, .. } => rendered(distinct, |days| html! { (day_text(*days)) })?,
        Values::Bytes { .. } => return None,
    };
    let are_shared = MIN_ACCOUNTS_PER_VALUE * values.len() as u64 <= statistics.filled;
    if values.is_empty() || !(are_shared || ENUMERATIONS.contains(&tag)) {
        return None;
    }
    values.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.0.cmp(&two.0.0)));
    Some(values)
}

fn rendered<T: PartialEq>(
    distinct: &BoundedValueCounts<T>,
    render: impl Fn(&T) -> Markup,
) -> Option<Vec<(Markup, u64)>> {
    Some(distinct.values()?.iter().map(|(value, count)| (render(value), *count)).collect())
}
