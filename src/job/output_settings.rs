//! Where and how a snapshot is written.

use std::path::PathBuf;

use crate::bucket::{BucketSettings, Patience};

/// File format of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// RFC 4180, UTF-8.
    Csv,
}

impl Format {
    /// The name in job files.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Parquet => "parquet",
            Format::Csv => "csv",
        }
    }
}

/// Compression of the parts: of pages in Parquet, of the whole file in CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// No compression.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// Parquet only.
    Snappy,
}

impl Compression {
    /// The name in job files.
    pub const fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Snappy => "snappy",
        }
    }
}

/// What to do if the output path already holds a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    /// Replace it atomically once the new one is complete.
    Replace,
    /// Refuse the run before its first call.
    Fail,
}

/// Where and how the snapshot is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSettings {
    /// The directory or the URL of the prefix to publish, without placeholders.
    pub path: PathBuf,
    /// What readers load as the table: the part of `path` before its first partition, which is a component with the date or
    /// `key=value`. All of `path` without one.
    pub table_root: PathBuf,
    /// File format of the parts.
    pub format: Format,
    /// Compression of the parts.
    pub compression: Compression,
    /// Ordinals in a part; a multiple of the accounts in a call, so that calls are full.
    pub accounts_per_part: u64,
    /// What to do if the path already holds a snapshot.
    pub if_exists: IfExists,
    /// How the object store is used that `path` is in; `None` for a directory.
    pub bucket: Option<BucketOutput>,
}

/// How a snapshot is written to an object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketOutput {
    /// How the bucket is reached.
    pub bucket: BucketSettings,
    /// How long its requests are retried.
    pub patience: Patience,
    /// The directory for parts until they are uploaded.
    pub scratch: PathBuf,
}

impl OutputSettings {
    /// The file name extension of parts, without the first dot: `parquet`, `csv`, `csv.gz` or `csv.zst`.
    pub const fn part_extension(&self) -> &'static str {
        match (self.format, self.compression) {
            (Format::Parquet, _) => "parquet",
            (Format::Csv, Compression::Gzip) => "csv.gz",
            (Format::Csv, Compression::Zstd) => "csv.zst",
            (Format::Csv, _) => "csv",
        }
    }
}
