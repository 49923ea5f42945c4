//! Validation shared by many keys: presence, ranges, durations, keywords, paths.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::friendly::SpanParser;
use toml::{Table, Value};

use super::error::{KeyError, KeyPath, quoted};
use super::validate::Context;
use crate::bucket::BucketUrl;
use crate::util::nearest::nearest;

/// The text of a required key. `example` completes "write ...".
pub fn required_text<'a>(
    key: &str,
    text: Option<&'a String>,
    example: &str,
) -> Result<&'a str, KeyError> {
    match text {
        None => Err(KeyError::new(key, format!("is missing; write {example}"))),
        Some(text) => non_empty(key, text, example),
    }
}

/// Refuses text that is blank.
pub fn non_empty<'a>(key: &str, text: &'a str, example: &str) -> Result<&'a str, KeyError> {
    if text.trim().is_empty() {
        return Err(KeyError::new(key, format!("is empty; write {example}")));
    }
    Ok(text)
}

/// A whole number in a range, or the default.
pub fn whole_number<T>(
    key: &str,
    number: Option<i64>,
    default: T,
    range: RangeInclusive<T>,
) -> Result<T, KeyError>
where
    T: Copy + PartialOrd + std::fmt::Display + TryFrom<i64>,
{
    let Some(number) = number else { return Ok(default) };
    let (min, max) = (range.start(), range.end());
    match T::try_from(number) {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(KeyError::new(
            key,
            format!("is {number}, which is out of range; write a whole number from {min} to {max}"),
        )),
    }
}

/// The text of a value with a unit, `kind` of which is for example "a size"; `None` without a value.
pub fn text_with_unit<'v>(
    key: &str,
    value: Option<&'v Value>,
    kind: &str,
    fix: &str,
) -> Result<Option<&'v str>, KeyError> {
    let problem = match value {
        None => return Ok(None),
        Some(Value::String(text)) => return Ok(Some(text)),
        Some(Value::Integer(number)) => format!("is {number} without a unit"),
        Some(_) => format!("is not {kind}"),
    };
    Err(KeyError::new(key, format!("{problem}; {fix}")))
}

/// A duration such as "10s", from 1 ms to `max`, or the default.
pub fn duration(
    key: &str,
    value: Option<&Value>,
    default: Duration,
    max: Duration,
) -> Result<Duration, KeyError> {
    const MIN: Duration = Duration::from_millis(1);
    const FIX: &str =
        "write a number with its unit in quotes, such as \"500ms\", \"10s\", \"30m\" or \"2h\"";
    let Some(text) = text_with_unit(key, value, "a duration", FIX)? else { return Ok(default) };
    let refuse = |message: String| Err(KeyError::new(key, message));
    match SpanParser::new().parse_unsigned_duration(text.trim()) {
        Err(_) => refuse(format!("is {}, which is not a duration; {FIX}", quoted(text))),
        Ok(length) if (MIN..=max).contains(&length) => Ok(length),
        Ok(_) => refuse(format!(
            "is {}, which is out of range; write a duration from {} to {}",
            quoted(text),
            format_duration(MIN),
            format_duration(max)
        )),
    }
}

/// A duration in the notation of a job file.
pub fn format_duration(length: Duration) -> String {
    SignedDuration::try_from(length).map_or_else(|_| format!("{length:?}"), |it| format!("{it:#}"))
}

/// One of a set of keywords, or the default.
pub fn keyword<T: Copy>(
    key: &str,
    text: Option<&String>,
    default: T,
    known: &[(&str, T)],
) -> Result<T, KeyError> {
    let Some(text) = text else { return Ok(default) };
    match known.iter().find(|(keyword, _)| keyword == text) {
        Some((_, meaning)) => Ok(*meaning),
        None => {
            let keywords: Vec<&str> = known.iter().map(|(keyword, _)| *keyword).collect();
            Err(KeyError::new(key, format!("is {}; {}", quoted(text), suggestion(text, &keywords))))
        }
    }
}

/// Suggests the known word that was probably meant, or lists all of them.
pub fn suggestion(text: &str, known: &[&str]) -> String {
    match nearest(text, known.iter().copied()) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("write one of: {}", known.join(", ")),
    }
}

/// A path, relative to the job file's directory.
pub fn path(key: &str, text: &str, context: &Context) -> Result<PathBuf, KeyError> {
    if text == "~" || text.starts_with("~/") {
        return Err(KeyError::new(
            key,
            "starts with \"~\", which only a shell expands; write the full path",
        ));
    }
    reject_url(key, text)?;
    Ok(context.directory.join(text))
}

/// Refuses a URL, which would be taken for the path of a directory such as `s3:`. The message repeats only its scheme,
/// since the rest may hold a password.
pub fn reject_url(key: &str, text: &str) -> Result<(), KeyError> {
    match url_scheme(text) {
        None => Ok(()),
        Some("file") => Err(KeyError::new(key, "is a file:// URL; write the path without file://")),
        Some(scheme) => Err(KeyError::new(
            key,
            format!(
                "is a URL ({scheme}://...), which is not supported here; write a path on this machine"
            ),
        )),
    }
}

/// The schemes of URLs of object stores.
const BUCKET_SCHEMES: [&str; 5] = ["s3", "gs", "az", "abfss", "cos"];

/// The URL of an object store; `None` for a path of this machine.
///
/// # Errors
/// For any other URL, and for one that is not valid.
pub fn bucket_url(key: &str, text: &str) -> Result<Option<BucketUrl>, KeyError> {
    match BucketUrl::parse(text) {
        Ok(Some(url)) => Ok(Some(url)),
        Ok(None) => {
            let scheme = text.split_once(":/").map(|(scheme, _)| scheme);
            match scheme.filter(|scheme| BUCKET_SCHEMES.contains(scheme)) {
                Some(scheme) if !text.contains("://") => Err(KeyError::new(
                    key,
                    format!("starts with {scheme}:/, which is not a URL; write {scheme}://"),
                )),
                _ => reject_url(key, text).map(|()| None),
            }
        }
        Err(error) => Err(KeyError::new(key, error.to_string())),
    }
}

/// The scheme of a text such as `s3://bucket/exports`.
pub fn url_scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.trim_start().split_once("://")?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some(scheme)
}

/// Replaced by the run's date in a path.
pub const DATE_PLACEHOLDER: &str = "{date}";

pub fn fill_in_date(key: &str, text: &str, context: &Context) -> Result<String, KeyError> {
    let unknown = text.replace(DATE_PLACEHOLDER, "");
    let Some(start) = unknown.find(['{', '}']) else {
        return Ok(text.replace(DATE_PLACEHOLDER, &context.date.to_string()));
    };
    let end = unknown[start..].find('}').map_or(unknown.len(), |length| start + length + 1);
    Err(KeyError::new(
        key,
        format!(
            "contains {}; the only placeholder is {DATE_PLACEHOLDER}",
            quoted(&unknown[start..end])
        ),
    ))
}

/// No text of a job needs control characters; refusing them here keeps them out of paths, URLs and terminals.
pub fn reject_control_characters(table: &Table) -> Result<(), KeyError> {
    table.iter().try_for_each(|(key, value)| check_text(&KeyPath(vec![key.clone()]), value))
}

fn check_text(path: &KeyPath, value: &Value) -> Result<(), KeyError> {
    match value {
        Value::String(text) => match text.chars().find(|character| character.is_control()) {
            None => Ok(()),
            Some(control) => Err(KeyError::new(
                path.clone(),
                format!(
                    "contains the control character {}; write the text on one line without it",
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
