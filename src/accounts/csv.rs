//! `csv` and `tsv`: RFC 4180 with a header line, separated by commas or tabs, the account in one column.
//!
//! This does not use the `csv` crate, whose reader reports wrong line numbers after blank lines and CRLF, accepts an
//! unclosed quote at the end of the list (rows would be lost silently), and has no limit on the size of a record. The
//! tests compare the fields with those of that crate.

use std::ops::Range;

use memchr::{memchr, memchr_iter};

use super::block_reader::MAX_LINE_BYTES;
use super::error::ListError;
use super::lines::{BYTE_ORDER_MARK, Lines, find_byte, without_line_end};
use super::records::{RawAccount, Record};

/// Reads the records below the header.
pub struct CsvRecords {
    lines: Lines,
    separator: u8,
    column: usize,
    header: Fields,
    /// The header as a line without quotes.
    header_line: Vec<u8>,
    keeps_repeated_headers: bool,
    /// The number of records skipped because they repeat the header, and the line of the first.
    repeated_headers: Option<(u64, u64)>,
    /// The current record if it has quotes; it may span lines.
    quoted: Fields,
    is_quoted: bool,
    /// Line on which the current record starts.
    line: u64,
}

impl CsvRecords {
    /// Reads the header; the first value returned is the names of the columns.
    pub fn open(
        lines: Lines,
        separator: u8,
        column: usize,
    ) -> Result<(Vec<String>, Self), ListError> {
        let mut records = Self {
            lines,
            separator,
            column,
            header: Fields::default(),
            header_line: Vec::new(),
            keeps_repeated_headers: false,
            repeated_headers: None,
            quoted: Fields::default(),
            is_quoted: false,
            line: 0,
        };
        if !records.next_record()? {
            return Err(ListError::NoHeader { list: records.lines.name().to_string() });
        }
        if !records.is_quoted {
            records.quoted.clear();
            records.quoted.take_line(records.lines.line(), separator);
        }
        records.header = std::mem::take(&mut records.quoted);
        let names: Vec<_> = records.header.iter().collect();
        records.header_line = names.join(&separator);
        let names = names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        Ok((names, records))
    }

    /// Reads the accounts from another column.
    pub fn with_column(self, column: usize) -> Self {
        Self { column, ..self }
    }

    /// Returns records that repeat the header like all others.
    pub fn keeping_repeated_headers(self) -> Self {
        Self { keeps_repeated_headers: true, ..self }
    }

    /// Advances to the next record; false at the end of the list. Skips records that repeat the header, as in
    /// concatenated files.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, ListError> {
        while self.next_record()? {
            if self.keeps_repeated_headers || !self.repeats_header() {
                return Ok(true);
            }
            self.repeated_headers.get_or_insert((0, self.line)).0 += 1;
        }
        Ok(false)
    }

    #[inline]
    fn next_record(&mut self) -> Result<bool, ListError> {
        loop {
            if !self.lines.advance()? {
                return Ok(false);
            }
            self.line = self.lines.number();
            if self.lines.is_too_long() {
                return Err(self.too_long());
            }
            let line = self.lines.line();
            if !is_blank(line, self.separator) {
                self.is_quoted = self.lines.may_have_quotes() && memchr(b'"', line).is_some();
                break;
            }
        }
        if self.is_quoted {
            self.take_quoted()?;
        }
        Ok(true)
    }

    /// The current record; its account is empty if it has too few fields.
    #[inline]
    pub fn record(&self) -> Record<'_> {
        let field = match self.is_quoted {
            true => self.quoted.get(self.column).map(RawAccount::Bytes),
            false => plain_field(without_line_end(self.lines.line()), self.separator, self.column)
                .map(|part| self.lines.raw_account(part)),
        };
        Record { line: self.line, raw: field.unwrap_or(RawAccount::Text("")), fault: None }
    }

    pub fn lines(&mut self) -> &mut Lines {
        &mut self.lines
    }

    pub fn repeated_headers(&self) -> Option<(u64, u64)> {
        self.repeated_headers
    }

    /// Whether the current record is the header, which in a concatenated file may follow a byte order mark.
    #[inline]
    fn repeats_header(&self) -> bool {
        let is_likely = if self.is_quoted {
            self.quoted.bytes.len() == self.header.bytes.len()
                || self.lines.line().starts_with(BYTE_ORDER_MARK)
        } else {
            // A byte order mark and a line end have up to 5 bytes.
            self.lines.line_bytes().wrapping_sub(self.header_line.len()) <= 5
                && [self.header_line.first(), BYTE_ORDER_MARK.first()]
                    .contains(&self.lines.line().first())
        };
        is_likely && self.repeats_header_exactly(without_line_end(self.lines.line()))
    }

    fn repeats_header_exactly(&self, line: &[u8]) -> bool {
        if self.is_quoted {
            return self.quoted == self.header || self.repeats_marked_header(line);
        }
        match line.len().wrapping_sub(self.header_line.len()) {
            0 => line == self.header_line,
            3 => line.strip_prefix(BYTE_ORDER_MARK) == Some(&self.header_line),
            _ => false,
        }
    }

    /// A byte order mark would make the quotes of the first field a part of it.
    fn repeats_marked_header(&self, line: &[u8]) -> bool {
        let mut fields = Fields::default();
        let is_complete = |line| fields.take_line(line, self.separator);
        line.strip_prefix(BYTE_ORDER_MARK).is_some_and(is_complete) && fields == self.header
    }

    fn take_quoted(&mut self) -> Result<(), ListError> {
        self.quoted.clear();
        let mut record_bytes = self.lines.line().len();
        while !self.quoted.take_line(self.lines.line(), self.separator) {
            if !self.lines.advance()? {
                return Err(ListError::OpenQuote {
                    list: self.lines.name().to_string(),
                    line: self.line,
                });
            }
            record_bytes += self.lines.line().len();
            if self.lines.is_too_long() || record_bytes > MAX_LINE_BYTES {
                return Err(self.too_long());
            }
        }
        Ok(())
    }

    fn too_long(&self) -> ListError {
        ListError::RecordTooLong { list: self.lines.name().to_string(), line: self.line }
    }
}

/// Whether `line` is only white space without a separator.
#[inline]
fn is_blank(line: &[u8], separator: u8) -> bool {
    line.iter().all(|byte| byte.is_ascii_whitespace() && *byte != separator)
}

/// Position of field `column` in a record without quotes.
#[inline]
fn plain_field(record: &[u8], separator: u8, column: usize) -> Option<Range<usize>> {
    let start = match column {
        0 => 0,
        _ => memchr_iter(separator, record).nth(column - 1)? + 1,
    };
    let end = find_byte(separator, &record[start..]).map_or(record.len(), |length| start + length);
    Some(start..end)
}

/// The fields of one record without their quotes, concatenated.
#[derive(Default, PartialEq, Eq)]
struct Fields {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    is_in_quotes: bool,
}

impl Fields {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.is_in_quotes = false;
    }

    /// Adds a line; true if the record ends with it. RFC 4180 leaves two cases open: here, a quote inside an unquoted
    /// field is a character, and text after a closing quote belongs to the field.
    fn take_line(&mut self, line: &[u8], separator: u8) -> bool {
        let content = without_line_end(line);
        let mut rest = content;
        let mut is_field_start = !self.is_in_quotes;
        loop {
            if is_field_start && rest.first() == Some(&b'"') {
                self.is_in_quotes = true;
                rest = &rest[1..];
            }
            while self.is_in_quotes {
                let Some(quote) = memchr(b'"', rest) else {
                    self.bytes.extend_from_slice(rest);
                    self.bytes.extend_from_slice(&line[content.len()..]);
                    return false;
                };
                let is_doubled = rest.get(quote + 1) == Some(&b'"');
                self.bytes.extend_from_slice(&rest[..quote + usize::from(is_doubled)]);
                rest = &rest[quote + 1 + usize::from(is_doubled)..];
                self.is_in_quotes = is_doubled;
            }
            let field_end = memchr(separator, rest);
            self.bytes.extend_from_slice(&rest[..field_end.unwrap_or(rest.len())]);
            self.ends.push(self.bytes.len());
            match field_end {
                None => return true,
                Some(end) => rest = &rest[end + 1..],
            }
            is_field_start = true;
        }
    }

    fn get(&self, field: usize) -> Option<&[u8]> {
        let end = *self.ends.get(field)?;
        let start = if field == 0 { 0 } else { self.ends[field - 1] };
        Some(&self.bytes[start..end])
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).filter_map(|field| self.get(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::lines::line_length;
    use proptest::prelude::*;

    fn split(text: &str) -> Option<Vec<Vec<Vec<u8>>>> {
        let mut records = Vec::new();
        let mut fields = Fields::default();
        let mut rest = text.as_bytes();
        let mut next_line = || {
            let (line, after) = rest.split_at(line_length(rest));
            rest = after;
            (!line.is_empty()).then_some(line)
        };
        while let Some(line) = next_line() {
            if without_line_end(line).is_empty() {
                continue;
            }
            fields.clear();
            let mut is_complete = fields.take_line(line, b',');
            while !is_complete {
                is_complete = fields.take_line(next_line()?, b',');
            }
            records.push(fields.iter().map(<[u8]>::to_vec).collect());
        }
        Some(records)
    }

    fn split_with_csv_crate(text: &str) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let records = reader
            .byte_records()
            .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect());
        records.collect()
    }

    #[test]
    fn quoted_fields_may_contain_commas_quotes_and_line_ends() {
        let records = split("\"a,\"\"b\"\"\r\nc\",d\r\n,\"\"\n").unwrap();
        assert_eq!(records, [[b"a,\"b\"\r\nc".to_vec(), b"d".to_vec()], [vec![], vec![]]]);
    }

    #[test]
    fn an_unclosed_quote_is_detected() {
        assert_eq!(split("a,\"b\nc,d\n"), None);
        assert_eq!(split_with_csv_crate("a,\"b\nc,d\n").len(), 1);
    }

    #[test]
    fn plain_fields_are_separated_by_commas() {
        for (column, expected) in [(0, Some("a")), (1, Some("")), (2, Some("c")), (3, None)] {
            let field = plain_field(b"a,,c", b',', column).map(|part| &"a,,c"[part]);
            assert_eq!(field, expected);
        }
    }

    proptest! {
        #[test]
        fn fields_match_the_csv_crate(pieces in prop::collection::vec(prop::sample::select(
            vec!["a", "b ", "\"", "\"", ",", ",", "\n", "\r\n", "\r", "\"\"", "é"]), 0..40)) {
            let text = pieces.concat();
            if let Some(records) = split(&text) {
                prop_assert_eq!(records, split_with_csv_crate(&text));
            }
        }

        #[test]
        fn both_field_readers_agree_on_plain_fields(text in "[ab,]{0,20}", column in 0_usize..6) {
            let mut fields = Fields::default();
            prop_assert!(fields.take_line(text.as_bytes(), b','));
            let field = plain_field(text.as_bytes(), b',', column).map(|part| &text.as_bytes()[part]);
            prop_assert_eq!(field, fields.get(column));
        }
    }
}
