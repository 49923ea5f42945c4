//! What this process has done: counters and the latency of calls. They begin at 0 with the process.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Result};

use super::factory::MetricFactory;
use crate::api::error_codes::{Class, ErrorCodeRule};
use crate::pipeline::events::{CallOutcome, Event};

/// From an answer of a server next door to one that took as long as most jobs wait.
const LATENCY_BUCKETS_SECONDS: [f64; 13] =
    [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// Every value of the label `class`.
pub(super) const CLASSES: [&str; 5] = ["no_answer", "retry", "bad_batch", "permanent", "fatal"];

/// Counters of calls and of what follows from them.
#[derive(Debug)]
pub(super) struct Calls {
    answered: IntCounter,
    throttled: IntCounter,
    failed: IntCounter,
    failed_by_class: IntCounterVec,
    latency: Histogram,
    slowdowns: IntCounter,
    account_retries: IntCounter,
    /// How often accounts were asked again, as last heard of.
    retried_ordinals: AtomicU64,
}

impl Calls {
    pub(super) fn new(make: &MetricFactory) -> Result<Calls> {
        let by_outcome = make.counters(
            "calls_total",
            "Calls that have ended, retries and probes included, by outcome.",
            "outcome",
        )?;
        let failed_by_class = make.counters(
            "calls_failed_total",
            "Calls that failed as a whole, by what that means to the run; no_answer is one without a code.",
            "class",
        )?;
        for class in CLASSES {
            failed_by_class.with_label_values(&[class]);
        }
        let latency = HistogramOpts::new(
            "call_duration_seconds",
            "From the begin of a call until its answer was at hand or it was given up.",
        );
        let latency = latency.buckets(LATENCY_BUCKETS_SECONDS.to_vec());
        Ok(Calls {
            answered: by_outcome.with_label_values(&["answered"]),
            throttled: by_outcome.with_label_values(&["throttled"]),
            failed: by_outcome.with_label_values(&["failed"]),
            failed_by_class,
            latency: make.registered(Histogram::with_opts(latency)?)?,
            slowdowns: make.counter(
                "throttle_events_total",
                "How many times the run slowed down since the service said \"too fast\".",
            )?,
            account_retries: make.counter(
                "account_retries_total",
                "How many times an account was left to be asked again.",
            )?,
            retried_ordinals: AtomicU64::new(0),
        })
    }

    pub(super) fn on(&self, event: &Event<'_>) {
        match event {
            Event::CallEnded { latency, outcome, .. } => {
                self.latency.observe(latency.as_secs_f64());
                self.ended(*outcome);
            }
            Event::Throttled { .. } => self.slowdowns.inc(),
            Event::Progress(progress) => {
                let before =
                    self.retried_ordinals.swap(progress.account_retries, Ordering::Relaxed);
                self.account_retries.inc_by(progress.account_retries.saturating_sub(before));
            }
            _ => {}
        }
    }

    fn ended(&self, outcome: CallOutcome) {
        match outcome {
            CallOutcome::Success => self.answered.inc(),
            CallOutcome::Throttled => self.throttled.inc(),
            CallOutcome::Failed(code) => {
                self.failed.inc();
                self.failed_by_class.with_label_values(&[class_of(code)]).inc();
            }
        }
    }
}

/// What a failure with this code means to the run, in a word.
fn class_of(code: Option<i64>) -> &'static str {
    match code.map(|code| ErrorCodeRule::for_code(code).class) {
        None => "no_answer",
        // One that throttles is counted as that, and never comes here.
        Some(Class::Retry | Class::Throttle) => "retry",
        Some(Class::BadBatch) => "bad_batch",
        Some(Class::Permanent) => "permanent",
        Some(Class::Fatal) => "fatal",
    }
}
