//! From the job as written to the job as used.

use std::path::Path;

use jiff::civil::Date;

use super::error::Refusal;
use super::file::JobFile;
use super::values::required_text;
use super::{Job, accounts, api, columns, emulator_file, limits, metrics, output, retry};
use crate::accounts::{ListPath, ListSource};
use crate::snapshot::OutputSettings;

/// What the text of a job does not say.
pub(super) struct Context<'a> {
    /// The job file's directory, where relative paths begin.
    pub(super) directory: &'a Path,
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
        dated_output: output::dated_path(&file.output, context),
        retry: retry::check(&file.retry)?,
        limits: limits::check(&file.limits)?,
        metrics: metrics::check(&file.metrics, context)?,
        emulator: file.emulator.clone(),
    };
    emulator_file::check(&job.emulator, "emulator".into())?;
    emulator_file::add_custom_tags_of(&job.columns, &mut job.emulator);
    ensure_list_is_outside_the_snapshot(&job.accounts, &job.output)?;
    metrics::ensure_textfile_is_outside_the_snapshot(&job.metrics, &job.output)?;
    Ok(job)
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

/// Publishing replaces the whole directory, so a list inside would be gone when the run is done, or resumed.
fn ensure_list_is_outside_the_snapshot(
    list: &ListSource,
    output: &OutputSettings,
) -> Result<(), Refusal> {
    match &list.path {
        ListPath::File(path) if path.starts_with(&output.path) => Err(Refusal::new(
            "accounts.path",
            "is inside output.path, which the run replaces; copy the list to another directory",
        )),
        _ => Ok(()),
    }
}
