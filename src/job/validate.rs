//! Converts the job as written into the validated job.

use std::path::Path;

use jiff::civil::Date;

use super::Job;
use super::error::KeyError;
use super::file::JobFile;
use super::sections::{accounts, api, columns, emulator, limits, metrics, output, retry, store};
use super::values::required_text;
use crate::accounts::{FileSelection, ListPath, ListSource};
use crate::bucket::BucketUrl;
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
    let bucket = output::bucket(&file.output, &store, &retry, context)?;
    let memory_bytes = limits::memory(&file.limits)?;
    let mut job = Job {
        name: name(file)?,
        accounts: accounts::validate(&file.accounts, memory_bytes, &bucket, context)?,
        api: api::validate(&file.api, context)?,
        columns: columns::validate(&file.columns)?,
        output: output::validate(&file.output, bucket, context)?,
        dated_output: output::dated_path(&file.output, context),
        retry,
        limits: limits::validate(&file.limits)?,
        store,
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

pub fn name(file: &JobFile) -> Result<String, KeyError> {
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
    let part = format!("part-00000.{}", output.part_extension());
    let files = [&part, FAILED_ACCOUNTS];
    let (is_inside, includes_snapshot) = match &list.path {
        ListPath::Stdin => return Ok(()),
        ListPath::File(path) => {
            let selection = FileSelection::new(path).ok().flatten();
            let includes = |name: &&str| {
                selection.as_ref().is_some_and(|it| it.includes(&output.path.join(name)))
            };
            (path.starts_with(&output.path), files.iter().any(includes))
        }
        ListPath::Objects(list) => {
            let objects = &list.objects;
            let output =
                output.path.to_str().and_then(|text| BucketUrl::parse(text).ok().flatten());
            let Some(output) = output else { return Ok(()) };
            let includes = |name: &&str| objects.includes(&output.join(name));
            (objects.is_within(&output), files.iter().any(includes))
        }
    };
    if is_inside {
        return Err(KeyError::new(
            "accounts.path",
            "is inside output.path, which the run replaces; copy the list to another directory",
        ));
    }
    if includes_snapshot {
        return Err(KeyError::new(
            "accounts.path",
            "includes output.path, so that the snapshot would be a part of the next list; keep them in separate directories",
        ));
    }
    Ok(())
}
