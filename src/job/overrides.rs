//! `--set key.path=value`: one key of the job, for one run.
//!
//! The value is TOML (`50`, `true`, `"text"`, `{ a = 1 }`) or, when it is not, the bare text (`10s`, `/data/x`). A
//! number in the key path is a place in a list, from 0; the place after the last adds an item. Setting one of several
//! keys that exclude each other takes the others of the file away, since that is what is meant.

use toml::{Table, Value};

use super::error::{JobError, KeyPath, Place, Refusal, shown};
use super::secret;

/// Keys of which a job has one.
const ALTERNATIVES: [[&str; 3]; 2] = [
    ["api.emulator", "api.region", "api.base_url"],
    ["api.secret_key_env", "api.secret_key_file", "api.usersig_env"],
];

/// Most steps in a key path; the deepest key of a job has four, and no path may exhaust the stack.
const MAX_STEPS: usize = 16;

/// One `--set`.
#[derive(Debug, Clone)]
pub(super) struct Override {
    /// The key.
    pub(super) key: KeyPath,
    /// The whole argument as messages may show it.
    pub(super) shown: String,
    value: Value,
}

/// Reads the overrides of a command line.
pub(super) fn parse(arguments: &[String]) -> Result<Vec<Override>, JobError> {
    arguments.iter().map(|argument| parse_one(argument)).collect()
}

fn parse_one(argument: &str) -> Result<Override, JobError> {
    let refuse = |shown: String, message: &str| {
        let fix = "write key.path=value, such as api.calls_per_second=50";
        Err(JobError::of_place(Place::Override(shown), format!("{message}; {fix}")))
    };
    let Some((key, text)) = argument.split_once('=') else {
        // Not shown: what lacks a key may be a secret.
        return refuse("(not shown)".to_owned(), "has no \"=\"");
    };
    let key = KeyPath(key.split('.').map(|step| step.trim().to_owned()).collect());
    if key.0.len() > MAX_STEPS {
        return refuse("(not shown)".to_owned(), "its key has more steps than any key of a job");
    }
    let shown = shown_argument(&key, text);
    if key.0.iter().any(String::is_empty) {
        return refuse(shown, "its key has an empty step");
    }
    Ok(Override { key, shown, value: value_of(text) })
}

fn shown_argument(key: &KeyPath, text: &str) -> String {
    // Before the @ of a URL stands a password.
    let has_user_in_url = text.contains("://") && text.contains('@');
    if secret::may_hold_one(&key.to_string()) || secret::may_hold_one(text) || has_user_in_url {
        return format!("{key}=(not shown)");
    }
    let is_plain = text.len() <= 80 && !text.chars().any(char::is_control);
    if is_plain { format!("{key}={text}") } else { format!("{key}={}", shown(text)) }
}

/// No key of a job is a TOML date, so one is the text it was written as.
fn value_of(text: &str) -> Value {
    match text.trim().parse() {
        Ok(Value::Datetime(_)) | Err(_) => Value::String(text.to_owned()),
        Ok(value) => value,
    }
}

/// Puts the overrides into the job, the last one of a key winning.
pub(super) fn apply(overrides: &[Override], table: &mut Table) -> Result<(), Refusal> {
    for one in overrides {
        remove_alternatives(one, overrides, table);
        let (first, rest) = one.key.0.split_first().expect("a split text has at least one piece");
        let slot = table.entry(first.as_str()).or_insert_with(|| empty_container(rest));
        set(slot, rest, one)?;
    }
    Ok(())
}

/// Takes away the keys of the file that the override stands in for.
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

/// What a missing value becomes when steps still follow: a list for a place, a table for a name.
fn empty_container(rest: &[String]) -> Value {
    match rest.first() {
        Some(step) if step.parse::<usize>().is_ok() => Value::Array(Vec::new()),
        _ => Value::Table(Table::new()),
    }
}

fn set(slot: &mut Value, steps: &[String], one: &Override) -> Result<(), Refusal> {
    let Some((step, rest)) = steps.split_first() else {
        *slot = one.value.clone();
        return Ok(());
    };
    match slot {
        Value::Table(table) => {
            set(table.entry(step.as_str()).or_insert_with(|| empty_container(rest)), rest, one)
        }
        Value::Array(list) => {
            let length = list.len();
            let Some(index) = step.parse().ok().filter(|index: &usize| *index <= length) else {
                let message = format!(
                    "{} is no place in a list of {length}; write a number from 0 to {length}",
                    shown(step)
                );
                return Err(Refusal::new(one.key.clone(), message));
            };
            if index == length {
                list.push(empty_container(rest));
            }
            set(&mut list[index], rest, one)
        }
        _ => Err(Refusal::new(
            one.key.clone(),
            format!(
                "{} cannot be set, since the key before it is a single value; shorten the key path",
                shown(step)
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
        apply(&overrides, &mut table).map_err(|refusal| refusal.message)?;
        Ok(table)
    }

    #[track_caller]
    fn check(text: &str, arguments: &[&str], expected: &str) {
        assert_eq!(applied(text, arguments).unwrap(), expected.parse::<Table>().unwrap());
    }

    #[test]
    fn values_are_toml_or_bare_text() {
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
    fn tables_are_made_and_the_last_of_a_key_wins() {
        check("b.x = 1", &["b.y=2", "c.d.e=3", "b.y=4"], "b = { x = 1, y = 4 }\nc.d.e = 3");
    }

    #[test]
    fn places_in_lists_are_changed_or_added() {
        let text = "[[columns]]\ntag = \"a\"";
        check(text, &["columns.0.tag=b"], "columns = [{ tag = \"b\" }]");
        check(text, &["columns.1.tag=b"], "columns = [{ tag = \"a\" }, { tag = \"b\" }]");
        check("", &["columns.0.tag=b"], "columns = [{ tag = \"b\" }]");
        insta::assert_snapshot!(applied(text, &["columns.2.tag=b"]).unwrap_err(), @r#""2" is no place in a list of 1; write a number from 0 to 1"#);
        insta::assert_snapshot!(applied(text, &["columns.x.tag=b"]).unwrap_err(), @r#""x" is no place in a list of 1; write a number from 0 to 1"#);
    }

    #[test]
    fn an_override_takes_the_place_of_its_alternatives() {
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
    fn malformed_ones_are_refused_and_nothing_secret_is_shown() {
        let refused = |argument: &str| applied("name = \"n\"", &[argument]).unwrap_err();
        insta::assert_snapshot!(refused("0123456789abcdef"), @r#"--set (not shown): has no "="; write key.path=value, such as api.calls_per_second=50"#);
        insta::assert_snapshot!(refused("a..b=1"), @r#"--set a."".b=1: its key has an empty step; write key.path=value, such as api.calls_per_second=50"#);
        insta::assert_snapshot!(refused("=1"), @r#"--set ""=1: its key has an empty step; write key.path=value, such as api.calls_per_second=50"#);
        insta::assert_snapshot!(refused("name.x=1"), @r#""x" cannot be set, since the key before it is a single value; shorten the key path"#);
        insta::assert_snapshot!(refused("api..secret_key=hunter2"), @r#"--set api."".secret_key=(not shown): its key has an empty step; write key.path=value, such as api.calls_per_second=50"#);
        insta::assert_snapshot!(refused(".=x?usersig=hunter2"), @r#"--set "".""=(not shown): its key has an empty step; write key.path=value, such as api.calls_per_second=50"#);
        insta::assert_snapshot!(refused(&format!("{}=1", vec!["a"; 17].join("."))), @"--set (not shown): its key has more steps than any key of a job; write key.path=value, such as api.calls_per_second=50");
    }
}
