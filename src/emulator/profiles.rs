//! Profiles from a file: NDJSON, one object a line.
//!
//! `{"account":"id","Tag_Profile_IM_Nick":"…","Tag_Profile_IM_Level":3}`: values are strings or numbers from 0 to
//! 2^64-1; `null` and absent are "never set"; accounts that are not listed are unknown to the app. The app has the custom
//! tags that any line names.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;

use serde::{Deserialize, Serialize};

use super::settings::CustomKind;
use super::tags::has_custom_prefix;

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

/// The values of one account by tag.
pub(super) type StoredProfile = HashMap<String, Value>;

/// Where profiles come from.
#[derive(Debug, Default)]
pub struct Profiles {
    /// By account; `None` when they are made up.
    pub(super) stored: Option<HashMap<String, StoredProfile>>,
    /// The custom tags that they name, and what they hold.
    pub(super) custom_tags: BTreeMap<String, CustomKind>,
}

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
    pub fn generated() -> Profiles {
        Profiles::default()
    }

    /// The accounts of an NDJSON text and no others; blank lines are skipped.
    pub fn from_ndjson(reader: impl BufRead) -> Result<Profiles, ProfilesError> {
        let mut profiles = HashMap::new();
        let mut custom_tags = NamedTags::new();
        for (line, text) in (1..).zip(reader.lines()) {
            let text = text.map_err(|source| ProfilesError::Read { line, source })?;
            if text.trim().is_empty() {
                continue;
            }
            let (account, profile) = read_profile(&text, &mut custom_tags)
                .map_err(|problem| ProfilesError::Line { line, problem })?;
            if profiles.contains_key(&account) {
                let problem = format!("account \"{account}\" is there already");
                return Err(ProfilesError::Line { line, problem });
            }
            profiles.insert(account, profile);
        }
        let custom_tags = custom_tags
            .into_iter()
            .map(|(tag, kind)| (tag, kind.unwrap_or(CustomKind::Text)))
            .collect();
        Ok(Profiles { stored: Some(profiles), custom_tags })
    }
}

fn read_profile(
    line: &str,
    custom_tags: &mut NamedTags,
) -> Result<(String, StoredProfile), String> {
    let fields: HashMap<String, Option<serde_json::Value>> =
        serde_json::from_str(line).map_err(|error| format!("not a JSON object ({error})"))?;
    let mut account = None;
    let mut profile = HashMap::new();
    for (key, value) in fields {
        match value {
            Some(serde_json::Value::String(id)) if key == "account" => account = Some(id),
            None => note_custom_tag(custom_tags, &key, None),
            Some(value) => {
                let value: Value = serde_json::from_value(value).map_err(|_| {
                    format!("{key} is neither a string nor a number from 0 to {}", u64::MAX)
                })?;
                note_custom_tag(custom_tags, &key, Some(&value));
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

/// The custom tags named so far; no kind yet where no account has a value.
type NamedTags = BTreeMap<String, Option<CustomKind>>;

/// A custom tag holds text as soon as one account has a text in it.
fn note_custom_tag(tags: &mut NamedTags, tag: &str, value: Option<&Value>) {
    if !has_custom_prefix(tag) {
        return;
    }
    let kind = tags.entry(tag.to_owned()).or_default();
    match value {
        Some(Value::Text(_)) => *kind = Some(CustomKind::Text),
        Some(Value::Number(_)) => *kind = kind.or(Some(CustomKind::Number)),
        None => {}
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
    #[test]
    fn the_custom_tags_that_any_line_names_are_the_apps() {
        let text = "{\"account\":\"a\",\"Tag_Profile_Custom_Coins\":null,\"Tag_Profile_Custom_Mixed\":1}\n\
                    {\"account\":\"b\",\"Tag_Profile_Custom_Coins\":7,\"Tag_Profile_Custom_Mixed\":\"x\"}\n\
                    {\"account\":\"c\",\"Tag_Profile_Custom_888_Unset1\":null,\"Tag_Profile_Custom_\":1,\"note\":\"n\"}\n";
        let profiles = Profiles::from_ndjson(text.as_bytes()).unwrap();
        let expected = [
            ("Tag_Profile_Custom_888_Unset1", CustomKind::Text),
            ("Tag_Profile_Custom_Coins", CustomKind::Number),
            ("Tag_Profile_Custom_Mixed", CustomKind::Text),
        ];
        let expected = expected.map(|(tag, kind)| (tag.to_owned(), kind));
        assert_eq!(profiles.custom_tags, BTreeMap::from(expected));
        assert!(Profiles::generated().custom_tags.is_empty());
    }
}
