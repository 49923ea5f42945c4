//! The job as written. Only its shape is checked here: which keys exist and the type of each value. Missing keys stay
//! missing; the conversion into [`super::Job`] applies defaults and ranges. The doc comments are the descriptions of
//! the JSON Schema.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::error::{KeyError, KeyPath};
use super::schema::{self, keywords};
use super::sections::{api, columns, limits, output, retry, store};
use super::size::{self, format_size};
use super::values::format_duration;
use super::{explain, validate};
use crate::accounts::{DuplicateRemoval, ListFormat};
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::emulator;
use crate::table::ColumnType;

/// A job of im-profiles: what to export, from where, to where and how.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Job of im-profiles", extend("required" = ["name", "accounts", "api", "columns", "output"]))]
pub struct JobFile {
    /// The name of the run in the report, the manifest and the metrics.
    #[schemars(with = "String", length(min = 1, max = validate::MAX_NAME_CHARS))]
    pub name: Option<String>,
    /// The account list.
    pub accounts: AccountsFile,
    /// The service, the credentials and the call rate. One of region, base_url and emulator is required.
    pub api: ApiFile,
    /// The columns of the table after "account", in this order.
    #[schemars(length(min = 1, max = columns::MAX_COLUMNS))]
    pub columns: Vec<ColumnFile>,
    /// The snapshot.
    pub output: OutputFile,
    /// How buckets of object stores are reached. Credentials are read from the environment, never from this file.
    pub store: StoreFile,
    /// When and how long to retry.
    pub retry: RetryFile,
    /// When not to publish, and when to stop.
    pub limits: LimitsFile,
    /// Where the metrics of a run are exposed, in the Prometheus text format.
    pub metrics: MetricsFile,
    /// What the emulator does when api.emulator is true: profiles, limits, faults. Unused otherwise.
    pub emulator: emulator::Settings,
}

/// `[accounts]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub struct AccountsFile {
    /// The path of the account list, relative to the directory of this file: a file, a directory or a glob (*, ?, [...]
    /// and **), of which names that start with _ or . are skipped; or the URL of an object, of a prefix (ends with /) or of
    /// a glob (*) in an object store (s3://, gs://, az://, abfss:// or cos://), copied to output.scratch while it is read;
    /// "-" reads standard input. {date} is replaced by the run's date.
    #[schemars(with = "String", length(min = 1))]
    pub path: Option<String>,
    /// Format of the list. Default: derived from the file name extension, .csv, .tsv, .txt, .ndjson (or .jsonl) or
    /// .parquet, all but .parquet optionally followed by .gz or .zst.
    #[schemars(with = "ListFormat")]
    pub format: Option<ListFormat>,
    /// The column (csv, tsv, parquet) or key (ndjson) that holds the account. Optional for a csv or tsv list with a
    /// single column, not allowed for txt.
    #[schemars(with = "String", length(min = 1))]
    pub column: Option<String>,
    /// Which records that repeat an earlier account are removed: all (exact), those that follow each other, as in a
    /// sorted list (adjacent), or none of a list that is known to have no duplicates. An account that remains twice is
    /// requested twice and has two rows.
    #[schemars(with = "DuplicateRemoval", extend("default" = DuplicateRemoval::default().name()))]
    pub duplicates: Option<DuplicateRemoval>,
}

/// `[api]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["region"] }, { "required": ["base_url"] }, { "required": ["emulator"] }]))]
pub struct ApiFile {
    /// Whether to run against an emulator in the process, without an app, a key or a network. Replaces region and
    /// base_url.
    #[schemars(with = "bool", extend("default" = false))]
    pub emulator: Option<bool>,
    /// The data center in which the app was created.
    #[schemars(with = "String", extend("enum" = schema::regions()))]
    pub region: Option<String>,
    /// Any other host, as scheme and host: "https://host". Plain http:// is only allowed to this machine. Replaces
    /// region.
    #[schemars(with = "String")]
    pub base_url: Option<String>,
    /// The SDKAppID of the app, as shown in the console. Required except with the emulator.
    #[schemars(with = "i64", range(min = 1))]
    pub sdkappid: Option<i64>,
    /// An administrator of the app, at most 32 bytes. Only administrators may read every profile.
    #[schemars(with = "String", length(min = 1, max = api::MAX_IDENTIFIER_BYTES), extend("default" = api::DEFAULT_IDENTIFIER))]
    pub identifier: Option<String>,
    /// The name of the environment variable that holds the app's secret key, never the key itself. Alternatives:
    /// secret_key_file, usersig_env.
    #[schemars(with = "String")]
    pub secret_key_env: Option<String>,
    /// The path of the file that holds the app's secret key, relative to the directory of this file.
    #[schemars(with = "String")]
    pub secret_key_file: Option<String>,
    /// The name of the environment variable that holds a UserSig generated elsewhere.
    #[schemars(with = "String")]
    pub usersig_env: Option<String>,
    /// Maximum number of calls in any second, retries included. 0 means no limit and is only allowed with the emulator
    /// or a base_url on this machine.
    #[schemars(with = "i64", range(min = 0, max = api::MAX_CALLS_PER_SECOND), extend("default" = api::DEFAULT_CALLS_PER_SECOND))]
    pub calls_per_second: Option<i64>,
    /// Maximum number of concurrent calls.
    #[schemars(with = "i64", range(min = 1, max = api::MAX_IN_FLIGHT), extend("default" = api::DEFAULT_MAX_IN_FLIGHT))]
    pub max_in_flight: Option<i64>,
    /// Maximum duration of a call, with its unit: longer than the service's own timeout of 3 s, at most 5m.
    #[schemars(with = "String", extend("default" = format_duration(api::DEFAULT_TIMEOUT)))]
    pub timeout: Option<Value>,
}

/// `[[columns]]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["tag"]))]
pub struct ColumnFile {
    /// A standard tag, or Tag_Profile_Custom_ followed by the name of a custom field.
    #[schemars(schema_with = "schema::tag")]
    pub tag: Option<String>,
    /// The name of the column in the table. Default: the tag.
    #[schemars(with = "String", length(min = 1, max = columns::MAX_NAME_CHARS))]
    pub name: Option<String>,
    /// The type of the values; each tag supports some of the types. Default: the type of the standard tag, and string
    /// for custom tags.
    #[serde(rename = "type")]
    #[schemars(with = "ColumnType")]
    pub column_type: Option<String>,
}

/// `[output]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["path"]))]
pub struct OutputFile {
    /// The directory to publish, relative to the directory of this file, or the URL of a prefix in an object store
    /// (s3://, gs://, az://, abfss:// or cos://). {date} is replaced by the run's date.
    #[schemars(with = "String", length(min = 1))]
    pub path: Option<String>,
    /// Format of the part files.
    #[schemars(with = "String", extend("enum" = keywords(output::FORMATS), "default" = output::FORMATS[0].0))]
    pub format: Option<String>,
    /// Compression of the part files. parquet: zstd, snappy, gzip or none; csv: none, gzip or zstd.
    #[schemars(with = "String", extend("enum" = keywords(output::PARQUET_COMPRESSIONS), "default" = output::PARQUET_COMPRESSIONS[0].0))]
    pub compression: Option<String>,
    /// Accounts per part file. A run that resumes after being killed repeats only the calls of its open parts.
    #[schemars(
        with = "i64",
        range(min = MAX_ACCOUNTS_PER_CALL, max = output::MAX_ACCOUNTS_PER_PART),
        extend("multipleOf" = MAX_ACCOUNTS_PER_CALL, "default" = output::DEFAULT_ACCOUNTS_PER_PART)
    )]
    pub accounts_per_part: Option<i64>,
    /// Directory on this machine, relative to the directory of this file, for the open parts of a snapshot in an object
    /// store, and for account lists read from one. Nothing in it is needed to resume a run. Default: that of temporary
    /// files.
    #[schemars(with = "String", length(min = 1))]
    pub scratch: Option<String>,
    /// What to do if the directory already exists: replace it atomically, or fail before the first call.
    #[schemars(with = "String", extend("enum" = keywords(output::IF_EXISTS), "default" = output::IF_EXISTS[0].0))]
    pub if_exists: Option<String>,
}

/// `[store]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreFile {
    /// The region of the buckets. Default: AWS_REGION, AWS_DEFAULT_REGION or the profile's for s3://, TENCENTCLOUD_REGION
    /// for cos://.
    #[schemars(with = "String", length(min = 1))]
    pub region: Option<String>,
    /// Scheme, host and port of a store other than the one that the URL implies, such as one on premises. Plain http:// is
    /// only allowed to this machine.
    #[schemars(with = "String", regex(pattern = "^https?://"))]
    pub endpoint: Option<String>,
    /// Whether the bucket is the first component of the path (true) or a part of the host name (false). Default: true with
    /// an endpoint, otherwise false. Only for s3://.
    #[schemars(with = "bool")]
    pub path_style: Option<bool>,
    /// The ARN, alias or id of the AWS KMS key that encrypts new objects. Only for s3://. Default: the encryption of the
    /// bucket.
    #[schemars(with = "String", length(min = 1))]
    pub kms_key: Option<String>,
    /// A checksum that uploads carry for the store to verify and keep. Only for s3:// on stores that support it.
    #[schemars(with = "String", extend("enum" = keywords(&store::CHECKSUMS), "default" = store::CHECKSUMS[0].0))]
    pub checksum: Option<String>,
}

/// `[retry]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryFile {
    /// Maximum number of attempts per account, the first included, before it counts as failed.
    #[schemars(with = "i64", range(min = 1, max = retry::MAX_ATTEMPTS), extend("default" = retry::DEFAULT_MAX_ATTEMPTS))]
    pub max_attempts: Option<i64>,
    /// Maximum wait before the second attempt, with its unit, at most 1h. It doubles with every attempt; the actual
    /// wait is a random part of it.
    #[schemars(with = "String", extend("default" = format_duration(retry::DEFAULT_INITIAL_BACKOFF)))]
    pub initial_backoff: Option<Value>,
    /// Upper bound of the doubled wait, with its unit, at most 1h.
    #[schemars(with = "String", extend("default" = format_duration(retry::DEFAULT_MAX_BACKOFF)))]
    pub max_backoff: Option<Value>,
    /// How long every call may fail before the run stops with exit code 75, with its unit, at most 168h.
    #[schemars(with = "String", extend("default" = format_duration(retry::DEFAULT_OUTAGE_PATIENCE)))]
    pub outage_patience: Option<Value>,
}

/// `[limits]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsFile {
    /// Maximum number of failed accounts: a number, a percentage of the accounts requested such as "0.5%", or "off". If
    /// more fail, nothing is published and the exit code is 3. Accounts that do not exist and invalid records do not
    /// count.
    #[schemars(schema_with = "schema::limit", extend("default" = limits::DEFAULT_MAX_FAILED.to_string()))]
    pub max_failed: Option<Value>,
    /// Maximum number of records of the account list that are not valid accounts: a number, a percentage of the
    /// records, or "off". If there are more, no call is made and the exit code is 3.
    #[schemars(schema_with = "schema::limit", extend("default" = limits::DEFAULT_MAX_INVALID.to_string()))]
    pub max_invalid: Option<Value>,
    /// Maximum number of accounts that the service does not know: a number, a percentage of the accounts requested, or
    /// "off". If there are more, nothing is published and the exit code is 3.
    #[schemars(schema_with = "schema::limit", extend("default" = limits::DEFAULT_MAX_NOT_FOUND.to_string()))]
    pub max_not_found: Option<Value>,
    /// Maximum decrease in rows against the snapshot that would be replaced or, if there is none and output.path
    /// contains {date}, against the snapshot of the nearest other date, earlier dates first: a number, a percentage of
    /// the earlier rows, or "off". If the decrease is larger, nothing is published and the exit code is 3.
    #[schemars(schema_with = "schema::limit", extend("default" = limits::DEFAULT_MAX_SHRINK.to_string()))]
    pub max_shrink: Option<Value>,
    /// Whether to publish a snapshot without rows. Otherwise, a list without a valid account is refused with exit code
    /// 2, and a run that produces no rows ends with exit code 3.
    #[schemars(with = "bool", extend("default" = false))]
    pub allow_empty: Option<bool>,
    /// Maximum duration of one run, with its unit, at most 168h. A run that takes longer stops with exit code 75.
    /// Default: no limit.
    #[schemars(with = "String")]
    pub deadline: Option<Value>,
    /// Maximum memory of the program while it reads the account list, with its unit (MiB, GiB, MB or GB), from 32MiB to
    /// 1024GiB. A list whose duplicates cannot be found in it at once is read several times.
    #[schemars(with = "String", regex(pattern = size::PATTERN), extend("default" = format_size(limits::DEFAULT_MEMORY_BYTES)))]
    pub memory: Option<Value>,
}

/// `[metrics]`
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsFile {
    /// File for the textfile collector of node_exporter, replaced atomically at the end of each run, whatever its
    /// outcome. Ends in .prom; relative to the directory of this file.
    #[schemars(with = "String", regex(pattern = r"^[^{}]+\.prom$"))]
    pub textfile: Option<String>,
    /// IP address and port that serve GET /metrics during a run, such as 127.0.0.1:9187.
    #[schemars(with = "String", regex(pattern = r":[0-9]+$"))]
    pub listen: Option<String>,
}

impl JobFile {
    /// Reads a table as a job, or names the first key that is not valid.
    pub fn from_table(table: Table) -> Result<JobFile, KeyError> {
        reject_lists_for_tables(&table)?;
        deserialize(table)
    }
}

/// Reads a table as a `T`, or names the first key that is not valid.
pub fn deserialize<T: DeserializeOwned>(table: Table) -> Result<T, KeyError> {
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let segments = error.path().iter().filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { variant } => Some(variant.clone()),
            Segment::Unknown => None,
        });
        let key = KeyPath(segments.collect());
        explain::key_error(key, error.inner().message())
    })
}

/// serde would read a list as a table whose keys are in declaration order, which is never intended.
fn reject_lists_for_tables(table: &Table) -> Result<(), KeyError> {
    const SECTIONS: [&str; 8] =
        ["accounts", "api", "output", "store", "retry", "limits", "metrics", "emulator"];
    if let Some(section) = SECTIONS.iter().find(|key| table.get(**key).is_some_and(Value::is_array))
    {
        let text = format!("is a list; write [{section}] in single brackets, once");
        return Err(KeyError::new(*section, text));
    }
    let columns = table.get("columns").and_then(Value::as_array);
    match columns.and_then(|columns| columns.iter().position(Value::is_array)) {
        None => Ok(()),
        Some(index) => Err(KeyError::new(
            format!("columns.{index}").as_str(),
            "is a list; write a table with tag, name and type",
        )),
    }
}
