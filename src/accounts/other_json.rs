//! Recognizes JSON that is not one object per line, and gives the command that converts it to NDJSON.

use serde::de::IgnoredAny;
use serde_json::{Deserializer, Value};

use super::lines::{BYTE_ORDER_MARK, is_blank, split_lines};

/// A list that is not NDJSON.
#[derive(Debug, PartialEq, Eq)]
pub struct OtherJson {
    /// Completes "the list is …".
    pub kind: &'static str,
    /// How to convert it.
    pub remedy: String,
}

/// Recognizes `sample`, the start of a list, if it is not NDJSON. `None` if its lines are objects, or too mixed to be
/// anything else; lines that are not objects are then invalid accounts. `is_whole`: nothing follows the sample. `key`
/// holds the account.
pub fn other_json(sample: &[u8], is_whole: bool, key: &str) -> Option<OtherJson> {
    let content = sample.strip_prefix(BYTE_ORDER_MARK).unwrap_or(sample);
    let mut lines: Vec<&[u8]> = split_lines(content).filter(|line| !is_blank(line)).collect();
    if is_array(content) {
        return Some(converted_by("a JSON array", jq(".[]")));
    }
    if !is_whole && lines.len() > 1 {
        // The last line may be truncated.
        lines.pop();
    }
    let count = |test: fn(&[u8]) -> bool| lines.iter().filter(|line| test(line)).count();
    let objects = count(is_object);
    if lines.is_empty() || 2 * objects > lines.len() {
        return None;
    }
    if 2 * count(is_object_with_comma) >= lines.len() {
        let command = format!("sed 's/,[[:space:]]*$//' OLD | {}", jq_stdin("."));
        return Some(converted_by("objects with a comma after each", command));
    }
    if 2 * count(is_several_objects) >= lines.len() {
        return Some(converted_by("JSON with several objects on a line", jq(".")));
    }
    if starts_with_object_over_lines(content) {
        let kind = "pretty-printed JSON (an object over several lines)";
        return Some(converted_by(kind, jq(".")));
    }
    if objects > 0 || !(is_whole || lines.len() > 1) {
        return None;
    }
    if count(is_scalar) == lines.len() {
        let filter = format!("{{{}: .}}", Value::from(key));
        return Some(converted_by("one JSON value per line, none of them an object", jq(&filter)));
    }
    let remedy = "correct `accounts.format` (csv, tsv, txt, ndjson or parquet)".to_owned();
    Some(OtherJson { kind: "text without a JSON object on any line", remedy })
}

fn converted_by(kind: &'static str, command: String) -> OtherJson {
    OtherJson { kind, remedy: format!("convert it with jq 1.7 or later: {command}") }
}

fn jq(filter: &str) -> String {
    format!("jq -c '{}' OLD > NEW", filter.replace('\'', r"'\''"))
}

fn jq_stdin(filter: &str) -> String {
    format!("jq -c '{filter}' > NEW")
}

/// Whether `content` is a JSON array, over several lines or on a single one.
fn is_array(content: &[u8]) -> bool {
    let content = content.trim_ascii();
    let first_line = split_lines(content).next().unwrap_or_default();
    let is_complete = serde_json::from_slice::<IgnoredAny>(first_line).is_ok();
    content.starts_with(b"[") && (!is_complete || first_line.len() == content.len())
}

fn starts_object(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
}

fn is_object(line: &[u8]) -> bool {
    starts_object(line) && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

fn is_object_with_comma(line: &[u8]) -> bool {
    line.trim_ascii_end().strip_suffix(b",").is_some_and(is_object)
}

fn is_several_objects(line: &[u8]) -> bool {
    let values = Deserializer::from_slice(line).into_iter::<IgnoredAny>();
    starts_object(line) && values.take_while(Result::is_ok).take(2).count() == 2
}

fn is_scalar(line: &[u8]) -> bool {
    matches!(serde_json::from_slice(line), Ok(Value::String(_) | Value::Number(_)))
}

fn starts_with_object_over_lines(content: &[u8]) -> bool {
    let mut values = Deserializer::from_slice(content).into_iter::<IgnoredAny>();
    let is_complete = values.next().is_some_and(|value| value.is_ok());
    let first = &content[..values.byte_offset()];
    is_complete && starts_object(content) && split_lines(first.trim_ascii()).count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn kind(sample: &str) -> Option<&'static str> {
        other_json(sample.as_bytes(), true, "id").map(|other| other.kind)
    }

    #[test]
    fn arrays_pretty_printed_concatenated_and_comma_separated_objects_are_recognized() {
        let array = Some("a JSON array");
        assert_eq!(kind("[\n{\"id\":1},\n{\"id\":2}\n]\n"), array);
        assert_eq!(kind("\u{feff} [{\"id\":1}]"), array);
        assert_eq!(kind("[\r  {\r    \"id\": 1\r  }\r]\r"), array);
        let pretty = Some("pretty-printed JSON (an object over several lines)");
        assert_eq!(kind("{\n  \"id\": \"a\"\n}\n{\n  \"id\": \"b\"\n}\n"), pretty);
        assert_eq!(kind("{\"id\": \"a\",\n \"n\": {}}\n"), pretty);
        let comma = Some("objects with a comma after each");
        assert_eq!(kind("{\"id\":1},\n{\"id\":2},\n{\"id\":3}\n"), comma);
        assert_eq!(kind("{\"id\":1},\n{\"id\":2}"), comma);
        let several = Some("JSON with several objects on a line");
        assert_eq!(kind("{\"id\":1}{\"id\":2}\n{\"id\":3} {\"id\":4}\n"), several);
        let scalars = Some("one JSON value per line, none of them an object");
        assert_eq!(kind("\"a\"\n\"b\"\n17\n"), scalars);
        let text = Some("text without a JSON object on any line");
        assert_eq!(kind("id\na\nb\n"), text);
    }

    #[test]
    fn lines_that_are_mostly_objects_are_ndjson() {
        assert_eq!(kind("{\"id\":1}\nx\n{\"id\":2}\n"), None);
        assert_eq!(kind("{\"id\":1}\n"), None);
        assert_eq!(kind("[1]\n{\"id\":2}\n{\"id\":3}\n"), None);
        assert_eq!(kind(""), None);
        assert_eq!(kind("x\n{\"id\":2}\n"), None);
        assert_eq!(kind("{\"id\":1}\nx\ny\nz\n"), None);
    }

    #[test]
    fn a_truncated_single_line_is_not_recognized() {
        assert_eq!(other_json(b"{\"id\":\"aaaa", false, "id"), None);
        let cut = other_json(b"{\"id\":1}{\"id\":2}{\"id\":", false, "id");
        assert_eq!(cut.map(|other| other.kind), Some("JSON with several objects on a line"));
    }

    #[test]
    fn the_command_names_the_key() {
        let remedy = |key| other_json(b"\"a\"\n", true, key).unwrap().remedy;
        assert_eq!(
            remedy("user id"),
            "convert it with jq 1.7 or later: jq -c '{\"user id\": .}' OLD > NEW"
        );
        assert!(remedy("it's").contains(r#"'{"it'\''s": .}'"#));
    }
}
