//! Rows as CSV: RFC 4180 with a header, UTF-8, lines end with LF. NULL is an empty field, an empty string `""`, bytes are
//! base64, and a text that some reader takes for NULL is quoted. `docs/snapshot.md` describes it for readers.

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Appends the header line.
pub fn push_header(lines: &mut String, schema: &Schema) {
    for (index, field) in schema.fields().iter().enumerate() {
        if index > 0 {
            lines.push(',');
        }
        push_text(lines, field.name());
    }
    lines.push('\n');
}

/// Appends a line for each row.
pub fn push_rows(lines: &mut String, rows: &RecordBatch) {
    for row in 0..rows.num_rows() {
        for (index, column) in rows.columns().iter().enumerate() {
            if index > 0 {
                lines.push(',');
            }
            if column.is_valid(row) {
                push_cell(lines, column, row);
            }
        }
        lines.push('\n');
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
        DataType::Int32 => write!(line, "{}", column.as_primitive::<Int32Type>().value(row)),
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
