//! Metrics of a run in the classic text format of Prometheus; `docs/metrics.md` lists them.
//!
//! Counters cover this process and start at 0 with it. Gauges describe the progress or the result; one whose value is not
//! known, such as the accounts by outcome of a run that did not finish the list, is absent.

mod calls;
mod factory;
mod gauges;
mod store;

use prometheus::{Registry, Result, TextEncoder};

use self::calls::CallMetrics;
use self::factory::{MetricFactory, PREFIX};
use self::gauges::Gauges;
use self::store::StoreGauges;
use crate::pipeline::events::Event;
use crate::report::summary::ResultSummary;
use crate::snapshot::parts::CommittedPart;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// `Content-Type` of [`RunMetrics::text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The name without its prefix.
const LAST_SUCCESS: &str = "last_success_timestamp_seconds";

impl HasExitCode for prometheus::Error {
    fn exit_code(&self) -> ExitCode {
        ExitCode::InternalOrDisk
    }
}

#[derive(Debug)]
pub struct RunMetrics {
    registry: Registry,
    calls: CallMetrics,
    gauges: Gauges,
    store: StoreGauges,
}

/// The end of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunEnd {
    /// Seconds since 1970.
    pub at_unix_seconds: f64,
    pub exit_code: u8,
    pub duration_seconds: f64,
    /// When an earlier run of the job last published, in seconds since 1970; `None` if none has.
    pub earlier_success_unix_seconds: Option<f64>,
}

impl RunMetrics {
    /// Creates the metrics of a run of this job.
    ///
    /// # Errors
    /// Only if the name of a metric is not valid or not unique, which would be a bug.
    pub fn new(job: &str) -> Result<RunMetrics> {
        let factory = MetricFactory::for_job(job)?;
        let (calls, gauges) = (CallMetrics::new(&factory)?, Gauges::new(&factory)?);
        let store = StoreGauges::new(&factory)?;
        Ok(RunMetrics { registry: factory.0, calls, gauges, store })
    }

    pub fn set_run(&self, run_id: &str, date: &str) {
        self.gauges.set_run(run_id, date);
    }

    /// Adds parts that earlier processes of the run have committed.
    pub fn add_committed_parts(&self, parts: &[CommittedPart]) {
        parts.iter().for_each(|part| self.gauges.add_part(part));
    }

    pub fn on(&self, event: &Event) {
        self.calls.on(event);
        match event {
            Event::Progress(progress) => self.gauges.set_progress(progress),
            Event::Store(activity) => self.store.set(activity),
            Event::PartCommitted(part) => self.gauges.add_part(part),
            Event::RoundEnded(calls) => self.gauges.set_calls(calls),
            _ => {}
        }
    }

    /// Sets the result of a run that has finished its list.
    pub fn set_result(&self, result: &ResultSummary) {
        self.gauges.set_result(result);
    }

    pub fn set_end(&self, end: &RunEnd) {
        self.gauges.set_end(end);
    }

    /// All metrics in the text format.
    ///
    /// # Errors
    /// Only if a metric is not valid, which would be a bug.
    pub fn text(&self) -> Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// When the job last published, from the text of an earlier run; `None` if it is not there or is damaged.
pub fn last_success_in(text: &str, job: &str) -> Option<f64> {
    let job = job.replace('\\', "\\\\").replace('"', "\\\"");
    let start = format!("{PREFIX}_{LAST_SUCCESS}{{job=\"{job}\"}} ");
    let value = text.split_inclusive('\n').find_map(|line| line.strip_prefix(&start))?;
    let seconds: f64 = value.strip_suffix('\n')?.parse().ok()?;
    (seconds.is_finite() && seconds > 0.0).then_some(seconds)
}

#[cfg(test)]
mod tests;
