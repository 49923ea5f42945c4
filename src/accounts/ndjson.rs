//! `ndjson`: one JSON object per line, the account under one key. Text is unescaped; the account of a number is its
//! literal, so that `1e3` and `1000` differ. The last value of a repeated key counts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::account_rules::InvalidReason;
use super::error::ListError;
use super::lines::{BYTE_ORDER_MARK, Lines, is_blank, split_lines};
use super::records::{RawAccount, Record};

/// Reads the lines that are not blank.
pub struct NdjsonRecords {
    lines: Lines,
    key: Arc<str>,
    /// The account of the current record, unless it has a fault.
    account: Vec<u8>,
    fault: Option<InvalidReason>,
    /// The number of records after a byte order mark, as in concatenated files, and the line of the first.
    marked: Option<(u64, u64)>,
}

impl NdjsonRecords {
    pub fn new(lines: Lines, key: Arc<str>) -> Self {
        Self { lines, key, account: Vec::new(), fault: None, marked: None }
    }

    /// Advances to the next record; false at the end of the list.
    pub fn advance(&mut self) -> Result<bool, ListError> {
        while self.lines.advance()? {
            let line = self.lines.line();
            if self.lines.is_too_long() {
                self.fault = Some(InvalidReason::LineTooLong);
                return Ok(true);
            }
            let line = line.strip_prefix(BYTE_ORDER_MARK).map_or(line, |record| {
                self.marked.get_or_insert((0, self.lines.number())).0 += 1;
                record
            });
            if !is_blank(line) {
                self.fault = read_account(line, &self.key, &mut self.account).err();
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The current record: the account, or the whole line if it has a fault.
    pub fn record(&self) -> Record<'_> {
        let bytes = match self.fault {
            None => &self.account,
            Some(_) => self.lines.line().trim_ascii(),
        };
        Record { line: self.lines.number(), raw: RawAccount::Bytes(bytes), fault: self.fault }
    }

    pub fn marked(&self) -> Option<(u64, u64)> {
        self.marked
    }

    pub fn lines(&mut self) -> &mut Lines {
        &mut self.lines
    }
}

/// The keys of the first object in `sample` if none of its objects has `key`, which is then a mistake in the job.
pub fn keys_if_missing(sample: &[u8], key: &str) -> Option<Vec<String>> {
    let mut objects = objects_in(sample);
    let first = objects.next()?;
    let is_absent = !first.contains_key(key) && !objects.any(|object| object.contains_key(key));
    is_absent.then(|| first.into_keys().collect())
}

fn objects_in(sample: &[u8]) -> impl Iterator<Item = BTreeMap<String, IgnoredAny>> {
    split_lines(sample)
        .map(|line| line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line))
        .filter_map(|line| serde_json::from_slice(line).ok())
}

fn read_account(line: &[u8], key: &str, account: &mut Vec<u8>) -> Result<(), InvalidReason> {
    let not_an_object = |_| match std::str::from_utf8(line) {
        Ok(_) => InvalidReason::NotAnObject,
        Err(_) => InvalidReason::NotUtf8,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let value = ValueOf(key).deserialize(&mut deserializer).map_err(not_an_object)?;
    deserializer.end().map_err(not_an_object)?;
    let literal = value.ok_or(InvalidReason::NoKey)?.get();
    account.clear();
    match literal.as_bytes() {
        [b'"', text @ .., b'"'] if memchr::memchr(b'\\', text).is_none() => {
            account.extend_from_slice(text)
        }
        // The only escape that is not a character is an unpaired surrogate.
        [b'"', ..] => {
            let text: String = serde_json::from_str(literal).map_err(|_| InvalidReason::NotUtf8)?;
            account.extend_from_slice(text.as_bytes());
        }
        [b'-' | b'0'..=b'9', ..] => account.extend_from_slice(literal.as_bytes()),
        b"null" => return Err(InvalidReason::Null),
        _ => return Err(InvalidReason::NotTextOrNumber),
    }
    Ok(())
}

/// Deserializes one object to the raw value of one key.
struct ValueOf<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for ValueOf<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ValueOf<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_wanted) = object.next_key_seed(IsKey(self.0))? {
            match is_wanted {
                true => found = Some(object.next_value()?),
                false => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// Compares a key without allocating it.
struct IsKey<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account_in(line: &[u8]) -> Result<String, InvalidReason> {
        let mut account = b"old".to_vec();
        read_account(line, "id", &mut account)?;
        Ok(String::from_utf8(account).unwrap())
    }

    #[test]
    fn accounts_are_text_or_the_literal_of_a_number() {
        for (line, id) in [
            (r#"{"id":"007"}"#, "007"),
            (r#" { "a" : [{"id":1}], "id" : "x y" } "#, "x y"),
            (r#"{"id":"a\"\u00e9\n"}"#, "a\"é\n"),
            (r#"{"\u0069d":"escaped key"}"#, "escaped key"),
            (r#"{"id":18446744073709551616}"#, "18446744073709551616"),
            (r#"{"id":-1e3}"#, "-1e3"),
            (r#"{"id":"first","id":"last"}"#, "last"),
            (r#"{"id":""}"#, ""),
        ] {
            assert_eq!(account_in(line.as_bytes()).as_deref(), Ok(id), "{line}");
        }
    }

    #[test]
    fn lines_without_an_account_have_a_reason() {
        for (line, reason) in [
            (b"[1]".as_slice(), InvalidReason::NotAnObject),
            (b"\"id\"", InvalidReason::NotAnObject),
            (br#"{"id":"a""#, InvalidReason::NotAnObject),
            (br#"{"id":"a"} {"id":"b"}"#, InvalidReason::NotAnObject),
            (br#"{"id":"a"} x"#, InvalidReason::NotAnObject),
            (b"{\"id\":\"\xff\"}", InvalidReason::NotUtf8),
            (br#"{"id":"\ud800"}"#, InvalidReason::NotUtf8),
            (br#"{"ID":"a"}"#, InvalidReason::NoKey),
            (br#"{"id":null}"#, InvalidReason::Null),
            (br#"{"id":true}"#, InvalidReason::NotTextOrNumber),
            (br#"{"id":["a"]}"#, InvalidReason::NotTextOrNumber),
        ] {
            assert_eq!(account_in(line), Err(reason), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn a_key_missing_from_all_objects_is_detected() {
        assert_eq!(
            keys_if_missing(b"x\n{\"uid\":1,\"b\":2}\n{}\n", "id"),
            Some(vec!["b".to_owned(), "uid".to_owned()])
        );
        assert_eq!(keys_if_missing(b"{\"uid\":1}\n{\"id\":2}\n", "id"), None);
        assert_eq!(keys_if_missing(b"x\n\n", "id"), None);
        assert_eq!(keys_if_missing(b"\xef\xbb\xbf{\"uid\":1}", "id"), Some(vec!["uid".to_owned()]));
    }
}
