//! A job as `stream` uses it: without an account list and without an output.

use std::path::Path;
use std::time::Duration;

use jiff::civil::Date;

use super::error::KeyError;
use super::file::JobFile;
use super::sections::{api, columns, emulator, limits, retry};
use super::validate::{Context, name};
use super::values::non_empty;
use super::{ApiSettings, JobError, RetrySettings, source, validated};
use crate::emulator as service_emulator;
use crate::table::Column;
use crate::table::stream_rows::OUTCOME_COLUMNS;

/// A validated job of a stream.
#[derive(Debug, Clone)]
pub struct StreamJob {
    /// Identifies the run in log lines.
    pub name: String,
    /// The column or key of the input that holds the account, if the job names one.
    pub account_column: Option<String>,
    /// The service and how to call it.
    pub api: ApiSettings,
    /// The columns after `account`, in order; 1 to 32.
    pub columns: Vec<Column>,
    /// When and how long to retry.
    pub retry: RetrySettings,
    /// Maximum duration of the run; `None` for no limit.
    pub deadline: Option<Duration>,
    /// The largest record batch of the input, in bytes.
    pub memory_bytes: u64,
    /// The emulator that the run starts if the target is it; unused otherwise.
    pub emulator: service_emulator::Settings,
}

impl StreamJob {
    /// Reads and validates the job at `path`; `overrides` are `key.path=value` and take precedence over the file.
    /// `[output]`, `[store]`, `[metrics]` and the limits for publishing are not used and may be missing.
    ///
    /// # Errors
    /// The first problem of the file or of an override.
    pub fn load(path: &Path, overrides: &[String], date: Date) -> Result<StreamJob, JobError> {
        let text = source::read(path)?;
        validated(path, &text, overrides, |file, directory| {
            stream_job(file, &Context { directory, date })
        })
    }
}

fn stream_job(file: &JobFile, context: &Context) -> Result<StreamJob, KeyError> {
    let account_column = file.accounts.column.as_ref();
    if let Some(column) = account_column {
        non_empty("accounts.column", column, "the column that holds the account")?;
    }
    let mut job = StreamJob {
        name: name(file)?,
        account_column: account_column.cloned(),
        api: api::validate(&file.api, context)?,
        columns: columns::validate(&file.columns)?,
        retry: retry::validate(&file.retry)?,
        deadline: limits::validate(&file.limits)?.deadline,
        memory_bytes: limits::memory(&file.limits)?,
        emulator: file.emulator.clone(),
    };
    emulator::validate(&job.emulator, "emulator".into())?;
    emulator::add_custom_tags(&job.columns, &mut job.emulator);
    ensure_names_are_free(&job.columns)?;
    Ok(job)
}

/// No column may have the name of one that the stream appends; case is ignored, as most engines do.
fn ensure_names_are_free(columns: &[Column]) -> Result<(), KeyError> {
    for (position, column) in columns.iter().enumerate() {
        if let Some(taken) =
            OUTCOME_COLUMNS.iter().find(|name| column.name.eq_ignore_ascii_case(name))
        {
            return Err(KeyError::new(
                format!("columns.{position}.name").as_str(),
                format!(
                    "is {taken:?}, which is the name of a column that every stream has; write another name"
                ),
            ));
        }
    }
    Ok(())
}
