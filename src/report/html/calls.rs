//! The calls: how many, how fast, how long they took, how they failed.

use std::fmt::Write;

use super::charts::{latency_chart, rate_chart};
use super::escape::escape;
use super::head::stamp_text;
use super::text::{count, counted, facts, reasons, told};
use super::{Report, Resumed};
use crate::api::error_codes::ErrorCodeRule;
use crate::report::latency::Latencies;
use crate::report::timeline::{Span, Timeline};
use crate::snapshot::manifest::CallInfo;
use crate::util::human::{duration_text, two_digits};

/// Rows in the table of what the pictures show.
const TABLE_ROWS: usize = 12;

/// A run that ends sooner, in seconds, is told in words alone.
const LEAST_SECONDS_OF_PICTURE: f64 = 0.3;

/// The section of the calls.
pub fn calls(report: &Report<'_>) -> String {
    let (calls, timeline) = (&report.manifest.calls, report.timeline);
    let mut html = "<section>\n<h2>Calls</h2>\n".to_owned();
    if let Some(Resumed { at }) = &report.resumed {
        // Writing to a String cannot fail.
        let _ = writeln!(
            html,
            "<p class=\"notice\">The run was stopped, and resumed at {}. What is told of calls is since the run was \
             resumed; all else on this page is of the whole run.</p>",
            escape(&stamp_text(at))
        );
    }
    html.push_str(&facts("figures", &figures(calls)));
    if calls.made == 0 {
        let since = if report.resumed.is_some() { " since then" } else { "" };
        let _ = writeln!(html, "<p>No call was made{since}.</p>");
    } else if timeline.seconds() >= LEAST_SECONDS_OF_PICTURE {
        html.push_str(&pictures(calls, timeline, report.calls_began_at));
    } else {
        html.push_str(&latency_legend(timeline));
    }
    html.push_str(&failed_calls(timeline));
    html.push_str("</section>\n");
    html
}

fn figures(calls: &CallInfo) -> Vec<(&'static str, String)> {
    let limit = match calls.calls_per_second {
        // Without a call there is nothing to compare with it.
        _ if calls.made == 0 => String::new(),
        0 => "<small>no limit</small>".to_owned(),
        limit => format!("<small>of {} allowed</small>", count(limit.into())),
    };
    let used = calls.rate_utilization_percent.map(|percent| {
        format!(
            "<small><data data-manifest=\"/calls/rate_utilization_percent\" value=\"{percent}\">{percent}</data> % of the limit</small>"
        )
    });
    let told_calls = |key: &str, calls: u64| told(&format!("/calls/{key}"), calls);
    vec![
        ("Calls", told_calls("made", calls.made) + &used.unwrap_or_default()),
        (
            "Highest second",
            told_calls("peak_calls_per_second", calls.peak_calls_per_second) + &limit,
        ),
        ("Throttled", told_calls("throttled", calls.throttled)),
        ("Failed", told_calls("failed", calls.failed) + "<small>for a passing reason</small>"),
        ("Accounts asked again", told_calls("account_retries", calls.account_retries)),
    ]
}

fn pictures(calls: &CallInfo, timeline: &Timeline, began_at: &str) -> String {
    let whole = timeline.whole().calls;
    let mut keys = vec![("answered", "answered".to_owned())];
    if whole.throttled + whole.failed > 0 {
        keys.push(("failed", "failed".to_owned()));
        keys.push(("throttled", "throttled".to_owned()));
    }
    if calls.calls_per_second > 0 {
        let limit = count(calls.calls_per_second.into());
        keys.push(("limit", format!("limit, {limit} calls a second")));
    }
    format!(
        "<figure>\n<figcaption><h3>Calls per second</h3>{}</figcaption>\n{}</figure>\n\
         <figure>\n<figcaption><h3>Latency</h3>{}</figcaption>\n{}</figure>\n\
         <p class=\"note\">Time runs from {}. A call stands where it was made. Calls per second are a mean over a second or \
         more; latencies are true to a twelfth, and failed calls count.</p>\n{}",
        legend(&keys),
        rate_chart(timeline, calls.calls_per_second),
        latency_legend(timeline),
        latency_chart(timeline),
        escape(&stamp_text(began_at)),
        table(timeline)
    )
}

/// The percentiles over all calls, with their colours.
fn latency_legend(timeline: &Timeline) -> String {
    let latencies = timeline.whole().latencies;
    let keys = [("p50", "half", 0.5), ("p90", "90 %", 0.9), ("p99", "99 %", 0.99)];
    legend(&keys.map(|(class, words, share)| {
        (
            class,
            format!(
                "{words} of the calls took up to <b>{}</b>",
                percentile_text(&latencies, share)
            ),
        )
    }))
}

fn percentile_text(latencies: &Latencies, share: f64) -> String {
    latencies.percentile(share).map_or("–".to_owned(), duration_text)
}

fn legend(keys: &[(&str, String)]) -> String {
    let keys: String = keys
        .iter()
        .map(|(class, words)| format!("<li><i class=\"key {class}\"></i>{words}</li>"))
        .collect();
    format!("<ul class=\"legend\">{keys}</ul>")
}

/// What the pictures show, in numbers.
fn table(timeline: &Timeline) -> String {
    let header: String = ["From", "Calls/s", "Throttled", "Failed", "50 %", "90 %", "99 %"]
        .iter()
        .map(|name| format!("<th scope=\"col\">{name}</th>"))
        .collect();
    // A piece that is shorter than a second is no measure of a rate.
    let at_most = TABLE_ROWS.min(timeline.seconds() as usize);
    let rows: String = timeline.spans(at_most).iter().map(row).collect();
    format!(
        "<details>\n<summary>The same in numbers</summary>\n<div class=\"wide-table\"><table class=\"times\">\n<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n</details>\n"
    )
}

fn row(span: &Span) -> String {
    let calls = &span.slot.calls;
    let seconds = (span.to_seconds - span.from_seconds).max(1.0);
    let cells =
        [two_digits(calls.total() as f64 / seconds), count(calls.throttled), count(calls.failed)];
    let cells = cells
        .into_iter()
        .chain([0.5, 0.9, 0.99].map(|share| percentile_text(&span.slot.latencies, share)));
    let cells: String = cells.map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", duration_text(span.from_seconds))
}

/// Failed calls by code, with what they mean.
fn failed_calls(timeline: &Timeline) -> String {
    if timeline.failed_by_code().is_empty() {
        return String::new();
    }
    let mut codes: Vec<(Option<i64>, u64)> =
        timeline.failed_by_code().iter().map(|(code, calls)| (*code, *calls)).collect();
    codes.sort_by_key(|(code, calls)| (std::cmp::Reverse(*calls), *code));
    let rows = codes.into_iter().map(|(code, calls)| {
        let (name, meaning) = match code.map(ErrorCodeRule::for_code) {
            Some(rule) => (rule.code.to_string(), format!("{}; {}", rule.meaning, rule.remedy)),
            None => (
                "no code".to_owned(),
                "the network, a timeout, or an answer that could not be read".to_owned(),
            ),
        };
        (format!("<code>{name}</code>"), escape(&meaning), count(calls))
    });
    let mut html = format!("<h3>Failed calls</h3>\n{}", reasons("Calls", rows));
    let others = timeline.failed_by_other_codes();
    if others > 0 {
        let calls = counted(others, "call", "calls");
        // Writing to a String cannot fail.
        let _ = writeln!(html, "<p class=\"note\">{calls} more failed with still other codes.</p>");
    }
    html.push_str(
        "<p class=\"note\">The accounts of a call that failed for a passing reason were asked again. Those of a call that was refused were \
         asked in halves, until the account to blame stood alone.</p>\n",
    );
    html
}
