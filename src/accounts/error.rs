//! Errors of an account list as a whole. Each message names the list, the problem and the fix; underlying causes are in
//! `source()` only.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;

use super::encoding::Encoding;
use super::zstd_frame::MAX_WINDOW_BYTES;
use crate::bucket::BucketError;
use crate::util::disk_error::advice;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::human::counted;
use crate::util::visible::visible_path;

/// Why an account list cannot be read. `list` is its path, its URL, or `standard input`.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("account list {list} does not exist; correct `accounts.path`")]
    Missing { list: String },
    #[error(
        "account list {list} is a symbolic link to {target}, which does not exist; remove the link, or restore its target"
    )]
    BrokenLink { list: String, target: String },
    #[error(
        "account list {list} is a directory without a data file (names that start with _ or . are skipped); correct `accounts.path`"
    )]
    EmptyDirectory { list: String },
    #[error(
        "no file matches account list {list} (names that start with _ or . are skipped); correct `accounts.path`"
    )]
    NoMatch { list: String },
    #[error(
        "account list {list} has a file whose name does not show a format, {file}; set `accounts.format` to csv, tsv, txt, ndjson or parquet, or `accounts.path` to a glob that leaves it out, such as *.csv"
    )]
    UnknownFile { list: String, file: String },
    #[error("account list {list} does not exist; correct `accounts.path`")]
    MissingObject { list: String },
    #[error(
        "account list {list} is not an object, but there are objects below it; end `accounts.path` with / to read all of them"
    )]
    IsPrefix { list: String },
    #[error(
        "account list {list} has no object below it (names that start with _ or . are skipped); correct `accounts.path`"
    )]
    EmptyPrefix { list: String },
    #[error(
        "no object matches account list {list} (names that start with _ or . are skipped); correct `accounts.path`"
    )]
    NoObjectMatches { list: String },
    #[error(
        "object {object} of the account list was replaced or removed while the list was being read; when nothing writes to it, run again"
    )]
    ObjectChanged { object: String },
    /// The object store.
    #[error(transparent)]
    Store(#[from] BucketError),
    #[error("account list {list} is txt, which has no columns; remove `accounts.column`")]
    NoColumns { list: String },
    #[error("account list {list} is not a valid glob: {reason}; correct `accounts.path`")]
    Glob { list: String, reason: &'static str },
    #[error(
        "account list {list} has files of several formats ({first} is {first_format}, {second} is {second_format}); set `accounts.path` to a glob of one format, such as *.{first_format}"
    )]
    MixedFormats {
        list: String,
        first: String,
        first_format: &'static str,
        second: String,
        second_format: &'static str,
    },
    #[error(
        "account list {list} has no column {column:?}, which {first} has; it has {columns}; give every file of the list the same column, and a header line if it is csv or tsv"
    )]
    OtherColumns { list: String, column: String, columns: String, first: String },
    #[error(
        "account list {list} is a pipe or a device, which cannot be read twice; pipe it in with path = \"-\""
    )]
    NotARegularFile { list: String },
    #[error("cannot open account list {list}; {}", advice_on_reading(source))]
    Open { list: String, source: io::Error },
    #[error("cannot read account list {list}; {}", advice_on_reading(source))]
    Read { list: String, source: io::Error },
    #[error(
        "cannot start the thread that reads account list {list}; raise the process limit (ulimit -u, or the pids limit of the container)"
    )]
    Thread { list: String, source: io::Error },
    #[error("cannot spool {list} to a file in {}; {}", directory.display(), advice(source))]
    Spool { list: String, directory: PathBuf, source: io::Error },
    #[error(
        "account list {list} has {} to copy to a temporary file, and {} has {} free; make room there, or set `output.scratch` to a directory with more",
        HumanBytes(*bytes),
        directory.display(),
        HumanBytes(*free)
    )]
    NoRoom { list: String, bytes: u64, directory: PathBuf, free: u64 },
    #[error(
        "cannot store the possible duplicates of account list {list} in a temporary file in {}; {}",
        directory.display(),
        advice(source)
    )]
    Spill { list: String, directory: PathBuf, source: io::Error },
    #[error("cannot read standard input; check the command that writes to it, then run again")]
    Stdin { source: io::Error },
    #[error(
        "the format of account list {list} cannot be derived from its name; set `accounts.format` to csv, tsv, txt, ndjson or parquet"
    )]
    UnknownFormat { list: String },
    #[error("account list {list} is {kind}, not {format}; {remedy}")]
    OtherKind { list: String, kind: &'static str, format: &'static str, remedy: String },
    #[error(
        "account list {list} is text in {}, not UTF-8; convert it: {}", encoding.name, conversion(*encoding)
    )]
    WideEncoding { list: String, encoding: Encoding },
    #[error("most accounts in account list {list} are not UTF-8; {}", conversion_of_guess(*encoding))]
    NotUtf8 { list: String, encoding: Option<Encoding> },
    #[error(
        "account list {list} is a truncated {compression} file: it ends within the compressed data; copy it again, or regenerate it"
    )]
    Truncated { list: String, compression: &'static str },
    #[error("account list {list} is a damaged {compression} file; copy it again, or regenerate it")]
    Damaged { list: String, compression: &'static str, source: io::Error },
    #[error(
        "account list {list} has {} after its {compression} data that are neither {compression} nor zeros; compress the whole list again, or remove them: head -c {position} OLD > NEW",
        counted(*bytes, "byte")
    )]
    TrailingBytes { list: String, compression: &'static str, position: u64, bytes: u64 },
    #[error(
        "account list {list} needs a window of {} to decompress, and the limit is {}; compress it without --long: zstd -dc --long=31 OLD | zstd > NEW",
        HumanBytes(*window_bytes),
        HumanBytes(MAX_WINDOW_BYTES)
    )]
    ZstdWindow { list: String, window_bytes: u64 },
    #[error(
        "account list {list} is compressed with a zstd dictionary (id {id}); compress it without one: zstd -dc -D DICTIONARY OLD | zstd > NEW"
    )]
    ZstdDictionary { list: String, id: u64 },
    #[error("account list {list} is not a valid Parquet file; copy it again, or regenerate it")]
    Parquet { list: String, source: Box<dyn Error + Send + Sync> },
    #[error("account list {list} {what}")]
    ParquetUnsupported { list: String, what: String },
    #[error(
        "account list {list} is empty, but a csv or tsv list starts with a line of column names; set `accounts.format` to txt if it has no such line"
    )]
    NoHeader { list: String },
    #[error(
        "account list {list} is not separated by {expected} (its first line is {header:?}); {remedy}"
    )]
    Separator { list: String, expected: &'static str, header: String, remedy: &'static str },
    #[error(
        "account list {list} is ndjson; name the key that holds the account in `accounts.column`"
    )]
    NoKeyChosen { list: String },
    #[error(
        "account list {list} has several columns ({columns}); name the one that holds the account in `accounts.column`"
    )]
    NoColumnChosen { list: String, columns: String },
    #[error("account list {list} has no column {column:?}; it has {columns}{}", did_you_mean(nearest.as_deref()))]
    NoSuchColumn { list: String, column: String, columns: String, nearest: Option<String> },
    #[error("account list {list} has more than one column {column:?}; rename all but one")]
    RepeatedColumn { list: String, column: String },
    #[error(
        "column {column:?} of account list {list} holds {found}; make it a string or integer column"
    )]
    ColumnType { list: String, column: String, found: String },
    #[error(
        "line {line} of account list {list}: the record that starts here has a quote that is never closed; close or double it"
    )]
    OpenQuote { list: String, line: u64 },
    #[error(
        "line {line} of account list {list}: the record that starts here is longer than 1 MiB; look for a quote that is not closed"
    )]
    RecordTooLong { list: String, line: u64 },
    #[error(
        "account list {list} changed while it was being read; when nothing writes to it, run again with the list as it was, or with --restart"
    )]
    Changed { list: String },
    #[error("cannot report an invalid account")]
    Report { source: io::Error },
}

impl ListError {
    /// There is nothing at `path`, or a link to nothing.
    pub fn missing(path: &Path) -> Self {
        let list = visible_path(path);
        match path.read_link() {
            Ok(target) => Self::BrokenLink { list, target: visible_path(&target) },
            Err(_) => Self::Missing { list },
        }
    }

    /// The error of the operating system while reading the input itself, rather than a temporary file.
    fn input_error(&self) -> Option<&io::Error> {
        match self {
            Self::Open { source, .. } | Self::Read { source, .. } | Self::Stdin { source } => {
                Some(source)
            }
            _ => None,
        }
    }
}

impl HasExitCode for ListError {
    /// The user can fix a list that cannot be used, but not a disk that does not take the program's own files.
    fn exit_code(&self) -> ExitCode {
        match self {
            ListError::Store(error) => error.exit_code(),
            ListError::Spool { .. }
            | ListError::NoRoom { .. }
            | ListError::Spill { .. }
            | ListError::Thread { .. }
            | ListError::Report { .. } => ExitCode::InternalOrDisk,
            _ => self.input_error().map_or(ExitCode::BadUsage, ExitCode::of_input_error),
        }
    }
}

fn conversion(encoding: Encoding) -> String {
    format!("iconv -f {} -t UTF-8 OLD > NEW", encoding.iconv)
}

fn conversion_of_guess(encoding: Option<Encoding>) -> String {
    match encoding {
        Some(encoding) => {
            format!(
                "they look like {}, so convert the list: {}",
                encoding.name,
                conversion(encoding)
            )
        }
        None => "export the list as UTF-8".to_owned(),
    }
}

/// How to fix a list that cannot be read.
fn advice_on_reading(error: &io::Error) -> Cow<'static, str> {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            "grant this user permission to read it and to enter its parent directories".into()
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory => "correct `accounts.path`".into(),
        ErrorKind::IsADirectory => "give the path of a file in it".into(),
        _ => advice(error),
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "; correct `accounts.column`".to_owned(),
        |name| format!("; did you mean {name:?}?"),
    )
}
