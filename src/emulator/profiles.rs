//! Profiles from an NDJSON file, one object per line.
//!
//! `{"account":"id","Tag_Profile_IM_Nick":"…","Tag_Profile_IM_Level":3}`: values are strings or numbers from 0 to
//! 2^64-1; a value that is `null` or absent was never set; the app knows no other accounts. Its custom tags are those of
//! all lines.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;

use serde::{Deserialize, Serialize};

use super::settings::CustomKind;
use super::tags::has_custom_prefix;

/// The value of a tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ProfileValue {
    /// A number of up to 64 bits.
    Number(u64),
    /// A string.
    Text(String),
}

/// A borrowed [`ProfileValue`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileValueRef<'a> {
    Number(u64),
    Text(&'a str),
}

impl ProfileValue {
    pub(super) fn borrowed(&self) -> ProfileValueRef<'_> {
        match self {
            ProfileValue::Number(number) => ProfileValueRef::Number(*number),
            ProfileValue::Text(text) => ProfileValueRef::Text(text),
        }
    }
}

/// Whether an account can exist: 1 to 32 bytes, no control characters, not a marker of the service.
pub fn is_account(account: &str) -> bool {
    (1..=32).contains(&account.len())
        && !["@TLS#", "@TGS#", "@TIM#"].iter().any(|marker| account.starts_with(marker))
        && !account.chars().any(char::is_control)
}

/// The values of one account by tag.
pub type StoredProfile = HashMap<String, ProfileValue>;

/// Source of the profiles.
#[derive(Debug, Default)]
pub struct Profiles {
    /// Profiles by account; `None` if they are generated.
    pub(super) stored: Option<HashMap<String, StoredProfile>>,
    /// Custom tags of the stored profiles.
    pub(super) custom_tags: BTreeMap<String, CustomKind>,
}

/// A profiles file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfilesError {
    /// The content of a line is not valid.
    #[error(
        "line {line}: {problem}; write one object per line, such as {{\"account\":\"id\",\"Tag_Profile_IM_Nick\":\"N\"}}"
    )]
    Line {
        /// Line number, from 1.
        line: u64,
        /// The problem.
        problem: String,
    },
    /// A line cannot be read.
    #[error("line {line} cannot be read")]
    Read {
        /// Line number, from 1.
        line: u64,
        /// The I/O error.
        source: std::io::Error,
    },
}

impl Profiles {
    /// Every account exists and has a profile generated from its id and the seed.
    pub fn generated() -> Profiles {
        Profiles::default()
    }

    /// Reads the accounts of an NDJSON text; blank lines are skipped.
    ///
    /// # Errors
    /// The first line that cannot be used.
    pub fn from_ndjson(reader: impl BufRead) -> Result<Profiles, ProfilesError> {
        let mut profiles = HashMap::new();
        let mut custom_tags = TagKinds::new();
        for (line, text) in (1..).zip(reader.lines()) {
            let text = text.map_err(|source| ProfilesError::Read { line, source })?;
            if text.trim().is_empty() {
                continue;
            }
            let (account, profile) = read_profile(&text, &mut custom_tags)
                .map_err(|problem| ProfilesError::Line { line, problem })?;
            if profiles.contains_key(&account) {
                let problem = format!("account \"{account}\" is a duplicate");
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

fn read_profile(line: &str, custom_tags: &mut TagKinds) -> Result<(String, StoredProfile), String> {
    let fields: HashMap<String, Option<serde_json::Value>> =
        serde_json::from_str(line).map_err(|error| format!("not a JSON object ({error})"))?;
    let mut account = None;
    let mut profile = HashMap::new();
    for (key, value) in fields {
        match value {
            Some(serde_json::Value::String(id)) if key == "account" => account = Some(id),
            None => record_custom_tag(custom_tags, &key, None),
            Some(value) => {
                let value: ProfileValue = serde_json::from_value(value).map_err(|_| {
                    format!("{key} is neither a string nor a number from 0 to {}", u64::MAX)
                })?;
                record_custom_tag(custom_tags, &key, Some(&value));
                profile.insert(key, value);
            }
        }
    }
    match account {
        Some(account) if is_account(&account) => Ok((account, profile)),
        Some(account) => Err(format!("\"{account}\" cannot be an account")),
        None => Err("\"account\" is missing or not a string".to_owned()),
    }
}

/// Kinds of the custom tags found so far; `None` until an account has a value.
type TagKinds = BTreeMap<String, Option<CustomKind>>;

/// A custom tag is of kind text as soon as one account has a text.
fn record_custom_tag(tags: &mut TagKinds, tag: &str, value: Option<&ProfileValue>) {
    if !has_custom_prefix(tag) {
        return;
    }
    let kind = tags.entry(tag.to_owned()).or_default();
    match value {
        Some(ProfileValue::Text(_)) => *kind = Some(CustomKind::Text),
        Some(ProfileValue::Number(_)) => *kind = kind.or(Some(CustomKind::Number)),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_line() {
        for (text, expected) in [
            ("{\"account\":\"a\"}\n[]\n", "line 2: not a JSON object"),
            ("{\"Tag_Profile_IM_Nick\":\"N\"}", "line 1: \"account\" is missing or not a string"),
            ("{\"account\":7}", "line 1: \"account\" is missing or not a string"),
            ("{\"account\":\"a\",\"T\":-1}", "line 1: T is neither a string nor a number"),
            ("{\"account\":\"a\"}\n{\"account\":\"a\"}", "line 2: account \"a\" is a duplicate"),
            ("{\"account\":\"@TLS#NOT_FOUND\"}", "cannot be an account"),
        ] {
            let message = Profiles::from_ndjson(text.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn custom_tags_are_those_of_all_lines() {
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
