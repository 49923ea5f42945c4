//! The accounts of the app and their profiles: generated or from NDJSON, with the changes made by calls.
//!
//! Generated profiles use no memory, whatever the number of accounts.

mod changes;

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::contradictions::Contradictions;
use super::draw::{account_hash, falls_within, mix, salt};
use super::faults::AccountSelector;
use super::generated;
use super::profiles::{ProfileValue, ProfileValueRef, Profiles, StoredProfile, is_account};
use super::settings::{PopulationSettings, Quirks, Settings};
use super::tags::{Tag, TagKind};
pub use changes::ChangeError;
use changes::{AccountChanges, AccountState, ChangedAccounts};

/// The outcome of an account in an export, to check the export against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedOutcome {
    /// It has a row, possibly after transient failures.
    Exported,
    /// The app does not know it.
    NotFound,
    /// Its item always has an error code.
    AlwaysFails {
        /// Code of the item.
        code: i64,
    },
    /// Every call that includes it fails.
    Poison {
        /// Top-level code.
        code: i64,
    },
    /// It never has an item.
    NeverReturned,
    /// Every response contradicts itself about it.
    Contradicted,
}

/// The accounts of the app.
#[derive(Debug)]
pub struct Population {
    seed: u64,
    settings: PopulationSettings,
    quirks: Quirks,
    profiles: Profiles,
    unknown: AccountSelector,
    permanent: AccountSelector,
    poison: AccountSelector,
    contradictions: Contradictions,
    reimport_deleted: bool,
    changed: RwLock<ChangedAccounts>,
}

impl Population {
    pub fn new(settings: &Settings, profiles: Profiles) -> Population {
        let faults = &settings.faults;
        Population {
            seed: settings.seed,
            settings: settings.population.clone(),
            quirks: settings.quirks.clone(),
            profiles,
            unknown: AccountSelector::new("unknown", &faults.unknown, 40003),
            permanent: AccountSelector::new("permanent", &faults.permanent, 40006),
            poison: AccountSelector::new("poison", &faults.poison, 40001),
            contradictions: Contradictions::new(&settings.quirks),
            reimport_deleted: settings.undocumented_behavior.reimport_deleted,
            changed: RwLock::default(),
        }
    }

    pub fn is_known(&self, account: &str) -> bool {
        self.view().profile(account, account_hash(self.seed, account)).is_ok()
    }

    /// The value of a tag; `None` if the account is unknown or never set it, or the app does not have the tag.
    pub fn value(&self, account: &str, tag: &str) -> Option<ProfileValue> {
        let tag = Tag::new(tag, TagKind::of(tag, &self.settings)?);
        let view = self.view();
        let profile = view.profile(account, account_hash(self.seed, account)).ok()?;
        let mut scratch = String::new();
        Some(match profile.value(&tag, &mut scratch)? {
            ProfileValueRef::Number(number) => ProfileValue::Number(number),
            ProfileValueRef::Text(text) => ProfileValue::Text(text.to_owned()),
        })
    }

    pub fn expected_outcome(&self, account: &str) -> ExpectedOutcome {
        let hash = account_hash(self.seed, account);
        if !self.is_known(account) {
            ExpectedOutcome::NotFound
        } else if let Some(code) = self.poison.code_for(account, hash) {
            ExpectedOutcome::Poison { code }
        } else if self.quirks.drop_requests == 0 && self.is_dropped(hash) {
            ExpectedOutcome::NeverReturned
        } else if self.contradictions.are_permanent()
            && self.contradictions.contradiction_for(hash).is_some()
        {
            ExpectedOutcome::Contradicted
        } else if let Some(code) = self.permanent.code_for(account, hash) {
            ExpectedOutcome::AlwaysFails { code }
        } else {
            ExpectedOutcome::Exported
        }
    }

    /// Whether the first responses omit the account's item.
    pub fn is_dropped(&self, hash: u64) -> bool {
        falls_within(mix(hash, salt("drop")), self.quirks.drop)
    }

    pub fn contradictions(&self) -> &Contradictions {
        &self.contradictions
    }

    /// A consistent view for one call.
    pub fn view(&self) -> PopulationView<'_> {
        let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
        PopulationView { population: self, changed }
    }
}

/// The population, locked against changes.
pub struct PopulationView<'p> {
    population: &'p Population,
    changed: RwLockReadGuard<'p, ChangedAccounts>,
}

impl PopulationView<'_> {
    /// The profile of an account, or the code of an unknown account.
    pub fn profile(&self, account: &str, hash: u64) -> Result<AccountProfile<'_>, i64> {
        let population = self.population;
        let changed = if self.changed.is_empty() { None } else { self.changed.get(account) };
        let mut profile =
            AccountProfile { population, hash, changed, stored: None, is_generated: false };
        match changed.map(|changed| changed.state) {
            Some(AccountState::Imported) => return Ok(profile),
            Some(AccountState::Deleted) => return Err(40003),
            Some(AccountState::Original) | None => {}
        }
        if let Some(code) = population.unknown.code_for(account, hash) {
            return Err(code);
        }
        match &population.profiles.stored {
            None if is_account(account) => profile.is_generated = true,
            None => return Err(40003),
            Some(profiles) => profile.stored = Some(profiles.get(account).ok_or(40003)?),
        }
        Ok(profile)
    }

    /// The code with which the account fails the whole call, if it does.
    pub fn poison(&self, account: &str, hash: u64) -> Option<i64> {
        let code = self.population.poison.code_for(account, hash)?;
        self.profile(account, hash).is_ok().then_some(code)
    }

    /// The code with which the account always fails, if it does.
    pub fn permanent_failure(&self, account: &str, hash: u64) -> Option<i64> {
        self.population.permanent.code_for(account, hash)
    }
}

/// The profile of one account.
pub struct AccountProfile<'v> {
    population: &'v Population,
    hash: u64,
    changed: Option<&'v AccountChanges>,
    stored: Option<&'v StoredProfile>,
    is_generated: bool,
}

impl AccountProfile<'_> {
    /// The basis of all random decisions about the value of a tag.
    pub fn tag_hash(&self, tag: &Tag<'_>) -> u64 {
        mix(self.hash, tag.salt)
    }

    /// Whether the account has no value and `ProfileItem` is `null`.
    pub fn is_null(&self) -> bool {
        falls_within(mix(self.hash, 0x6e75_6c6c), self.population.quirks.null_profile_item)
    }

    /// The value of a tag. A generated text is written to `scratch`.
    pub fn value<'s>(
        &'s self,
        tag: &Tag<'_>,
        scratch: &'s mut String,
    ) -> Option<ProfileValueRef<'s>> {
        if self.is_null() {
            return None;
        }
        if let Some(value) = self.changed.and_then(|changed| changed.values.get(tag.name)) {
            return Some(value.borrowed());
        }
        if self.is_generated {
            let population = self.population;
            let drawn = self.tag_hash(tag);
            return generated::value(
                tag.kind,
                drawn,
                &population.settings,
                &population.quirks,
                scratch,
            );
        }
        self.stored?.get(tag.name).map(ProfileValue::borrowed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::emulator::settings::AccountFault;

    const NICK: &str = "Tag_Profile_IM_Nick";

    fn population(toml: &str, profiles: Profiles) -> Population {
        let mut settings: Settings = toml::from_str(toml).unwrap();
        settings.population.custom_tags.extend(profiles.custom_tags.clone());
        Population::new(&settings, profiles)
    }

    #[test]
    fn generated_profiles_depend_only_on_seed_and_account() {
        let (one, same) = (
            population("seed = 1", Profiles::generated()),
            population("seed = 1", Profiles::generated()),
        );
        let other = population("seed = 2", Profiles::generated());
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
    fn stored_profiles_are_the_only_accounts() {
        let text = "{\"account\":\"a\",\"Tag_Profile_IM_Nick\":\"N,\\n\",\"Tag_Profile_Custom_Coins\":18446744073709551615}\n\n\
                    {\"account\":\"b\",\"Tag_Profile_IM_Nick\":null}\n";
        let profiles = Profiles::from_ndjson(text.as_bytes()).unwrap();
        let population = population("", profiles);
        assert_eq!(population.value("a", NICK), Some(ProfileValue::Text("N,\n".to_owned())));
        assert_eq!(
            population.value("a", "Tag_Profile_Custom_Coins"),
            Some(ProfileValue::Number(u64::MAX))
        );
        assert_eq!(population.value("a", "Tag_Profile_IM_Level"), None);
        assert_eq!((population.value("b", NICK), population.is_known("b")), (None, true));
        assert_eq!(population.expected_outcome("c"), ExpectedOutcome::NotFound);
    }

    #[test]
    fn expected_outcomes_follow_the_settings() {
        let toml = "[faults]\nunknown = { prefix = 'ghost' }\npoison = { accounts = ['p', 'ghost-p'], codes = [40003] }\n\
                    permanent = { accounts = ['f'] }\n[oddities]\ndrop = 0.5\ndrop_requests = 0\n";
        let population = population(toml, Profiles::generated());
        assert_eq!(population.expected_outcome("ghost1"), ExpectedOutcome::NotFound);
        assert_eq!(population.expected_outcome("ghost-p"), ExpectedOutcome::NotFound);
        assert_eq!(population.expected_outcome("p"), ExpectedOutcome::Poison { code: 40003 });
        let outcomes: Vec<ExpectedOutcome> =
            (0..1_000).map(|n| population.expected_outcome(&n.to_string())).collect();
        let dropped =
            outcomes.iter().filter(|&&outcome| outcome == ExpectedOutcome::NeverReturned).count();
        assert!((400..600).contains(&dropped), "{dropped}");
        let sound = Population::new(
            &Settings {
                faults: crate::emulator::settings::Faults {
                    permanent: AccountFault { rate: 0.2, ..AccountFault::default() },
                    ..Default::default()
                },
                ..Settings::default()
            },
            Profiles::generated(),
        );
        let failing = (0..1_000)
            .filter(|n| {
                sound.expected_outcome(&n.to_string())
                    == ExpectedOutcome::AlwaysFails { code: 40006 }
            })
            .count();
        assert!((150..250).contains(&failing), "{failing}");
    }

    proptest! {
        #[test]
        fn values_are_reproducible(account in ".{0,40}", tag in "(Tag_Profile_Custom_[A-Za-z]{1,8}|.{0,20})") {
            let population = population("seed = 9", Profiles::generated());
            prop_assert_eq!(population.value(&account, &tag), population.value(&account, &tag));
            prop_assert_eq!(population.is_known(&account), is_account(&account));
        }
    }
}
