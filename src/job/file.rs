//! The job as it is written. Nothing here is checked but shape: which keys there are and what kind each value is.
//! What is missing stays missing; defaults and ranges belong to the conversion into [`super::Job`].

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::error::{KeyPath, Refusal};
use super::schema::{self, words};
use super::values::written;
use super::{api, check, columns, explain, limits, output, retry};
use crate::accounts::ListFormat;
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::emulator;
use crate::table::ColumnType;

/// What to export, from where, to where and how: a job of im-profiles.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Job of im-profiles", extend("required" = ["name", "accounts", "api", "columns", "output"]))]
pub(super) struct JobFile {
    /// What the run is called in its report, the manifest and the metrics.
    #[schemars(with = "String", length(min = 1, max = check::MAX_NAME_CHARS))]
    pub(super) name: Option<String>,
    /// The account list.
    pub(super) accounts: AccountsFile,
    /// The service, in whose name it is called, and how fast. One of region, base_url and emulator is required.
    pub(super) api: ApiFile,
    /// The columns of the table after "account", in this order.
    #[schemars(length(min = 1, max = columns::MAX_COLUMNS))]
    pub(super) columns: Vec<ColumnFile>,
    /// The snapshot.
    pub(super) output: OutputFile,
    /// When and how long to try again.
    pub(super) retry: RetryFile,
    /// When not to publish, and when to stop.
    pub(super) limits: LimitsFile,
    /// Where the figures of a run can be read, by Prometheus or what reads its text format.
    pub(super) metrics: MetricsFile,
    /// What the emulator does when api.emulator is true: profiles, limits, faults. Unused otherwise.
    pub(super) emulator: emulator::Settings,
}

/// `[accounts]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(super) struct AccountsFile {
    /// The account list, relative to the directory of this file; "-" reads standard input. {date} is the run's date.
    #[schemars(with = "String", length(min = 1))]
    pub(super) path: Option<String>,
    /// Format of the list. Default: as the name tells, .csv .txt .ndjson .parquet, the first three also with .gz or .zst.
    #[schemars(with = "ListFormat")]
    pub(super) format: Option<ListFormat>,
    /// The column (csv, parquet) or key (ndjson) that holds the account. A csv list of one column needs none, txt has none.
    #[schemars(with = "String", length(min = 1))]
    pub(super) column: Option<String>,
}

/// `[api]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["region"] }, { "required": ["base_url"] }, { "required": ["emulator"] }]))]
pub(super) struct ApiFile {
    /// Whether to run against an emulator in the process, without app, key and network. Instead of region and base_url.
    #[schemars(with = "bool", extend("default" = false))]
    pub(super) emulator: Option<bool>,
    /// The data centre the app was created in.
    #[schemars(with = "String", extend("enum" = schema::regions()))]
    pub(super) region: Option<String>,
    /// Any other host, as scheme and host: "https://host". Plain http:// only to this machine. Instead of region.
    #[schemars(with = "String")]
    pub(super) base_url: Option<String>,
    /// The app, as the console shows it. Required, except with the emulator.
    #[schemars(with = "i64", range(min = 1))]
    pub(super) sdkappid: Option<i64>,
    /// An administrator of the app, at most 32 bytes: only they may read every profile.
    #[schemars(with = "String", length(min = 1, max = api::MAX_IDENTIFIER_BYTES), extend("default" = api::DEFAULT_IDENTIFIER))]
    pub(super) identifier: Option<String>,
    /// The environment variable that holds the app's secret key, never the key itself. Or secret_key_file, or usersig_env.
    #[schemars(with = "String")]
    pub(super) secret_key_env: Option<String>,
    /// The file that holds the app's secret key, relative to the directory of this file.
    #[schemars(with = "String")]
    pub(super) secret_key_file: Option<String>,
    /// The environment variable that holds a UserSig made elsewhere.
    #[schemars(with = "String")]
    pub(super) usersig_env: Option<String>,
    /// Most calls in any second, retries included. 0 is no limit, and for the emulator or a base_url on this machine only.
    #[schemars(with = "i64", range(min = 0, max = api::MAX_CALLS_PER_SECOND), extend("default" = api::DEFAULT_CALLS_PER_SECOND))]
    pub(super) calls_per_second: Option<i64>,
    /// Most calls under way at once.
    #[schemars(with = "i64", range(min = 1, max = api::MAX_IN_FLIGHT), extend("default" = api::DEFAULT_MAX_IN_FLIGHT))]
    pub(super) max_in_flight: Option<i64>,
    /// How long a call may take, with its unit: longer than the service's own 3 s, at most 5m.
    #[schemars(with = "String", extend("default" = written(api::DEFAULT_TIMEOUT)))]
    pub(super) timeout: Option<Value>,
}

/// `[[columns]]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["tag"]))]
pub(super) struct ColumnFile {
    /// A standard tag, or Tag_Profile_Custom_ and the name of a custom field.
    #[schemars(schema_with = "schema::tag")]
    pub(super) tag: Option<String>,
    /// The name in the table. Default: the tag.
    #[schemars(with = "String", length(min = 1, max = columns::MAX_NAME_CHARS))]
    pub(super) name: Option<String>,
    /// How values are typed, as far as the tag allows. Default: the standard tag's own type, and string for custom ones.
    #[serde(rename = "type")]
    #[schemars(with = "ColumnType")]
    pub(super) column_type: Option<String>,
}

/// `[output]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub(super) struct OutputFile {
    /// The directory to publish, relative to the directory of this file. {date} is the run's date.
    #[schemars(with = "String", length(min = 1))]
    pub(super) path: Option<String>,
    /// Format of the part files.
    #[schemars(with = "String", extend("enum" = words(output::FORMATS), "default" = output::FORMATS[0].0))]
    pub(super) format: Option<String>,
    /// Compression of the part files. parquet: zstd, snappy, gzip or none; csv: none, gzip or zstd.
    #[schemars(with = "String", extend("enum" = words(output::PARQUET_COMPRESSIONS), "default" = output::PARQUET_COMPRESSIONS[0].0))]
    pub(super) compression: Option<String>,
    /// Accounts in a part file. A run that is killed repeats the calls of its open parts only.
    #[schemars(
        with = "i64",
        range(min = MAX_ACCOUNTS_PER_CALL, max = output::MAX_ACCOUNTS_PER_PART),
        extend("multipleOf" = MAX_ACCOUNTS_PER_CALL, "default" = output::DEFAULT_ACCOUNTS_PER_PART)
    )]
    pub(super) accounts_per_part: Option<i64>,
    /// When the directory is there already: replace it in one step, or fail before the first call.
    #[schemars(with = "String", extend("enum" = words(output::IF_EXISTS), "default" = output::IF_EXISTS[0].0))]
    pub(super) if_exists: Option<String>,
}

/// `[retry]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RetryFile {
    /// Times an account is asked before it counts as failed, the first included.
    #[schemars(with = "i64", range(min = 1, max = retry::MAX_ATTEMPTS), extend("default" = retry::DEFAULT_MAX_ATTEMPTS))]
    pub(super) max_attempts: Option<i64>,
    /// The longest wait before the second attempt, with its unit, at most 1h. It doubles each time; the real wait is a random part of it.
    #[schemars(with = "String", extend("default" = written(retry::DEFAULT_INITIAL_BACKOFF)))]
    pub(super) initial_backoff: Option<Value>,
    /// Where the doubling ends, with its unit, at most 1h.
    #[schemars(with = "String", extend("default" = written(retry::DEFAULT_MAX_BACKOFF)))]
    pub(super) max_backoff: Option<Value>,
    /// How long nothing at all may get through before the run stops with exit code 75, with its unit, at most 168h.
    #[schemars(with = "String", extend("default" = written(retry::DEFAULT_OUTAGE_PATIENCE)))]
    pub(super) outage_patience: Option<Value>,
}

/// `[limits]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsFile {
    /// When more accounts fail, nothing is published and the exit code is 3: a number, a share of the accounts
    /// requested such as "0.5%", or "off". Accounts that do not exist and records that are not valid do not count.
    #[schemars(schema_with = "schema::limit", extend("default" = limits::DEFAULT_MAX_FAILED.to_string()))]
    pub(super) max_failed: Option<Value>,
    /// When more records of the account list are not valid accounts, no call is made and the exit code is 3: a number,
    /// a share of the records, or "off".
    #[schemars(schema_with = "schema::limit", extend("default" = limits::DEFAULT_MAX_INVALID.to_string()))]
    pub(super) max_invalid: Option<Value>,
    /// When the service does not know more accounts, nothing is published and the exit code is 3: a number, a share of
    /// the accounts requested, or "off".
    #[schemars(schema_with = "schema::limit", extend("default" = limits::DEFAULT_MAX_NOT_FOUND.to_string()))]
    pub(super) max_not_found: Option<Value>,
    /// When the snapshot has so many rows fewer than the one that it would replace, or with {date} in output.path than
    /// that of the nearest other date, earlier ones first, nothing is published and the exit code is 3: a number, a
    /// share of the earlier rows, or "off".
    #[schemars(schema_with = "schema::limit", extend("default" = limits::DEFAULT_MAX_SHRINK.to_string()))]
    pub(super) max_shrink: Option<Value>,
    /// Whether to publish a snapshot without rows. Otherwise a list without a valid account is refused with exit code 2,
    /// and a run from which no row came with 3.
    #[schemars(with = "bool", extend("default" = false))]
    pub(super) allow_empty: Option<bool>,
    /// How long one run may take before it stops with exit code 75, with its unit, at most 168h. Default: as long as it takes.
    #[schemars(with = "String")]
    pub(super) deadline: Option<Value>,
}

/// `[metrics]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MetricsFile {
    /// File for the textfile collector of node_exporter, written in one step at the end of each run, whatever its outcome.
    /// Ends in .prom; relative paths begin at the directory of the job file.
    #[schemars(with = "String", regex(pattern = r"^[^{}]+\.prom$"))]
    pub(super) textfile: Option<String>,
    /// IP address and port that answer GET /metrics while a run goes on, such as 127.0.0.1:9187.
    #[schemars(with = "String", regex(pattern = r":[0-9]+$"))]
    pub(super) listen: Option<String>,
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
    const SECTIONS: [&str; 7] =
        ["accounts", "api", "output", "retry", "limits", "metrics", "emulator"];
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
