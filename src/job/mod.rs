//! The job file: what to export, from where, to where and how.
//!
//! A job is written as a `JobFile` (TOML; unknown keys are refused) and used as a [`Job`] (validated, typed).
//! [`Job::load`] is the only conversion. It reads no secret and opens no list: the job file, the overrides and the date
//! alone determine the result.
//!
//! A job that cannot work is refused with one [`JobError`] that names the file, the line, the key, what is wrong and
//! how to fix it. It never repeats the value of a key that may hold a secret.

mod dated_path;
mod error;
mod explain;
mod file;
mod limit;
mod locate;
mod output_settings;
mod overrides;
mod schema;
mod secret;
mod sections;
mod settings;
mod size;
mod source;
mod stream_job;
#[cfg(test)]
mod tests;
mod validate;
mod values;

use std::path::Path;

use jiff::civil::Date;

use error::KeyError;
use file::JobFile;

pub use dated_path::DatedPath;
pub use error::JobError;
pub use limit::Limit;
pub use output_settings::{BucketOutput, Compression, Format, IfExists, OutputSettings};
pub(crate) use schema::json_schema;
pub(crate) use secret::looks_like_a_secret;
pub(crate) use sections::{DEFAULT_IDENTIFIER, load_emulator_settings};
pub use settings::{ApiSettings, Limits, MetricsSettings, RetrySettings, SecretSource, Target};
pub use stream_job::StreamJob;

use crate::accounts::ListSource;
use crate::bucket::BucketSettings;
use crate::emulator;
use crate::table::Column;

/// A validated job: every value is present, in range and consistent with the others.
#[derive(Debug, Clone)]
pub struct Job {
    /// Identifies the run in reports, the manifest and metric labels.
    pub name: String,
    /// The account list.
    pub accounts: ListSource,
    /// The service and how to call it.
    pub api: ApiSettings,
    /// The columns of the table after `account`, in order; 1 to 32.
    pub columns: Vec<Column>,
    /// The snapshot.
    pub output: OutputSettings,
    /// The output path before `{date}` is filled in; `None` if it has no placeholder.
    pub dated_output: Option<DatedPath>,
    /// How buckets of object stores are reached.
    pub store: BucketSettings,
    /// When and how long to retry.
    pub retry: RetrySettings,
    /// When not to publish, and when to stop.
    pub limits: Limits,
    /// Where the metrics of the run are exposed.
    pub metrics: MetricsSettings,
    /// The emulator that the run starts if the target is [`Target::Emulator`]; unused otherwise.
    pub emulator: emulator::Settings,
}

impl Job {
    /// Reads and validates the job at `path`. `overrides` are `key.path=value` and take precedence over the file;
    /// `date` replaces `{date}`. Paths in the job and in overrides are relative to the job file's directory.
    ///
    /// # Errors
    /// The first problem of the file or of an override.
    pub fn load(path: &Path, overrides: &[String], date: Date) -> Result<Job, JobError> {
        let text = source::read(path)?;
        Job::from_text(path, &text, overrides, date)
    }

    /// Like [`Job::load`] for a text already read; `path` serves messages and relative paths.
    ///
    /// # Errors
    /// As [`Job::load`].
    pub fn from_text(
        path: &Path,
        text: &str,
        overrides: &[String],
        date: Date,
    ) -> Result<Job, JobError> {
        validated(path, text, overrides, |file, directory| {
            validate::job(file, &validate::Context { directory, date })
        })
    }
}

/// Parses the text of the job at `path`, applies the overrides, and validates the result; `validate` receives the job
/// file's directory as well.
fn validated<T>(
    path: &Path,
    text: &str,
    overrides: &[String],
    validate: impl FnOnce(&JobFile, &Path) -> Result<T, KeyError>,
) -> Result<T, JobError> {
    let mut table = source::parse(path, text)?;
    let overrides = overrides::parse(overrides)?;
    let directory = path.parent().unwrap_or(Path::new(""));
    overrides::apply(&overrides, &mut table)
        .and_then(|()| secret::reject_inline_secrets(&table))
        .and_then(|()| values::reject_control_characters(&table))
        .and_then(|()| JobFile::from_table(table))
        .and_then(|file| validate(&file, directory))
        .map_err(|error| JobError::of_key(locate::find(path, text, &overrides, &error.key), error))
}
