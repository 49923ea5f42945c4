//! Gauges of the progress and the result of a run.

use prometheus::{GaugeVec, Result};

use super::factory::{MetricFactory, OptionalGauge};
use super::{LAST_SUCCESS, RunEnd};
use crate::pipeline::call_stats::CallStats;
use crate::pipeline::events::Progress;
use crate::report::accepted_rate::accepted_rate;
use crate::report::summary::ResultSummary;
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::sidecars::Category;

#[derive(Debug)]
pub struct Gauges {
    run_info: GaugeVec,
    accounts_to_request: OptionalGauge,
    processed: OptionalGauge,
    awaiting_retry: OptionalGauge,
    call_rate: OptionalGauge,
    rate_limit: OptionalGauge,
    rate_utilization: OptionalGauge,
    peak_calls_per_second: OptionalGauge,
    accepted_calls_per_second: OptionalGauge,
    accounts: GaugeVec,
    bytes: OptionalGauge,
    parts: OptionalGauge,
    rejected_values: OptionalGauge,
    ended_at: OptionalGauge,
    exit_code: OptionalGauge,
    duration: OptionalGauge,
    last_success: OptionalGauge,
}

impl Gauges {
    pub fn new(factory: &MetricFactory) -> Result<Gauges> {
        let gauge = |name, help| factory.optional_gauge(name, help);
        factory
            .gauges("build_info", "The program, always 1.", &["version"])?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1.0);
        let run_info = "The run, always 1; run_id is that of the manifest and the logs.";
        let accounts = "Accounts of the list by outcome; the outcomes add up to the list.";
        let success = "When a run last published, in seconds since 1970; 0 if none has.";
        Ok(Gauges {
            run_info: factory.gauges("run_info", run_info, &["run_id", "date"])?,
            accounts_to_request: gauge(
                "accounts_to_request",
                "Accounts to request; duplicates count until the end.",
            )?,
            processed: gauge("accounts_processed", "Accounts with a row or a final failure.")?,
            awaiting_retry: gauge("accounts_awaiting_retry", "Accounts waiting to be retried.")?,
            call_rate: gauge("call_rate", "Calls made in the last second.")?,
            rate_limit: gauge(
                "calls_per_second_limit",
                "Rate limit of the job; 0 means unlimited.",
            )?,
            rate_utilization: gauge(
                "rate_utilization_ratio",
                "Share of the rate limit that was used, 0 to 1.",
            )?,
            peak_calls_per_second: gauge(
                "calls_peak_per_second",
                "Largest number of calls in any second of the run.",
            )?,
            accepted_calls_per_second: gauge(
                "calls_accepted_per_second",
                "Calls per second that a service that throttled lately accepted.",
            )?,
            accounts: factory.gauges("accounts", accounts, &["outcome"])?,
            bytes: gauge("output_bytes", "Bytes of the part files.")?,
            parts: gauge("output_parts", "Complete part files.")?,
            rejected_values: gauge("rejected_values", "Values that did not fit their column.")?,
            ended_at: gauge(
                "last_run_timestamp_seconds",
                "When the last run ended, in seconds since 1970.",
            )?,
            exit_code: gauge(
                "last_run_exit_code",
                "Exit code of the last run; 0 means published.",
            )?,
            duration: gauge("last_run_duration_seconds", "Duration of the last run.")?,
            last_success: gauge(LAST_SUCCESS, success)?,
        })
    }

    pub fn set_run(&self, run_id: &str, date: &str) {
        self.run_info.reset();
        self.run_info.with_label_values(&[run_id, date]).set(1.0);
    }

    pub fn set_progress(&self, progress: &Progress) {
        self.accounts_to_request.set(progress.accounts_to_request as f64);
        self.processed.set(progress.processed as f64);
        self.awaiting_retry.set(progress.awaiting_retry as f64);
        self.call_rate.set(progress.calls_in_last_second as f64);
    }

    pub fn add_part(&self, part: &CommittedPart) {
        self.parts.add(1.0);
        self.bytes.add(part.file_info.bytes as f64);
        self.rejected_values.add(part.rejected_values as f64);
    }

    pub fn set_calls(&self, calls: &CallStats) {
        self.rate_limit.set(f64::from(calls.calls_per_second));
        self.peak_calls_per_second.set(calls.peak_calls_per_second as f64);
        if let Some(accepted) = accepted_rate(&(*calls).into()) {
            self.accepted_calls_per_second.set(f64::from(accepted));
        }
        if let Some(percent) = calls.rate_utilization_percent {
            self.rate_utilization.set(percent / 100.0);
        }
    }

    pub fn set_result(&self, result: &ResultSummary) {
        let counts = &result.counts;
        let mut outcomes = vec![
            ("exported", counts.rows),
            ("duplicate", counts.duplicates),
            ("invalid", counts.invalid),
        ];
        let requested = Category::ALL.into_iter().filter(|each| *each != Category::InvalidAccount);
        outcomes.extend(requested.map(|category| {
            let failures = result.failures.iter().filter(|failure| failure.category == category);
            (category.name(), failures.map(|failure| failure.accounts).sum())
        }));
        for (outcome, accounts) in outcomes {
            self.accounts.with_label_values(&[outcome]).set(accounts as f64);
        }
        self.bytes.set(result.bytes as f64);
        self.parts.set(result.parts as f64);
        self.rejected_values.set(counts.rejected_values as f64);
        self.set_calls(&result.calls);
    }

    pub fn set_end(&self, end: &RunEnd) {
        self.ended_at.set(end.at_unix_seconds);
        self.exit_code.set(f64::from(end.exit_code));
        self.duration.set(end.duration_seconds);
        self.last_success.set(match end.exit_code {
            0 => end.at_unix_seconds,
            _ => end.earlier_success_unix_seconds.unwrap_or(0.0),
        });
    }
}
