//! JSON strings and their escapes.

use std::borrow::Cow;

/// A string as written, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonText<'t> {
    pub(super) raw: &'t str,
    pub(super) escaped: bool,
}

impl<'t> JsonText<'t> {
    /// The string's characters. An invalid escape becomes U+FFFD.
    pub fn unescape(self) -> Cow<'t, str> {
        if self.escaped { Cow::Owned(unescape(self.raw)) } else { Cow::Borrowed(self.raw) }
    }
}

fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let (character, length) = escape_at(&rest[at..]);
        text.push(character);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    text
}

/// The character of the escape at the start of `text`, and the escape's length in bytes.
fn escape_at(text: &str) -> (char, usize) {
    let Some(kind) = text[1..].chars().next() else {
        return (char::REPLACEMENT_CHARACTER, 1);
    };
    let plain = match kind {
        '"' | '\\' | '/' => kind,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode_escape(text),
        _ => char::REPLACEMENT_CHARACTER,
    };
    (plain, 1 + kind.len_utf8())
}

/// As [`escape_at`], for `\uXXXX` and for a surrogate pair of them.
fn unicode_escape(text: &str) -> (char, usize) {
    let unit_at = |at: usize| {
        let escape = text.get(at..at + 6)?.strip_prefix("\\u")?;
        if !escape.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u16::from_str_radix(escape, 16).ok()
    };
    let Some(first) = unit_at(0) else {
        return (char::REPLACEMENT_CHARACTER, 2);
    };
    let is_high_surrogate = (0xD800..0xDC00).contains(&first);
    if let (true, Some(second)) = (is_high_surrogate, unit_at(6))
        && let Some(Ok(character)) = char::decode_utf16([first, second]).next()
    {
        return (character, 12);
    }
    (char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}
