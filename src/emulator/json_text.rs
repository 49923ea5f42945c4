//! JSON strings and numbers, appended to a buffer of bytes.

use std::io::Write;

/// Escaping beyond what JSON requires.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextStyle {
    /// Non-ASCII characters as `\uXXXX`.
    pub escape_non_ascii: bool,
    /// U+FFFD as an unpaired surrogate.
    pub lone_surrogates: bool,
}

/// Appends a JSON string with its quotes.
pub fn push_text(out: &mut Vec<u8>, text: &str, style: TextStyle) {
    out.push(b'"');
    if style.escape_non_ascii || style.lone_surrogates {
        text.chars().for_each(|character| push_styled(out, character, style));
    } else {
        push_plain(out, text.as_bytes());
    }
    out.push(b'"');
}

/// Copies each run without escapes at once.
fn push_plain(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
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
        other => push_formatted(out, format_args!("\\u{other:04x}")),
    }
}

fn push_styled(out: &mut Vec<u8>, character: char, style: TextStyle) {
    if character == '\u{fffd}' && style.lone_surrogates {
        out.extend_from_slice(b"\\ud83d");
    } else if !character.is_ascii() && style.escape_non_ascii {
        for unit in character.encode_utf16(&mut [0; 2]) {
            push_formatted(out, format_args!("\\u{unit:04x}"));
        }
    } else {
        push_plain(out, character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

pub fn push_formatted(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("writing into memory cannot fail");
}

pub fn push_number(out: &mut Vec<u8>, number: impl std::fmt::Display, as_string: bool) {
    if as_string {
        push_formatted(out, format_args!("\"{number}\""));
    } else {
        push_formatted(out, format_args!("{number}"));
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
        let all_escaped = TextStyle { escape_non_ascii: true, lone_surrogates: false };
        assert_eq!(
            written("a\"\\\n\u{1}张🎉", TextStyle::default()),
            "\"a\\\"\\\\\\n\\u0001张🎉\""
        );
        assert_eq!(written("张🎉\n", all_escaped), "\"\\u5f20\\ud83c\\udf89\\n\"");
        let halves = TextStyle { escape_non_ascii: false, lone_surrogates: true };
        assert_eq!(written("张\u{fffd}\"", halves), "\"张\\ud83d\\\"\"");
    }

    proptest! {
        #[test]
        fn text_round_trips_through_json(text: String, escape_non_ascii: bool) {
            let style = TextStyle { escape_non_ascii, lone_surrogates: false };
            let json = written(&text, style);
            prop_assert!(!escape_non_ascii || json.is_ascii());
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
