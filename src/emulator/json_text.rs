//! JSON strings and numbers, appended to a buffer of bytes.

use std::io::Write;

/// Escaping beyond what JSON requires.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextStyle {
    /// Non-ASCII characters as `\uXXXX`.
    pub escape_non_ascii: bool,
    /// `/` as `\/`.
    pub escape_slashes: bool,
    /// U+FFFD as an unpaired surrogate.
    pub lone_surrogates: bool,
}

impl TextStyle {
    fn is_plain(self) -> bool {
        !(self.escape_non_ascii || self.escape_slashes || self.lone_surrogates)
    }

    /// Whether the character that starts with this byte may need an escape.
    fn may_escape(self, byte: u8) -> bool {
        must_escape(byte)
            || (byte == b'/' && self.escape_slashes)
            || (byte >= 0x80 && (self.escape_non_ascii || self.lone_surrogates))
    }
}

fn must_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Appends a JSON string with its quotes.
pub fn push_text(out: &mut Vec<u8>, text: &str, style: TextStyle) {
    out.push(b'"');
    if style.is_plain() {
        push_plain(out, text.as_bytes());
    } else {
        push_styled(out, text, style);
    }
    out.push(b'"');
}

/// Copies each run without escapes at once.
fn push_plain(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| must_escape(byte)) {
        out.extend_from_slice(&rest[..at]);
        push_escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        other => push_unit(out, u16::from(other)),
    }
}

fn push_styled(out: &mut Vec<u8>, text: &str, style: TextStyle) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| style.may_escape(byte)) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let mut characters = rest[at..].chars();
        if let Some(character) = characters.next() {
            push_character(out, character, style);
        }
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

fn push_character(out: &mut Vec<u8>, character: char, style: TextStyle) {
    if character == '\u{fffd}' && style.lone_surrogates {
        push_unit(out, 0xd83d);
    } else if character.is_ascii() {
        if character == '/' {
            out.extend_from_slice(b"\\/")
        } else {
            push_escape(out, character as u8)
        }
    } else if style.escape_non_ascii {
        character.encode_utf16(&mut [0; 2]).iter().for_each(|&unit| push_unit(out, unit));
    } else {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Appends `\uXXXX`.
fn push_unit(out: &mut Vec<u8>, unit: u16) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u16| HEX[usize::from(unit >> shift & 15)];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

pub fn push_formatted(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("writing into memory cannot fail");
}

pub fn push_code(out: &mut Vec<u8>, code: i64, as_string: bool) {
    let quote = if as_string { "\"" } else { "" };
    push_formatted(out, format_args!("{quote}{code}{quote}"));
}

pub fn push_number(out: &mut Vec<u8>, number: u64, as_string: bool) {
    let quote: &[u8] = if as_string { b"\"" } else { b"" };
    out.extend_from_slice(quote);
    out.extend_from_slice(Digits::new(number).as_bytes());
    out.extend_from_slice(quote);
}

/// The decimal digits of a number, at the end of the array.
pub struct Digits {
    digits: [u8; 20],
    start: usize,
}

impl Digits {
    pub fn new(mut number: u64) -> Digits {
        let mut digits = [b'0'; 20];
        let mut start = digits.len() - 1;
        loop {
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return Digits { digits, start };
            }
            start -= 1;
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str, style: TextStyle) -> String {
        let mut out = Vec::new();
        push_text(&mut out, text, style);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn styles_differ_only_in_escapes() {
        let all_escaped = TextStyle { escape_non_ascii: true, ..TextStyle::default() };
        assert_eq!(
            written("a\"\\\n\u{1}张🎉", TextStyle::default()),
            "\"a\\\"\\\\\\n\\u0001张🎉\""
        );
        assert_eq!(written("张🎉\n", all_escaped), "\"\\u5f20\\ud83c\\udf89\\n\"");
        let halves = TextStyle { lone_surrogates: true, ..TextStyle::default() };
        assert_eq!(written("张\u{fffd}\"", halves), "\"张\\ud83d\\\"\"");
        let slashes = TextStyle { escape_slashes: true, ..TextStyle::default() };
        assert_eq!(written("a//张\n", slashes), "\"a\\/\\/张\\n\"");
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 20_190_419, u64::MAX] {
            let (mut plain, mut quoted) = (Vec::new(), Vec::new());
            push_number(&mut plain, number, false);
            push_number(&mut quoted, number, true);
            assert_eq!(plain, number.to_string().into_bytes());
            assert_eq!(quoted, format!("\"{number}\"").into_bytes());
        }
    }

    proptest! {
        #[test]
        fn text_round_trips_through_json(text: String, escape_non_ascii: bool, escape_slashes: bool) {
            let style = TextStyle { escape_non_ascii, escape_slashes, lone_surrogates: false };
            let json = written(&text, style);
            prop_assert!(!escape_non_ascii || json.is_ascii());
            prop_assert!(!escape_slashes || json.matches('/').count() == json.matches("\\/").count());
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
