//! Checks that many keys share: presence, ranges, durations, words, names, paths.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::friendly::SpanParser;
use toml::{Table, Value};

use super::check::Context;
use super::error::{KeyPath, Refusal, shown};
use crate::util::nearest::nearest;

/// The text of a key that must be there and not be empty. `example` completes "write ...".
pub(super) fn required_text<'a>(
    key: &str,
    text: Option<&'a String>,
    example: &str,
) -> Result<&'a str, Refusal> {
    match text {
        None => Err(Refusal::new(key, format!("is missing; write {example}"))),
        Some(text) => non_empty(key, text, example),
    }
}

/// A text that is there must say something.
pub(super) fn non_empty<'a>(key: &str, text: &'a str, example: &str) -> Result<&'a str, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::new(key, format!("is empty; write {example}")));
    }
    Ok(text)
}

/// A whole number in a range, or its default.
pub(super) fn whole_number<T>(
    key: &str,
    number: Option<i64>,
    default: T,
    range: RangeInclusive<T>,
) -> Result<T, Refusal>
where
    T: Copy + PartialOrd + std::fmt::Display + TryFrom<i64>,
{
    let Some(number) = number else { return Ok(default) };
    let (least, most) = (range.start(), range.end());
    match T::try_from(number) {
        Ok(fitting) if range.contains(&fitting) => Ok(fitting),
        _ => Err(Refusal::new(
            key,
            format!(
                "is {number}, which is out of range; write a whole number from {least} to {most}"
            ),
        )),
    }
}

/// A duration as people write them, from 1 ms to `most`, or its default.
pub(super) fn duration(
    key: &str,
    value: Option<&Value>,
    default: Duration,
    most: Duration,
) -> Result<Duration, Refusal> {
    const LEAST: Duration = Duration::from_millis(1);
    const FIX: &str =
        "write a number with its unit in quotes, such as \"500ms\", \"10s\", \"30m\" or \"2h\"";
    let refuse = |message: String| Err(Refusal::new(key, message));
    let text = match value {
        None => return Ok(default),
        Some(Value::String(text)) => text,
        Some(Value::Integer(number)) => {
            return refuse(format!("is {number} without a unit; {FIX}"));
        }
        Some(_) => return refuse(format!("is not a duration; {FIX}")),
    };
    match SpanParser::new().parse_unsigned_duration(text.trim()) {
        Err(_) => refuse(format!("is {}, which is not a duration; {FIX}", shown(text))),
        Ok(length) if (LEAST..=most).contains(&length) => Ok(length),
        Ok(_) => refuse(format!(
            "is {}, which is out of range; write a duration from {} to {}",
            shown(text),
            written(LEAST),
            written(most)
        )),
    }
}

/// A duration as a job file has it.
pub(super) fn written(length: Duration) -> String {
    SignedDuration::try_from(length).map_or_else(|_| format!("{length:?}"), |it| format!("{it:#}"))
}

/// One of a few words, or its default.
pub(super) fn word<T: Copy>(
    key: &str,
    text: Option<&String>,
    default: T,
    known: &[(&str, T)],
) -> Result<T, Refusal> {
    let Some(text) = text else { return Ok(default) };
    match known.iter().find(|(word, _)| word == text) {
        Some((_, meaning)) => Ok(*meaning),
        None => {
            let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
            Err(Refusal::new(key, format!("is {}; {}", shown(text), one_of(text, &words))))
        }
    }
}

/// The known word that was probably meant, or all of them.
pub(super) fn one_of(text: &str, known: &[&str]) -> String {
    match nearest(text, known.iter().copied()) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("write one of: {}", known.join(", ")),
    }
}

/// A path as written, from the job file's directory on.
pub(super) fn path(key: &str, text: &str, context: &Context) -> Result<PathBuf, Refusal> {
    if text == "~" || text.starts_with("~/") {
        return Err(Refusal::new(
            key,
            "begins with \"~\", which only a shell knows; write the directory out",
        ));
    }
    Ok(context.directory.join(text))
}

/// What stands for the run's date in a path.
pub(super) const DATE_PLACEHOLDER: &str = "{date}";

/// The text with `{date}` filled in.
pub(super) fn fill_in_date(key: &str, text: &str, context: &Context) -> Result<String, Refusal> {
    let unknown = text.replace(DATE_PLACEHOLDER, "");
    let Some(start) = unknown.find(['{', '}']) else {
        return Ok(text.replace(DATE_PLACEHOLDER, &context.date.to_string()));
    };
    let end = unknown[start..].find('}').map_or(unknown.len(), |length| start + length + 1);
    Err(Refusal::new(
        key,
        format!("has {}; the only placeholder is {DATE_PLACEHOLDER}", shown(&unknown[start..end])),
    ))
}

/// No text of a job has use for control characters; refusing them here keeps them out of paths, URLs and terminals.
pub(super) fn ensure_texts_are_one_line(table: &Table) -> Result<(), Refusal> {
    table.iter().try_for_each(|(key, value)| check_text(&KeyPath(vec![key.clone()]), value))
}

fn check_text(path: &KeyPath, value: &Value) -> Result<(), Refusal> {
    match value {
        Value::String(text) => match text.chars().find(|character| character.is_control()) {
            None => Ok(()),
            Some(control) => Err(Refusal::new(
                path.clone(),
                format!(
                    "holds the control character {}; write the text in one line without it",
                    control.escape_unicode()
                ),
            )),
        },
        Value::Array(list) => list
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| check_text(&path.then(&index.to_string()), item)),
        Value::Table(table) => {
            table.iter().try_for_each(|(key, item)| check_text(&path.then(key), item))
        }
        _ => Ok(()),
    }
}
