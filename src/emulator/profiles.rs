//! Profiles from a file: NDJSON, one object a line.
//!
//! `{"account":"id","Tag_Profile_IM_Nick":"…","Tag_Profile_IM_Level":3}`: values are strings or numbers from 0 to
//! 2^64-1; `null` and absent are "never set"; accounts that are not listed are unknown to the app.

use std::collections::HashMap;
use std::io::BufRead;

use serde::{Deserialize, Serialize};

/// A profile field's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
}

/// A value that is about to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueRef<'a> {
    Number(u64),
    Text(&'a str),
}

impl Value {
    pub(super) fn borrowed(&self) -> ValueRef<'_> {
        match self {
            Value::Number(number) => ValueRef::Number(*number),
            Value::Text(text) => ValueRef::Text(text),
        }
    }
}

/// Whether an account may exist: 1 to 32 bytes without control characters, and none of the system's markers.
pub(super) fn is_account(account: &str) -> bool {
    (1..=32).contains(&account.len())
        && !["@TLS#", "@TGS#", "@TIM#"].iter().any(|marker| account.starts_with(marker))
        && !account.chars().any(char::is_control)
}

/// Where profiles come from.
#[derive(Debug, Default)]
pub struct Profiles(pub(super) Option<HashMap<String, HashMap<String, Value>>>);

/// A line of a profile file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfilesError {
    /// Not what a line should hold.
    #[error(
        "line {line}: {problem}; write one object a line, such as {{\"account\":\"id\",\"Tag_Profile_IM_Nick\":\"N\"}}"
    )]
    Line {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// The file could not be read.
    #[error("line {line} could not be read")]
    Read {
        /// The line, counted from 1.
        line: u64,
        /// Why.
        source: std::io::Error,
    },
}

impl Profiles {
    /// Every account is known and has a profile made up from its id and the seed.
    pub fn made_up() -> Profiles {
        Profiles(None)
    }

    /// The accounts of an NDJSON text and no others; blank lines are skipped.
    pub fn from_ndjson(reader: impl BufRead) -> Result<Profiles, ProfilesError> {
        let mut profiles = HashMap::new();
        for (line, text) in (1..).zip(reader.lines()) {
            let text = text.map_err(|source| ProfilesError::Read { line, source })?;
            if text.trim().is_empty() {
                continue;
            }
            let (account, profile) =
                read_profile(&text).map_err(|problem| ProfilesError::Line { line, problem })?;
            if profiles.contains_key(&account) {
                let problem = format!("account \"{account}\" is there already");
                return Err(ProfilesError::Line { line, problem });
            }
            profiles.insert(account, profile);
        }
        Ok(Profiles(Some(profiles)))
    }
}

fn read_profile(line: &str) -> Result<(String, HashMap<String, Value>), String> {
    let fields: HashMap<String, Option<serde_json::Value>> =
        serde_json::from_str(line).map_err(|error| format!("not a JSON object ({error})"))?;
    let mut account = None;
    let mut profile = HashMap::new();
    for (key, value) in fields {
        match value {
            Some(serde_json::Value::String(id)) if key == "account" => account = Some(id),
            None => {}
            Some(value) => {
                let value: Value = serde_json::from_value(value).map_err(|_| {
                    format!("{key} is neither a string nor a number from 0 to {}", u64::MAX)
                })?;
                profile.insert(key, value);
            }
        }
    }
    match account {
        Some(account) if is_account(&account) => Ok((account, profile)),
        Some(account) => Err(format!("\"{account}\" cannot be an account")),
        None => Err("there is no \"account\" that is a string".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named() {
        for (text, expected) in [
            ("{\"account\":\"a\"}\n[]\n", "line 2: not a JSON object"),
            ("{\"Tag_Profile_IM_Nick\":\"N\"}", "line 1: there is no \"account\""),
            ("{\"account\":7}", "line 1: there is no \"account\""),
            ("{\"account\":\"a\",\"T\":-1}", "line 1: T is neither a string nor a number"),
            ("{\"account\":\"a\"}\n{\"account\":\"a\"}", "line 2: account \"a\" is there already"),
            ("{\"account\":\"@TLS#NOT_FOUND\"}", "cannot be an account"),
        ] {
            let message = Profiles::from_ndjson(text.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
