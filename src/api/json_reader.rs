//! A pull reader for the JSON of responses, which builds no tree (RFC 8259).
//!
//! A response has one known shape, so each caller takes what it expects next and skips the rest. Strings are returned as
//! written and unescaped on demand. Raw control characters and lone surrogates in a string are accepted: they must not cost
//! a hundred rows. Nesting is counted, not recursed into, so no input exhausts the stack.

mod text;

use memchr::{memchr_iter, memchr2};

use self::text::Escapes;
pub use self::text::JsonText;
use crate::util::swar::{first_marked, marks};

/// The text is not JSON, or it is truncated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson;

/// A position in a JSON text.
#[derive(Debug, Clone)]
pub struct JsonReader<'t> {
    rest: &'t str,
}

/// A value as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonValue<'t> {
    Null,
    Text(JsonText<'t>),
    Number(&'t str),
    /// `true`, `false`, an object or an array.
    Other(&'t str),
}

impl<'t> JsonReader<'t> {
    pub fn new(text: &'t str) -> Self {
        JsonReader { rest: text }
    }

    /// Skips white space; returns the next byte without taking it.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        match self.rest.as_bytes().first() {
            Some(&byte) if byte > b' ' => Some(byte),
            _ => self.skip_space(),
        }
    }

    #[cold]
    fn skip_space(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
        self.rest.as_bytes().first().copied()
    }

    /// Takes `text` if it comes next to the byte, white space included.
    #[inline(always)]
    pub fn take_exactly(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes `text` if it comes next.
    #[inline]
    pub fn take(&mut self, text: &str) -> bool {
        self.peek();
        self.take_exactly(text)
    }

    fn expect(&mut self, text: &str) -> Result<(), NotJson> {
        if self.take(text) { Ok(()) } else { Err(NotJson) }
    }

    /// Reads an object: `visit` is called with each key and must take its value.
    pub fn object(
        &mut self,
        mut visit: impl FnMut(&mut Self, &str) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        self.expect("{")?;
        if self.take("}") {
            return Ok(());
        }
        loop {
            self.expect("\"")?;
            let key = self.string_after_quote()?;
            self.expect(":")?;
            visit(self, &key.unescape())?;
            if self.take("}") {
                return Ok(());
            }
            self.expect(",")?;
        }
    }

    /// Reads an array: `visit` must take one element. Any other value is skipped, like an empty array.
    pub fn array_or_skip(
        &mut self,
        mut visit: impl FnMut(&mut Self) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        if !self.take("[") {
            return self.value().map(drop);
        }
        if self.take("]") {
            return Ok(());
        }
        loop {
            visit(self)?;
            if self.take("]") {
                return Ok(());
            }
            self.expect(",")?;
        }
    }

    /// Takes one value of any kind.
    #[inline(always)]
    pub fn value(&mut self) -> Result<JsonValue<'t>, NotJson> {
        if self.take("\"") {
            return self.string_after_quote().map(JsonValue::Text);
        }
        match self.number() {
            "" => match self.word_or_nested()? {
                "null" => Ok(JsonValue::Null),
                other => Ok(JsonValue::Other(other)),
            },
            number => Ok(JsonValue::Number(number)),
        }
    }

    fn word_or_nested(&mut self) -> Result<&'t str, NotJson> {
        let mut words = ["null", "true", "false"].into_iter();
        words.find(|word| self.take_exactly(word)).map_or_else(|| self.nested(), Ok)
    }

    /// Whether nothing but white space is left.
    pub fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Takes the rest of a string and its closing quote.
    #[inline(always)]
    fn string_after_quote(&mut self) -> Result<JsonText<'t>, NotJson> {
        let (end, escapes) = end_of_string(self.rest.as_bytes()).ok_or(NotJson)?;
        let (raw, rest) = self.rest.split_at(end);
        self.rest = rest.strip_prefix('"').ok_or(NotJson)?;
        Ok(JsonText { raw, escapes })
    }

    fn nested(&mut self) -> Result<&'t str, NotJson> {
        let bytes = self.rest.as_bytes();
        let (mut at, mut depth) = (0, 0_usize);
        loop {
            match bytes.get(at).ok_or(NotJson)? {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b'"' => at += 1 + end_of_string(&bytes[at + 1..]).ok_or(NotJson)?.0,
                _ => {}
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
        // A byte outside strings may belong to a longer character.
        let (nested, rest) = self.rest.split_at_checked(at).ok_or(NotJson)?;
        self.rest = rest;
        if nested.starts_with(['{', '[']) { Ok(nested) } else { Err(NotJson) }
    }

    /// Takes the bytes of a number; empty if none comes next.
    #[inline(always)]
    fn number(&mut self) -> &'t str {
        let bytes = self.rest.as_bytes();
        let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = match bytes.get(digits) {
            Some(b'-' | b'+' | b'.' | b'e' | b'E') => end_of_number(bytes),
            _ => digits,
        };
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        number
    }
}

fn end_of_number(bytes: &[u8]) -> usize {
    let is_other = |byte: &u8| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    bytes.iter().position(is_other).unwrap_or(bytes.len())
}

/// The position of the quote that closes a string, and whether the string has escapes. `bytes` start after its first quote.
#[inline(always)]
fn end_of_string(bytes: &[u8]) -> Option<(usize, Escapes)> {
    let stop = quote_or_backslash(bytes)?;
    match bytes[stop] {
        b'\\' => Some((closing_quote(bytes, stop)?, Escapes::Yes)),
        _ => Some((stop, Escapes::No)),
    }
}

/// The position of the first `"` or `\`. Many strings of a response end within 16 bytes, too early for a call of `memchr2` to
/// pay off.
#[inline(always)]
fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    let Some((&[a, b, c, d, e, f, g, h, ref high @ ..], rest)) = bytes.split_first_chunk::<16>()
    else {
        return bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    };
    // The lower of two lowest marks is exact as well.
    let either = |word| first_marked(marks(word, b'"') | marks(word, b'\\'));
    if let Some(at) = either([a, b, c, d, e, f, g, h]) {
        return Some(at);
    }
    match either(*high) {
        Some(at) => Some(8 + at),
        None => memchr2(b'"', b'\\', rest).map(|at| 16 + at),
    }
}

/// The position of the quote that closes a string with its first escape at `from`: the first quote after an even number of
/// backslashes.
fn closing_quote(bytes: &[u8], from: usize) -> Option<usize> {
    memchr_iter(b'"', &bytes[from..]).map(|at| from + at).find(|at| {
        let before = bytes[..*at].iter().rev();
        before.take_while(|byte| **byte == b'\\').count() % 2 == 0
    })
}

impl<'t> JsonValue<'t> {
    /// The value as written; a string without its quotes.
    pub fn as_written(self) -> &'t str {
        match self {
            JsonValue::Null => "null",
            JsonValue::Text(text) => text.raw,
            JsonValue::Number(written) | JsonValue::Other(written) => written,
        }
    }

    /// Whether both values are equal, however strings are escaped.
    pub fn is_same(&self, other: &JsonValue<'_>) -> bool {
        match (self, other) {
            (JsonValue::Text(one), JsonValue::Text(other)) => one.unescape() == other.unescape(),
            (one, other) => one == other,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unescaped(json: &str) -> String {
        match JsonReader::new(json).value() {
            Ok(JsonValue::Text(text)) => text.unescape().into_owned(),
            other => panic!("{json} is {other:?}"),
        }
    }

    #[test]
    fn every_escape_is_decoded() {
        assert_eq!(unescaped(r#""a\"\\\/\b\f\n\r\t\u00e9\u4F60""#), "a\"\\/\u{8}\u{c}\n\r\té你");
        assert_eq!(unescaped(r#""\ud83d\ude00!""#), "😀!");
        assert_eq!(unescaped(r#""\u0000""#), "\0");
    }

    #[test]
    fn invalid_escapes_become_the_replacement_character() {
        assert_eq!(unescaped(r#""a\ud83d""#), "a\u{fffd}");
        assert_eq!(unescaped(r#""\ud83dx\ude00y""#), "\u{fffd}x\u{fffd}y");
        assert_eq!(unescaped(r#""\ud83d\u0041""#), "\u{fffd}A");
        assert_eq!(unescaped(r#""\u12""#), "\u{fffd}12");
        assert_eq!(unescaped(r#""\u+123\q""#), "\u{fffd}+123\u{fffd}");
    }

    #[test]
    fn values_are_returned_as_written() {
        let value = |json| JsonReader::new(json).value();
        assert_eq!(value(" null "), Ok(JsonValue::Null));
        assert_eq!(value("18446744073709551615,"), Ok(JsonValue::Number("18446744073709551615")));
        assert_eq!(value(r#"{"a":["}"]} "#), Ok(JsonValue::Other(r#"{"a":["}"]}"#)));
        assert_eq!(value("false"), Ok(JsonValue::Other("false")));
        for broken in ["", "nul", "{", r#""abc"#, r#""abc\"#, "[[]", "x"] {
            assert_eq!(value(broken), Err(NotJson), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn any_string_round_trips_through_json(text in any::<String>()) {
            prop_assert_eq!(unescaped(&serde_json::to_string(&text).unwrap()), text);
        }

        #[test]
        fn any_text_is_read_without_panic(text in r#"[\[\]{}",:\\u0-9a-f\u{e9}\u{4f60} tn]{0,60}"#) {
            let mut reader = JsonReader::new(&text);
            while let Ok(value) = reader.value() {
                if let JsonValue::Text(text) = value { let _ = text.unescape(); }
            }
        }
    }
}
