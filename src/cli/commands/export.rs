//! `export`: publishes the snapshot of a job.

use std::io::{self, Write};
use std::time::Instant;

use tracing::info;

use crate::cli::{ExportArgs, Flags};
use crate::export::telemetry::{RunTelemetry, new_run_id};
use crate::export::{self, OnUnfinished, Outcome, RunOptions};
use crate::observability::LogFormat;
use crate::observability::logging::LogRunId;
use crate::observability::progress::Reporter;
use crate::report::summary::Summary;
use crate::util::failure::Failure;

/// Runs the job and prints the summary.
pub fn export(
    args: &ExportArgs,
    flags: &Flags,
    reporter: &mut Reporter,
    log_run_id: &LogRunId,
) -> Result<(), Failure> {
    let started = Instant::now();
    let run_id = new_run_id();
    log_run_id.set(&run_id);
    let (job, date) = export::load_job(&args.job, &flags.overrides, flags.date)?;
    let telemetry = RunTelemetry::new(&job, date.to_string(), run_id, reporter, log_run_id)?;
    let unfinished = match (args.restart, args.repair) {
        (true, _) => OnUnfinished::Discard,
        (false, true) => OnUnfinished::Repair,
        (false, false) => OnUnfinished::Resume,
    };
    let options = RunOptions { date, unfinished, started };
    let Outcome { summary, result } = export::run(job, options, telemetry);
    print_summary(&summary, args, flags);
    result
}

fn print_summary(summary: &Summary, args: &ExportArgs, flags: &Flags) {
    let Summary { status, exit_code, duration_seconds, .. } = *summary;
    if flags.log_format == LogFormat::Json {
        let summary = summary.to_json();
        info!(status, exit_code, duration_seconds, summary, "run finished");
    } else {
        info!(status, exit_code, duration_seconds, "run finished");
        if flags.quiet == 0 && summary.result.is_some() {
            let here = std::env::current_dir().unwrap_or_default();
            let _ = write!(io::stderr(), "{}", summary.to_text(&here));
        }
    }
    // Last, since schedulers such as Airflow take the last line of stdout and stderr together.
    if args.json {
        // A closed pipe does not fail the run.
        let _ = writeln!(io::stdout(), "{}", summary.to_json());
    }
}
