//! Texts of a table that are safe on a terminal and unambiguous.

use unicode_width::UnicodeWidthStr;

use crate::util::visible::is_invisible;

/// NULL; a text that reads the same is quoted.
const NULL: &str = "NULL";

/// The text of a cell, which differs from NULL and whose ends are visible; `None` is NULL.
pub fn cell_text(cell: Option<&str>, is_number: bool) -> String {
    match cell {
        None => NULL.to_owned(),
        Some(number) if is_number => number.to_owned(),
        Some(text) => {
            let needs_quotes = text.width() == 0
                || text == NULL
                || text.starts_with('"')
                || text.starts_with(char::is_whitespace)
                || text.ends_with(char::is_whitespace);
            let text = escaped(text);
            if needs_quotes { format!("\"{}\"", text.replace('"', "\\\"")) } else { text }
        }
    }
}

/// The text without characters that cannot be seen, except those that join the parts of an emoji or of a letter.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut is_after_letter = false;
    while let Some(character) = characters.next() {
        let is_before_letter = characters.peek().is_some_and(|next| is_letter(*next));
        let is_joined = match character {
            '\u{200c}' | '\u{200d}' => is_after_letter && is_before_letter,
            '\u{fe00}'..='\u{fe0f}' => is_after_letter,
            _ => false,
        };
        match character {
            // Otherwise a text with a backslash could look like an escaped character.
            '\\' => safe.push_str("\\\\"),
            _ if is_joined || !is_invisible(character) => safe.push(character),
            _ => safe.extend(character.escape_default()),
        }
        is_after_letter = is_joined || is_letter(character);
    }
    safe
}

/// Whether a letter or symbol beyond ASCII.
fn is_letter(character: char) -> bool {
    !character.is_ascii() && !is_invisible(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_letters_stay_whole_and_other_joiners_are_spelled_out() {
        for whole in
            ["👨\u{200d}👩\u{200d}👧", "❤\u{fe0f}\u{200d}🔥", "می\u{200c}خواهم", "❤\u{fe0f}"]
        {
            assert_eq!(escaped(whole), whole);
        }
        assert_eq!(escaped("u1\u{200d}"), r"u1\u{200d}");
        assert_eq!(escaped("用户\u{200d}"), r"用户\u{200d}");
        assert_eq!(escaped("a\u{fe0f}\u{200b}b\u{feff}"), r"a\u{fe0f}\u{200b}b\u{feff}");
    }
}
