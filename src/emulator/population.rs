//! The accounts of the app and their profiles: made up, or read from NDJSON, and what calls changed since.
//!
//! NDJSON holds one object a line: `{"account":"id","Tag_Profile_IM_Nick":"…","Tag_Profile_IM_Level":3}`. Values
//! are strings or numbers from 0 to 2^64-1; `null` and absent are "never set"; accounts not listed are unknown.
//! Made-up profiles cost no memory, whatever the number of accounts.

use std::collections::{BTreeMap, HashMap};
use std::io::BufRead;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use serde::{Deserialize, Serialize};

use super::faults::{Picker, falls_within, hash_of, mix, salt_of};
use super::made_up;
use super::settings::{CustomKind, Oddities, PopulationSettings, Settings};

/// Most accounts that calls may import or change; then they are told of the quota (70398).
const MAX_CHANGED_ACCOUNTS: usize = 1_000_000;

/// What every custom tag begins with.
const CUSTOM_PREFIX: &str = "Tag_Profile_Custom_";

/// Custom tags that hold numbers when the settings do not say otherwise.
const NUMBER_TAGS: [&str; 6] = ["Score", "Points", "Coins", "Level", "Rank", "Id"];

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
    fn borrowed(&self) -> ValueRef<'_> {
        match self {
            Value::Number(number) => ValueRef::Number(*number),
            Value::Text(text) => ValueRef::Text(text),
        }
    }
}

/// What a tag holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagKind {
    Nick,
    Text,
    Bytes,
    Image,
    Location,
    Gender,
    AllowType,
    AdminForbid,
    BirthDay,
    Flag,
    Uint32,
    Number,
}

impl TagKind {
    /// The kind of a tag; `None` when the app has no such tag.
    pub(super) fn of(tag: &str, settings: &PopulationSettings) -> Option<TagKind> {
        Some(match tag {
            "Tag_Profile_IM_Nick" => TagKind::Nick,
            "Tag_Profile_IM_Gender" => TagKind::Gender,
            "Tag_Profile_IM_BirthDay" => TagKind::BirthDay,
            "Tag_Profile_IM_Location" => TagKind::Location,
            "Tag_Profile_IM_SelfSignature" => TagKind::Text,
            "Tag_Profile_IM_AllowType" => TagKind::AllowType,
            "Tag_Profile_IM_Image" => TagKind::Image,
            "Tag_Profile_IM_MsgSettings" => TagKind::Flag,
            "Tag_Profile_IM_AdminForbidType" => TagKind::AdminForbid,
            "Tag_Profile_IM_Language" | "Tag_Profile_IM_Level" | "Tag_Profile_IM_Role" => {
                TagKind::Uint32
            }
            custom if settings.custom_tags.is_empty() && is_custom_tag(custom) => {
                let keyword = custom.rsplit('_').next().unwrap_or_default();
                if NUMBER_TAGS.contains(&keyword) { TagKind::Number } else { TagKind::Text }
            }
            listed => match settings.custom_tags.get(listed)? {
                CustomKind::Text => TagKind::Text,
                CustomKind::Number => TagKind::Number,
                CustomKind::Bytes => TagKind::Bytes,
            },
        })
    }

    /// Whether the service gives the tag as a number.
    pub(super) fn is_number(self) -> bool {
        use TagKind::{BirthDay, Flag, Number, Uint32};
        matches!(self, BirthDay | Flag | Uint32 | Number)
    }
}

/// `Tag_Profile_Custom_` and 1 to 8 letters, or the older form with the SDKAppID in between.
pub(super) fn is_custom_tag(tag: &str) -> bool {
    let Some(keyword) = tag.strip_prefix(CUSTOM_PREFIX) else {
        return false;
    };
    let keyword = match keyword.split_once('_') {
        Some((sdkappid, keyword)) if sdkappid.bytes().all(|byte| byte.is_ascii_digit()) => keyword,
        _ => keyword,
    };
    (1..=8).contains(&keyword.len()) && keyword.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Whether an account may exist: 1 to 32 bytes without control characters, and none of the system's markers.
pub(super) fn is_account(account: &str) -> bool {
    (1..=32).contains(&account.len())
        && !["@TLS#", "@TGS#", "@TIM#"].iter().any(|marker| account.starts_with(marker))
        && !account.chars().any(char::is_control)
}

/// Where profiles come from.
#[derive(Debug, Default)]
pub struct Profiles(Option<HashMap<String, HashMap<String, Value>>>);

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

/// What an export of an account ends with, for reconciliation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// A row, perhaps after some transient failures.
    Exports,
    /// The service does not know it.
    NotFound,
    /// Its item always carries a code.
    FailsAlways {
        /// The code.
        code: i64,
    },
    /// It makes each call fail that asks for it.
    Poison {
        /// The top-level code.
        code: i64,
    },
    /// Its item is always left out.
    NeverAnswered,
}

/// What calls made of an account.
#[derive(Debug, Default)]
struct Changed {
    /// It was unknown before and has nothing but what was set.
    imported: bool,
    values: BTreeMap<String, Value>,
}

type ChangedAccounts = HashMap<String, Changed>;

/// The accounts of the app.
#[derive(Debug)]
pub struct Population {
    seed: u64,
    settings: PopulationSettings,
    oddities: Oddities,
    profiles: Profiles,
    unknown: Picker,
    permanent: Picker,
    poison: Picker,
    changed: RwLock<ChangedAccounts>,
}

impl Population {
    /// The population that an emulator with these settings and profiles serves.
    pub fn new(settings: &Settings, profiles: Profiles) -> Population {
        let faults = &settings.faults;
        Population {
            seed: settings.seed,
            settings: settings.population.clone(),
            oddities: settings.oddities.clone(),
            profiles,
            unknown: Picker::new("unknown", &faults.unknown, 40003),
            permanent: Picker::new("permanent", &faults.permanent, 40006),
            poison: Picker::new("poison", &faults.poison, 40001),
            changed: RwLock::default(),
        }
    }

    /// Whether the app has the account.
    pub fn is_known(&self, account: &str) -> bool {
        self.view().profile(account, hash_of(self.seed, account)).is_ok()
    }

    /// The value of a tag; `None` when the account is unknown, never set it, or the app has no such tag.
    pub fn value(&self, account: &str, tag: &str) -> Option<Value> {
        let tag = Tag::new(tag, TagKind::of(tag, &self.settings)?);
        let view = self.view();
        let profile = view.profile(account, hash_of(self.seed, account)).ok()?;
        let mut scratch = String::new();
        Some(match profile.value(&tag, &mut scratch)? {
            ValueRef::Number(number) => Value::Number(number),
            ValueRef::Text(text) => Value::Text(text.to_owned()),
        })
    }

    /// What an export of the account ends with.
    pub fn fate(&self, account: &str) -> Fate {
        let hash = hash_of(self.seed, account);
        if !self.is_known(account) {
            Fate::NotFound
        } else if let Some(code) = self.poison.code_for(account, hash) {
            Fate::Poison { code }
        } else if self.oddities.drop_asks == 0 && self.is_dropped(hash) {
            Fate::NeverAnswered
        } else if let Some(code) = self.permanent.code_for(account, hash) {
            Fate::FailsAlways { code }
        } else {
            Fate::Exports
        }
    }

    /// Whether the account's item is left out of the first answers.
    pub(super) fn is_dropped(&self, hash: u64) -> bool {
        falls_within(mix(hash, salt_of("drop")), self.oddities.drop)
    }

    /// The population as one call sees it.
    pub(super) fn view(&self) -> View<'_> {
        let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
        View { population: self, changed }
    }

    /// Imports an account or sets values of a known one; `false` when there is no room for more.
    pub(super) fn change(&self, account: &str, values: Vec<(String, Value)>) -> bool {
        let imported = !self.is_known(account);
        let mut changed = self.changed.write().unwrap_or_else(PoisonError::into_inner);
        if changed.len() >= MAX_CHANGED_ACCOUNTS && !changed.contains_key(account) {
            return false;
        }
        let entry = changed
            .entry(account.to_owned())
            .or_insert_with(|| Changed { imported, values: BTreeMap::new() });
        entry.values.extend(values);
        true
    }
}

/// A tag of a call, looked at once.
#[derive(Debug)]
pub(super) struct Tag<'t> {
    pub(super) name: &'t str,
    pub(super) kind: TagKind,
    salt: u64,
}

impl<'t> Tag<'t> {
    pub(super) fn new(name: &'t str, kind: TagKind) -> Tag<'t> {
        Tag { name, kind, salt: salt_of(name) }
    }
}

/// The population while no call changes it.
pub(super) struct View<'p> {
    population: &'p Population,
    changed: RwLockReadGuard<'p, ChangedAccounts>,
}

impl View<'_> {
    /// The profile of an account, or the code that says it is unknown.
    pub(super) fn profile(&self, account: &str, hash: u64) -> Result<Profile<'_>, i64> {
        let population = self.population;
        let changed = if self.changed.is_empty() { None } else { self.changed.get(account) };
        let mut profile = Profile { population, hash, changed, stored: None, is_made_up: false };
        if changed.is_some_and(|changed| changed.imported) {
            return Ok(profile);
        }
        if let Some(code) = population.unknown.code_for(account, hash) {
            return Err(code);
        }
        match &population.profiles.0 {
            None if is_account(account) => profile.is_made_up = true,
            None => return Err(40003),
            Some(profiles) => profile.stored = Some(profiles.get(account).ok_or(40003)?),
        }
        Ok(profile)
    }

    /// The code with which an account fails the whole call, if it does.
    pub(super) fn poison(&self, account: &str, hash: u64) -> Option<i64> {
        let code = self.population.poison.code_for(account, hash)?;
        self.profile(account, hash).is_ok().then_some(code)
    }

    /// The code with which an account always fails, if it does.
    pub(super) fn permanent(&self, account: &str, hash: u64) -> Option<i64> {
        self.population.permanent.code_for(account, hash)
    }
}

/// One account's profile as a call sees it.
pub(super) struct Profile<'v> {
    population: &'v Population,
    hash: u64,
    changed: Option<&'v Changed>,
    stored: Option<&'v HashMap<String, Value>>,
    is_made_up: bool,
}

impl Profile<'_> {
    /// The number that all decisions about this value are drawn from.
    pub(super) fn drawn(&self, tag: &Tag<'_>) -> u64 {
        mix(self.hash, tag.salt)
    }

    /// Whether `ProfileItem` is `null`, and nothing set.
    pub(super) fn is_null(&self) -> bool {
        falls_within(mix(self.hash, 0x6e75_6c6c), self.population.oddities.null_profile_item)
    }

    /// The value of a tag; `scratch` holds it while it is looked at.
    pub(super) fn value<'s>(
        &'s self,
        tag: &Tag<'_>,
        scratch: &'s mut String,
    ) -> Option<ValueRef<'s>> {
        if self.is_null() {
            return None;
        }
        if let Some(value) = self.changed.and_then(|changed| changed.values.get(tag.name)) {
            return Some(value.borrowed());
        }
        if self.is_made_up {
            let population = self.population;
            let drawn = self.drawn(tag);
            return made_up::value(
                tag.kind,
                drawn,
                &population.settings,
                &population.oddities,
                scratch,
            );
        }
        self.stored?.get(tag.name).map(Value::borrowed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::emulator::settings::AccountFault;

    const NICK: &str = "Tag_Profile_IM_Nick";

    fn population(toml: &str, profiles: Profiles) -> Population {
        Population::new(&toml::from_str(toml).unwrap(), profiles)
    }

    #[test]
    fn made_up_profiles_come_from_seed_and_account_alone() {
        let (one, same) = (
            population("seed = 1", Profiles::made_up()),
            population("seed = 1", Profiles::made_up()),
        );
        let other = population("seed = 2", Profiles::made_up());
        let accounts: Vec<String> = (0..200).map(|n| format!("user{n}")).collect();
        assert!(
            accounts.iter().all(|account| one.value(account, NICK) == same.value(account, NICK))
        );
        assert!(
            accounts.iter().any(|account| one.value(account, NICK) != other.value(account, NICK))
        );
        assert!(accounts.iter().all(|account| one.is_known(account)));
    }

    #[test]
    fn tags_that_do_not_exist_have_no_value() {
        let settings = PopulationSettings::default();
        for (tag, kind) in [
            (NICK, Some(TagKind::Nick)),
            ("Tag_Profile_IM_BirthDay", Some(TagKind::BirthDay)),
            ("Tag_Profile_IM_Birthday", None),
            ("Tag_Profile_Custom_Coins", Some(TagKind::Number)),
            ("Tag_Profile_Custom_Test", Some(TagKind::Text)),
            ("Tag_Profile_Custom_888888_Test", Some(TagKind::Text)),
            ("Tag_Profile_Custom_", None),
            ("Tag_Profile_Custom_TooLongOne", None),
            ("Tag_Profile_Custom_A1", None),
            ("", None),
        ] {
            assert_eq!(TagKind::of(tag, &settings), kind, "{tag}");
        }
        let custom_tags =
            BTreeMap::from([("Tag_Profile_Custom_Test".to_owned(), CustomKind::Number)]);
        let listed = PopulationSettings { custom_tags, ..settings };
        assert_eq!(TagKind::of("Tag_Profile_Custom_Test", &listed), Some(TagKind::Number));
        assert_eq!(TagKind::of("Tag_Profile_Custom_Coins", &listed), None);
    }

    #[test]
    fn ndjson_profiles_are_all_there_is() {
        let text = "{\"account\":\"a\",\"Tag_Profile_IM_Nick\":\"N,\\n\",\"Tag_Profile_Custom_Coins\":18446744073709551615}\n\n\
                    {\"account\":\"b\",\"Tag_Profile_IM_Nick\":null}\n";
        let profiles = Profiles::from_ndjson(text.as_bytes()).unwrap();
        let population = population("", profiles);
        assert_eq!(population.value("a", NICK), Some(Value::Text("N,\n".to_owned())));
        assert_eq!(
            population.value("a", "Tag_Profile_Custom_Coins"),
            Some(Value::Number(u64::MAX))
        );
        assert_eq!(population.value("a", "Tag_Profile_IM_Level"), None);
        assert_eq!((population.value("b", NICK), population.is_known("b")), (None, true));
        assert_eq!(population.fate("c"), Fate::NotFound);
    }

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
    fn fates_are_as_set() {
        let toml = "[faults]\nunknown = { prefix = 'ghost' }\npoison = { accounts = ['p', 'ghost-p'], codes = [40003] }\n\
                    permanent = { accounts = ['f'] }\n[oddities]\ndrop = 0.5\ndrop_asks = 0\n";
        let population = population(toml, Profiles::made_up());
        assert_eq!(population.fate("ghost1"), Fate::NotFound);
        assert_eq!(population.fate("ghost-p"), Fate::NotFound);
        assert_eq!(population.fate("p"), Fate::Poison { code: 40003 });
        let fates: Vec<Fate> = (0..1_000).map(|n| population.fate(&n.to_string())).collect();
        let dropped = fates.iter().filter(|&&fate| fate == Fate::NeverAnswered).count();
        assert!((400..600).contains(&dropped), "{dropped}");
        let sound = Population::new(
            &Settings {
                faults: crate::emulator::settings::Faults {
                    permanent: AccountFault { rate: 0.2, ..AccountFault::default() },
                    ..Default::default()
                },
                ..Settings::default()
            },
            Profiles::made_up(),
        );
        let failing = (0..1_000)
            .filter(|n| sound.fate(&n.to_string()) == Fate::FailsAlways { code: 40006 })
            .count();
        assert!((150..250).contains(&failing), "{failing}");
    }

    #[test]
    fn changes_add_to_what_was_there() {
        let population = population("[faults]\nunknown = { prefix = 'new' }", Profiles::made_up());
        let level = population.value("old", "Tag_Profile_IM_Level");
        let nick = || vec![(NICK.to_owned(), Value::Text("set".to_owned()))];
        assert!(population.change("old", nick()) && population.change("new1", nick()));
        for account in ["old", "new1"] {
            assert_eq!(population.value(account, NICK), Some(Value::Text("set".to_owned())));
        }
        assert_eq!(population.value("old", "Tag_Profile_IM_Level"), level);
        assert_eq!(population.value("new1", "Tag_Profile_IM_Level"), None);
        assert!(population.is_known("new1") && !population.is_known("new2"));
    }

    proptest! {
        #[test]
        fn any_account_and_tag_is_answered_the_same_twice(account in ".{0,40}", tag in "(Tag_Profile_Custom_[A-Za-z]{1,8}|.{0,20})") {
            let population = population("seed = 9", Profiles::made_up());
            prop_assert_eq!(population.value(&account, &tag), population.value(&account, &tag));
            prop_assert_eq!(population.is_known(&account), is_account(&account));
        }
    }
}
