//! The closing summary: lines of text, or one line of JSON.

use std::fmt::{self, Write};
use std::path::Path;

use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use super::accepted_rate::{RateAdvice, accepted_rate, throttled_share};
use super::size::relative_to;
use crate::pipeline::call_stats::CallStats;
use crate::snapshot::manifest::{CallInfo, Counts, FailureSummary};
use crate::snapshot::sidecars::Category;
use crate::util::exit_code::ExitCode;
use crate::util::human::{counted, duration_text};

/// How a run ended. Keys of the JSON are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// `published`, or why not.
    pub status: &'static str,
    pub exit_code: u8,
    pub job: String,
    /// The run's logical date.
    pub date: String,
    /// The same id as in the manifest, the metrics and every log line.
    pub run_id: String,
    /// Absolute path at which the job publishes.
    pub output_path: String,
    /// The same path, once the snapshot of this run is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// From the start of the program to its end.
    pub duration_seconds: f64,
    /// The same with the processes before that worked on the run, as far as the journal recorded it. Absent if the run did
    /// not finish the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_duration_seconds: Option<f64>,
    /// Absent if the run did not finish the list.
    #[serde(flatten)]
    pub result: Option<ResultSummary>,
    /// Absent if the run published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The result of a run that finished its list.
#[derive(Debug, Clone, Serialize)]
pub struct ResultSummary {
    pub counts: Counts,
    /// Accounts without a row, by category and code.
    pub failures: Vec<FailureSummary>,
    pub parts: u64,
    /// Size of the part files.
    pub bytes: u64,
    /// Over all processes of the run, as far as the journal recorded them.
    pub calls: CallStats,
    /// How long earlier processes worked on the run.
    #[serde(skip)]
    pub seconds_before: f64,
    /// What to set `api.calls_per_second` to; absent unless the service accepts considerably fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggested_calls_per_second: Option<u32>,
}

impl Summary {
    /// One line of JSON.
    pub fn to_json(&self) -> String {
        // Plain structs with string keys: serializing them cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Lines of text, with the path relative to the directory `here`.
    pub fn to_text(&self, here: &Path) -> String {
        let mut text = String::new();
        let snapshot = relative_to(here, &self.output_path);
        let heading = match self.status {
            "published" => format!("Published {snapshot}"),
            status => format!("Not published ({status}): {snapshot}"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{heading}");
        if let Some(result) = &self.result {
            let _ = write_result(&mut text, result, self.duration_seconds);
        }
        if let Some(result) = &self.result
            && let Some(advice) = RateAdvice::new(&result.calls.into())
        {
            let _ = writeln!(text, "  advice      {advice}");
        }
        text
    }
}

fn write_result(text: &mut String, result: &ResultSummary, seconds: f64) -> fmt::Result {
    let counts = &result.counts;
    let mut line = |label: &str, value: &dyn fmt::Display| writeln!(text, "  {label:<10}  {value}");
    let parts = counted(result.parts, "part");
    let (rows, bytes) = (HumanCount(counts.rows), HumanBytes(result.bytes));
    line("rows", &format_args!("{rows} in {parts}, {bytes}"))?;
    line("failed", &failed_text(result))?;
    line("duplicates", &HumanCount(counts.duplicates))?;
    line("invalid", &HumanCount(counts.invalid))?;
    if counts.rejected_values > 0 {
        let rejected = counted(counts.rejected_values, "value");
        line("rejected", &format_args!("{rejected}, see _rejected_values.tsv"))?;
    }
    line("calls", &calls_text(&result.calls))?;
    let mut took = duration_text(seconds);
    if result.seconds_before > 0.0 {
        let total = duration_text(seconds + result.seconds_before);
        took.push_str(&format!(" since the run was resumed, {total} of work in all"));
    }
    line("took", &took)
}

/// The number of failed accounts, with those of each category.
fn failed_text(result: &ResultSummary) -> String {
    let mut text = HumanCount(result.counts.failed).to_string();
    let mut separator = "  ";
    for category in Category::ALL.into_iter().filter(|each| *each != Category::InvalidAccount) {
        let failures = result.failures.iter().filter(|failure| failure.category == category);
        let accounts: u64 = failures.map(|failure| failure.accounts).sum();
        if accounts > 0 {
            text.push_str(&format!("{separator}{} {}", category.name(), HumanCount(accounts)));
            separator = ", ";
        }
    }
    text
}

fn calls_text(calls: &CallStats) -> String {
    let mut text = HumanCount(calls.made).to_string();
    if let Some(percent) = calls.rate_utilization_percent {
        text.push_str(&format!(", {percent} % of {}/s", calls.calls_per_second));
    }
    text.push_str(&format!(", peak {}/s", HumanCount(calls.peak_calls_per_second)));
    if calls.failed > 0 {
        text.push_str(&format!(", {} failed", HumanCount(calls.failed)));
    }
    let info = CallInfo::from(*calls);
    if calls.throttled > 0 {
        let (throttled, share) = (HumanCount(calls.throttled), throttled_share(&info));
        text.push_str(&format!(", {throttled} throttled ({share})"));
    }
    if let Some(accepted) = accepted_rate(&info) {
        text.push_str(&format!(", about {accepted}/s accepted"));
    }
    if calls.account_retries > 0 {
        text.push_str(&format!(", {}", counted(calls.account_retries, "account retry")));
    }
    text
}

/// The value of [`Summary::status`] for an exit code.
pub fn status_of(code: ExitCode) -> &'static str {
    match code {
        ExitCode::Published => "published",
        ExitCode::InternalOrDisk => "failed",
        ExitCode::BadUsage => "bad_usage",
        ExitCode::TooManyFailed => "too_many_failed",
        ExitCode::RefusedByService => "refused",
        ExitCode::TryAgainLater => "try_again_later",
        ExitCode::HungUp => "hung_up",
        ExitCode::Interrupted => "interrupted",
        ExitCode::OutputClosed => "output_closed",
        ExitCode::Terminated => "terminated",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        Summary {
            status: "published",
            exit_code: 0,
            job: "sample".to_owned(),
            date: "2026-11-22".to_owned(),
            run_id: "00ff00ff00ff00ff".to_owned(),
            output_path: "/here/exports/sample/dt=2026-11-22".to_owned(),
            snapshot: None,
            duration_seconds: 75.25,
            total_duration_seconds: Some(75.25),
            result: Some(ResultSummary {
                counts: Counts {
                    accounts_in_list: 12_000,
                    rows: 11_900,
                    failed: 79,
                    duplicates: 20,
                    invalid: 1,
                    rejected_values: 3,
                },
                failures: vec![
                    FailureSummary {
                        category: Category::NotFound,
                        error_code: Some(40003),
                        accounts: 70,
                    },
                    FailureSummary {
                        category: Category::InternalError,
                        error_code: Some(40006),
                        accounts: 9,
                    },
                    FailureSummary {
                        category: Category::InvalidAccount,
                        error_code: None,
                        accounts: 1,
                    },
                ],
                parts: 3,
                bytes: 1_234_567,
                calls: CallStats {
                    made: 130,
                    failed: 1,
                    throttled: 0,
                    account_retries: 240,
                    calls_per_second: 200,
                    peak_calls_per_second: 130,
                    learned_calls_per_second: None,
                    rate_utilization_percent: Some(99.4),
                },
                seconds_before: 0.0,
                suggested_calls_per_second: None,
            }),
            error: None,
        }
    }

    #[test]
    fn a_throttled_run_shows_what_the_service_accepted() {
        let mut summary = summary();
        let calls = &mut summary.result.as_mut().unwrap().calls;
        (calls.throttled, calls.learned_calls_per_second) = (1, Some(196));
        let text = summary.to_text(Path::new("/here"));
        let lines =
            |text: &str| text.lines().skip(6).map(|line| format!("{line}\n")).collect::<String>();
        insta::assert_snapshot!(lines(&text), @r"
          calls       130, 99.4 % of 200/s, peak 130/s, 1 failed, 1 throttled (0.8 %), 240 account retries
          took        1 min 15 s
        ");
        let calls = &mut summary.result.as_mut().unwrap().calls;
        (calls.made, calls.throttled) = (12_700, 5);
        let text = summary.to_text(Path::new("/here"));
        insta::assert_snapshot!(lines(&text), @r"
          calls       12,700, 99.4 % of 200/s, peak 130/s, 1 failed, 5 throttled (< 0.1 %), about 196/s accepted, 240 account retries
          took        1 min 15 s
        ");
        let calls = &mut summary.result.as_mut().unwrap().calls;
        (calls.throttled, calls.learned_calls_per_second) = (310, Some(118));
        let text = summary.to_text(Path::new("/here"));
        insta::assert_snapshot!(lines(&text), @r"
          calls       12,700, 99.4 % of 200/s, peak 130/s, 1 failed, 310 throttled (2.4 %), about 118/s accepted, 240 account retries
          took        1 min 15 s
          advice      the service accepted about 118 calls/s and throttled 2.4 % of the calls; set api.calls_per_second = 115, or raise the app's limit, which all of its callers share
        ");
    }

    #[test]
    fn text_accounts_for_every_account() {
        insta::assert_snapshot!(summary().to_text(Path::new("/here")), @r"
        Published exports/sample/dt=2026-11-22
          rows        11,900 in 3 parts, 1.18 MiB
          failed      79  not_found 70, internal_error 9
          duplicates  20
          invalid     1
          rejected    3 values, see _rejected_values.tsv
          calls       130, 99.4 % of 200/s, peak 130/s, 1 failed, 240 account retries
          took        1 min 15 s
        ");
    }

    #[test]
    fn json_is_one_line_with_the_same_values() {
        let json = summary().to_json();
        assert!(!json.contains('\n'));
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["counts"]["rows"], 11_900);
        assert_eq!(read["exit_code"], 0);
        assert_eq!(read["failures"][1]["category"], "internal_error");
        assert!(read.get("error").is_none());
    }
}
