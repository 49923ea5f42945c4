//! Checks of the start of a list, before it is read.

use memchr::memchr_iter;

use super::column::find_column;
use super::csv::CsvRecords;
use super::decompress::{Input, ListCompression};
use super::encoding::{guess_legacy, utf16_or_utf32};
use super::error::ListError;
use super::lines::Lines;
use super::list_file::{Digesting, ListFile};
use super::source::ListFormat;

/// How much of the content is checked.
pub const SAMPLE_BYTES: usize = 1024 * 1024;

/// Position and name of the account column, by the header of a csv or tsv list.
pub fn find_csv_column(
    file: &ListFile,
    compression: ListCompression,
    separator: u8,
    column: Option<&str>,
    sample: &[u8],
) -> Result<(usize, String), ListError> {
    let lines = Lines::open(Input::open(file, compression, Digesting::Quick)?)?;
    let (names, _) = CsvRecords::open(lines, separator, 0)?;
    if let Some(header) = header_of_another_separator(&names, column) {
        let list = file.name.to_string();
        let (expected, remedy) = match separator {
            b'\t' if header.contains(',') => ("tabs", "set `accounts.format` to csv"),
            b'\t' => ("tabs", "export it with tabs"),
            _ if header.contains('\t') => ("commas", "set `accounts.format` to tsv"),
            _ => ("commas", "export it with commas"),
        };
        return Err(ListError::Separator { list, expected, header, remedy });
    }
    let position = find_column(&file.name, column, &names).map_err(|error| {
        let is_utf8 = names.iter().all(|name| !name.contains(char::REPLACEMENT_CHARACTER));
        if is_utf8 { error } else { not_utf8(file, sample) }
    })?;
    Ok((position, names[position].clone()))
}

/// The start of the header if it is not separated into `names`, and `column` does not name it as a whole.
pub fn header_of_another_separator(names: &[String], column: Option<&str>) -> Option<String> {
    let [header] = names else { return None };
    let is_unsplit = header.contains([',', ';', '\t', '|']) && column != Some(header);
    is_unsplit.then(|| header.chars().take(80).collect())
}

/// The error for a list whose accounts, of which `text` is a sample, are not UTF-8.
pub fn not_utf8(file: &ListFile, text: &[u8]) -> ListError {
    ListError::NotUtf8 { list: file.name.to_string(), encoding: guess_legacy(text) }
}

/// Whether `sample`, which may end within a character, is UTF-8.
pub fn is_utf8(sample: &[u8]) -> bool {
    std::str::from_utf8(sample).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// The start of the content, and the number of stored bytes that it was read from.
pub fn read_sample(
    file: &ListFile,
    compression: ListCompression,
) -> Result<(Vec<u8>, u64), ListError> {
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

/// Number of lines in a list of `all_bytes`, extrapolated from a `sample` read from its first `stored_bytes`.
pub fn estimate_lines(sample: &[u8], stored_bytes: u64, all_bytes: u64) -> u64 {
    let count = |line_end| memchr_iter(line_end, sample).count();
    let lines = count(b'\n').max(count(b'\r')) as u128 + 1;
    let estimate = lines * u128::from(all_bytes) / u128::from(stored_bytes.max(1));
    estimate.max(lines).try_into().unwrap_or(u64::MAX)
}

pub fn ensure_is_not_compressed(
    file: &ListFile,
    compression: ListCompression,
) -> Result<(), ListError> {
    let kind = match compression {
        ListCompression::Plain => return Ok(()),
        ListCompression::Gzip => "a gzip file",
        ListCompression::Zstd => "a zstd file",
    };
    let remedy = "decompress it first (Parquet compresses its own pages)".to_owned();
    Err(ListError::OtherKind { list: file.name.to_string(), kind, format: "parquet", remedy })
}

/// Refuses content in a known other format, in which every line would be an invalid account.
pub fn ensure_is_text(
    file: &ListFile,
    compression: ListCompression,
    format: ListFormat,
    sample: &[u8],
) -> Result<(), ListError> {
    const PARQUET_MAGIC: &[u8; 4] = b"PAR1";
    let is_parquet = compression == ListCompression::Plain
        && sample.starts_with(PARQUET_MAGIC)
        && file.peek(file.bytes.saturating_sub(4))? == *PARQUET_MAGIC;
    if let Some(encoding) = utf16_or_utf32(sample) {
        return Err(ListError::WideEncoding { list: file.name.to_string(), encoding });
    }
    let parquet = is_parquet.then_some(OtherKind {
        kind: "a Parquet file",
        remedy: "set `accounts.format` to parquet",
    });
    let Some(OtherKind { kind, remedy }) = parquet.or_else(|| other_kind(sample)) else {
        return Ok(());
    };
    let remedy = remedy.to_owned();
    Err(ListError::OtherKind { list: file.name.to_string(), kind, format: format.name(), remedy })
}

/// A kind of file that is not text.
pub struct OtherKind {
    pub kind: &'static str,
    pub remedy: &'static str,
}

/// The kind of a file that starts with `sample`, decompressed, if it is not text.
pub fn other_kind(sample: &[u8]) -> Option<OtherKind> {
    let (kind, remedy) = match sample {
        [b'P', b'K', 3, 4, ..] => {
            ("a zip archive or Excel workbook", "extract it, or save the sheet as CSV UTF-8")
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            ("an xz file", "compress it with gzip or zstd instead")
        }
        [b'B', b'Z', b'h', _, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => {
            ("a bzip2 file", "compress it with gzip or zstd instead")
        }
        [0x1f, 0x8b, 8, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            ("compressed twice", "compress it only once")
        }
        _ => return None,
    };
    Some(OtherKind { kind, remedy })
}
