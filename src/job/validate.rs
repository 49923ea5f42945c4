//! Converts the job as written into the validated job.

use std::path::Path;

use jiff::civil::Date;

use super::Job;
use super::error::KeyError;
use super::file::JobFile;
use super::sections::{accounts, api, columns, emulator, limits, metrics, output, retry, store};
use super::values::required_text;
use crate::accounts::{FileSelection, ListPath, ListSource};
use crate::job::OutputSettings;

/// What validation needs besides the text of the job.
pub struct Context<'a> {
    /// The job file's directory, the base of relative paths.
    pub directory: &'a Path,
    /// Replaces `{date}`.
    pub date: Date,
}

/// Validates every section, then their consistency.
pub fn job(file: &JobFile, context: &Context) -> Result<Job, KeyError> {
    let retry = retry::validate(&file.retry)?;
    let store = store::validate(&file.store)?;
    let mut job = Job {
        name: name(file)?,
        accounts: accounts::validate(&file.accounts, limits::memory(&file.limits)?, context)?,
        api: api::validate(&file.api, context)?,
        columns: columns::validate(&file.columns)?,
        output: output::validate(&file.output, &store, &retry, context)?,
        dated_output: output::dated_path(&file.output, context),
        retry,
        limits: limits::validate(&file.limits)?,
        store: store::validate(&file.store)?,
        metrics: metrics::validate(&file.metrics, context)?,
        emulator: file.emulator.clone(),
    };
    emulator::validate(&job.emulator, "emulator".into())?;
    emulator::add_custom_tags(&job.columns, &mut job.emulator);
    output::ensure_partitions_are_not_columns(&file.output, &job.columns)?;
    ensure_list_is_outside_the_snapshot(&job.accounts, &job.output)?;
    metrics::ensure_textfile_is_outside_the_snapshot(&job.metrics, &job.output)?;
    Ok(job)
}

pub const MAX_NAME_CHARS: usize = 100;

fn name(file: &JobFile) -> Result<String, KeyError> {
    let name =
        required_text("name", file.name.as_ref(), "a name for the run, such as \"nightly\"")?;
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(KeyError::new(
            "name",
            format!("is longer than {MAX_NAME_CHARS} characters; write a shorter one"),
        ));
    }
    Ok(name.to_owned())
}

/// A list in a snapshot: `snapshot::layout`, which this module does not know, has the same name.
const FAILED_ACCOUNTS: &str = "_failed_accounts.tsv";

/// Publishing replaces the whole directory, so a list inside would be lost when the run ends or resumes.
fn ensure_list_is_outside_the_snapshot(
    list: &ListSource,
    output: &OutputSettings,
) -> Result<(), KeyError> {
    let ListPath::File(path) = &list.path else { return Ok(()) };
    if path.starts_with(&output.path) {
        return Err(KeyError::new(
            "accounts.path",
            "is inside output.path, which the run replaces; copy the list to another directory",
        ));
    }
    let part = format!("part-00000.{}", output.part_extension());
    let includes_snapshot = FileSelection::new(path).ok().flatten().is_some_and(|selection| {
        [&part, FAILED_ACCOUNTS].iter().any(|name| selection.includes(&output.path.join(name)))
    });
    if includes_snapshot {
        return Err(KeyError::new(
            "accounts.path",
            "includes output.path, so that the snapshot would be a part of the next list; keep them in separate directories",
        ));
    }
    Ok(())
}
