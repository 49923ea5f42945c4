//! What serde says of a value that does not fit, in the words of someone who edits a job file.
//!
//! serde's texts are its stable interface to every format; one that is not known here is passed on as it is.

use super::error::{KeyPath, Refusal, shown};
use super::secret;
use super::values::one_of;

/// The refusal for serde's message about the value at `key`.
pub(super) fn refusal(key: KeyPath, message: &str) -> Refusal {
    if let Some(field) = quoted_after(message, "missing field ") {
        return Refusal::new(key.then(field), "is missing; write it");
    }
    if message.starts_with("unknown field ") {
        return unknown_key(key, message);
    }
    let hide = secret::may_hold_one(&key.to_string());
    let text = mismatch(&key, message, hide)
        .or_else(|| unknown_word(message, hide))
        .unwrap_or_else(|| match hide {
            true => "has a value that it cannot have; correct it".to_owned(),
            false => format!("{message}; correct the value"),
        });
    Refusal::new(key, text)
}

fn unknown_key(key: KeyPath, message: &str) -> Refusal {
    let name = key.0.last().map_or("", String::as_str);
    let known = words_after(message, &format!("unknown field `{name}`"));
    let fix = match known[..] {
        [] => "take it out".to_owned(),
        _ => one_of(name, &known),
    };
    let text = format!("is not a known key; {fix}");
    Refusal::new(key, text)
}

/// `unknown variant `x`, expected one of `a`, `b``
fn unknown_word(message: &str, hide: bool) -> Option<String> {
    let rest = message.strip_prefix("unknown variant `")?;
    let (word, _) = rest.rsplit_once("`, expected ")?;
    let known = words_after(message, &format!("unknown variant `{word}`"));
    if hide {
        return Some(format!("is not a known word; write one of: {}", known.join(", ")));
    }
    Some(format!("is {}; {}", shown(word), one_of(word, &known)))
}

/// `invalid type: integer `5`, expected a string`
fn mismatch(key: &KeyPath, message: &str, hide: bool) -> Option<String> {
    let rest = message.strip_prefix("invalid type: ").or(message.strip_prefix("invalid value: "))?;
    let (found, expected) = rest.rsplit_once(", expected ")?;
    if (found, expected) == ("map", "a sequence") {
        return Some(format!("is a single table; write [[{key}]] in double brackets for each"));
    }
    let found = if hide { "not what it must be".to_owned() } else { found_value(found) };
    Some(format!("is {found}; write {}", expected_value(expected)))
}

fn found_value(found: &str) -> String {
    match found {
        "map" => "a table".to_owned(),
        "sequence" => "a list".to_owned(),
        _ => match found.split_once(['`', '"']) {
            Some(("string ", text)) => {
                let text = text.trim_end_matches('"');
                format!("the text {}", shown(text))
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
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "i64" => "a whole number without quotes".to_owned(),
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => "a whole number from 0 up".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        _ if expected.starts_with("struct ") => "a table".to_owned(),
        _ => expected.to_owned(),
    }
}

/// The word in backticks right after `prefix`.
fn quoted_after<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.strip_prefix('`')?.strip_suffix('`')
}

/// The words in backticks after `prefix`: every second piece between backticks.
fn words_after<'a>(message: &'a str, prefix: &str) -> Vec<&'a str> {
    let rest = message.strip_prefix(prefix).unwrap_or_default();
    rest.split('`').skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(key: &str, message: &str) -> String {
        let refusal = refusal(key.into(), message);
        format!("{}: {}", refusal.key, refusal.message)
    }

    #[test]
    fn known_texts_are_put_into_plain_words() {
        insta::assert_snapshot!(said("a", "missing field `seed`"), @"a.seed: is missing; write it");
        insta::assert_snapshot!(said("a.sead", "unknown field `sead`, expected `seed` or `port`"), @"a.sead: is not a known key; did you mean seed?");
        insta::assert_snapshot!(said("a.x`y", "unknown field `x`y`, expected one of `seed`, `port`"), @r#"a."x`y": is not a known key; write one of: seed, port"#);
        insta::assert_snapshot!(said("a.x", "unknown field `x`, there are no fields"), @"a.x: is not a known key; take it out");
        insta::assert_snapshot!(said("a", "unknown variant `CSV`, expected one of `csv`, `txt`"), @r#"a: is "CSV"; did you mean csv?"#);
        insta::assert_snapshot!(said("a", "invalid type: integer `5`, expected a string"), @"a: is the number 5; write text in quotes");
        insta::assert_snapshot!(said("a", "invalid type: string \"5\", expected i64"), @r#"a: is the text "5"; write a whole number without quotes"#);
        insta::assert_snapshot!(said("a", "invalid type: boolean `true`, expected a sequence"), @"a: is true; write a list");
        insta::assert_snapshot!(said("a", "invalid type: floating point `1.5`, expected u64"), @"a: is the number 1.5; write a whole number from 0 up");
        insta::assert_snapshot!(said("a", "invalid type: sequence, expected struct Api"), @"a: is a list; write a table");
        insta::assert_snapshot!(said("a", "invalid type: map, expected f64"), @"a: is a table; write a number");
        insta::assert_snapshot!(said("a", "invalid type: map, expected a sequence"), @"a: is a single table; write [[a]] in double brackets for each");
        insta::assert_snapshot!(said("a", "invalid value: integer `-1`, expected u32"), @"a: is the number -1; write a whole number from 0 to 4294967295");
    }

    #[test]
    fn other_texts_are_passed_on() {
        insta::assert_snapshot!(said("a", "the seed is odd"), @"a: the seed is odd; correct the value");
    }

    #[test]
    fn values_of_secret_keys_are_not_repeated() {
        let key = "api.secret_key_env";
        insta::assert_snapshot!(said(key, "invalid type: integer `4711`, expected a string"), @"api.secret_key_env: is not what it must be; write text in quotes");
        insta::assert_snapshot!(said(key, "unknown variant `4711`, expected `a` or `b`"), @"api.secret_key_env: is not a known word; write one of: a, b");
        insta::assert_snapshot!(said(key, "4711 is odd"), @"api.secret_key_env: has a value that it cannot have; correct it");
    }
}
