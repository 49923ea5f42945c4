//! A pull reader for the JSON of responses, which builds no tree (RFC 8259).
//!
//! A response has one known shape, so each caller takes what it expects next and skips the rest. Strings are returned as
//! written and unescaped on demand. Raw control characters and lone surrogates in a string are accepted: they must not cost
//! a hundred rows. Nesting is counted, not recursed into, so no input exhausts the stack.

mod text;

pub use self::text::JsonText;
use crate::util::swar::{first_marked, marks};

/// The text is not JSON, or it is truncated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson;

/// A position in a JSON text.
pub struct JsonReader<'t> {
    text: &'t str,
    at: usize,
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
        JsonReader { text, at: 0 }
    }

    /// Skips white space; returns the next byte without taking it.
    pub fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// The current position, for [`go_back`](Self::go_back).
    pub fn position(&self) -> usize {
        self.at
    }

    /// Returns to an earlier [`position`](Self::position).
    pub fn go_back(&mut self, position: usize) {
        self.at = position;
    }

    /// Takes `text` if it comes next to the byte, white space included.
    pub fn take_exactly(&mut self, text: &str) -> bool {
        let comes_next = self.text.as_bytes()[self.at..].starts_with(text.as_bytes());
        if comes_next {
            self.at += text.len();
        }
        comes_next
    }

    /// Takes `byte` if it comes next.
    pub fn take(&mut self, byte: u8) -> bool {
        let comes_next = self.peek() == Some(byte);
        if comes_next {
            self.at += 1;
        }
        comes_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.take(byte) { Ok(()) } else { Err(NotJson) }
    }

    /// Reads an object: `visit` is called with each key and must take its value.
    pub fn object(
        &mut self,
        mut visit: impl FnMut(&mut Self, &str) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            visit(self, &key.unescape())?;
            if self.take(b'}') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// Reads an array: `visit` must take one element. Any other value is skipped, like an empty array.
    pub fn array_or_skip(
        &mut self,
        mut visit: impl FnMut(&mut Self) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        if self.peek() != Some(b'[') {
            return self.value().map(drop);
        }
        self.expect(b'[')?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            visit(self)?;
            if self.take(b']') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// Takes one value of any kind.
    pub fn value(&mut self) -> Result<JsonValue<'t>, NotJson> {
        match self.peek().ok_or(NotJson)? {
            b'"' => self.string().map(JsonValue::Text),
            b'{' | b'[' => self.nested().map(JsonValue::Other),
            b'n' => self.literal("null").map(|_| JsonValue::Null),
            b't' => self.literal("true").map(JsonValue::Other),
            b'f' => self.literal("false").map(JsonValue::Other),
            _ => self.number().map(JsonValue::Number),
        }
    }

    /// Whether nothing but white space is left.
    pub fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    fn string(&mut self) -> Result<JsonText<'t>, NotJson> {
        self.expect(b'"')?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            let stop = self.at + quote_or_backslash(&bytes[self.at..]).ok_or(NotJson)?;
            if bytes[stop] == b'"' {
                self.at = stop + 1;
                return Ok(JsonText { raw: &self.text[start..stop], escaped });
            }
            escaped = true;
            self.at = stop + 2;
            if self.at > bytes.len() {
                return Err(NotJson);
            }
        }
    }

    fn nested(&mut self) -> Result<&'t str, NotJson> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek().ok_or(NotJson)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                // A byte outside strings may belong to a longer character; `get` checks.
                return self.text.get(start..self.at).ok_or(NotJson);
            }
        }
    }

    fn literal(&mut self, word: &'static str) -> Result<&'t str, NotJson> {
        let end = self.at + word.len();
        if self.text.get(self.at..end) != Some(word) {
            return Err(NotJson);
        }
        let start = std::mem::replace(&mut self.at, end);
        Ok(&self.text[start..end])
    }

    fn number(&mut self) -> Result<&'t str, NotJson> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let length = rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .unwrap_or(rest.len());
        if length == 0 {
            return Err(NotJson);
        }
        self.at += length;
        Ok(&self.text[start..self.at])
    }
}

/// The position of the first `"` or `\`. Most strings of a response end within 16 bytes, too early for a vectorized search
/// to pay off.
fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // The lower of two lowest marks is exact as well.
        if let Some(byte) = first_marked(marks(*word, b'"') | marks(*word, b'\\')) {
            return Some(index * 8 + byte);
        }
    }
    let is_either = |byte: &u8| matches!(byte, b'"' | b'\\');
    rest.iter().position(is_either).map(|at| words.len() * 8 + at)
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
