//! What the emulator does, as a TOML table: a file of its own or a job's `[emulator]`.
//!
//! Every key has a default, and the defaults are a service that works: known accounts, no faults, the
//! documented limits. A `rate` is a share from 0.0 (never) to 1.0 (always). Units are in the names.

mod faults;
mod quirks;
mod undocumented_behavior;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::profiles::Profiles;

pub use self::quirks::Quirks;
pub use self::undocumented_behavior::{
    AllUnset, BytesEncoding, FailAccount, NotAdmin, TagErrors, TooManyAccounts,
    UndocumentedBehavior, Unknown, UnknownProfile, UnsetTag,
};
pub use faults::{AccountFault, CallFault, CodeFault, Faults, Window, WindowKind};

/// Settings of the emulator. The same settings give the same profiles and, for the same calls, the same
/// faults, whatever the concurrency.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Decides every made-up profile and every fault.
    pub seed: u64,
    /// How many calls are let through.
    pub rate: Rate,
    /// What made-up profiles look like.
    pub population: PopulationSettings,
    /// How the emulator answers what the documents leave open.
    pub open_questions: UndocumentedBehavior,
    /// What goes wrong.
    pub faults: Faults,
    /// What is unusual about answers that are otherwise right.
    pub oddities: Quirks,
}

/// Frequency limits of each command, in calls a second; 0 is unlimited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rate {
    /// Limit of `portrait_get`.
    pub portrait_get: u32,
    /// Limit of `portrait_set`.
    pub portrait_set: u32,
    /// Limit of `account_import`.
    pub account_import: u32,
    /// Limit of `multiaccount_import`.
    pub multiaccount_import: u32,
    /// Limit of `account_check`.
    pub account_check: u32,
    /// Limit of `account_delete`.
    pub account_delete: u32,
    /// What a second is.
    pub window: RateWindowKind,
    /// How a call over the limit is answered.
    pub answer: OverLimit,
    /// `Retry-After` of an answer with HTTP 429, in seconds.
    pub retry_after_seconds: u32,
    /// Calls of all commands in 24 hours, as the trial plan limits them (60028); 0 is unlimited.
    pub calls_per_day: u64,
}

impl Default for Rate {
    fn default() -> Rate {
        Rate {
            portrait_get: 200,
            portrait_set: 200,
            account_import: 200,
            multiaccount_import: 100,
            account_check: 100,
            account_delete: 100,
            window: RateWindowKind::default(),
            answer: OverLimit::default(),
            retry_after_seconds: 1,
            calls_per_day: 0,
        }
    }
}

/// What a second is to the rate limit; undocumented, hence a switch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateWindowKind {
    /// Any second: the strictest reading.
    #[default]
    Sliding,
    /// Each whole second since the start, counted afresh.
    Calendar,
}

/// How a call over the limit is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverLimit {
    /// HTTP 200 with code 60007, as documented.
    #[default]
    Code,
    /// HTTP 429 with `Retry-After`, as a proxy in between would.
    Http429,
}

/// What made-up profiles look like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PopulationSettings {
    /// Share of values that the account never set.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub unset: f64,
    /// Share of text values that are the empty string.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub empty: f64,
    /// Share of text values that hold NUL and other control characters.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub control_characters: f64,
    /// The custom tags that the app has and what they hold; any other is refused (40009). Empty: those of the profiles
    /// file, or of the job's columns.
    pub custom_tags: BTreeMap<String, CustomKind>,
    /// Tags that exist but may not be read (40007).
    pub unreadable_tags: Vec<String>,
}

impl Default for PopulationSettings {
    fn default() -> PopulationSettings {
        PopulationSettings {
            unset: 0.1,
            empty: 0.05,
            control_characters: 0.0,
            custom_tags: BTreeMap::new(),
            unreadable_tags: Vec::new(),
        }
    }
}

/// What a custom tag holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CustomKind {
    /// Text of up to 500 bytes.
    Text,
    /// A number, all 64 bits of it.
    Number,
    /// Bytes, shown as `open_questions.bytes` says.
    Bytes,
}

impl Settings {
    /// Gives the app the custom tags of the profiles, unless the settings list some.
    pub(super) fn with_custom_tags_of(mut self, profiles: &Profiles) -> Settings {
        if self.population.custom_tags.is_empty() {
            self.population.custom_tags.clone_from(&profiles.custom_tags);
        }
        self
    }

    /// Whether the settings make sense; the error is the key's path below this table and what is wrong with it.
    pub fn check(&self) -> Result<(), (String, String)> {
        let population = &self.population;
        for (key, rate) in [
            ("population.unset", population.unset),
            ("population.empty", population.empty),
            ("population.control_characters", population.control_characters),
        ] {
            ensure_is_a_share(key, rate)?;
        }
        for tag in population.custom_tags.keys() {
            if !super::tags::is_custom_tag(tag) {
                return Err((
                    format!("population.custom_tags.{tag}"),
                    "is not a custom tag; write Tag_Profile_Custom_ and 1 to 8 letters".to_owned(),
                ));
            }
        }
        if i64::try_from(self.seed).is_err() {
            return Err(("seed".to_owned(), "is larger than a TOML number may be".to_owned()));
        }
        self.open_questions.check()?;
        self.faults.check()?;
        self.oddities.check()
    }
}

const NO_FAILURE: &str = "0 is the code of success; write the code of a failure";

/// Refuses what is not within 0.0..=1.0, NaN too.
fn ensure_is_a_share(key: &str, rate: f64) -> Result<(), (String, String)> {
    if (0.0..=1.0).contains(&rate) {
        return Ok(());
    }
    Err((key.to_owned(), format!("{rate} is not a share; write a number from 0.0 to 1.0")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(toml: &str) -> (String, String) {
        toml::from_str::<Settings>(toml).unwrap().check().unwrap_err()
    }

    #[test]
    fn an_empty_table_is_the_documented_service() {
        let settings: Settings = toml::from_str("").unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.rate.portrait_get, 200);
        assert_eq!((settings.rate.multiaccount_import, settings.rate.account_check), (100, 100));
        assert_eq!(settings.rate.account_delete, 100);
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn settings_survive_their_own_toml() {
        let text = "seed = 7\n[rate]\nportrait_get = 0\nwindow = 'calendar'\n[population.custom_tags]\n\
                    Tag_Profile_Custom_Coins = 'number'\n[faults]\nreset = { rate = 0.5, times = 3 }\n\
                    codes = [{ code = 70009, rate = 1.0 }]\nunknown = { prefix = 'ghost' }\n\
                    windows = [{ kind = 'outage', from_call = 3, until_call = 9 }]\n\
                    [oddities]\nreorder = 1.0\n[open_questions]\nunknown = 'echo'\n";
        let settings: Settings = toml::from_str(text).unwrap();
        assert_eq!(settings.check(), Ok(()));
        let again: Settings = toml::from_str(&toml::to_string(&settings).unwrap()).unwrap();
        assert_eq!(again, settings);
        assert_ne!(settings, Settings::default());
    }

    #[test]
    fn unknown_keys_are_refused() {
        for text in ["sed = 1", "[faults]\nresets = { rate = 1.0 }", "[faults.reset]\nrat = 1.0"] {
            assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        for (text, key) in [
            ("[population]\nunset = 1.5", "population.unset"),
            ("[faults.reset]\nrate = -0.1", "faults.reset.rate"),
            ("[faults.transient]\nrate = nan", "faults.transient.rate"),
            ("[oddities]\nreorder = 2.0", "oddities.reorder"),
            (
                "[faults]\ncodes = [{ code = 1, rate = 0.1 }, { code = 2, rate = 7.0 }]",
                "faults.codes[1].rate",
            ),
            ("[faults]\ncodes = [{ code = 0, rate = 0.1 }]", "faults.codes[0].code"),
            (
                "[faults]\nwindows = [{ kind = 'outage', from_call = 9, until_call = 3 }]",
                "faults.windows[0]",
            ),
            ("[faults]\nhttp_statuses = [200]", "faults.http_statuses"),
            (
                "[population.custom_tags]\nTag_Profile_IM_Nick = 'text'",
                "population.custom_tags.Tag_Profile_IM_Nick",
            ),
            ("[open_questions.error_info]\nmany = 'x'", "open_questions.error_info.many"),
            ("[open_questions]\nsig_not_base64 = 0", "open_questions.sig_not_base64"),
            ("[oddities]\nunreadable_code = 1.1", "oddities.unreadable_code"),
            ("[oddities]\nbyte_order_mark = -1.0", "oddities.byte_order_mark"),
            ("[faults.fail_with_code_zero]\nrate = 2.0", "faults.fail_with_code_zero.rate"),
        ] {
            assert_eq!(problem(text).0, key, "{text}");
        }
    }
}
