//! What observes a run: progress and the log for people, metrics for machines.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::{info, warn};

use super::textfile::{TextfileError, ensure_can_be_written};
use crate::job::{Job, MetricsSettings};
use crate::observability::logging::LogRunId;
use crate::observability::metrics::{RunEnd, RunMetrics, last_success_in};
use crate::observability::metrics_listener::MetricsListener;
use crate::observability::progress::Reporter;
use crate::pipeline::events::Event;
use crate::report::summary::Summary;
use crate::util::background_server::BackgroundServer;
use crate::util::disk_error::DiskError;
use crate::util::failure::{Failure, chain};
use crate::util::staged_file::StagedFile;

/// Longest textfile of an earlier run that is read, in bytes; those of this program have a few KiB.
const MAX_TEXTFILE_BYTES: u64 = 1024 * 1024;

/// Generates the id of a run.
pub fn new_run_id() -> String {
    format!("{:016x}", fastrand::u64(..))
}

/// The observers of a run, and the run id that all of them use.
pub struct RunTelemetry<'r> {
    reporter: &'r mut Reporter,
    metrics: Arc<RunMetrics>,
    settings: MetricsSettings,
    job: String,
    date: String,
    run_id: String,
    log_run_id: &'r LogRunId,
    server: Option<BackgroundServer>,
}

impl<'r> RunTelemetry<'r> {
    pub fn new(
        job: &Job,
        date: String,
        run_id: String,
        reporter: &'r mut Reporter,
        log_run_id: &'r LogRunId,
    ) -> Result<RunTelemetry<'r>, Failure> {
        let metrics = RunMetrics::new(&job.name)?;
        let mut telemetry = RunTelemetry {
            reporter,
            metrics: Arc::new(metrics),
            settings: job.metrics.clone(),
            job: job.name.clone(),
            date,
            run_id: String::new(),
            log_run_id,
            server: None,
        };
        telemetry.set_run_id(run_id);
        Ok(telemetry)
    }

    /// Sets the id when an earlier run is resumed; call it before the first log line.
    pub fn set_run_id(&mut self, run_id: String) {
        self.log_run_id.set(&run_id);
        self.metrics.set_run(&run_id, &self.date);
        self.run_id = run_id;
    }

    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    pub fn metrics(&self) -> &RunMetrics {
        &self.metrics
    }

    /// Logs the start of the run, and serves its metrics from now on.
    pub fn start(&mut self, listener: Option<MetricsListener>) -> Result<(), Failure> {
        info!(job = self.job, date = self.date, "run started");
        let Some(listener) = listener else { return Ok(()) };
        let url = format!("http://{}/metrics", listener.address());
        self.server = Some(listener.serve(Arc::clone(&self.metrics))?);
        info!(url, "serving metrics");
        Ok(())
    }

    /// Reports how many entries of the list have been read.
    pub fn scanning(&mut self, entries: u64) {
        self.reporter.scanning(entries);
    }

    pub fn on(&mut self, event: Event) {
        self.metrics.on(&event);
        self.reporter.on(event);
    }

    /// Ends progress and serving, and writes the textfile.
    pub fn finish(self, summary: &Summary) {
        self.reporter.finish();
        drop(self.server);
        let Some(path) = &self.settings.textfile else { return };
        if let Some(result) = &summary.result {
            self.metrics.set_result(result);
        }
        let earlier = text_of_earlier_run(path);
        self.metrics.set_end(&RunEnd {
            at_unix_seconds: Timestamp::now().as_millisecond() as f64 / 1000.0,
            exit_code: summary.exit_code,
            duration_seconds: summary.duration_seconds,
            earlier_success_unix_seconds: last_success_in(&earlier, &self.job),
        });
        // The exit code stays that of the run, whose snapshot does not depend on this file.
        if let Err(error) = write_textfile(path, &self.metrics) {
            let error = chain(&error);
            warn!(error, "the metrics textfile could not be written");
        }
    }
}

/// Reads the textfile of an earlier run, as far as possible.
fn text_of_earlier_run(path: &Path) -> String {
    let mut bytes = Vec::new();
    // A missing or unreadable file has no earlier metrics; whatever was read before an error is used.
    let _ = File::open(path).and_then(|file| file.take(MAX_TEXTFILE_BYTES).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn write_textfile(path: &Path, metrics: &RunMetrics) -> Result<(), TextfileError> {
    ensure_can_be_written(path)?;
    let text = metrics.text()?;
    // Its staged name does not end in .prom, so node_exporter never reads an incomplete file.
    let mut file = StagedFile::create(path.to_owned())?;
    file.write_all(text.as_bytes()).map_err(DiskError::on("write", path))?;
    file.set_world_readable()?;
    file.commit()?;
    Ok(())
}
