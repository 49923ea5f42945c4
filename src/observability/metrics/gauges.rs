//! How the run stands, and how it ended: gauges.

use prometheus::{GaugeVec, Result};

use super::factory::{Figure, MetricFactory};
use super::{End, LAST_SUCCESS};
use crate::pipeline::call_stats::CallStats;
use crate::pipeline::events::Progress;
use crate::report::summary::ResultSummary;
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::sidecars::Category;

/// The gauges of a run.
#[derive(Debug)]
pub(super) struct Gauges {
    run_info: GaugeVec,
    to_ask: Figure,
    settled: Figure,
    waiting: Figure,
    calls_in_last_second: Figure,
    rate_limit: Figure,
    rate_used: Figure,
    peak_calls_per_second: Figure,
    accounts: GaugeVec,
    bytes: Figure,
    parts: Figure,
    rejected_values: Figure,
    ended_at: Figure,
    exit_code: Figure,
    duration: Figure,
    last_success: Figure,
}

impl Gauges {
    pub(super) fn new(make: &MetricFactory) -> Result<Gauges> {
        let figure = |name, help| make.figure(name, help);
        make.figures("build_info", "The program, always 1.", &["version"])?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1.0);
        let run_info = "The run, always 1; run_id is that of the manifest and the logs.";
        let accounts = "Where the accounts of the list went; all outcomes together are the list.";
        let success = "When a run published last, in seconds since 1970; 0 when none has.";
        Ok(Gauges {
            run_info: make.figures("run_info", run_info, &["run_id", "date"])?,
            to_ask: figure("accounts_to_ask", "Accounts to ask; duplicates count until the end.")?,
            settled: figure("accounts_processed", "Accounts that have a row or will have none.")?,
            waiting: figure("accounts_awaiting_retry", "Accounts that wait to be asked again.")?,
            calls_in_last_second: figure("calls_per_second", "Calls made in the last second.")?,
            rate_limit: figure("calls_per_second_limit", "Most calls in a second; 0 is no limit.")?,
            rate_used: figure("rate_utilization_ratio", "How much of the limit was used, 0 to 1.")?,
            peak_calls_per_second: figure(
                "calls_peak_per_second",
                "Most calls in any second of the run.",
            )?,
            accounts: make.figures("accounts", accounts, &["outcome"])?,
            bytes: figure("output_bytes", "Bytes of the part files.")?,
            parts: figure("output_parts", "Part files that are complete.")?,
            rejected_values: figure("rejected_values", "Values that did not fit their column.")?,
            ended_at: figure("last_run_timestamp_seconds", "When the last run ended, since 1970.")?,
            exit_code: figure("last_run_exit_code", "Exit code of the last run; 0 is published.")?,
            duration: figure("last_run_duration_seconds", "From the start of the run to its end.")?,
            last_success: figure(LAST_SUCCESS, success)?,
        })
    }

    pub(super) fn run_is(&self, run_id: &str, date: &str) {
        self.run_info.reset();
        self.run_info.with_label_values(&[run_id, date]).set(1.0);
    }

    pub(super) fn progress(&self, progress: &Progress) {
        self.to_ask.set(progress.accounts_to_request as f64);
        self.settled.set(progress.processed as f64);
        self.waiting.set(progress.awaiting_retry as f64);
        self.calls_in_last_second.set(progress.calls_in_last_second as f64);
    }

    pub(super) fn part(&self, part: &CommittedPart) {
        self.parts.add(1.0);
        self.bytes.add(part.file_info.bytes as f64);
        self.rejected_values.add(part.rejected_values as f64);
    }

    pub(super) fn calls(&self, calls: &CallStats) {
        self.rate_limit.set(f64::from(calls.calls_per_second));
        self.peak_calls_per_second.set(calls.peak_calls_per_second as f64);
        if let Some(percent) = calls.rate_utilization_percent {
            self.rate_used.set(percent / 100.0);
        }
    }

    pub(super) fn result(&self, result: &ResultSummary) {
        let counts = &result.counts;
        let mut outcomes = vec![
            ("exported", counts.rows),
            ("duplicate", counts.duplicates),
            ("invalid", counts.invalid),
        ];
        let asked = Category::ALL.into_iter().filter(|each| *each != Category::InvalidAccount);
        outcomes.extend(asked.map(|category| {
            let of_it = result.failures.iter().filter(|failure| failure.category == category);
            (category.name(), of_it.map(|failure| failure.accounts).sum())
        }));
        for (outcome, accounts) in outcomes {
            self.accounts.with_label_values(&[outcome]).set(accounts as f64);
        }
        self.bytes.set(result.bytes as f64);
        self.parts.set(result.parts as f64);
        self.rejected_values.set(counts.rejected_values as f64);
        self.calls(&result.calls);
    }

    pub(super) fn end(&self, end: &End) {
        self.ended_at.set(end.at_unix_seconds);
        self.exit_code.set(f64::from(end.exit_code));
        self.duration.set(end.duration_seconds);
        self.last_success.set(match end.exit_code {
            0 => end.at_unix_seconds,
            _ => end.earlier_success_unix_seconds.unwrap_or(0.0),
        });
    }
}
