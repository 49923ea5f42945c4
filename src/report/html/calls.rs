//! The section of the calls: number, rate, latency and failures.

use std::cmp::Reverse;

use maud::{Markup, html};

use super::Report;
use super::charts::{latency_chart, rate_chart};
use super::elements::{ReasonRow, count, definition_list, manifest_count, reason_table};
use super::head::time_stamp_text;
use super::visible::Untrusted;
use crate::api::error_codes::ErrorCodeRule;
use crate::report::accepted_rate::{RateAdvice, accepted_rate, throttled_share};
use crate::report::latency::Latencies;
use crate::report::timeline::{Span, Timeline};
use crate::snapshot::manifest::CallInfo;
use crate::util::human::{counted, duration_text, two_digits};

/// Rows in the table of the charts' numbers.
const TABLE_ROWS: usize = 12;

/// A shorter run has no charts.
const MIN_CHART_SECONDS: f64 = 0.3;

/// Class, name and share of the percentiles that are shown.
const PERCENTILES: [(&str, &str, f64); 3] =
    [("p50", "half", 0.5), ("p90", "90 %", 0.9), ("p99", "99 %", 0.99)];

pub fn calls(report: &Report<'_>) -> Markup {
    let (calls, timeline) = (&report.manifest.calls, report.timeline);
    html! {
        section {
            h2 { "Calls" }
            @if let Some(resumed_at) = report.resumed_at {
                p.notice {
                    "The run was interrupted and resumed at " (Untrusted(&time_stamp_text(resumed_at)))
                    ". The charts and the table of failed calls show the calls since then; everything else on this page covers \
                     the whole run."
                }
            }
            (figures(calls))
            @if let Some(advice) = RateAdvice::new(calls) {
                p.notice { "Advice: " (advice.to_string()) "." }
            }
            @if timeline.whole().calls.total() == 0 {
                p { "No call was made" @if report.resumed_at.is_some() { " since then" } "." }
            } @else if timeline.seconds() >= MIN_CHART_SECONDS {
                (charts(calls, timeline, report.calls_started_at))
            } @else {
                (latency_legend(timeline))
            }
            (failed_calls(timeline))
        }
    }
}

fn figures(calls: &CallInfo) -> Markup {
    let number = |key: &str, calls: u64| manifest_count(&format!("/calls/{key}"), calls);
    let made = html! {
        (number("made", calls.made))
        @if let Some(percent) = calls.rate_utilization_percent {
            small {
                data data-manifest="/calls/rate_utilization_percent" value=(percent) { (percent) }
                " % of the limit"
            }
        }
    };
    let peak = html! {
        (number("peak_calls_per_second", calls.peak_calls_per_second))
        // Without a call there is nothing to compare with the limit.
        @if calls.made > 0 {
            small {
                @match calls.calls_per_second {
                    0 => "no limit",
                    limit => { "of " (count(limit.into())) " allowed" },
                }
            }
        }
    };
    let throttled = html! {
        (number("throttled", calls.throttled))
        @if calls.throttled > 0 {
            small {
                (throttled_share(calls)) " of the calls"
                @if let Some(rate) = accepted_rate(calls) {
                    "; about " (number("learned_calls_per_second", rate.into())) " per second accepted"
                }
            }
        }
    };
    definition_list(
        "figures",
        &[
            ("Calls", made),
            ("Peak per second", peak),
            ("Throttled", throttled),
            ("Failed", number("failed", calls.failed)),
            ("Account retries", number("account_retries", calls.account_retries)),
        ],
    )
}

fn charts(calls: &CallInfo, timeline: &Timeline, started_at: &str) -> Markup {
    let whole = timeline.whole().calls;
    let mut keys = vec![("answered", html! { "answered" })];
    if whole.throttled + whole.failed > 0 {
        keys.push(("failed", html! { "failed" }));
        keys.push(("throttled", html! { "throttled" }));
    }
    if calls.calls_per_second > 0 {
        let limit = counted(calls.calls_per_second.into(), "call");
        keys.push(("limit", html! { "limit, " (limit) " per second" }));
    }
    html! {
        figure {
            figcaption { h3 { "Calls per second" } (legend(&keys)) }
            (rate_chart(timeline, calls.calls_per_second))
        }
        figure {
            figcaption { h3 { "Latency" } (latency_legend(timeline)) }
            (latency_chart(timeline))
        }
        p.note {
            "Time starts at " (Untrusted(&time_stamp_text(started_at)))
            ". A call counts in the second in which it was made. Latencies are accurate to 8 % and include those of failed \
             calls."
        }
        (number_table(timeline))
    }
}

/// The percentiles over all calls, with their colors in the chart.
fn latency_legend(timeline: &Timeline) -> Markup {
    let latencies = timeline.whole().latencies;
    legend(&PERCENTILES.map(|(class, words, share)| {
        let latency = percentile_text(&latencies, share);
        (class, html! { (words) " of the calls took up to " b { (latency) } })
    }))
}

fn percentile_text(latencies: &Latencies, share: f64) -> String {
    latencies.percentile(share).map_or("–".to_owned(), duration_text)
}

fn legend(keys: &[(&str, Markup)]) -> Markup {
    html! {
        ul.legend {
            @for (class, words) in keys { li { i.key.(class) {} (words) } }
        }
    }
}

/// The numbers of the charts.
fn number_table(timeline: &Timeline) -> Markup {
    html! {
        details {
            summary { "The same in numbers" }
            div.wide-table {
                table.times {
                    thead {
                        tr {
                            @for name in ["From", "Calls/s", "Throttled", "Failed", "50 %", "90 %", "99 %"] {
                                th scope="col" { (name) }
                            }
                        }
                    }
                    tbody { @for span in timeline.second_spans(TABLE_ROWS) { (number_row(&span)) } }
                }
            }
        }
    }
}

fn number_row(span: &Span) -> Markup {
    let calls = &span.slot.calls;
    html! {
        tr {
            th scope="row" { (duration_text(span.from_seconds)) }
            td { (two_digits(span.per_second(calls.total()))) }
            td { (count(calls.throttled)) }
            td { (count(calls.failed)) }
            @for (_, _, share) in PERCENTILES {
                td { (percentile_text(&span.slot.latencies, share)) }
            }
        }
    }
}

/// Failed calls by code, the most frequent first.
fn failed_calls(timeline: &Timeline) -> Markup {
    if timeline.failed_by_code().is_empty() {
        return Markup::default();
    }
    let mut codes: Vec<(Option<i64>, u64)> =
        timeline.failed_by_code().iter().map(|(code, calls)| (*code, *calls)).collect();
    codes.sort_by_key(|(code, calls)| (Reverse(*calls), *code));
    let rows = codes.into_iter().map(|(code, calls)| {
        let (name, meaning) = match code.map(ErrorCodeRule::for_code) {
            Some(rule) => (rule.code.to_string(), format!("{}; {}", rule.meaning, rule.remedy)),
            None => (
                "no code".to_owned(),
                "a network error, a timeout or an unreadable response".to_owned(),
            ),
        };
        ReasonRow { reason: html! { code { (name) } }, meaning, count: html! { (count(calls)) } }
    });
    let others = timeline.failed_by_other_codes();
    html! {
        h3 { "Failed calls" }
        (reason_table("Calls", rows))
        @if others > 0 {
            p.note { (counted(others, "call")) " more failed with other codes." }
        }
        p.note {
            "Accounts of a call that failed for a transient reason were retried. A call that was refused was split in halves \
             until the account at fault was alone."
        }
    }
}
