//! What a run is told about by, as metrics in the classic text format of Prometheus. `docs/metrics.md` lists them.
//!
//! Counters count what this process has done, and begin at 0 with it. Gauges tell how it stands, or how it ended; one
//! that is not known, such as the accounts by outcome of a run that did not get through the list, is left out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::core::Collector;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, Result,
    TextEncoder,
};

use crate::api::codes::{Class, rule_of};
use crate::output::failed::Category;
use crate::output::manifest::CallFacts;
use crate::output::snapshot_writer::CommittedPart;
use crate::report::summary::ResultSummary;
use crate::run::event::{CallOutcome, Event, Progress};

/// `Content-Type` of [`RunMetrics::text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Before the name of each metric.
const PREFIX: &str = "im_profiles";

const LAST_SUCCESS: &str = "last_success_timestamp_seconds";

/// From an answer of a server next door to one that took as long as most jobs wait.
const LATENCY_BUCKETS_SECONDS: [f64; 13] =
    [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// The metrics of one run.
#[derive(Debug)]
pub struct RunMetrics {
    registry: Registry,
    /// [`Progress::asked_again`] as last heard of.
    asked_again: AtomicU64,
    answered: IntCounter,
    throttled: IntCounter,
    failed: IntCounter,
    failed_by_class: IntCounterVec,
    latency: Histogram,
    accounts_asked_again: IntCounterVec,
    slowdowns: IntCounterVec,
    run_info: GaugeVec,
    to_ask: GaugeVec,
    settled: GaugeVec,
    waiting: GaugeVec,
    calls_in_last_second: GaugeVec,
    rate_limit: GaugeVec,
    rate_used: GaugeVec,
    highest_second: GaugeVec,
    accounts: GaugeVec,
    bytes: GaugeVec,
    parts: GaugeVec,
    rejected_values: GaugeVec,
    ended_at: GaugeVec,
    exit_code: GaugeVec,
    duration: GaugeVec,
    last_success: GaugeVec,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct End {
    /// When, in seconds since 1970.
    pub at_unix_seconds: f64,
    /// The process's exit code.
    pub exit_code: u8,
    /// From the start of the program to its end.
    pub duration_seconds: f64,
    /// When the job had published last before this run, in seconds since 1970; `None` when it never had.
    pub earlier_success_unix_seconds: Option<f64>,
}

/// Makes metrics and registers them.
struct Maker(Registry);

impl Maker {
    fn registered<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        self.registered(GaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
        self.registered(IntCounterVec::new(Opts::new(name, help), labels)?)
    }
}

/// A metric that has no label but the job.
const NO_LABELS: [&str; 0] = [];

impl RunMetrics {
    /// The metrics of a run of this job that has not begun.
    ///
    /// # Errors
    /// None, unless a name in here is wrong.
    pub fn new(job: &str) -> Result<RunMetrics> {
        let labels = HashMap::from([("job".to_owned(), job.to_owned())]);
        let registry = Registry::new_custom(Some(PREFIX.to_owned()), Some(labels))?;
        let make = Maker(registry.clone());
        let gauge = |name, help| make.gauge(name, help, &[]);
        let calls = make.counter(
            "calls_total",
            "Calls that have ended, retries and probes included, by outcome.",
            &["outcome"],
        )?;
        let latency = HistogramOpts::new(
            "call_duration_seconds",
            "From the begin of a call until its answer was at hand or it was given up.",
        );
        let metrics = RunMetrics {
            asked_again: AtomicU64::new(0),
            answered: calls.with_label_values(&["answered"]),
            throttled: calls.with_label_values(&["throttled"]),
            failed: calls.with_label_values(&["failed"]),
            failed_by_class: make.counter("calls_failed_total", "Calls that failed as a whole, by what that means to the run; no_answer is one without a code of the service.", &["class"])?,
            latency: make.registered(Histogram::with_opts(latency.buckets(LATENCY_BUCKETS_SECONDS.to_vec()))?)?,
            accounts_asked_again: make.counter("accounts_asked_again_total", "How many times an account was left to be asked again.", &[])?,
            slowdowns: make.counter("slowdowns_total", "How many times the run slowed down since the service said \"too fast\".", &[])?,
            run_info: make.gauge("run_info", "The run, always 1; run_id is that of the manifest and the logs.", &["run_id", "date"])?,
            to_ask: gauge("accounts_to_ask", "Accounts of the list that are to be asked; duplicates are not told apart before the end.")?,
            settled: gauge("accounts_settled", "Accounts that have a row or will have none.")?,
            waiting: gauge("accounts_waiting", "Accounts that wait to be asked again.")?,
            calls_in_last_second: gauge("calls_in_last_second", "Calls made in the last second.")?,
            rate_limit: gauge("calls_per_second_limit", "Most calls in any second that the job allows; 0 is no limit.")?,
            rate_used: gauge("rate_used_ratio", "How much of the limit was used from the first call to the last, 0 to 1.")?,
            highest_second: gauge("calls_highest_second", "Most calls in any second of the run.")?,
            accounts: make.gauge("accounts", "Where the accounts of the list went; all outcomes together are the list.", &["outcome"])?,
            bytes: gauge("output_bytes", "Bytes of the part files.")?,
            parts: gauge("output_parts", "Part files that are complete.")?,
            rejected_values: gauge("rejected_values", "Values that did not fit their column.")?,
            ended_at: gauge("last_run_timestamp_seconds", "When the last run ended, in seconds since 1970.")?,
            exit_code: gauge("last_run_exit_code", "Exit code of the last run; 0 is published.")?,
            duration: gauge("last_run_duration_seconds", "From the start of the last run to its end.")?,
            last_success: gauge(LAST_SUCCESS, "When a run published last, in seconds since 1970; 0 when none has.")?,
            registry,
        };
        make.gauge("build_info", "The program, always 1.", &["version"])?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1.0);
        for class in CLASSES {
            metrics.failed_by_class.with_label_values(&[class]);
        }
        for counter in [&metrics.accounts_asked_again, &metrics.slowdowns] {
            counter.with_label_values(&NO_LABELS);
        }
        Ok(metrics)
    }

    /// Which run it is.
    pub fn run_is(&self, run_id: &str, date: &str) {
        self.run_info.reset();
        self.run_info.with_label_values(&[run_id, date]).set(1.0);
    }

    /// Parts that the run has from before this process.
    pub fn parts_are_there(&self, parts: &[CommittedPart]) {
        parts.iter().for_each(|part| self.part(part));
    }

    /// Takes in an event.
    pub fn on(&self, event: &Event<'_>) {
        match event {
            Event::CallEnded { latency, outcome, .. } => {
                self.latency.observe(latency.as_secs_f64());
                match outcome {
                    CallOutcome::Answered => self.answered.inc(),
                    CallOutcome::Throttled => self.throttled.inc(),
                    CallOutcome::Failed(code) => {
                        self.failed.inc();
                        self.failed_by_class.with_label_values(&[class_of(*code)]).inc();
                    }
                }
            }
            Event::Progress(progress) => self.progress(progress),
            Event::PartCommitted(part) => self.part(part),
            Event::SlowedDown { .. } => self.slowdowns.with_label_values(&NO_LABELS).inc(),
            Event::RoundEnded(calls) => self.calls(calls),
            _ => {}
        }
    }

    /// The run has got through the list, with this result.
    pub fn result_is(&self, result: &ResultSummary) {
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
        set(&self.bytes, result.bytes as f64);
        set(&self.parts, result.parts as f64);
        set(&self.rejected_values, counts.rejected_values as f64);
        self.calls(&result.calls);
    }

    /// The run has ended so.
    pub fn ended(&self, end: &End) {
        set(&self.ended_at, end.at_unix_seconds);
        set(&self.exit_code, f64::from(end.exit_code));
        set(&self.duration, end.duration_seconds);
        let success = match end.exit_code {
            0 => end.at_unix_seconds,
            _ => end.earlier_success_unix_seconds.unwrap_or(0.0),
        };
        set(&self.last_success, success);
    }

    /// All of it, in the text format.
    ///
    /// # Errors
    /// None, unless a metric in here is wrong.
    pub fn text(&self) -> Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    fn progress(&self, progress: &Progress) {
        set(&self.to_ask, progress.accounts_to_ask as f64);
        set(&self.settled, progress.settled as f64);
        set(&self.waiting, progress.waiting as f64);
        set(&self.calls_in_last_second, progress.calls_in_last_second as f64);
        let before = self.asked_again.swap(progress.asked_again, Ordering::Relaxed);
        let more = progress.asked_again.saturating_sub(before);
        self.accounts_asked_again.with_label_values(&NO_LABELS).inc_by(more);
    }

    fn calls(&self, calls: &CallFacts) {
        set(&self.rate_limit, f64::from(calls.calls_per_second));
        set(&self.highest_second, calls.highest_second as f64);
        if let Some(percent) = calls.rate_used_percent {
            set(&self.rate_used, percent / 100.0);
        }
    }

    fn part(&self, part: &CommittedPart) {
        for (gauge, more) in [
            (&self.bytes, part.facts.bytes),
            (&self.parts, 1),
            (&self.rejected_values, part.rejected_values),
        ] {
            gauge.with_label_values(&NO_LABELS).add(more as f64);
        }
    }
}

fn set(gauge: &GaugeVec, value: f64) {
    gauge.with_label_values(&NO_LABELS).set(value);
}

/// Every value of the label `class`.
const CLASSES: [&str; 5] = ["no_answer", "retry", "bad_batch", "permanent", "fatal"];

/// What a failure with this code means to the run, in a word.
fn class_of(code: Option<i64>) -> &'static str {
    match code.map(|code| rule_of(code).class) {
        None => "no_answer",
        // One that throttles is no failure, but for one that has stopped the run.
        Some(Class::Retry | Class::Throttle) => "retry",
        Some(Class::BadBatch) => "bad_batch",
        Some(Class::Permanent) => "permanent",
        Some(Class::Fatal) => "fatal",
    }
}

/// When the job published last, as the text of an earlier run tells it; `None` where it does not, or is damaged.
pub fn last_success_in(text: &str, job: &str) -> Option<f64> {
    let job = job.replace('\\', "\\\\").replace('"', "\\\"");
    let start = format!("{PREFIX}_{LAST_SUCCESS}{{job=\"{job}\"}} ");
    let value = text.split_inclusive('\n').find_map(|line| line.strip_prefix(&start))?;
    let seconds: f64 = value.strip_suffix('\n')?.parse().ok()?;
    (seconds.is_finite() && seconds > 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::output::manifest::{Counts, FailureFacts};

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
    fn calls_count_by_outcome_and_failures_by_what_they_mean() {
        let metrics = metrics();
        let codes = [None, Some(60008), Some(60002), Some(123_456)];
        let failed = codes.map(CallOutcome::Failed);
        for outcome in [CallOutcome::Answered, CallOutcome::Throttled].into_iter().chain(failed) {
            let latency = Duration::from_millis(20);
            metrics.on(&Event::CallEnded { called_at: Duration::ZERO, latency, outcome });
        }
        assert_eq!(value(&metrics, "calls_total", "outcome=\"answered\""), 1.0);
        assert_eq!(value(&metrics, "calls_total", "outcome=\"throttled\""), 1.0);
        assert_eq!(value(&metrics, "calls_total", "outcome=\"failed\""), 4.0);
        let of_class = |class| value(&metrics, "calls_failed_total", &format!("class=\"{class}\""));
        assert_eq!(CLASSES.map(of_class), [1.0, 2.0, 1.0, 0.0, 0.0]);
        assert_eq!(value(&metrics, "call_duration_seconds_bucket", "le=\"0.01\""), 0.0);
        assert_eq!(value(&metrics, "call_duration_seconds_bucket", "le=\"0.02\""), 6.0);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let metrics = metrics();
        let text = metrics.text().unwrap();
        for name in ["accounts{", "last_run_exit_code", "rate_used_ratio", "output_bytes"] {
            assert!(!text.contains(&format!("im_profiles_{name}")), "{name}\n{text}");
        }
    }

    #[test]
    fn accounts_go_by_outcome_and_add_up_to_the_list() {
        let metrics = metrics();
        let failure = |category, accounts| FailureFacts { category, error_code: None, accounts };
        metrics.result_is(&ResultSummary {
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
            calls: CallFacts { rate_used_percent: Some(99.5), ..CallFacts::default() },
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
        assert_eq!(value(&metrics, "rate_used_ratio", ""), 0.995);
    }

    #[test]
    fn the_last_success_is_kept_over_failed_runs_and_damage_is_none() {
        let end = |exit_code, earlier_success_unix_seconds| {
            let metrics = metrics();
            metrics.ended(&End {
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
    fn only_the_last_word_on_which_run_it_is_stays() {
        let metrics = metrics();
        metrics.run_is("run-1", "2026-11-22");
        metrics.run_is("run-2", "2026-11-22");
        assert_eq!(value(&metrics, "run_info", "run_id=\"run-2\""), 1.0);
        assert!(!metrics.text().unwrap().contains("run-1"));
    }
}
