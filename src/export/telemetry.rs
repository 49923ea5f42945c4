//! Those who follow a run: the person at the terminal and the log, and the metrics.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{info, warn};

use crate::job::{Job, MetricsSettings};
use crate::observability::logging::LogRunId;
use crate::observability::metrics::{End, RunMetrics, last_success_in};
use crate::observability::metrics_listener::{BoundListener, MetricsServer};
use crate::observability::progress::Reporter;
use crate::pipeline::events::Event;
use crate::report::summary::Summary;
use crate::util::disk_error::{DiskError, SystemError};
use crate::util::failure::{Failure, chain};
use crate::util::staged_file::StagedFile;

/// The most that is read of the textfile of an earlier run; ours are a few KiB.
const MAX_TEXTFILE_BYTES: u64 = 1024 * 1024;

/// Tells a run from every other.
pub fn new_run_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// Those who follow a run, and the id by which all of them know it.
pub struct RunTelemetry<'w> {
    reporter: &'w mut Reporter,
    metrics: Arc<RunMetrics>,
    settings: MetricsSettings,
    job: String,
    date: String,
    run_id: String,
    run_id_of_log: &'w LogRunId,
    server: Option<MetricsServer>,
}

impl<'w> RunTelemetry<'w> {
    /// Follows the run of a job with this id.
    pub fn new(
        job: &Job,
        date: String,
        run_id: String,
        reporter: &'w mut Reporter,
        run_id_of_log: &'w LogRunId,
    ) -> Result<RunTelemetry<'w>, Failure> {
        let metrics = RunMetrics::new(&job.name)?;
        let mut watch = RunTelemetry {
            reporter,
            metrics: Arc::new(metrics),
            settings: job.metrics.clone(),
            job: job.name.clone(),
            date,
            run_id: String::new(),
            run_id_of_log,
            server: None,
        };
        watch.run_is(run_id);
        Ok(watch)
    }

    /// It is an earlier run that goes on. To be said before the first log line.
    pub fn run_is(&mut self, run_id: String) {
        self.run_id_of_log.set(&run_id);
        self.metrics.run_is(&run_id, &self.date);
        self.run_id = run_id;
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The metrics alone, for what is no event.
    pub fn metrics(&self) -> &RunMetrics {
        &self.metrics
    }

    /// Takes the address of the listener, where the job wants one.
    pub fn bind(&self) -> Result<Option<BoundListener>, Failure> {
        let bound = self.settings.listen.map(BoundListener::bind).transpose();
        Ok(bound?)
    }

    /// Tells that run started, and serves its metrics from now on.
    pub fn begin(&mut self, listener: Option<BoundListener>) -> Result<(), Failure> {
        info!(job = self.job, date = self.date, "run started");
        let Some(listener) = listener else { return Ok(()) };
        let url = format!("http://{}/metrics", listener.address());
        let server = listener.serve(Arc::clone(&self.metrics));
        self.server = Some(server.map_err(SystemError::on("serve the metrics"))?);
        info!(url, "serving metrics");
        Ok(())
    }

    /// The list is being read; so many entries so far.
    pub fn scanning(&mut self, entries: u64) {
        self.reporter.scanning(entries);
    }

    /// Something happened.
    pub fn on(&mut self, event: Event<'_>) {
        self.metrics.on(&event);
        self.reporter.on(event);
    }

    /// The run has ended: nothing is left of the bar, nothing is served any more, and the textfile tells of the end.
    pub fn end(self, summary: &Summary) {
        self.reporter.finish();
        drop(self.server);
        let Some(path) = &self.settings.textfile else { return };
        if let Some(result) = &summary.result {
            self.metrics.result_is(result);
        }
        let earlier = text_of_earlier_run(path);
        self.metrics.ended(&End {
            at_unix_seconds: Timestamp::now().as_millisecond() as f64 / 1000.0,
            exit_code: summary.exit_code,
            duration_seconds: summary.duration_seconds,
            earlier_success_unix_seconds: last_success_in(&earlier, &self.job),
        });
        // The exit code is that of the run: its snapshot is good, or not, with or without this file.
        if let Err(error) = write_textfile(path, &self.metrics) {
            let error = chain(&*error);
            warn!(error, "the metrics textfile could not be written");
        }
    }
}

/// What an earlier run has left, as far as it can be read.
fn text_of_earlier_run(path: &Path) -> String {
    let mut bytes = Vec::new();
    // A file that is not there, or cannot be read, tells nothing; what is read of it up to then may.
    let _ = File::open(path).and_then(|file| file.take(MAX_TEXTFILE_BYTES).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

type TextfileError = Box<dyn std::error::Error + Send + Sync>;

fn write_textfile(path: &Path, metrics: &RunMetrics) -> Result<(), TextfileError> {
    let text = metrics.text()?;
    // Its staged name does not end in .prom, so that node_exporter never reads half of it.
    let mut file = StagedFile::create(path.to_owned())?;
    file.write_all(text.as_bytes()).map_err(DiskError::on("write", path))?;
    file.set_world_readable()?;
    file.commit()?;
    Ok(())
}
