//! What a run is told about by, as metrics in the classic text format of Prometheus. `docs/metrics.md` lists them.
//!
//! Counters count what this process has done, and begin at 0 with it. Gauges tell how it stands, or how it ended; one
//! that is not known, such as the accounts by outcome of a run that did not get through the list, is left out.

mod calls;
mod factory;
mod gauges;

use prometheus::{Registry, Result, TextEncoder};

use self::calls::Calls;
use self::factory::{MetricFactory, PREFIX};
use self::gauges::Gauges;
use crate::pipeline::events::Event;
use crate::report::summary::ResultSummary;
use crate::snapshot::parts::CommittedPart;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// `Content-Type` of [`RunMetrics::text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Without the prefix.
const LAST_SUCCESS: &str = "last_success_timestamp_seconds";

impl HasExitCode for prometheus::Error {
    fn exit_code(&self) -> ExitCode {
        ExitCode::InternalOrDisk
    }
}

/// The metrics of one run.
#[derive(Debug)]
pub struct RunMetrics {
    registry: Registry,
    calls: Calls,
    figures: Gauges,
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

impl RunMetrics {
    /// The metrics of a run of this job that has not begun.
    ///
    /// # Errors
    /// None, unless a name in here is wrong.
    pub fn new(job: &str) -> Result<RunMetrics> {
        let make = MetricFactory::for_job(job)?;
        let (calls, figures) = (Calls::new(&make)?, Gauges::new(&make)?);
        Ok(RunMetrics { registry: make.0, calls, figures })
    }

    /// Which run it is.
    pub fn run_is(&self, run_id: &str, date: &str) {
        self.figures.run_is(run_id, date);
    }

    /// Parts that the run has from before this process.
    pub fn parts_are_there(&self, parts: &[CommittedPart]) {
        parts.iter().for_each(|part| self.figures.part(part));
    }

    /// Takes in an event.
    pub fn on(&self, event: &Event<'_>) {
        self.calls.on(event);
        match event {
            Event::Progress(progress) => self.figures.progress(progress),
            Event::PartCommitted(part) => self.figures.part(part),
            Event::RoundEnded(calls) => self.figures.calls(calls),
            _ => {}
        }
    }

    /// The run has got through the list, with this result.
    pub fn result_is(&self, result: &ResultSummary) {
        self.figures.result(result);
    }

    /// The run has ended so.
    pub fn ended(&self, end: &End) {
        self.figures.end(end);
    }

    /// All of it, in the text format.
    ///
    /// # Errors
    /// None, unless a metric in here is wrong.
    pub fn text(&self) -> Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
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
mod tests;
