//! The job as it is written. Nothing here is checked but shape: which keys there are and what kind each value is.
//! What is missing stays missing; defaults and ranges belong to the conversion into [`super::Job`].

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::error::{KeyPath, Refusal};
use super::explain;
use crate::accounts::ListFormat;
use crate::emulator;

/// A whole job file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct JobFile {
    pub(super) name: Option<String>,
    pub(super) accounts: AccountsFile,
    pub(super) api: ApiFile,
    pub(super) columns: Vec<ColumnFile>,
    pub(super) output: OutputFile,
    pub(super) retry: RetryFile,
    pub(super) limits: LimitsFile,
    pub(super) emulator: emulator::Settings,
}

/// `[accounts]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AccountsFile {
    pub(super) path: Option<String>,
    pub(super) format: Option<ListFormat>,
    pub(super) column: Option<String>,
}

/// `[api]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ApiFile {
    pub(super) emulator: Option<bool>,
    pub(super) region: Option<String>,
    pub(super) base_url: Option<String>,
    pub(super) sdkappid: Option<i64>,
    pub(super) identifier: Option<String>,
    pub(super) secret_key_env: Option<String>,
    pub(super) secret_key_file: Option<String>,
    pub(super) usersig_env: Option<String>,
    pub(super) calls_per_second: Option<i64>,
    pub(super) max_in_flight: Option<i64>,
    pub(super) timeout: Option<Value>,
}

/// `[[columns]]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ColumnFile {
    pub(super) tag: Option<String>,
    pub(super) name: Option<String>,
    #[serde(rename = "type")]
    pub(super) column_type: Option<String>,
}

/// `[output]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct OutputFile {
    pub(super) path: Option<String>,
    pub(super) format: Option<String>,
    pub(super) compression: Option<String>,
    pub(super) accounts_per_part: Option<i64>,
    pub(super) if_exists: Option<String>,
}

/// `[retry]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RetryFile {
    pub(super) max_attempts: Option<i64>,
    pub(super) initial_backoff: Option<Value>,
    pub(super) max_backoff: Option<Value>,
    pub(super) outage_patience: Option<Value>,
}

/// `[limits]`
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsFile {
    pub(super) max_failed: Option<Value>,
    pub(super) deadline: Option<Value>,
}

impl JobFile {
    /// Gives a table the shape of a job, or names the key that does not fit.
    pub(super) fn from_table(table: Table) -> Result<JobFile, Refusal> {
        ensure_tables_are_no_lists(&table)?;
        of_table(table)
    }
}

/// Gives a table a shape, or names the key that does not fit.
pub(super) fn of_table<T: DeserializeOwned>(table: Table) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let steps = error.path().iter().filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { variant } => Some(variant.clone()),
            Segment::Unknown => None,
        });
        let key = KeyPath(steps.collect());
        explain::refusal(key, error.inner().message())
    })
}

/// serde would take a list for a table, its items in the order of the keys; nobody who writes one means that.
fn ensure_tables_are_no_lists(table: &Table) -> Result<(), Refusal> {
    const SECTIONS: [&str; 6] = ["accounts", "api", "output", "retry", "limits", "emulator"];
    if let Some(section) = SECTIONS.iter().find(|key| table.get(**key).is_some_and(Value::is_array))
    {
        let text = format!("is a list; write [{section}] in single brackets, once");
        return Err(Refusal::new(*section, text));
    }
    let columns = table.get("columns").and_then(Value::as_array);
    match columns.and_then(|columns| columns.iter().position(Value::is_array)) {
        None => Ok(()),
        Some(index) => Err(Refusal::new(
            format!("columns.{index}").as_str(),
            "is a list; write a table with tag, name and type",
        )),
    }
}
