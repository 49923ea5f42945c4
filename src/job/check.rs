//! From the job as written to the job as used.

use std::path::Path;
use std::time::Duration;

use jiff::civil::Date;

use super::error::Refusal;
use super::file::{JobFile, LimitsFile};
use super::max_failed::MaxFailed;
use super::values::{duration, required_text};
use super::{Job, Limits, accounts, api, columns, emulator_file, metrics, output, retry};
use crate::accounts::{ListPath, ListSource};
use crate::output::OutputSettings;

/// What the text of a job does not say.
pub(super) struct Context<'a> {
    /// The job file's folder, where relative paths begin.
    pub(super) folder: &'a Path,
    /// What `{date}` stands for.
    pub(super) date: Date,
}

/// Checks every section, then what they owe one another.
pub(super) fn job(file: &JobFile, context: &Context) -> Result<Job, Refusal> {
    let mut job = Job {
        name: name(file)?,
        accounts: accounts::check(&file.accounts, context)?,
        api: api::check(&file.api, context)?,
        columns: columns::check(&file.columns)?,
        output: output::check(&file.output, context)?,
        retry: retry::check(&file.retry)?,
        limits: limits(&file.limits)?,
        metrics: metrics::check(&file.metrics, context)?,
        emulator: file.emulator.clone(),
    };
    emulator_file::check(&job.emulator, "emulator".into())?;
    emulator_file::add_custom_tags_of(&job.columns, &mut job.emulator);
    ensure_list_is_outside_the_snapshot(&job.accounts, &job.output)?;
    metrics::ensure_textfile_is_outside_the_snapshot(&job.metrics, &job.output)?;
    Ok(job)
}

/// A week, as for the patience with an outage.
const LONGEST_DEADLINE: Duration = Duration::from_hours(7 * 24);

fn limits(file: &LimitsFile) -> Result<Limits, Refusal> {
    let max_failed = MaxFailed::from_value(file.max_failed.as_ref())?;
    let deadline = match &file.deadline {
        None => None,
        written => {
            Some(duration("limits.deadline", written.as_ref(), LONGEST_DEADLINE, LONGEST_DEADLINE)?)
        }
    };
    Ok(Limits { max_failed, deadline })
}

/// Longest name of a job, in characters.
pub(super) const MAX_NAME_CHARS: usize = 100;

/// The name of the job appears in reports, file headers and metric labels.
fn name(file: &JobFile) -> Result<String, Refusal> {
    let name = required_text(
        "name",
        file.name.as_ref(),
        "what the run is to be called, such as \"nightly\"",
    )?;
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(Refusal::new(
            "name",
            format!("is longer than {MAX_NAME_CHARS} characters; write a shorter one"),
        ));
    }
    Ok(name.to_owned())
}

/// Publishing replaces the whole folder, so a list inside would be gone when the run is done, or resumed.
fn ensure_list_is_outside_the_snapshot(
    list: &ListSource,
    output: &OutputSettings,
) -> Result<(), Refusal> {
    match &list.path {
        ListPath::File(path) if path.starts_with(&output.path) => Err(Refusal::new(
            "accounts.path",
            "is inside output.path, which the run replaces; copy the list to another folder",
        )),
        _ => Ok(()),
    }
}
