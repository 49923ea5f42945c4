//! Texts cut to a number of terminal columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text if it takes at most `width` columns; otherwise its start with `ellipsis` behind, together at most `width`
/// columns. A cut never separates a letter from its combining marks, nor the parts of a joined emoji.
pub fn truncate(text: &str, width: usize, ellipsis: &str) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let available = width.saturating_sub(ellipsis.width());
    let starts_letter = |&(index, character): &(usize, char)| {
        let follows_joiner = text[..index].ends_with('\u{200d}');
        character.width().unwrap_or(0) > 0 && !follows_joiner
    };
    let ends = text.char_indices().filter(starts_letter).map(|(index, _)| index);
    let end = ends.take_while(|end| text[..*end].width() <= available).last().unwrap_or(0);
    format!("{}{ellipsis}", &text[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cut_text_keeps_the_marks_of_its_letters() {
        let cut = |text, width| truncate(text, width, "…");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("张三李四", 6), "张三…");
        assert_eq!(cut("ae\u{301}\u{302}zz", 3), "ae\u{301}\u{302}…");
        assert_eq!(cut("👨\u{200d}👩\u{200d}👧 family", 4), "👨\u{200d}👩\u{200d}👧 …");
        assert_eq!(cut("👨\u{200d}👩\u{200d}👧 family", 2), "…");
        assert_eq!(cut("abc", 1), "…");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(truncate("用户ab", 3, ""), "用");
        assert_eq!(truncate("用户ab", 5, ""), "用户a");
        assert_eq!(truncate("ab", 5, ""), "ab");
    }

    proptest! {
        #[test]
        fn a_cut_text_is_the_start_of_the_whole(text: String, width in 1usize..40) {
            let cut = truncate(&text, width, "…");
            prop_assert!(cut.width() <= width);
            let start = cut.strip_suffix('…').unwrap_or(&cut);
            prop_assert!(text.starts_with(start));
        }
    }
}
