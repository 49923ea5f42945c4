//! The head of the page: what was asked, what came, how long it took.

use indicatif::HumanBytes;
use jiff::Timestamp;

use super::Report;
use super::escape::{escape, isolated};
use super::text::{counted, facts, percent, told};
use crate::snapshot::manifest::Manifest;
use crate::util::human::duration_text;

/// The head of the page.
pub fn head(report: &Report<'_>) -> String {
    let Manifest { job, run, counts, parts, account_list: list, .. } = report.manifest;
    let bytes = parts.iter().map(|part| part.bytes).sum();
    let number_of_parts = counted(parts.len() as u64, "part", "parts");
    let took = duration_seconds(&run.started_at, &run.finished_at);
    let figures = [
        (
            "Rows",
            format!(
                "{}<small>{} of the accounts</small>",
                told("/counts/rows", counts.rows),
                percent(counts.rows, counts.accounts_in_list)
            ),
        ),
        ("Failed", told("/counts/failed", counts.failed)),
        (
            "Size",
            format!(
                "<data data-bytes=\"{bytes}\" value=\"{bytes}\">{}</data> <small>in {number_of_parts}</small>",
                HumanBytes(bytes)
            ),
        ),
        ("Took", took.map_or("–".to_owned(), took_text)),
    ];
    let pause = if report.resumed.is_some() { ", with the time it was stopped" } else { "" };
    let asked = [
        ("Run", format!("<code>{}</code>", escape(&run.id))),
        ("Time", format!("{}{pause}", escape(&period(&run.started_at, &run.finished_at)))),
        (
            "List",
            format!(
                "{}, {}",
                isolated(&list.path),
                counted(counts.accounts_in_list, "account", "accounts")
            ),
        ),
        ("Asked for", asked_for(report.manifest)),
    ];
    let rejected = match counts.rejected_values {
        0 => String::new(),
        rejected => format!(
            "<p>{} {} not fit the column: the cell is NULL, the text is in <code>_rejected_values.csv</code>.</p>\n",
            told("/counts/rejected_values", rejected),
            if rejected == 1 { "value did" } else { "values did" },
        ),
    };
    format!(
        "<header>\n<p class=\"date\">{}</p>\n<h1>{}</h1>\n{}{}{rejected}</header>\n",
        escape(&run.date),
        isolated(&job.name),
        facts("figures", &figures),
        facts("asked", &asked),
    )
}

fn asked_for(manifest: &Manifest) -> String {
    let tags = manifest.columns.iter().filter(|column| column.tag.is_some()).count();
    let limit = match manifest.calls.calls_per_second {
        0 => String::new(),
        limit => format!(", at up to {} a second", counted(limit.into(), "call", "calls")),
    };
    format!("{} of each account{limit}", counted(tags as u64, "tag", "tags"))
}

/// An RFC 3339 time stamp as 2026-11-22 03:00:00 UTC.
pub fn stamp_text(stamp: &str) -> String {
    stamp.replacen('T', " ", 1).replacen('Z', " UTC", 1)
}

/// From one time stamp to the next, which tells the day only if it is another one.
fn period(from: &str, to: &str) -> String {
    let to = match (from.split_once('T'), to.split_once('T')) {
        (Some((day, _)), Some((same, time))) if day == same => time,
        _ => to,
    };
    format!("{} to {}", stamp_text(from.trim_end_matches('Z')), stamp_text(to))
}

/// Seconds between two RFC 3339 time stamps; none where one cannot be read or the clock was set back.
fn duration_seconds(from: &str, to: &str) -> Option<u64> {
    let from: Timestamp = from.parse().ok()?;
    let to: Timestamp = to.parse().ok()?;
    u64::try_from(to.as_second() - from.as_second()).ok()
}

fn took_text(seconds: u64) -> String {
    match seconds {
        0 => "less than 1 s".to_owned(),
        seconds => duration_text(seconds as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_tells_a_day_once() {
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
        assert_eq!(duration_seconds(early, late), Some(7470));
        assert_eq!(duration_seconds(late, early), None);
        assert_eq!(duration_seconds("", late), None);
    }
}
