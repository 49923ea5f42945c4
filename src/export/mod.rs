//! The service behind `export`, `plan`, `check`, `preview` and `stream`.
//!
//! ```text
//!  Job ─► prepare ─────────► run_rounds ─────────► publish ─► Outcome
//!         lock, account      calls until there     snapshot/
//!         list, journal      is enough to publish
//! ```
//!
//! `preflight` runs the inspections that `prepare` runs, without a lock and without a change, for `plan` and `check`. Only this module and the
//! modules in it read a `Job`: what they pass down are the settings of the module below.

pub mod check;
mod check_list;
mod content;
mod counted_list;
mod disk_space;
mod in_process_emulator;
mod inspect;
mod kept;
mod known_rows;
mod limits;
mod needs;
mod open_files;
mod other_dates;
mod outlook;
pub mod plan;
mod preflight;
mod prepare;
pub mod preview;
mod previous;
mod problem;
mod publish;
mod read_list;
mod report;
mod results;
mod resume;
mod resume_command;
mod rounds;
pub mod secret;
mod service;
mod stale_work;
mod stop;
pub mod stream;
pub mod telemetry;
mod textfile;
mod time_limits;
mod unfinished;
mod usersig;
mod warning;

use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;

use self::kept::with_resume_command;
use self::limits::status;
use self::prepare::prepare;
use self::publish::publish;
use self::resume_command::ResumeCommand;
use self::rounds::run_rounds;
use self::stale_work::remove_if_nothing_committed;
use self::telemetry::RunTelemetry;
use crate::api::proxy::Proxies;
use crate::job::{Job, Target};
use crate::report::summary::{ResultSummary, Summary};
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;
use crate::util::paths::absolute;

/// What to do with an unfinished run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnfinished {
    Resume,
    /// Drop what is damaged, resume the rest.
    Repair,
    Discard,
}

/// How a run is started.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions {
    /// The run's logical date.
    pub date: Date,
    pub unfinished: OnUnfinished,
    /// The start of the process, from which `limits.deadline` counts.
    pub started: Instant,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    pub summary: Summary,
    pub result: Result<(), Failure>,
}

/// Loads a job, and the run's logical date: `date`, else today in UTC.
///
/// # Errors
/// When the job is invalid, or the environment names an invalid proxy: this way `plan` refuses it too.
pub fn load_job(
    path: &Path,
    overrides: &[String],
    date: Option<Date>,
) -> Result<(Job, Date), Failure> {
    let date = date_or_today(date);
    let job = Job::load(path, overrides, date)?;
    if let Target::Endpoint(endpoint) = &job.api.target {
        Proxies::from_environment(endpoint)?;
    }
    Ok((job, date))
}

/// The run's logical date: `date`, else today in UTC.
pub fn date_or_today(date: Option<Date>) -> Date {
    date.unwrap_or_else(|| Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date())
}

/// Runs a job until its snapshot is published or the run fails.
pub fn run(job: Job, options: RunOptions, mut telemetry: RunTelemetry<'_>) -> Outcome {
    let name = job.name.clone();
    let output_path = absolute(&job.output.path).display().to_string();
    let command = ResumeCommand::new(&options.date.to_string(), &job.accounts.path);
    let (totals, result) = run_to_end(job, options, &mut telemetry);
    let result = result.map_err(|failure| with_resume_command(failure, &command));
    let exit_code = result.as_ref().map_or_else(|failure| failure.code, |()| ExitCode::Published);
    let in_milliseconds = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
    let seconds = options.started.elapsed().as_secs_f64();
    let summary = Summary {
        status: status(&result),
        exit_code: exit_code.number(),
        job: name,
        date: options.date.to_string(),
        run_id: telemetry.run_id().to_owned(),
        snapshot: result.is_ok().then(|| output_path.clone()),
        output_path,
        duration_seconds: in_milliseconds(seconds),
        total_duration_seconds: totals
            .as_ref()
            .map(|totals| in_milliseconds(seconds + totals.seconds_before)),
        result: totals,
        error: result.as_ref().err().map(Failure::text),
    };
    telemetry.finish(&summary);
    Outcome { summary, result }
}

/// The totals are known as soon as one round has completed, also when the run fails later.
fn run_to_end(
    job: Job,
    options: RunOptions,
    telemetry: &mut RunTelemetry<'_>,
) -> (Option<ResultSummary>, Result<(), Failure>) {
    let output = job.output.clone();
    let run = match prepare(job, options, telemetry) {
        Ok(Some(run)) => run,
        Ok(None) => return (None, Ok(())),
        Err(failure) => return (None, Err(failure)),
    };
    let (totals, completed) = run_rounds(run, telemetry);
    let result = match (&totals, completed) {
        (Some(totals), Ok(run)) => publish(run, totals),
        (None, Ok(_)) => Ok(()),
        (_, Err(failure)) => Err(failure),
    };
    if result.as_ref().is_err_and(|failure| failure.code == ExitCode::RefusedByService) {
        remove_if_nothing_committed(&output);
    }
    (totals, result)
}
