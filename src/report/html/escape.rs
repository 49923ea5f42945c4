//! Text that others wrote, made harmless for HTML. Everything that is not the program's own words goes through here.

/// The text for an element or for an attribute in quotes. Characters that cannot be seen, or that change how what follows
/// is shown, are spelled out as in Rust (`\n`, `\u{202e}`), and the text's direction stays its own matter.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character if is_unseen(character) => escaped.extend(character.escape_default()),
            character => escaped.push(character),
        }
    }
    escaped
}

/// [`escape`] in an element that keeps right-to-left letters from turning round what stands beside them.
pub fn isolated(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(text))
}

/// Control characters, and those of Unicode that have no width, break lines or change direction.
fn is_unseen(character: char) -> bool {
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
    fn markup_is_text_and_the_unseen_is_spelled_out() {
        for (text, expected) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload='x' &amp;", "&quot; onload=&#39;x&#39; &amp;amp;"),
            ("a\u{202e}b\n\0\u{feff}", "a\\u{202e}b\\n\\u{0}\\u{feff}"),
            ("张 عربي 🎉", "张 عربي 🎉"),
            ("", ""),
        ] {
            assert_eq!(escape(text), expected);
        }
        assert_eq!(isolated("<"), "<bdi>&lt;</bdi>");
    }

    /// What a browser makes of it.
    fn read_back(escaped: &str) -> String {
        let entities =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        entities.iter().fold(escaped.to_owned(), |text, (entity, of)| text.replace(entity, of))
    }

    proptest! {
        #[test]
        fn any_text_is_harmless_and_is_read_back(text in "\\PC*|[<>&\"'a;#-]*|.*", more: String) {
            for text in [text, more] {
                let escaped = escape(&text);
                prop_assert!(!escaped.contains(['<', '>', '"', '\'']), "{}", escaped);
                prop_assert!(!escaped.contains(is_unseen), "{}", escaped);
                for (at, _) in escaped.match_indices('&') {
                    let is_entity = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"]
                        .iter()
                        .any(|entity| escaped[at..].starts_with(entity));
                    prop_assert!(is_entity, "{}", escaped);
                }
                let spelled_out: String = text
                    .chars()
                    .flat_map(|c| match is_unseen(c) {
                        true => c.escape_default().collect::<Vec<char>>(),
                        false => vec![c],
                    })
                    .collect();
                prop_assert_eq!(read_back(&escaped), spelled_out);
            }
        }
    }
}
