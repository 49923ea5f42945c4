//! `[output]`: where the snapshot goes and what its parts are.

use std::path::PathBuf;

use super::check::Context;
use super::dated_path::DatedPath;
use super::error::Refusal;
use super::file::OutputFile;
use super::values::{fill_in_date, path, required_text, whole_number, word};
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::snapshot::{Compression, Format, IfExists, OutputSettings};

pub(super) const DEFAULT_ACCOUNTS_PER_PART: u64 = 250_000;
/// Larger parts would cost more calls to repeat after a crash than a snapshot gains from fewer files.
pub(super) const MAX_ACCOUNTS_PER_PART: u64 = 10_000_000;

pub(super) const FORMATS: &[(&str, Format)] = &[("parquet", Format::Parquet), ("csv", Format::Csv)];
pub(super) const IF_EXISTS: &[(&str, IfExists)] =
    &[("replace", IfExists::Replace), ("fail", IfExists::Fail)];
pub(super) const PARQUET_COMPRESSIONS: &[(&str, Compression)] = &[
    ("zstd", Compression::Zstd),
    ("snappy", Compression::Snappy),
    ("gzip", Compression::Gzip),
    ("none", Compression::None),
];
const CSV_COMPRESSIONS: &[(&str, Compression)] =
    &[("none", Compression::None), ("gzip", Compression::Gzip), ("zstd", Compression::Zstd)];

pub(super) fn check(file: &OutputFile, context: &Context) -> Result<OutputSettings, Refusal> {
    let format = word("output.format", file.format.as_ref(), Format::Parquet, FORMATS)?;
    Ok(OutputSettings {
        path: snapshot_path(file, context)?,
        format,
        compression: compression(file, format)?,
        accounts_per_part: accounts_per_part(file.accounts_per_part)?,
        if_exists: word("output.if_exists", file.if_exists.as_ref(), IfExists::Replace, IF_EXISTS)?,
    })
}

/// The snapshot is built in a hidden sibling named after it, so its directory must have a name.
fn snapshot_path(file: &OutputFile, context: &Context) -> Result<PathBuf, Refusal> {
    const KEY: &str = "output.path";
    let text = required_text(KEY, file.path.as_ref(), "the directory to publish")?;
    if text == "-" {
        return Err(Refusal::new(
            KEY,
            "is \"-\", but a snapshot is a directory; write the directory to publish",
        ));
    }
    let last_step = text.trim_end_matches('/').rsplit('/').next();
    if matches!(last_step, None | Some("" | "." | "..")) {
        return Err(Refusal::new(
            KEY,
            "ends in no name of its own; write the directory to publish, such as \"../exports/nightly\"",
        ));
    }
    path(KEY, &fill_in_date(KEY, text, context)?, context)
}

/// The output path with its placeholder, if it has one.
pub(super) fn dated_path(file: &OutputFile, context: &Context) -> Option<DatedPath> {
    DatedPath::new(context.directory, file.path.as_deref()?, context.date)
}

fn compression(file: &OutputFile, format: Format) -> Result<Compression, Refusal> {
    const KEY: &str = "output.compression";
    let text = file.compression.as_ref();
    match (format, text.map(String::as_str)) {
        (Format::Csv, Some("snappy")) => Err(Refusal::new(
            KEY,
            "is \"snappy\", which csv cannot have; write one of: none, gzip, zstd",
        )),
        (Format::Csv, _) => word(KEY, text, Compression::Zstd, CSV_COMPRESSIONS),
        (Format::Parquet, _) => word(KEY, text, Compression::Zstd, PARQUET_COMPRESSIONS),
    }
}

fn accounts_per_part(number: Option<i64>) -> Result<u64, Refusal> {
    const KEY: &str = "output.accounts_per_part";
    let accounts_per_call = MAX_ACCOUNTS_PER_CALL as u64;
    let range = accounts_per_call..=MAX_ACCOUNTS_PER_PART;
    let accounts = whole_number(KEY, number, DEFAULT_ACCOUNTS_PER_PART, range)?;
    if accounts % accounts_per_call == 0 {
        return Ok(accounts);
    }
    let below = accounts - accounts % accounts_per_call;
    let above = below + accounts_per_call;
    Err(Refusal::new(
        KEY,
        format!(
            "is {accounts}, which would leave a call of each part half empty; write a multiple of \
             {accounts_per_call}, such as {below} or {above}"
        ),
    ))
}
