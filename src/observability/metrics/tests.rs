//! Values of the metrics, and what is kept of an earlier run.

use std::time::Duration;

use super::calls::CLASSES;
use super::*;
use crate::pipeline::call_stats::CallStats;
use crate::pipeline::events::CallOutcome;
use crate::snapshot::manifest::{Counts, FailureSummary};
use crate::snapshot::sidecars::Category;

const JOB: &str = "a \"b\" \\ 用户";

fn metrics() -> RunMetrics {
    RunMetrics::new(JOB).unwrap()
}

/// The value of a sample; `labels` as in the text, without the job.
#[track_caller]
fn value(metrics: &RunMetrics, name: &str, labels: &str) -> f64 {
    let text = metrics.text().unwrap();
    let job = r#"job="a \"b\" \\ 用户""#;
    let found = text.lines().find_map(|line| {
        let (sample, value) = line.rsplit_once(' ')?;
        let has = sample.starts_with(&format!("im_profiles_{name}{{"))
            && sample.contains(job)
            && sample.contains(labels);
        has.then(|| value.parse().unwrap())
    });
    found.unwrap_or_else(|| panic!("{name} {labels} is not in\n{text}"))
}

#[test]
fn calls_count_by_outcome_and_failures_by_class() {
    let metrics = metrics();
    let codes = [None, Some(60008), Some(60002), Some(123_456)];
    let failed = codes.map(CallOutcome::Failed);
    for outcome in [CallOutcome::Success, CallOutcome::Throttled].into_iter().chain(failed) {
        let latency = Duration::from_millis(20);
        metrics.on(&Event::CallEnded { called_at: Duration::ZERO, latency, outcome });
    }
    assert_eq!(value(&metrics, "calls_total", "outcome=\"succeeded\""), 1.0);
    assert_eq!(value(&metrics, "calls_total", "outcome=\"throttled\""), 1.0);
    assert_eq!(value(&metrics, "calls_total", "outcome=\"failed\""), 4.0);
    let of_class = |class| value(&metrics, "calls_failed_total", &format!("class=\"{class}\""));
    assert_eq!(CLASSES.map(of_class), [1.0, 2.0, 1.0, 0.0, 0.0]);
    assert_eq!(value(&metrics, "call_duration_seconds_bucket", "le=\"0.01\""), 0.0);
    assert_eq!(value(&metrics, "call_duration_seconds_bucket", "le=\"0.02\""), 6.0);
}

#[test]
fn unknown_values_are_absent() {
    let metrics = metrics();
    let text = metrics.text().unwrap();
    for name in [
        "accounts{",
        "last_run_exit_code",
        "rate_utilization_ratio",
        "calls_accepted_per_second",
        "output_bytes",
    ] {
        assert!(!text.contains(&format!("im_profiles_{name}")), "{name}\n{text}");
    }
}

#[test]
fn accounts_by_outcome_add_up_to_the_list() {
    let metrics = metrics();
    let failure = |category, accounts| FailureSummary { category, error_code: None, accounts };
    metrics.set_result(&ResultSummary {
        counts: Counts {
            accounts_in_list: 20,
            rows: 10,
            failed: 4,
            duplicates: 5,
            invalid: 1,
            rejected_values: 3,
        },
        failures: vec![
            failure(Category::NotFound, 1),
            failure(Category::NotFound, 2),
            failure(Category::Rejected, 1),
            failure(Category::InvalidAccount, 1),
        ],
        parts: 2,
        bytes: 99,
        calls: CallStats {
            made: 2_000,
            throttled: 40,
            learned_calls_per_second: Some(118),
            rate_utilization_percent: Some(99.5),
            ..CallStats::default()
        },
        seconds_before: 0.0,
        suggested_calls_per_second: None,
    });
    let of = |outcome| value(&metrics, "accounts", &format!("outcome=\"{outcome}\""));
    let outcomes = [
        "exported",
        "duplicate",
        "invalid",
        "not_found",
        "internal_error",
        "rejected",
        "no_answer",
    ];
    assert_eq!(outcomes.map(of), [10.0, 5.0, 1.0, 3.0, 0.0, 1.0, 0.0]);
    assert_eq!(value(&metrics, "rate_utilization_ratio", ""), 0.995);
    assert_eq!(value(&metrics, "calls_accepted_per_second", ""), 118.0);
}

#[test]
fn the_last_success_survives_failed_runs_but_not_damage() {
    let end = |exit_code, earlier_success_unix_seconds| {
        let metrics = metrics();
        metrics.set_end(&RunEnd {
            at_unix_seconds: 2_000_000_000.25,
            exit_code,
            duration_seconds: 1.5,
            earlier_success_unix_seconds,
        });
        metrics.text().unwrap()
    };
    let published = end(0, None);
    assert_eq!(last_success_in(&published, JOB), Some(2_000_000_000.25));
    assert_eq!(last_success_in(&end(75, Some(1_999_999_999.5)), JOB), Some(1_999_999_999.5));
    assert_eq!(last_success_in(&end(3, None), JOB), None);
    assert_eq!(last_success_in(&published, "another job"), None);
    let start = published.find("im_profiles_last_success_timestamp_seconds{").unwrap();
    let line = published[start..].lines().next().unwrap();
    for length in 0..=line.len() {
        let cut = String::from_utf8_lossy(&published.as_bytes()[..start + length]);
        assert_eq!(last_success_in(&cut, JOB), None, "{length}");
    }
    for value in ["NaN", "+Inf", "-1", "", "1 2"] {
        let damaged = published.replace("2000000000.25", value);
        assert_eq!(last_success_in(&damaged, JOB), None, "{value}");
    }
}

#[test]
fn setting_a_run_replaces_the_earlier_one() {
    let metrics = metrics();
    metrics.set_run("run-1", "2026-11-22");
    metrics.set_run("run-2", "2026-11-22");
    assert_eq!(value(&metrics, "run_info", "run_id=\"run-2\""), 1.0);
    assert!(!metrics.text().unwrap().contains("run-1"));
}
