//! Text of others (job names, paths, values), made harmless and visible in HTML.
//!
//! maud escapes the markup of every text it inserts. A text that is not the program's own is inserted through
//! [`Untrusted`], which also spells out what cannot be seen.

use std::fmt::Write;

use maud::{Escaper, Markup, Render, html};

use crate::util::visible::is_invisible;

/// A text of others. Characters that are invisible, or that change how the text behind them is shown, are spelled out as
/// in Rust (`\n`, `\u{202e}`).
pub struct Untrusted<'t>(pub &'t str);

impl Render for Untrusted<'_> {
    fn render_to(&self, buffer: &mut String) {
        for character in self.0.chars() {
            match character {
                '\'' => buffer.push_str("&#39;"),
                character if is_invisible(character) => buffer.extend(character.escape_default()),
                // Writing to a String cannot fail.
                character => drop(Escaper::new(buffer).write_char(character)),
            }
        }
    }
}

/// [`Untrusted`] in an element that keeps right-to-left letters from reordering the text around them.
pub fn isolated(text: &str) -> Markup {
    html! { bdi { (Untrusted(text)) } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escape(text: &str) -> String {
        Untrusted(text).render().into_string()
    }

    #[test]
    fn markup_is_escaped_and_invisible_characters_are_spelled_out() {
        for (text, expected) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload='x' &amp;", "&quot; onload=&#39;x&#39; &amp;amp;"),
            ("a\u{202e}b\n\0\u{feff}", "a\\u{202e}b\\n\\u{0}\\u{feff}"),
            ("张 عربي 🎉", "张 عربي 🎉"),
            ("", ""),
        ] {
            assert_eq!(escape(text), expected);
        }
        assert_eq!(isolated("<").into_string(), "<bdi>&lt;</bdi>");
    }

    /// The text that a browser shows.
    fn unescape(escaped: &str) -> String {
        let entities =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        entities.iter().fold(escaped.to_owned(), |text, (entity, of)| text.replace(entity, of))
    }

    proptest! {
        #[test]
        fn any_text_is_harmless_and_readable(text in "\\PC*|[<>&\"'a;#-]*|.*", more: String) {
            for text in [text, more] {
                let escaped = escape(&text);
                prop_assert!(!escaped.contains(['<', '>', '"', '\'']), "{}", escaped);
                prop_assert!(!escaped.contains(is_invisible), "{}", escaped);
                for (at, _) in escaped.match_indices('&') {
                    let is_entity = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"]
                        .iter()
                        .any(|entity| escaped[at..].starts_with(entity));
                    prop_assert!(is_entity, "{}", escaped);
                }
                let spelled_out: String = text
                    .chars()
                    .flat_map(|c| match is_invisible(c) {
                        true => c.escape_default().collect::<Vec<char>>(),
                        false => vec![c],
                    })
                    .collect();
                prop_assert_eq!(unescape(&escaped), spelled_out);
            }
        }
    }
}
