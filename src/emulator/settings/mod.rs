//! Settings of the emulator: a TOML file of their own, or the `[emulator]` table of a job.
//!
//! Every key has a default. The defaults are a service that works: every account known, no faults, the documented
//! limits. A `rate` is a share from 0.0 (never) to 1.0 (always). Units are part of the key names.

mod faults;
mod quirks;
mod undocumented_behavior;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tags::is_custom_tag;

pub use self::faults::{AccountFault, CallFault, FaultWindowKind, Faults};
pub use self::quirks::Quirks;
pub use self::undocumented_behavior::{
    AllUnset, BytesEncoding, FailAccountContent, NotAdmin, TagErrors, TooManyAccounts,
    UndocumentedBehavior, UnknownAccount, UnknownProfileItem, UnsetTag,
};

/// Settings of the emulator. The same settings give the same profiles and, for the same calls, the same
/// faults, whatever the concurrency.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seed of every generated profile and every fault.
    pub seed: u64,
    /// Frequency limits.
    pub rate: Rate,
    /// Contents of generated profiles.
    pub population: PopulationSettings,
    /// Behavior that the documentation of the service leaves open.
    #[serde(rename = "open_questions")]
    pub undocumented_behavior: UndocumentedBehavior,
    /// Failures of accounts, calls and connections.
    pub faults: Faults,
    /// Unusual responses.
    #[serde(rename = "oddities")]
    pub quirks: Quirks,
}

/// Frequency limits of each command, in calls per second; 0 is unlimited.
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
    /// How calls are counted against the limits.
    pub window: RateWindowKind,
    /// Response to a call over the limit.
    pub answer: OverLimitResponse,
    /// `Retry-After` of a response with HTTP 429, in seconds.
    pub retry_after_seconds: u32,
    /// Limit of the calls of all commands in 24 hours, as on the trial plan (60028); 0 is unlimited.
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
            answer: OverLimitResponse::default(),
            retry_after_seconds: 1,
            calls_per_day: 0,
        }
    }
}

/// How calls are counted against a limit; the documentation does not say. Refused calls do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateWindowKind {
    /// At most the limit in every sliding second: the strictest reading.
    #[default]
    Sliding,
    /// At most the limit in each whole second since the start.
    Fixed,
    /// A bucket of as many tokens as the limit, full at the start and refilled at the limit per second. A call takes one.
    Bucket,
}

/// Response to a call over the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverLimitResponse {
    /// HTTP 200 with code 60007, as documented.
    #[default]
    Code,
    /// HTTP 429 with `Retry-After`, as from an intermediate proxy.
    Http429,
}

/// Contents of generated profiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PopulationSettings {
    /// Share of values that the account never set.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub unset: f64,
    /// Share of text values that are the empty string.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub empty: f64,
    /// Share of text values that contain NUL and other control characters.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub control_characters: f64,
    /// Share of birthdays that are not dates, such as 20010229.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub invalid_birthdays: f64,
    /// The custom tags of the app with their kinds; any other is refused (40009). If empty, those of the profiles file
    /// or of the job's columns.
    pub custom_tags: BTreeMap<String, CustomKind>,
    /// Tags that exist but cannot be read (40007).
    pub unreadable_tags: Vec<String>,
}

impl Default for PopulationSettings {
    fn default() -> PopulationSettings {
        PopulationSettings {
            unset: 0.1,
            empty: 0.05,
            control_characters: 0.0,
            invalid_birthdays: 0.0,
            custom_tags: BTreeMap::new(),
            unreadable_tags: Vec::new(),
        }
    }
}

/// Kind of the values of a custom tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CustomKind {
    /// Text of up to 500 bytes.
    Text,
    /// A number of up to 64 bits.
    Number,
    /// Bytes, encoded as `open_questions.bytes` says.
    Bytes,
}

/// A setting with a value that makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidSetting {
    /// Path of the key below the table of the settings.
    pub key: String,
    /// The problem and how to fix it.
    pub message: String,
}

impl InvalidSetting {
    fn new(key: impl Into<String>, message: impl Into<String>) -> InvalidSetting {
        InvalidSetting { key: key.into(), message: message.into() }
    }

    /// A code 0 where the code of a failure is expected.
    fn success_code(key: impl Into<String>) -> InvalidSetting {
        InvalidSetting::new(key, "0 is the code of success; write the code of a failure")
    }
}

impl Settings {
    /// Adds custom tags to the app, unless the settings list some. A tag that the console cannot create is ignored.
    pub fn set_default_custom_tags<'t>(
        &mut self,
        tags: impl IntoIterator<Item = (&'t str, CustomKind)>,
    ) {
        if self.population.custom_tags.is_empty() {
            let tags = tags.into_iter().filter(|(tag, _)| is_custom_tag(tag));
            self.population.custom_tags = tags.map(|(tag, kind)| (tag.to_owned(), kind)).collect();
        }
    }

    /// Checks what the types leave open, such as ranges.
    ///
    /// # Errors
    /// The first setting that is not valid.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        let population = &self.population;
        for (key, rate) in [
            ("population.unset", population.unset),
            ("population.empty", population.empty),
            ("population.control_characters", population.control_characters),
            ("population.invalid_birthdays", population.invalid_birthdays),
        ] {
            ensure_is_a_share(key, rate)?;
        }
        if let Some(tag) = population.custom_tags.keys().find(|tag| !is_custom_tag(tag)) {
            return Err(InvalidSetting::new(
                format!("population.custom_tags.{tag}"),
                "is not a custom tag; write Tag_Profile_Custom_ and 1 to 8 letters",
            ));
        }
        if i64::try_from(self.seed).is_err() {
            return Err(InvalidSetting::new("seed", "is larger than a TOML number can be"));
        }
        self.undocumented_behavior.check()?;
        self.faults.check()?;
        self.quirks.check()
    }
}

/// Refuses a number outside of 0.0..=1.0, and NaN.
fn ensure_is_a_share(key: &str, rate: f64) -> Result<(), InvalidSetting> {
    if (0.0..=1.0).contains(&rate) {
        return Ok(());
    }
    let message = format!("{rate} is not a share; write a number from 0.0 to 1.0");
    Err(InvalidSetting::new(key, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invalid_key(toml: &str) -> String {
        toml::from_str::<Settings>(toml).unwrap().check().unwrap_err().key
    }

    #[test]
    fn defaults_are_the_documented_limits() {
        let settings: Settings = toml::from_str("").unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.rate.portrait_get, 200);
        assert_eq!((settings.rate.multiaccount_import, settings.rate.account_check), (100, 100));
        assert_eq!(settings.rate.account_delete, 100);
        assert_eq!(settings.check(), Ok(()));
    }

    #[test]
    fn settings_round_trip_through_toml() {
        let text = "seed = 7\n[rate]\nportrait_get = 0\nwindow = 'bucket'\n[population.custom_tags]\n\
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
    fn examples_of_the_documentation_are_valid() {
        let blocks = include_str!("../../../docs/emulator.md").split("```toml\n").skip(1);
        let examples: Vec<&str> = blocks.filter_map(|block| block.split("```").next()).collect();
        assert!(examples.len() > 5);
        for example in examples {
            let settings: Settings = toml::from_str(example).unwrap();
            assert_eq!(settings.check(), Ok(()), "{example}");
            assert_ne!(settings, Settings::default());
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        for text in ["sed = 1", "[faults]\nresets = { rate = 1.0 }", "[faults.reset]\nrat = 1.0"] {
            assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn errors_name_the_invalid_key() {
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
            (
                "[faults]\nwindows = [{ kind = 'limit', from_ms = 0, until_ms = 3 }]",
                "faults.windows[0].calls_per_second",
            ),
            (
                "[faults]\nwindows = [{ kind = 'outage', calls_per_second = 5, until_ms = 3 }]",
                "faults.windows[0].calls_per_second",
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
            assert_eq!(invalid_key(text), key, "{text}");
        }
    }
}
