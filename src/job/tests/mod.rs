//! Every error with its exact text, by section of the job file; the defaults; and properties of any text.

mod accounts;
mod api;
mod columns;
mod files;
mod limits;
mod metrics;
mod output;
mod overrides;
mod properties;
mod retry;
mod store;
mod values;

use std::path::Path;

use jiff::civil::date;

use super::Job;

/// A job with every key.
const FULL: &str = r#"name = "n"

[accounts]
path = "list.csv"
format = "csv"
column = "account"

[api]
region = "china"
sdkappid = 1400000001
identifier = "admin"
secret_key_env = "IM_SECRET_KEY"
calls_per_second = 100
max_in_flight = 8
timeout = "5s"

[[columns]]
tag = "Tag_Profile_IM_Nick"
name = "nick"
type = "string"

[[columns]]
tag = "Tag_Profile_Custom_Points"
name = "points"
type = "uint64"

[output]
path = "out/dt={date}"
format = "parquet"
compression = "gzip"
accounts_per_part = 1_000
if_exists = "fail"

[retry]
max_attempts = 3
initial_backoff = "100ms"
max_backoff = "1m"
outage_patience = "2h"

[limits]
max_failed = "0.5%"
max_invalid = 7
max_not_found = "2%"
max_shrink = "off"
allow_empty = true
deadline = "4h"

[metrics]
textfile = "im.prom"
listen = "127.0.0.1:9187"

[store]
region = "ap-singapore"
endpoint = "http://127.0.0.1:8333/"
path_style = true
kms_key = "alias/lake"
checksum = "sha256"
"#;

/// The shortest job.
const SHORT: &str = r#"name = "n"
accounts.path = "list.txt"
api.emulator = true
columns = [{ tag = "Tag_Profile_IM_BirthDay" }]
output.path = "out"
"#;

fn load(text: &str, overrides: &[&str]) -> Result<Job, String> {
    let overrides: Vec<String> = overrides.iter().map(|&one| one.to_owned()).collect();
    let path = Path::new("jobs/n.toml");
    Job::from_text(path, text, &overrides, date(2026, 11, 22)).map_err(|error| error.to_string())
}

#[track_caller]
fn full_with(from: &str, to: &str) -> String {
    assert_eq!(FULL.matches(from).count(), 1, "{from}");
    FULL.replace(from, to)
}

/// The errors of the full job after each replacement, one per line.
#[track_caller]
fn errors_after(replacements: &[(&str, &str)]) -> String {
    let error = |(from, to): &(&str, &str)| load(&full_with(from, to), &[]).unwrap_err() + "\n";
    replacements.iter().map(error).collect()
}
