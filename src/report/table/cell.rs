//! Texts of a table that are safe on a terminal and unambiguous.

use unicode_width::UnicodeWidthStr;

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

/// The text with characters escaped that move the cursor or change the direction of writing.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // Otherwise a text with a backslash could look like an escaped character.
            '\\' => safe.push_str("\\\\"),
            _ if is_safe(character) => safe.push(character),
            _ => safe.extend(character.escape_default()),
        }
    }
    safe
}

pub fn is_safe(character: char) -> bool {
    let changes_direction = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let ends_line = matches!(character, '\u{2028}' | '\u{2029}');
    !character.is_control() && !changes_direction && !ends_line
}
