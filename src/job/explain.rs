//! Translates serde's messages about invalid values into the terms of a job file.
//!
//! serde's message formats are stable across data formats; unknown messages are passed on unchanged.

use super::error::{KeyError, KeyPath, quoted};
use super::secret;
use super::values::suggestion;

/// The error for serde's message about the value at `key`.
pub fn key_error(key: KeyPath, message: &str) -> KeyError {
    if let Some(field) = quoted_after(message, "missing field ") {
        return KeyError::new(key.then(field), "is missing; add it");
    }
    if message.starts_with("unknown field ") {
        return unknown_key(key, message);
    }
    let hide = secret::may_hold_a_secret(&key.to_string());
    let text = mismatch(&key, message, hide)
        .or_else(|| unknown_variant(message, hide))
        .unwrap_or_else(|| match hide {
            true => "is not valid; correct the value".to_owned(),
            false => format!("{message}; correct the value"),
        });
    KeyError::new(key, text)
}

fn unknown_key(key: KeyPath, message: &str) -> KeyError {
    let name = key.0.last().map_or("", String::as_str);
    let known = words_after(message, &format!("unknown field `{name}`"));
    let fix = match known[..] {
        [] => "remove it".to_owned(),
        _ => suggestion(name, &known),
    };
    let text = format!("is not a known key; {fix}");
    KeyError::new(key, text)
}

/// `unknown variant `x`, expected one of `a`, `b``
fn unknown_variant(message: &str, hide: bool) -> Option<String> {
    let rest = message.strip_prefix("unknown variant `")?;
    let (word, _) = rest.rsplit_once("`, expected ")?;
    let known = words_after(message, &format!("unknown variant `{word}`"));
    if hide {
        return Some(format!("is not a valid value; write one of: {}", known.join(", ")));
    }
    // The other common name of the format.
    let meant = if word.eq_ignore_ascii_case("jsonl") { "ndjson" } else { word };
    Some(format!("is {}; {}", quoted(word), suggestion(meant, &known)))
}

/// `invalid type: integer `5`, expected a string`
fn mismatch(key: &KeyPath, message: &str, hide: bool) -> Option<String> {
    let rest = message.strip_prefix("invalid type: ").or(message.strip_prefix("invalid value: "))?;
    let (found, expected) = rest.rsplit_once(", expected ")?;
    if (found, expected) == ("map", "a sequence") {
        return Some(format!("is a single table; write each item as [[{key}]] in double brackets"));
    }
    let found = if hide { "not valid".to_owned() } else { found_value(found) };
    Some(format!("is {found}; write {}", expected_value(expected)))
}

fn found_value(found: &str) -> String {
    match found {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        // What toml says of a keyword that is not a string.
        "unit variant" => "not text".to_owned(),
        _ => match found.split_once(['`', '"']) {
            Some(("string ", text)) => {
                let text = text.trim_end_matches('"');
                format!("the text {}", quoted(text))
            }
            Some(("boolean ", word)) => word.trim_end_matches('`').to_owned(),
            Some((_, number)) => format!("the number {}", number.trim_end_matches('`')),
            None => found.to_owned(),
        },
    }
}

fn expected_value(expected: &str) -> String {
    match expected {
        "a string" => "text in quotes".to_owned(),
        "string only" => "one of its keywords in quotes".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "i64" => "a whole number without quotes".to_owned(),
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => "a whole number of 0 or more".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        _ if expected.starts_with("struct ") => "a table".to_owned(),
        _ => expected.to_owned(),
    }
}

/// The word in backticks right after `prefix`.
fn quoted_after<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.strip_prefix('`')?.strip_suffix('`')
}

/// The words in backticks after `prefix`.
fn words_after<'a>(message: &'a str, prefix: &str) -> Vec<&'a str> {
    let rest = message.strip_prefix(prefix).unwrap_or_default();
    rest.split('`').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(key: &str, message: &str) -> String {
        let error = key_error(key.into(), message);
        format!("{}: {}", error.key, error.message)
    }

    #[test]
    fn known_messages_are_translated() {
        insta::assert_snapshot!(explained("a", "missing field `seed`"), @"a.seed: is missing; add it");
        insta::assert_snapshot!(explained("a.sead", "unknown field `sead`, expected `seed` or `port`"), @"a.sead: is not a known key; did you mean seed?");
        insta::assert_snapshot!(explained("a.x`y", "unknown field `x`y`, expected one of `seed`, `port`"), @r#"a."x`y": is not a known key; write one of: seed, port"#);
        insta::assert_snapshot!(explained("a.x", "unknown field `x`, there are no fields"), @"a.x: is not a known key; remove it");
        insta::assert_snapshot!(explained("a", "unknown variant `CSV`, expected one of `csv`, `txt`"), @r#"a: is "CSV"; did you mean csv?"#);
        insta::assert_snapshot!(explained("a", "invalid type: integer `5`, expected a string"), @"a: is the number 5; write text in quotes");
        insta::assert_snapshot!(explained("a", "invalid type: string \"5\", expected i64"), @r#"a: is the text "5"; write a whole number without quotes"#);
        insta::assert_snapshot!(explained("a", "invalid type: boolean `true`, expected a sequence"), @"a: is true; write a list");
        insta::assert_snapshot!(explained("a", "invalid type: floating point `1.5`, expected u64"), @"a: is the number 1.5; write a whole number of 0 or more");
        insta::assert_snapshot!(explained("a", "invalid type: sequence, expected struct Api"), @"a: is a list; write a table");
        insta::assert_snapshot!(explained("a", "invalid type: map, expected f64"), @"a: is a table; write a number");
        insta::assert_snapshot!(explained("a", "invalid type: map, expected a sequence"), @"a: is a single table; write each item as [[a]] in double brackets");
        insta::assert_snapshot!(explained("a", "invalid value: integer `-1`, expected u32"), @"a: is the number -1; write a whole number from 0 to 4294967295");
    }

    #[test]
    fn unknown_messages_are_passed_on() {
        insta::assert_snapshot!(explained("a", "the seed is odd"), @"a: the seed is odd; correct the value");
    }

    #[test]
    fn values_of_secret_keys_are_not_repeated() {
        let key = "api.secret_key_env";
        insta::assert_snapshot!(explained(key, "invalid type: integer `4711`, expected a string"), @"api.secret_key_env: is not valid; write text in quotes");
        insta::assert_snapshot!(explained(key, "unknown variant `4711`, expected `a` or `b`"), @"api.secret_key_env: is not a valid value; write one of: a, b");
        insta::assert_snapshot!(explained(key, "4711 is odd"), @"api.secret_key_env: is not valid; correct the value");
    }
}
