//! `[output]`: where the snapshot is published and what its parts are.

use std::path::PathBuf;

use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::bucket::{BucketSettings, BucketUrl, Patience};
use crate::job::dated_path::DatedPath;
use crate::job::error::{KeyError, quoted};
use crate::job::file::OutputFile;
use crate::job::validate::Context;
use crate::job::values::{
    DATE_PLACEHOLDER, bucket_url, fill_in_date, keyword, non_empty, path, required_text,
    whole_number,
};
use crate::job::{BucketOutput, Compression, Format, IfExists, OutputSettings, RetrySettings};
use crate::table::Column;
use crate::table::rows::ACCOUNT_COLUMN;

pub const DEFAULT_ACCOUNTS_PER_PART: u64 = 250_000;
/// With larger parts, the calls repeated after a crash would outweigh the benefit of fewer files.
pub const MAX_ACCOUNTS_PER_PART: u64 = 10_000_000;

pub const FORMATS: &[(&str, Format)] = &[("parquet", Format::Parquet), ("csv", Format::Csv)];
pub const IF_EXISTS: &[(&str, IfExists)] =
    &[("replace", IfExists::Replace), ("fail", IfExists::Fail)];
pub const PARQUET_COMPRESSIONS: &[(&str, Compression)] = &[
    ("zstd", Compression::Zstd),
    ("snappy", Compression::Snappy),
    ("gzip", Compression::Gzip),
    ("none", Compression::None),
];
const CSV_COMPRESSIONS: &[(&str, Compression)] =
    &[("none", Compression::None), ("gzip", Compression::Gzip), ("zstd", Compression::Zstd)];

/// How object stores are used; `store` is the section of that name, and `retry` says how long one is waited for.
pub fn bucket(
    file: &OutputFile,
    store: &BucketSettings,
    retry: &RetrySettings,
    context: &Context,
) -> Result<BucketOutput, KeyError> {
    let scratch = match &file.scratch {
        None => std::env::temp_dir(),
        Some(text) => {
            non_empty("output.scratch", text, "a directory on this machine")?;
            path("output.scratch", text, context)?
        }
    };
    let patience = Patience {
        outage_patience: retry.outage_patience,
        initial_backoff: retry.initial_backoff,
        max_backoff: retry.max_backoff,
    };
    Ok(BucketOutput { bucket: store.clone(), patience, scratch })
}

/// `bucket` is unused if the path is that of a directory.
pub fn validate(
    file: &OutputFile,
    bucket: BucketOutput,
    context: &Context,
) -> Result<OutputSettings, KeyError> {
    let text = file.path.as_deref().unwrap_or_default();
    let url = bucket_url(KEY, text)?;
    let table_root = table_root(text);
    if url.is_some()
        && BucketUrl::parse(table_root).ok().flatten().is_none_or(|url| url.name().is_none())
    {
        return Err(KeyError::new(
            KEY,
            "has no name between the bucket and the first partition; write one, such as \"s3://lake/profiles/dt={date}\"",
        ));
    }
    let bucket = url.map(|_| bucket);
    let format = keyword("output.format", file.format.as_ref(), Format::Parquet, FORMATS)?;
    Ok(OutputSettings {
        path: snapshot_path(file, context)?,
        table_root: if bucket.is_some() {
            PathBuf::from(table_root.trim_end_matches('/'))
        } else {
            context.directory.join(table_root)
        },
        bucket,
        format,
        compression: compression(file, format)?,
        accounts_per_part: accounts_per_part(file.accounts_per_part)?,
        if_exists: keyword(
            "output.if_exists",
            file.if_exists.as_ref(),
            IfExists::Replace,
            IF_EXISTS,
        )?,
    })
}

const KEY: &str = "output.path";

/// The snapshot is built in a hidden sibling directory named after it, so its directory must have a name.
fn snapshot_path(file: &OutputFile, context: &Context) -> Result<PathBuf, KeyError> {
    let text = required_text(KEY, file.path.as_ref(), "the directory to publish")?;
    if text == "-" {
        return Err(KeyError::new(
            KEY,
            "is \"-\", but a snapshot is a directory; write the directory to publish",
        ));
    }
    if bucket_url(KEY, text)?.is_some() {
        let text = fill_in_date(KEY, text, context)?;
        return Ok(PathBuf::from(text.trim_end_matches('/')));
    }
    let last_component = text.trim_end_matches('/').rsplit('/').next();
    if matches!(last_component, None | Some("" | "." | "..")) {
        return Err(KeyError::new(
            KEY,
            "does not end with a directory name; write the directory to publish, such as \"../exports/nightly\"",
        ));
    }
    path(KEY, &fill_in_date(KEY, text, context)?, context)
}

/// The part of the output path, as written, before its first partition.
fn table_root(text: &str) -> &str {
    let is_partition = |component: &str| {
        component.contains(DATE_PLACEHOLDER) || partition_key(component).is_some()
    };
    let names = text.split_inclusive('/').take_while(|component| !is_partition(component));
    &text[..names.map(str::len).sum()]
}

/// The key of a component such as `dt=2026-11-26`.
fn partition_key(component: &str) -> Option<&str> {
    component.split_once('=').map(|(key, _)| key).filter(|key| !key.is_empty())
}

/// Readers take the key of a partition for a column, so no column of the table may have the same name.
pub fn ensure_partitions_are_not_columns(
    file: &OutputFile,
    columns: &[Column],
) -> Result<(), KeyError> {
    let path = file.path.as_deref().unwrap_or_default();
    for partition in path.split('/') {
        let Some(key) = partition_key(partition).map(str::to_lowercase) else { continue };
        if key == ACCOUNT_COLUMN {
            let problem = format!("has the partition {}", quoted(partition));
            return Err(KeyError::new(
                "output.path",
                format!(
                    "{problem}, but the first column of every table is {ACCOUNT_COLUMN}; write another key"
                ),
            ));
        }
        let taken =
            columns.iter().enumerate().find(|(_, column)| column.name.to_lowercase() == key);
        if let Some((position, column)) = taken {
            return Err(KeyError::new(
                format!("columns.{position}.name").as_str(),
                format!(
                    "is {}, which is also the key of the partition {} in output.path (case is ignored); write another name",
                    quoted(&column.name),
                    quoted(partition)
                ),
            ));
        }
    }
    Ok(())
}

/// The output path before its placeholder is filled in, if it has one.
pub fn dated_path(file: &OutputFile, context: &Context) -> Option<DatedPath> {
    DatedPath::new(context.directory, file.path.as_deref()?, context.date)
}

fn compression(file: &OutputFile, format: Format) -> Result<Compression, KeyError> {
    const KEY: &str = "output.compression";
    let text = file.compression.as_ref();
    match (format, text.map(String::as_str)) {
        (Format::Csv, Some("snappy")) => Err(KeyError::new(
            KEY,
            "is \"snappy\", which csv does not support; write one of: none, gzip, zstd",
        )),
        (Format::Csv, _) => keyword(KEY, text, Compression::Zstd, CSV_COMPRESSIONS),
        (Format::Parquet, _) => keyword(KEY, text, Compression::Zstd, PARQUET_COMPRESSIONS),
    }
}

fn accounts_per_part(number: Option<i64>) -> Result<u64, KeyError> {
    const KEY: &str = "output.accounts_per_part";
    let accounts_per_call = MAX_ACCOUNTS_PER_CALL as u64;
    let range = accounts_per_call..=MAX_ACCOUNTS_PER_PART;
    let accounts = whole_number(KEY, number, DEFAULT_ACCOUNTS_PER_PART, range)?;
    if accounts % accounts_per_call == 0 {
        return Ok(accounts);
    }
    let below = accounts - accounts % accounts_per_call;
    let above = below + accounts_per_call;
    Err(KeyError::new(
        KEY,
        format!(
            "is {accounts}, which would leave the last call of each part partly empty; write a multiple of \
             {accounts_per_call}, such as {below} or {above}"
        ),
    ))
}
