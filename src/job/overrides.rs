//! `--set key.path=value`: sets one key of the job for one run.
//!
//! The value is TOML (`50`, `true`, `"text"`, `{ a = 1 }`) or, if it does not parse, plain text (`10s`, `/data/x`). A
//! number in the key path is an index into a list, counted from 0; the index after the last adds an item. Setting one
//! of several mutually exclusive keys removes the others that the file sets.

use toml::{Table, Value};

use super::error::{JobError, KeyError, KeyPath, Location, quoted};
use super::secret;

/// Groups of mutually exclusive keys.
const ALTERNATIVES: [[&str; 3]; 2] = [
    ["api.emulator", "api.region", "api.base_url"],
    ["api.secret_key_env", "api.secret_key_file", "api.usersig_env"],
];

/// Maximum depth of a key path, so that none exhausts the stack; the deepest key of a job has four segments.
const MAX_SEGMENTS: usize = 16;

/// One `--set`.
#[derive(Debug, Clone)]
pub struct Override {
    pub key: KeyPath,
    /// The whole argument in the form that messages may show.
    pub shown: String,
    value: Value,
}

pub fn parse(arguments: &[String]) -> Result<Vec<Override>, JobError> {
    arguments.iter().map(|argument| parse_one(argument)).collect()
}

fn parse_one(argument: &str) -> Result<Override, JobError> {
    let refuse = |shown: String, message: &str| {
        let fix = "write key.path=value, such as api.calls_per_second=50";
        Err(JobError::new(Location::Override(shown), format!("{message}; {fix}")))
    };
    let Some((key, text)) = argument.split_once('=') else {
        // Not shown: an argument without a key may be a secret.
        return refuse("(not shown)".to_owned(), "has no \"=\"");
    };
    let key = KeyPath(key.split('.').map(|segment| segment.trim().to_owned()).collect());
    if key.0.len() > MAX_SEGMENTS {
        return refuse(
            "(not shown)".to_owned(),
            "the key path has more segments than any key of a job",
        );
    }
    let shown = shown_argument(&key, text);
    if key.0.iter().any(String::is_empty) {
        return refuse(shown, "the key path has an empty segment");
    }
    Ok(Override { key, shown, value: parse_value(text) })
}

fn shown_argument(key: &KeyPath, text: &str) -> String {
    // The part before the @ of a URL may hold a password, its query a signature.
    let may_hold_credentials = text.contains("://") && text.contains(['@', '?']);
    if secret::may_hold_a_secret(&key.to_string())
        || secret::may_hold_a_secret(text)
        || may_hold_credentials
    {
        return format!("{key}=(not shown)");
    }
    let is_plain = text.len() <= 80 && !text.chars().any(char::is_control);
    if is_plain { format!("{key}={text}") } else { format!("{key}={}", quoted(text)) }
}

/// No key of a job is a TOML date, so a date stays text.
fn parse_value(text: &str) -> Value {
    match text.trim().parse() {
        Ok(Value::Datetime(_)) | Err(_) => Value::String(text.to_owned()),
        Ok(value) => value,
    }
}

/// Applies the overrides to the job; the last one of a key takes precedence.
pub fn apply(overrides: &[Override], table: &mut Table) -> Result<(), KeyError> {
    for one in overrides {
        remove_alternatives(one, overrides, table);
        let (first, rest) = one.key.0.split_first().expect("a split text has at least one piece");
        let slot = table.entry(first.as_str()).or_insert_with(|| empty_container(rest));
        set(slot, rest, one)?;
    }
    Ok(())
}

/// Removes the keys of the file that the override excludes.
fn remove_alternatives(one: &Override, overrides: &[Override], table: &mut Table) {
    let key = one.key.to_string();
    let Some(group) = ALTERNATIVES.iter().find(|group| group.contains(&key.as_str())) else {
        return;
    };
    if one.value == Value::Boolean(false) {
        return;
    }
    let Some(Value::Table(api)) = table.get_mut("api") else { return };
    for other in group.iter().filter(|other| **other != key) {
        let is_overridden = overrides.iter().any(|each| each.key == KeyPath::from(*other));
        if !is_overridden {
            api.remove(other.trim_start_matches("api."));
        }
    }
}

/// A missing value that the rest of the key path goes into: a list for an index, a table for a name.
fn empty_container(rest: &[String]) -> Value {
    match rest.first() {
        Some(segment) if segment.parse::<usize>().is_ok() => Value::Array(Vec::new()),
        _ => Value::Table(Table::new()),
    }
}

fn set(slot: &mut Value, path: &[String], one: &Override) -> Result<(), KeyError> {
    let Some((segment, rest)) = path.split_first() else {
        *slot = one.value.clone();
        return Ok(());
    };
    match slot {
        Value::Table(table) => {
            set(table.entry(segment.as_str()).or_insert_with(|| empty_container(rest)), rest, one)
        }
        Value::Array(list) => {
            let length = list.len();
            let Some(index) = segment.parse().ok().filter(|index: &usize| *index <= length) else {
                let message = format!(
                    "{} is not a valid index into a list of length {length}; write a number from 0 to {length}",
                    quoted(segment)
                );
                return Err(KeyError::new(one.key.clone(), message));
            };
            if index == length {
                list.push(empty_container(rest));
            }
            set(&mut list[index], rest, one)
        }
        _ => Err(KeyError::new(
            one.key.clone(),
            format!(
                "{} cannot be set, because the key before it is a single value; shorten the key path",
                quoted(segment)
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(text: &str, arguments: &[&str]) -> Result<Table, String> {
        let arguments: Vec<String> = arguments.iter().map(|&one| one.to_owned()).collect();
        let mut table: Table = text.parse().unwrap();
        let overrides = parse(&arguments).map_err(|error| error.to_string())?;
        apply(&overrides, &mut table).map_err(|error| error.message)?;
        Ok(table)
    }

    #[track_caller]
    fn check(text: &str, arguments: &[&str], expected: &str) {
        assert_eq!(applied(text, arguments).unwrap(), expected.parse::<Table>().unwrap());
    }

    #[test]
    fn values_are_toml_or_plain_text() {
        check("", &["a=50"], "a = 50");
        check("", &["a=true"], "a = true");
        check("", &["a=\"50\""], "a = \"50\"");
        check("", &["a=10s"], "a = \"10s\"");
        check("", &["a=007"], "a = \"007\"");
        check("", &["a=2026-11-22"], "a = \"2026-11-22\"");
        check("", &["a="], "a = \"\"");
        check("", &["a=/x/dt={date}"], "a = \"/x/dt={date}\"");
        check("", &["a=https://h/?b=c"], "a = \"https://h/?b=c\"");
        check("", &["a={ b = 1 }"], "a = { b = 1 }");
    }

    #[test]
    fn missing_tables_are_created_and_the_last_override_wins() {
        check("b.x = 1", &["b.y=2", "c.d.e=3", "b.y=4"], "b = { x = 1, y = 4 }\nc.d.e = 3");
    }

    #[test]
    fn list_items_are_changed_or_added() {
        let text = "[[columns]]\ntag = \"a\"";
        check(text, &["columns.0.tag=b"], "columns = [{ tag = \"b\" }]");
        check(text, &["columns.1.tag=b"], "columns = [{ tag = \"a\" }, { tag = \"b\" }]");
        check("", &["columns.0.tag=b"], "columns = [{ tag = \"b\" }]");
        insta::assert_snapshot!(applied(text, &["columns.2.tag=b"]).unwrap_err(), @r#""2" is not a valid index into a list of length 1; write a number from 0 to 1"#);
        insta::assert_snapshot!(applied(text, &["columns.x.tag=b"]).unwrap_err(), @r#""x" is not a valid index into a list of length 1; write a number from 0 to 1"#);
    }

    #[test]
    fn an_override_removes_its_alternatives() {
        check("api.region = \"china\"", &["api.emulator=true"], "api.emulator = true");
        check(
            "api.region = \"china\"",
            &["api.emulator=false"],
            "api = { region = \"china\", emulator = false }",
        );
        check("api.secret_key_env = \"A\"", &["api.usersig_env=B"], "api.usersig_env = \"B\"");
        check(
            "",
            &["api.emulator=true", "api.region=seoul"],
            "api = { emulator = true, region = \"seoul\" }",
        );
    }

    #[test]
    fn malformed_overrides_are_refused_without_showing_secrets() {
        let refused = |argument: &str| applied("name = \"n\"", &[argument]).unwrap_err();
        insta::assert_snapshot!(refused("0123456789abcdef"), @r#"--set (not shown): has no "="; write key.path=value, such as api.calls_per_second=50"#);
        insta::assert_snapshot!(refused("a..b=1"), @r#"--set a."".b=1: the key path has an empty segment; write key.path=value, such as api.calls_per_second=50"#);
        insta::assert_snapshot!(refused("=1"), @r#"--set ""=1: the key path has an empty segment; write key.path=value, such as api.calls_per_second=50"#);
        insta::assert_snapshot!(refused("name.x=1"), @r#""x" cannot be set, because the key before it is a single value; shorten the key path"#);
        insta::assert_snapshot!(refused("api..secret_key=hunter2"), @r#"--set api."".secret_key=(not shown): the key path has an empty segment; write key.path=value, such as api.calls_per_second=50"#);
        insta::assert_snapshot!(refused(".=x?usersig=hunter2"), @r#"--set "".""=(not shown): the key path has an empty segment; write key.path=value, such as api.calls_per_second=50"#);
        insta::assert_snapshot!(refused(&format!("{}=1", vec!["a"; 17].join("."))), @"--set (not shown): the key path has more segments than any key of a job; write key.path=value, such as api.calls_per_second=50");
    }
}
