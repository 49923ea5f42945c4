//! JSON strings and their escapes.

use std::borrow::Cow;

/// A string as written, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonText<'t> {
    pub(super) raw: &'t str,
    pub(super) escapes: Escapes,
}

/// Whether a string has escapes. A word, so that values have no padding: reading a word right after its parts were written
/// stalls the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Escapes {
    No,
    Yes,
}

impl<'t> JsonText<'t> {
    /// The string's characters. An invalid escape becomes U+FFFD.
    pub fn unescape(self) -> Cow<'t, str> {
        if self.escapes == Escapes::No {
            return Cow::Borrowed(self.raw);
        }
        let mut text = String::new();
        unescape(self.raw, &mut text);
        Cow::Owned(text)
    }

    /// As [`unescape`](Self::unescape); `buffer` holds the characters if they are escaped.
    #[inline]
    pub fn unescape_into<'s>(self, buffer: &'s mut String) -> &'s str
    where
        't: 's,
    {
        if self.escapes == Escapes::No {
            return self.raw;
        }
        buffer.clear();
        unescape(self.raw, buffer);
        buffer
    }
}

fn unescape(raw: &str, text: &mut String) {
    text.reserve(raw.len());
    let bytes = raw.as_bytes();
    let mut start = 0;
    while let Some(plain) = memchr::memchr(b'\\', &bytes[start..]) {
        text.push_str(&raw[start..start + plain]);
        start += plain;
        // Some encoders escape every character that is not ASCII.
        while bytes.get(start) == Some(&b'\\') {
            let (character, length) = escape_at(&raw[start..]);
            text.push(character);
            start += length;
        }
    }
    text.push_str(&raw[start..]);
}

/// The character of the escape at the start of `text`, and the escape's length in bytes.
#[inline]
fn escape_at(text: &str) -> (char, usize) {
    let plain = match text.as_bytes().get(1) {
        Some(b'u') => return unicode_escape(text.as_bytes()),
        Some(plain @ (b'"' | b'\\' | b'/')) => char::from(*plain),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        _ => {
            let invalid = text[1..].chars().next().map_or(0, char::len_utf8);
            return (char::REPLACEMENT_CHARACTER, 1 + invalid);
        }
    };
    (plain, 2)
}

/// As [`escape_at`], for `\uXXXX` and for a surrogate pair of them.
#[inline]
fn unicode_escape(text: &[u8]) -> (char, usize) {
    let Some(first) = code_unit(text) else {
        return (char::REPLACEMENT_CHARACTER, 2);
    };
    let is_high_surrogate = (0xD800..0xDC00).contains(&first);
    if is_high_surrogate
        && let Some(second) = code_unit(&text[6..])
        && let Some(Ok(character)) = char::decode_utf16([first, second]).next()
    {
        return (character, 12);
    }
    (char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

/// The UTF-16 code unit of the `\uXXXX` at the start of `text`.
#[inline]
fn code_unit(text: &[u8]) -> Option<u16> {
    let [b'\\', b'u', digits @ ..] = text.first_chunk::<6>()? else { return None };
    let [a, b, c, d] = digits.map(|digit| HEX_DIGITS[usize::from(digit)]);
    (a | b | c | d < 16).then_some(a << 12 | b << 8 | c << 4 | d)
}

/// The value of each hexadecimal digit; 16 for other bytes.
const HEX_DIGITS: [u16; 256] = {
    let mut digits = [16; 256];
    let mut byte = 0;
    while byte < 256 {
        if let Some(digit) = (byte as u8 as char).to_digit(16) {
            digits[byte] = digit as u16;
        }
        byte += 1;
    }
    digits
};
