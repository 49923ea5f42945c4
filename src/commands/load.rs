//! The job that a verb is given.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Failure;
use crate::cli::Flags;
use crate::exit_code::ExitCode;
use crate::job::Job;

/// The job at a path, with the overrides and the date of the command line.
pub fn load_job(path: &Path, flags: &Flags) -> Result<Job, Failure> {
    let date = flags.date.unwrap_or_else(|| Timestamp::now().to_zoned(TimeZone::UTC).date());
    Job::load(path, &flags.overrides, date).map_err(Failure::with(ExitCode::BadUsage))
}
