//! Text from outside (lists, jobs, paths, the service) made safe for a terminal and a log. All text that reaches a
//! person passes through [`visible`], either where it is inserted or in the whole line that holds it.

use std::borrow::Cow;
use std::path::Path;

/// The text with characters spelled out as in Rust (`\n`, `\u{202e}`) that cannot be seen, that command a terminal, or
/// that change how the text behind them is shown.
pub fn visible(text: &str) -> Cow<'_, str> {
    replace_invisible(text, |shown, character| shown.extend(character.escape_default()))
}

/// A path on one line.
pub fn visible_path(path: &Path) -> String {
    visible(&path.display().to_string()).into_owned()
}

/// The same JSON value, with those characters as JSON escapes. They occur only in its strings.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    replace_invisible(json, |shown, character| {
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            shown.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

fn replace_invisible(text: &str, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    let Some(first) = text.find(is_invisible) else { return text.into() };
    let mut shown = text[..first].to_owned();
    for character in text[first..].chars() {
        if is_invisible(character) {
            escape(&mut shown, character);
        } else {
            shown.push(character);
        }
    }
    shown.into()
}

/// Control characters, and those of Unicode that have no width, break lines or change direction.
pub fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn invisible_characters_are_spelled_out_and_others_are_kept() {
        for (text, expected) in [
            ("id\rerror: all good\u{1b}[1A", r"id\rerror: all good\u{1b}[1A"),
            ("\u{9b}2J\u{7f}\0\t\n", r"\u{9b}2J\u{7f}\u{0}\t\n"),
            ("\u{202e}x\u{2066}y\u{2069}", r"\u{202e}x\u{2066}y\u{2069}"),
            ("a\u{200b}\u{200d}\u{feff}\u{2028}", r"a\u{200b}\u{200d}\u{feff}\u{2028}"),
            (r"张 عربي é \n 🎉", r"张 عربي é \n 🎉"),
            ("", ""),
        ] {
            assert_eq!(visible(text), expected);
        }
        assert_eq!(visible_path(Path::new("a\nb")), r"a\nb");
    }

    proptest! {
        #[test]
        fn json_keeps_its_value(text in ".*", more: String) {
            let json = serde_json::to_string(&[text, more]).unwrap();
            let shown = visible_json(&json);
            prop_assert!(!shown.contains(is_invisible));
            let value = |json: &str| serde_json::from_str::<Vec<String>>(json).unwrap();
            prop_assert_eq!(value(&shown), value(&json));
        }
    }
}
