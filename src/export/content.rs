//! What decides the content of a snapshot: a run is resumed only with the same list and settings.
//!
//! Every value is JSON with the names of the job file, so that it does not depend on names in the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::accounts::{DuplicateRemoval, Scan, WarningKind};
use crate::emulator::Settings;
use crate::job::{Format, Job, Target};
use crate::snapshot::checkpoint::{RunHeader, content_digest};
use crate::snapshot::journal::{FIRST_VERSION, VERSION};
use crate::snapshot::unfinished_run::UnfinishedRun;
use crate::table::ColumnType;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// The key of the digest of the list; every other key is one of the job file.
const ACCOUNT_LIST: &str = "account list";

/// The key of the columns, whose value is an array.
const COLUMNS: &str = "columns";

/// What decides the content of a snapshot.
#[derive(Debug, Clone)]
pub struct RunContent {
    pub keys: BTreeMap<String, String>,
    /// The same as journals of version 1 recorded it.
    version_1: BTreeMap<String, String>,
    /// The list in messages.
    list: String,
}

/// An unfinished run cannot be resumed because it was started with another list or other settings.
#[derive(Debug, thiserror::Error)]
pub enum ContentChanged {
    #[error(
        "the unfinished run in {} does not fit this job: {}; change that back and run the same command again, or start over with --restart",
        .directory.display(),
        .changes.join(", ")
    )]
    Changes { directory: PathBuf, changes: Vec<String> },
    /// The first line of the journal, which names the settings, is damaged.
    #[error(
        "the unfinished run in {} was started with another list or other settings, and the line of its journal that names them is damaged; use those again with --repair, or start over with --restart",
        .0.display()
    )]
    Unknown(PathBuf),
}

impl HasExitCode for ContentChanged {
    fn exit_code(&self) -> ExitCode {
        ExitCode::BadUsage
    }
}

impl RunContent {
    pub fn new(job: &Job, scan: &Scan) -> RunContent {
        // Version 1 requested records that repeat the header, so ordinals would differ.
        let is_same_list = !scan.warnings.iter().any(|it| it.kind == WarningKind::RepeatedHeader);
        let list_of_version_1 = if is_same_list { &scan.sha256 } else { "" };
        RunContent {
            keys: keys(job, &scan.sha256),
            version_1: version_1(job, list_of_version_1),
            list: job.accounts.path.to_string(),
        }
    }

    /// Whether a run with this content resumes the run of the journal; if not, it starts over.
    ///
    /// # Errors
    /// When starting over would discard committed parts of another content.
    pub fn can_resume(
        &self,
        run: &mut UnfinishedRun,
        directory: &Path,
    ) -> Result<bool, ContentChanged> {
        let header = &mut run.checkpoint.header;
        let changes = match (&run.journal.header, &run.journal.identity) {
            (None, Some(identity)) if identity.content != content_digest(&self.keys) => {
                return Err(ContentChanged::Unknown(directory.to_owned()));
            }
            (Some(header), _) if run.journal.version == FIRST_VERSION => {
                changed_keys(&header.content, &self.version_1)
                    .map(|key| format!("{key} has changed"))
                    .collect()
            }
            (Some(header), _) => differences(&header.content, &self.keys, &self.list),
            (None, _) => Vec::new(),
        };
        if changes.is_empty() {
            header.content.clone_from(&self.keys);
            header.version = VERSION;
            return Ok(true);
        }
        // Starting over loses nothing, such as after the job was corrected.
        if run.checkpoint.parts().is_empty() && run.journal.damage.is_empty() {
            return Ok(false);
        }
        Err(ContentChanged::Changes { directory: directory.to_owned(), changes })
    }
}

/// How the settings of a job differ from those of an unfinished run, in words; whatever the list is, since the run may be of
/// another date. Empty as well if the journal no longer names them.
pub fn changed_settings(job: &Job, run: &UnfinishedRun) -> Vec<String> {
    let Some(RunHeader { content, .. }) = &run.journal.header else { return Vec::new() };
    let list = content.get(ACCOUNT_LIST).map_or("", String::as_str);
    if run.journal.version == FIRST_VERSION {
        let now = version_1(job, list);
        return changed_keys(content, &now).map(|key| format!("{key} has changed")).collect();
    }
    let mut now = keys(job, "");
    now.insert(ACCOUNT_LIST.to_owned(), list.to_owned());
    differences(content, &now, &job.accounts.path.to_string())
}

fn keys(job: &Job, list_digest: &str) -> BTreeMap<String, String> {
    let columns = job.columns.iter().map(|column| {
        json!({ "tag": column.tag, "name": column.name, "type": column.column_type.name() })
    });
    let target = match &job.api.target {
        Target::Emulator => "emulator",
        Target::Endpoint(endpoint) => &endpoint.base_url,
    };
    let mut keys = BTreeMap::from([
        (ACCOUNT_LIST.to_owned(), json!(list_digest)),
        ("accounts.column".to_owned(), json!(job.accounts.column)),
        ("accounts.format".to_owned(), json!(job.accounts.format.map(|format| format.name()))),
        ("api target".to_owned(), json!(target)),
        ("api.sdkappid".to_owned(), json!(job.api.sdkappid)),
        (COLUMNS.to_owned(), columns.collect()),
        ("output.format".to_owned(), json!(job.output.format.name())),
        ("output.compression".to_owned(), json!(job.output.compression.name())),
        ("output.accounts_per_part".to_owned(), json!(job.output.accounts_per_part)),
    ]);
    // A default need not be recorded, so that runs of versions without the key can be resumed.
    if job.accounts.duplicates != DuplicateRemoval::default() {
        keys.insert("accounts.duplicates".to_owned(), json!(job.accounts.duplicates.name()));
    }
    if matches!(job.api.target, Target::Emulator) {
        // Settings always serialize. A default need not be recorded, so that a later key does not end unfinished runs.
        let [settings, defaults] = [&job.emulator, &Settings::default()]
            .map(|settings| serde_json::to_value(settings).unwrap_or_default());
        add_leaves(&mut keys, "emulator", &settings, Some(&defaults));
    }
    keys.into_iter().map(|(key, value)| (key, value.to_string())).collect()
}

/// Adds the values of nested settings that are not the default, each under its path.
fn add_leaves(
    keys: &mut BTreeMap<String, Value>,
    path: &str,
    value: &Value,
    default: Option<&Value>,
) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let default = default.and_then(|default| default.get(name));
                add_leaves(keys, &format!("{path}.{name}"), value, default);
            }
        }
        _ if Some(value) == default => {}
        _ => drop(keys.insert(path.to_owned(), value.clone())),
    }
}

/// What version 1 of the journal recorded, which had names of the code in it. The settings of the emulator were a digest
/// that cannot be computed any more.
fn version_1(job: &Job, list_digest: &str) -> BTreeMap<String, String> {
    let capitalized = |name: &str| name[..1].to_ascii_uppercase() + &name[1..];
    let columns = job.columns.iter();
    let columns = columns
        .map(|column| format!("{} {} {}; ", column.tag, column.name, column.column_type.name()));
    let (target, emulator) = match &job.api.target {
        Target::Emulator => ("emulator".to_owned(), "unknown".to_owned()),
        Target::Endpoint(endpoint) => (endpoint.base_url.clone(), String::new()),
    };
    let format = job.accounts.format.map(|format| capitalized(format.name()));
    // Version 0.1.0 wrote the bytes themselves, so its parts are not mixed with others.
    let has_bytes = job.columns.iter().any(|column| column.column_type == ColumnType::Bytes);
    let is_base64 = has_bytes && job.output.format == Format::Csv;
    let encoding = is_base64.then(|| ("the encoding of bytes in CSV", "base64".to_owned()));
    // Version 1 always removed all duplicates.
    let duplicates = job.accounts.duplicates;
    let duplicates = (duplicates != DuplicateRemoval::Exact)
        .then(|| ("accounts.duplicates", duplicates.name().to_owned()));
    [
        (ACCOUNT_LIST, list_digest.to_owned()),
        ("accounts.column", format!("{:?}", job.accounts.column)),
        ("accounts.format", format.map_or("None".to_owned(), |format| format!("Some({format})"))),
        ("api target", target),
        ("api.sdkappid", job.api.sdkappid.to_string()),
        (COLUMNS, columns.collect()),
        ("output.format", job.output.part_extension().to_owned()),
        ("output.compression", capitalized(job.output.compression.name())),
        ("output.accounts_per_part", job.output.accounts_per_part.to_string()),
        ("[emulator]", emulator),
    ]
    .into_iter()
    .chain(encoding)
    .chain(duplicates)
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

fn changed_keys<'k>(
    before: &'k BTreeMap<String, String>,
    now: &'k BTreeMap<String, String>,
) -> impl Iterator<Item = &'k str> {
    let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    keys.into_iter().filter(|key| before.get(*key) != now.get(*key)).map(String::as_str)
}

/// What has changed, in words; `list` is the account list.
fn differences(
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
    list: &str,
) -> Vec<String> {
    let value = |keys: &BTreeMap<String, String>, key: &str| {
        keys.get(key).filter(|value| *value != "null").map_or("not set".to_owned(), String::clone)
    };
    changed_keys(before, now)
        .flat_map(|key| match key {
            ACCOUNT_LIST => vec![format!("account list {list} has changed")],
            COLUMNS => column_differences(before.get(key), now.get(key)),
            _ => vec![format!("{key} is {} and was {}", value(now, key), value(before, key))],
        })
        .collect()
}

fn column_differences(before: Option<&String>, now: Option<&String>) -> Vec<String> {
    let columns = |json: Option<&String>| -> Vec<Value> {
        json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    };
    let (before, now) = (columns(before), columns(now));
    let find = |columns: &[Value], name: &Value| {
        columns.iter().find(|column| column["name"] == *name).cloned()
    };
    let mut changes = Vec::new();
    for column in &now {
        match find(&before, &column["name"]) {
            None => changes.push(format!("columns has the new column {}", column["name"])),
            Some(other) => changes.extend(
                ["tag", "type"].into_iter().filter(|key| other[key] != column[key]).map(|key| {
                    format!(
                        "the {key} of the column {} is {} and was {}",
                        column["name"], column[key], other[key]
                    )
                }),
            ),
        }
    }
    let missing = before.iter().filter(|column| find(&now, &column["name"]).is_none());
    changes.extend(missing.map(|column| format!("columns has no column {}", column["name"])));
    if changes.is_empty() {
        changes.push("columns has another order".to_owned());
    }
    changes
}

#[cfg(test)]
mod tests;
