//! An account list on disk, with all that is needed to read it settled: format, compression, column.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memchr::memchr_iter;
use schemars::JsonSchema;
use serde::Deserialize;

use super::column::{find_column, no_such_column};
use super::csv::CsvRecords;
use super::duplicates::Budget;
use super::encoding::{guess_legacy, utf16_or_utf32};
use super::error::ListError;
use super::file::{Digesting, ListFile};
use super::input::{Compression, Input};
use super::json_shape::{OtherJson, other_json};
use super::lines::Lines;
use super::ndjson::{NdjsonRecords, keys_without};
use super::parquet::ParquetRecords;
use super::records::Records;
use super::text::TextRecords;
use super::validate::InvalidReason;

/// How much of the content is looked at before the list is read.
const SAMPLE_BYTES: usize = 1024 * 1024;

/// How many records are looked at where the sample is not UTF-8.
const SAMPLE_RECORDS: u64 = 10_000;

/// Where a list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListPath {
    /// A regular file.
    File(PathBuf),
    /// Standard input, read once and kept on disk.
    Stdin,
}

/// Format of a list, whatever it is compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListFormat {
    /// RFC 4180 with a header line.
    Csv,
    /// One account a line.
    Txt,
    /// One JSON object a line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

impl ListFormat {
    /// Its word in job files, and its file name extension.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Txt => "txt",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    /// The format that a file name tells: its extension, before `.gz` or `.zst`.
    pub fn from_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        let (_, extension) = name.rsplit_once('.')?;
        [Self::Csv, Self::Txt, Self::Ndjson, Self::Parquet]
            .into_iter()
            .find(|format| format.name() == extension)
    }
}

/// What a job says of its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSource {
    /// Where it is.
    pub path: ListPath,
    /// Its format; told from the name when none.
    pub format: Option<ListFormat>,
    /// Name of the column, or key, that holds the account; not for `txt`.
    pub column: Option<String>,
}

/// A list ready to be read, any number of times.
#[derive(Debug)]
pub struct AccountList {
    file: ListFile,
    compression: Compression,
    layout: Layout,
    estimated_accounts: u64,
    spool_directory: PathBuf,
    budget: Budget,
}

/// Where the account stands in a record.
#[derive(Debug)]
enum Layout {
    Csv { column: usize },
    Txt,
    Ndjson { key: Arc<str> },
    Parquet { column: Option<String> },
}

impl AccountList {
    /// Opens a list and looks at its beginning. Files in `spool_directory` have no names and are gone when the list and its
    /// readers are: one takes a copy of standard input, another the accounts of a scan that may occur more than once.
    ///
    /// # Errors
    /// When there is no such file, it cannot be read, is not what its format says, or has no such column.
    pub fn open(source: &ListSource, spool_directory: &Path) -> Result<Self, ListError> {
        let (format, file) = match &source.path {
            ListPath::File(path) => {
                let unknown = || ListError::UnknownFormat { list: path.display().to_string() };
                let file = ListFile::open(path)?;
                (source.format.or_else(|| ListFormat::from_path(path)).ok_or_else(unknown)?, file)
            }
            ListPath::Stdin => {
                let unknown = || ListError::UnknownFormat { list: "standard input".to_owned() };
                let format = source.format.ok_or_else(unknown)?;
                (format, ListFile::spool(&mut io::stdin().lock(), spool_directory)?)
            }
        };
        Self::of_file(file, format, source.column.as_deref(), spool_directory)
    }

    pub(super) fn of_file(
        file: ListFile,
        format: ListFormat,
        column: Option<&str>,
        spool_directory: &Path,
    ) -> Result<Self, ListError> {
        let (spool_directory, budget) = (spool_directory.to_owned(), Budget::default());
        let compression = Compression::of(file.peek(0)?);
        if format == ListFormat::Parquet {
            ensure_is_not_packed(&file, compression)?;
            let estimated_accounts = ParquetRecords::open(&file, column, Digesting::Quick)?.rows();
            let layout = Layout::Parquet { column: column.map(str::to_owned) };
            return Ok(Self {
                file,
                compression,
                layout,
                estimated_accounts,
                spool_directory,
                budget,
            });
        }
        let (sample, stored_bytes) = read_sample(&file, compression)?;
        ensure_is_text(&file, compression, format, &sample)?;
        let layout = match (format, column) {
            // Neither a header nor a record: whether it may be empty is for the job to say.
            (ListFormat::Csv, _) if sample.is_empty() => Layout::Txt,
            (ListFormat::Csv, column) => {
                Layout::Csv { column: find_csv_column(&file, compression, column, &sample)? }
            }
            (ListFormat::Ndjson, Some(key)) => {
                if let Some(OtherJson { kind, remedy }) =
                    other_json(&sample, sample.len() < SAMPLE_BYTES, key)
                {
                    let (list, format) = (file.name.to_string(), format.name());
                    return Err(ListError::OtherKind { list, kind, format, remedy });
                }
                if let Some(keys) = keys_without(&sample, key) {
                    return Err(no_such_column(&file.name, key, &keys));
                }
                Layout::Ndjson { key: key.into() }
            }
            (ListFormat::Ndjson, None) => {
                return Err(ListError::NoKeyChosen { list: file.name.to_string() });
            }
            (ListFormat::Txt | ListFormat::Parquet, _) => Layout::Txt,
        };
        let estimated_accounts = estimate_lines(&sample, stored_bytes, file.bytes);
        let list = Self { file, compression, layout, estimated_accounts, spool_directory, budget };
        if !is_utf8(&sample) {
            list.ensure_accounts_are_utf8()?;
        }
        Ok(list)
    }

    /// Refuses a list of which most accounts are not UTF-8. Those of a few lines are invalid accounts, and other columns
    /// do not matter.
    fn ensure_accounts_are_utf8(&self) -> Result<(), ListError> {
        let mut records = self.records(Digesting::Quick)?;
        let (mut count, mut not_utf8, mut text) = (0, 0, Vec::new());
        while count < SAMPLE_RECORDS && records.advance()? {
            let record = records.record();
            count += 1;
            if record.account() == Err(InvalidReason::NotUtf8) {
                not_utf8 += 1;
                text.extend_from_slice(record.entry.bytes());
                text.push(b'\n');
            }
        }
        if 2 * not_utf8 > count { Err(other_encoding(&self.file, &text)) } else { Ok(()) }
    }

    /// About how many entries the list has: exact in Parquet and in short lists, told from the first MiB otherwise.
    pub fn estimated_accounts(&self) -> u64 {
        self.estimated_accounts
    }

    pub(super) fn file(&self) -> &ListFile {
        &self.file
    }

    pub(super) fn spool_directory(&self) -> &Path {
        &self.spool_directory
    }

    pub(super) fn budget(&self) -> Budget {
        self.budget
    }

    #[cfg(test)]
    pub(super) fn set_budget(&mut self, budget: Budget) {
        self.budget = budget;
    }

    #[cfg(test)]
    pub(super) fn set_estimated_accounts(&mut self, accounts: u64) {
        self.estimated_accounts = accounts;
    }

    /// A reader from the first record on.
    pub(super) fn records(&self, digesting: Digesting) -> Result<Records, ListError> {
        if let Layout::Parquet { column } = &self.layout {
            return Ok(Records::Parquet(Box::new(ParquetRecords::open(
                &self.file,
                column.as_deref(),
                digesting,
            )?)));
        }
        let lines = Lines::open(Input::open(&self.file, self.compression, digesting)?)?;
        Ok(match &self.layout {
            Layout::Csv { column } => Records::Csv(CsvRecords::open(lines, *column)?.1),
            Layout::Ndjson { key } => Records::Ndjson(NdjsonRecords::new(lines, Arc::clone(key))),
            Layout::Txt | Layout::Parquet { .. } => Records::Txt(TextRecords::new(lines)),
        })
    }
}

fn find_csv_column(
    file: &ListFile,
    compression: Compression,
    column: Option<&str>,
    sample: &[u8],
) -> Result<usize, ListError> {
    let (names, _) =
        CsvRecords::open(Lines::open(Input::open(file, compression, Digesting::Quick)?)?, 0)?;
    if let [header] = names.as_slice()
        && header.contains([';', '\t', '|'])
        && column != Some(header)
    {
        let header = header.chars().take(80).collect();
        return Err(ListError::Separator { list: file.name.to_string(), header });
    }
    find_column(&file.name, column, &names).map_err(|error| {
        let is_utf8 = names.iter().all(|name| !name.contains(char::REPLACEMENT_CHARACTER));
        if is_utf8 { error } else { other_encoding(file, sample) }
    })
}

fn other_encoding(file: &ListFile, text: &[u8]) -> ListError {
    ListError::NotUtf8 { list: file.name.to_string(), encoding: guess_legacy(text) }
}

/// Whether `sample`, which may end within a character, is UTF-8.
fn is_utf8(sample: &[u8]) -> bool {
    std::str::from_utf8(sample).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// The beginning of the content, and how many stored bytes it came from.
fn read_sample(file: &ListFile, compression: Compression) -> Result<(Vec<u8>, u64), ListError> {
    let mut input = Input::open(file, compression, Digesting::Quick)?;
    let mut sample = vec![0; SAMPLE_BYTES];
    let mut filled = 0;
    while filled < SAMPLE_BYTES {
        match input.read(&mut sample[filled..])? {
            0 => break,
            length => filled += length,
        }
    }
    sample.truncate(filled);
    Ok((sample, input.stored_position()))
}

/// Lines of a list of `all_bytes`, of which `sample` came from the first `stored_bytes`.
fn estimate_lines(sample: &[u8], stored_bytes: u64, all_bytes: u64) -> u64 {
    let count = |line_end| memchr_iter(line_end, sample).count();
    let lines = count(b'\n').max(count(b'\r')) as u128 + 1;
    let estimate = lines * u128::from(all_bytes) / u128::from(stored_bytes.max(1));
    estimate.max(lines).try_into().unwrap_or(u64::MAX)
}

fn ensure_is_not_packed(file: &ListFile, compression: Compression) -> Result<(), ListError> {
    let kind = match compression {
        Compression::Plain => return Ok(()),
        Compression::Gzip => "a gzip file",
        Compression::Zstd => "a zstd file",
    };
    let remedy = "unpack it first (Parquet compresses its own pages)".to_owned();
    Err(ListError::OtherKind { list: file.name.to_string(), kind, format: "parquet", remedy })
}

/// Refuses content that is certainly something else, for which every line would be an invalid account.
fn ensure_is_text(
    file: &ListFile,
    compression: Compression,
    format: ListFormat,
    sample: &[u8],
) -> Result<(), ListError> {
    const PARQUET_MARK: &[u8; 4] = b"PAR1";
    let is_parquet = compression == Compression::Plain
        && sample.starts_with(PARQUET_MARK)
        && file.peek(file.bytes.saturating_sub(4))? == *PARQUET_MARK;
    if let Some(encoding) = utf16_or_utf32(sample) {
        return Err(ListError::WideEncoding { list: file.name.to_string(), encoding });
    }
    let (kind, remedy) = match sample {
        _ if is_parquet => ("a Parquet file", "set `accounts.format` to parquet"),
        [b'P', b'K', 3, 4, ..] => {
            ("a zip archive or Excel workbook", "unpack it, or save the sheet as CSV UTF-8")
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            ("an xz file", "pack it with gzip or zstd instead")
        }
        [b'B', b'Z', b'h', _, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => {
            ("a bzip2 file", "pack it with gzip or zstd instead")
        }
        [0x1f, 0x8b, 8, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => ("packed twice", "pack it once"),
        _ => return Ok(()),
    };
    let remedy = remedy.to_owned();
    Err(ListError::OtherKind { list: file.name.to_string(), kind, format: format.name(), remedy })
}
