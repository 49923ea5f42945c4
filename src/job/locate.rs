//! Finds where a key was written: in an override, or on a line of the file.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{KeyPath, Location};
use super::overrides::Override;

/// Where `key` was written. A missing key is located at the table that it belongs to.
pub fn find(path: &Path, text: &str, overrides: &[Override], key: &KeyPath) -> Location {
    let (found_segments, line) = deepest_line(text, key);
    let shared = |candidate: &Override| candidate.key.common_prefix_length(key);
    // Of several that set the key the last one counts. Otherwise it is missing beside what the nearest one sets.
    let sets_key = |candidate: &&Override| shared(candidate) == candidate.key.0.len();
    let nearest = || overrides.iter().max_by_key(|candidate| shared(candidate));
    let found = overrides.iter().rev().find(sets_key);
    let found = found.or_else(|| nearest().filter(|nearest| shared(nearest) > found_segments));
    match (found, line) {
        (Some(found), _) => Location::Override(found.shown.clone()),
        (None, Some(line)) => Location::Line(path.to_owned(), line),
        (None, None) => Location::file(path),
    }
}

/// How many segments of `key` are in the file, and the line of the last of them.
fn deepest_line(text: &str, key: &KeyPath) -> (usize, Option<usize>) {
    let Ok(document) = DeTable::parse(text) else { return (0, None) };
    let root = DeValue::Table(document.into_inner());
    let mut value = &root;
    let mut offset = None;
    for (depth, segment) in key.0.iter().enumerate() {
        let Some((start, inner)) = child(value, segment) else {
            return (depth, offset.map(|offset| line_of_offset(text.as_bytes(), offset)));
        };
        (offset, value) = (Some(start), inner);
    }
    (key.0.len(), offset.map(|offset| line_of_offset(text.as_bytes(), offset)))
}

/// An item of a table or list, with the byte offset at which it (or its key) starts.
fn child<'a, 'i>(value: &'a DeValue<'i>, segment: &str) -> Option<(usize, &'a DeValue<'i>)> {
    match value {
        DeValue::Table(table) => {
            let (key, inner) = table.iter().find(|(key, _)| key.get_ref() == segment)?;
            Some((key.span().start, inner.get_ref()))
        }
        DeValue::Array(array) => {
            let inner: &Spanned<DeValue<'i>> = array.get(segment.parse::<usize>().ok()?)?;
            Some((inner.span().start, inner.get_ref()))
        }
        _ => None,
    }
}

/// The line, counted from 1, of a byte offset.
pub fn line_of_offset(text: &[u8], offset: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', &text[..offset.min(text.len())]).count()
}

/// The column in characters, counted from 1, of a byte offset.
pub fn column_of_offset(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    1 + before.chars().rev().take_while(|character| *character != '\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"n\"\n\n[api]\ntimeout = \"1s\"\nretry.max = 3\n\n[[columns]]\ntag = \"a\"\n\n\
                        [[columns]]\nname = \"b\"\nlist = [\n  1,\n  2,\n]\n";

    #[test]
    fn keys_are_located_by_line() {
        for (key, line) in [
            ("name", 1),
            ("api", 3),
            ("api.timeout", 4),
            ("api.retry.max", 5),
            ("columns.0", 7),
            ("columns.0.tag", 8),
            ("columns.1", 10),
            ("columns.1.name", 11),
            ("columns.1.list.1", 14),
        ] {
            let key = KeyPath::from(key);
            assert_eq!(deepest_line(TEXT, &key), (key.0.len(), Some(line)), "{key}");
        }
    }

    #[test]
    fn a_missing_key_is_located_at_its_table() {
        assert_eq!(deepest_line(TEXT, &"api.region".into()), (1, Some(3)));
        assert_eq!(deepest_line(TEXT, &"columns.1.tag".into()), (2, Some(10)));
        assert_eq!(deepest_line(TEXT, &"columns.7.tag".into()), (1, Some(7)));
        assert_eq!(deepest_line(TEXT, &"output.path".into()), (0, None));
        assert_eq!(deepest_line("not toml", &"output.path".into()), (0, None));
    }

    #[test]
    fn line_of_offset_counts_line_ends_before_it() {
        assert_eq!(line_of_offset(b"a\nb\n", 0), 1);
        assert_eq!(line_of_offset(b"a\nb\n", 1), 1);
        assert_eq!(line_of_offset(b"a\nb\n", 2), 2);
        assert_eq!(line_of_offset(b"a\nb\n", 99), 3);
    }

    #[test]
    fn column_of_offset_counts_characters() {
        assert_eq!(column_of_offset("a\néx", 0), 1);
        assert_eq!(column_of_offset("a\néx", 2), 1);
        assert_eq!(column_of_offset("a\néx", 4), 2);
        assert_eq!(column_of_offset("a\néx", 99), 3);
    }
}
