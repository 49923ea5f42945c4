//! Counters and the latency of the calls of this process; they start at 0 with it.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Result};

use super::factory::MetricFactory;
use crate::api::error_codes::{Class, ErrorCodeRule};
use crate::pipeline::events::{CallOutcome, Event};

/// From the response of a nearby server to the default timeout and beyond.
const LATENCY_BUCKETS_SECONDS: [f64; 13] =
    [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// Every value of the label `class`.
pub const CLASSES: [&str; 5] = ["no_code", "retry", "bad_batch", "permanent", "fatal"];

#[derive(Debug)]
pub struct CallMetrics {
    succeeded: IntCounter,
    throttled: IntCounter,
    failed: IntCounter,
    failed_by_class: IntCounterVec,
    latency: Histogram,
    throttle_events: IntCounter,
    account_retries: IntCounter,
    /// The number of retries in the latest progress event.
    last_account_retries: AtomicU64,
}

impl CallMetrics {
    pub fn new(factory: &MetricFactory) -> Result<CallMetrics> {
        let by_outcome = factory.counters(
            "calls_total",
            "Finished calls by outcome, including retries and probes.",
            "outcome",
        )?;
        let failed_by_class = factory.counters(
            "calls_failed_total",
            "Failed calls by error class; no_code is a failure without an error code.",
            "class",
        )?;
        for class in CLASSES {
            failed_by_class.with_label_values(&[class]);
        }
        let latency = HistogramOpts::new(
            "call_duration_seconds",
            "Time from the start of a call to its response or failure.",
        );
        let latency = latency.buckets(LATENCY_BUCKETS_SECONDS.to_vec());
        Ok(CallMetrics {
            succeeded: by_outcome.with_label_values(&["succeeded"]),
            throttled: by_outcome.with_label_values(&["throttled"]),
            failed: by_outcome.with_label_values(&["failed"]),
            failed_by_class,
            latency: factory.registered(Histogram::with_opts(latency)?)?,
            throttle_events: factory.counter(
                "throttle_events_total",
                "First throttling of a round, and later considerable changes of the accepted rate.",
            )?,
            account_retries: factory
                .counter("account_retries_total", "Times an account was scheduled for retry.")?,
            last_account_retries: AtomicU64::new(0),
        })
    }

    pub fn on(&self, event: &Event) {
        match event {
            Event::CallEnded { latency, outcome, .. } => {
                self.latency.observe(latency.as_secs_f64());
                self.count_outcome(*outcome);
            }
            Event::Throttled { .. } => self.throttle_events.inc(),
            Event::Progress(progress) => {
                let retries = progress.account_retries;
                let before = self.last_account_retries.swap(retries, Ordering::Relaxed);
                self.account_retries.inc_by(retries.saturating_sub(before));
            }
            _ => {}
        }
    }

    fn count_outcome(&self, outcome: CallOutcome) {
        match outcome {
            CallOutcome::Success => self.succeeded.inc(),
            CallOutcome::Throttled => self.throttled.inc(),
            CallOutcome::Failed(code) => {
                self.failed.inc();
                self.failed_by_class.with_label_values(&[class_label(code)]).inc();
            }
        }
    }
}

/// The value of the label `class` for a failure with this code.
fn class_label(code: Option<i64>) -> &'static str {
    match code.map(|code| ErrorCodeRule::for_code(code).class) {
        None => "no_code",
        // Throttled calls have an outcome of their own and do not get here.
        Some(Class::Retry | Class::Throttle) => "retry",
        Some(Class::BadBatch) => "bad_batch",
        Some(Class::Permanent) => "permanent",
        Some(Class::Fatal) => "fatal",
    }
}
