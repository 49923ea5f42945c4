//! Writes a part as CSV: RFC 4180 with a header, UTF-8, lines end with LF. NULL is an empty field, an empty string `""`,
//! bytes are base64, and a text that some reader takes for NULL is quoted. `docs/snapshot.md` describes it for readers.

use std::fmt::Write as _;
use std::io::{self, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::write::GzEncoder;

use super::file_writer::{PartError, encode_error};
use crate::job::Compression;
use crate::util::staged_file::StagedFile;

/// Writes one CSV file.
#[derive(Debug)]
pub struct CsvPartWriter {
    path: std::path::PathBuf,
    out: Encoder,
    /// The lines of the current batch.
    lines: String,
}

enum Encoder {
    Plain(StagedFile),
    Gzip(GzEncoder<StagedFile>),
    Zstd(zstd::Encoder<'static, StagedFile>),
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Encoder::Plain(_) => "Plain",
            Encoder::Gzip(_) => "Gzip",
            Encoder::Zstd(_) => "Zstd",
        })
    }
}

impl CsvPartWriter {
    /// Starts the file with its header. A validated job does not combine CSV with Snappy.
    pub fn create(
        file: StagedFile,
        schema: &SchemaRef,
        compression: Compression,
    ) -> Result<CsvPartWriter, PartError> {
        let path = file.path().to_owned();
        let out = match compression {
            Compression::None | Compression::Snappy => Encoder::Plain(file),
            // The gzip header has neither name nor time, so equal rows give equal files.
            Compression::Gzip => {
                Encoder::Gzip(GzEncoder::new(file, flate2::Compression::default()))
            }
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(file, 0).map_err(encode_error(&path))?;
                encoder.include_checksum(true).map_err(encode_error(&path))?;
                Encoder::Zstd(encoder)
            }
        };
        let mut part = CsvPartWriter { path, out, lines: String::new() };
        for (index, field) in schema.fields().iter().enumerate() {
            if index > 0 {
                part.lines.push(',');
            }
            push_text(&mut part.lines, field.name());
        }
        part.lines.push('\n');
        part.write_lines()?;
        Ok(part)
    }

    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), PartError> {
        for row in 0..rows.num_rows() {
            for (index, column) in rows.columns().iter().enumerate() {
                if index > 0 {
                    self.lines.push(',');
                }
                if column.is_valid(row) {
                    push_cell(&mut self.lines, column, row);
                }
            }
            self.lines.push('\n');
        }
        self.write_lines()
    }

    fn write_lines(&mut self) -> Result<(), PartError> {
        let lines = self.lines.as_bytes();
        let written = match &mut self.out {
            Encoder::Plain(out) => out.write_all(lines),
            Encoder::Gzip(out) => out.write_all(lines),
            Encoder::Zstd(out) => out.write_all(lines),
        };
        self.lines.clear();
        written.map_err(encode_error(&self.path))
    }

    /// Completes the file.
    pub fn finish(self) -> Result<StagedFile, PartError> {
        let file: io::Result<StagedFile> = match self.out {
            Encoder::Plain(out) => Ok(out),
            Encoder::Gzip(out) => out.finish(),
            Encoder::Zstd(out) => out.finish(),
        };
        file.map_err(encode_error(&self.path))
    }
}

/// Writes one cell that is not NULL.
fn push_cell(line: &mut String, column: &ArrayRef, row: usize) {
    // Writing to a String cannot fail.
    let _ = match column.data_type() {
        DataType::Utf8 => {
            push_text(line, column.as_string::<i32>().value(row));
            Ok(())
        }
        DataType::Binary => {
            push_bytes(line, column.as_binary::<i32>().value(row));
            Ok(())
        }
        DataType::Int64 => write!(line, "{}", column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt32 => write!(line, "{}", column.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => write!(line, "{}", column.as_primitive::<UInt64Type>().value(row)),
        DataType::Date32 => match column.as_primitive::<Date32Type>().value_as_date(row) {
            Some(date) => write!(line, "{}", date.format("%Y-%m-%d")),
            None => Ok(()),
        },
        other => unreachable!("a snapshot has no column of type {other}"),
    };
}

/// Loaders read BYTES and BINARY columns from base64. None at all is `""`.
fn push_bytes(line: &mut String, bytes: &[u8]) {
    if bytes.is_empty() {
        line.push_str("\"\"");
    } else {
        BASE64.encode_string(bytes, line);
    }
}

/// Texts that ClickHouse, MySQL, Snowflake, pandas or pyarrow take for NULL, the latter in any case, and the end of the data
/// for PostgreSQL. Quotes make most of them read the text; those that ignore quotes have an option.
const NULL_LIKE: [&str; 16] = [
    r"\N", r"\.", "NULL", "NA", "N/A", "NaN", "-NaN", "None", "<NA>", "#NA", "#N/A", "#N/A N/A",
    "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
];

fn is_null_like(text: &str) -> bool {
    // Most texts differ in their first character.
    text.starts_with(['\\', 'n', 'N', '#', '<', '-', '1'])
        && NULL_LIKE.iter().any(|null| null.eq_ignore_ascii_case(text))
}

/// Whether RFC 4180 requires quotes, or readers would take the text for something else without them.
fn needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
        // Some readers trim unquoted fields.
        || text.starts_with(char::is_whitespace)
        || text.ends_with(char::is_whitespace)
        || is_null_like(text)
}

fn push_text(line: &mut String, text: &str) {
    if !needs_quotes(text) {
        line.push_str(text);
        return;
    }
    line.push('"');
    for (index, piece) in text.split('"').enumerate() {
        if index > 0 {
            line.push_str("\"\"");
        }
        line.push_str(piece);
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn empty_texts_and_special_characters_are_quoted() {
        let quoted = |text: &str| {
            let mut line = String::new();
            push_text(&mut line, text);
            line
        };
        assert_eq!(quoted(""), "\"\"");
        assert_eq!(quoted("plain 张"), "plain 张");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(quoted("two\nlines"), "\"two\nlines\"");
        assert_eq!(quoted(" padded"), "\" padded\"");
        for null_like in [r"\N", r"\n", r"\.", "NULL", "null", "nan", "N/a", "-1.#IND", "<NA>"] {
            assert_eq!(quoted(null_like), format!("\"{null_like}\""));
        }
        for plain in [r"\", r"\N.", r"a\N", "nulls", "Nan Ning", "1.5", "-1", "#1", "007"] {
            assert_eq!(quoted(plain), plain);
        }
    }

    #[test]
    fn bytes_are_base64_with_padding() {
        let written = |bytes: &[u8]| {
            let mut line = String::new();
            push_bytes(&mut line, bytes);
            line
        };
        assert_eq!(written(b""), "\"\"");
        assert_eq!(written(b"\xfb\xff\0,"), "+/8ALA==");
        assert_eq!(written("张".as_bytes()), "5byg");
    }

    proptest! {
        #[test]
        fn any_text_can_be_read_back(first: String, second: String) {
            let mut line = String::new();
            push_text(&mut line, &first);
            line.push(',');
            push_text(&mut line, &second);
            line.push('\n');
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let record = reader.records().next().unwrap().unwrap();
            prop_assert_eq!((&record[0], &record[1]), (first.as_str(), second.as_str()));
        }
    }
}
