//! The head of the page: what was requested, the result, and the time it took.

use indicatif::HumanBytes;
use jiff::Timestamp;
use maud::{Markup, html};

use super::Report;
use super::elements::{definition_list, file_link, manifest_count};
use super::visible::{Untrusted, isolated};
use crate::snapshot::layout::REJECTED_VALUES_FILE;
use crate::snapshot::manifest::Manifest;
use crate::util::human::{counted, duration_text, percent_text};

pub fn head(report: &Report<'_>) -> Markup {
    let Manifest { job, run, counts, .. } = report.manifest;
    html! {
        header {
            p.date { (Untrusted(&run.date)) }
            h1 { (isolated(&job.name)) }
            (figures(report))
            (request(report))
            @if counts.rejected_values > 0 {
                p {
                    (manifest_count("/counts/rejected_values", counts.rejected_values))
                    @if counts.rejected_values == 1 { " value does" } @else { " values do" }
                    " not fit the column: the cell is NULL, the text is in "
                    (file_link(REJECTED_VALUES_FILE)) "."
                }
            }
        }
    }
}

fn figures(report: &Report<'_>) -> Markup {
    let Manifest { run, counts, parts, .. } = report.manifest;
    let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
    let rows = html! {
        (manifest_count("/counts/rows", counts.rows))
        small { (percent_text(counts.rows, counts.accounts_in_list)) " of the accounts" }
    };
    let size = html! {
        data data-bytes=(bytes) value=(bytes) { (HumanBytes(bytes).to_string()) } " "
        small { "in " (counted(parts.len() as u64, "part")) }
    };
    let elapsed = match seconds_between(&run.started_at, &run.finished_at) {
        None => "–".to_owned(),
        // As in the summary, which counts the work alone.
        Some(seconds) if report.resumed_at.is_some() => {
            let worked = duration_text(report.worked_seconds);
            format!("{worked} of work, {} in all", duration_text(seconds as f64))
        }
        // The time stamps are whole seconds.
        Some(0 | 1) => "about 1 s".to_owned(),
        Some(seconds) => duration_text(seconds as f64),
    };
    definition_list(
        "figures",
        &[
            ("Rows", rows),
            ("Failed", manifest_count("/counts/failed", counts.failed)),
            ("Size", size),
            ("Took", html! { (elapsed) }),
        ],
    )
}

/// What was requested, and when.
fn request(report: &Report<'_>) -> Markup {
    let Manifest { run, counts, columns, calls, account_list: list, .. } = report.manifest;
    let tags = columns.iter().filter(|column| column.tag.is_some()).count();
    let time = html! {
        (Untrusted(&period(&run.started_at, &run.finished_at)))
        @if report.resumed_at.is_some() { ", including the interruption" }
    };
    let accounts = html! {
        (isolated(&list.path)) ", "
        @if list.files > 1 { (counted(list.files, "file")) ", " }
        (counted(counts.accounts_in_list, "account"))
    };
    let requested = html! {
        (counted(tags as u64, "tag")) " of each account"
        @if calls.calls_per_second > 0 {
            ", at up to " (counted(calls.calls_per_second.into(), "call")) " per second"
        }
    };
    definition_list(
        "asked",
        &[
            ("Run", html! { code { (Untrusted(&run.id)) } }),
            ("Time", time),
            ("List", accounts),
            ("Requested", requested),
        ],
    )
}

/// An RFC 3339 time stamp as 2026-11-22 03:00:00 UTC.
pub fn time_stamp_text(stamp: &str) -> String {
    stamp.replacen('T', " ", 1).replacen('Z', " UTC", 1)
}

/// The time between two time stamps, with the second day only if it is another one.
fn period(from: &str, to: &str) -> String {
    let to = match (from.split_once('T'), to.split_once('T')) {
        (Some((day, _)), Some((same, time))) if day == same => time,
        _ => to,
    };
    format!("{} to {}", time_stamp_text(from.trim_end_matches('Z')), time_stamp_text(to))
}

/// Seconds between two RFC 3339 time stamps; `None` if one is not valid or the clock was set back.
fn seconds_between(from: &str, to: &str) -> Option<u64> {
    let from: Timestamp = from.parse().ok()?;
    let to: Timestamp = to.parse().ok()?;
    u64::try_from(to.as_second() - from.as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_names_its_day_once() {
        let from = "2026-11-22T23:00:00Z";
        assert_eq!(period(from, "2026-11-22T23:59:00Z"), "2026-11-22 23:00:00 to 23:59:00 UTC");
        assert_eq!(
            period(from, "2026-11-23T01:00:00Z"),
            "2026-11-22 23:00:00 to 2026-11-23 01:00:00 UTC"
        );
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_duration() {
        let (early, late) = ("2026-11-22T03:00:00Z", "2026-11-22T05:04:30Z");
        assert_eq!(seconds_between(early, late), Some(7470));
        assert_eq!(seconds_between(late, early), None);
        assert_eq!(seconds_between("", late), None);
    }
}
