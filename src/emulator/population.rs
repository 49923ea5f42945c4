//! The accounts of the app and their profiles: made up, or read from NDJSON, and what calls changed since.
//!
//! Made-up profiles cost no memory, whatever the number of accounts.

mod changes;

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::contradictions::Contradictions;
use super::faults::{Picker, falls_within, hash_of, mix, salt_of};
use super::generated;
use super::profiles::{Profiles, StoredProfile, Value, ValueRef, is_account};
use super::settings::{PopulationSettings, Quirks, Settings};
use super::tags::{Tag, TagKind};
pub(super) use changes::ChangeError;
use changes::{AccountState, Changed, ChangedAccounts};

/// What an export of an account ends with, for reconciliation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedOutcome {
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
    /// What the answers say of it always contradicts itself.
    Contradicted,
}

/// The accounts of the app.
#[derive(Debug)]
pub struct Population {
    seed: u64,
    settings: PopulationSettings,
    oddities: Quirks,
    profiles: Profiles,
    unknown: Picker,
    permanent: Picker,
    poison: Picker,
    contradictions: Contradictions,
    reimport_deleted: bool,
    changed: RwLock<ChangedAccounts>,
}

impl Population {
    /// The population that an emulator with these settings and profiles serves.
    pub fn new(settings: &Settings, profiles: Profiles) -> Population {
        let settings = settings.clone().with_custom_tags_of(&profiles);
        let faults = &settings.faults;
        Population {
            seed: settings.seed,
            settings: settings.population.clone(),
            oddities: settings.oddities.clone(),
            profiles,
            unknown: Picker::new("unknown", &faults.unknown, 40003),
            permanent: Picker::new("permanent", &faults.permanent, 40006),
            poison: Picker::new("poison", &faults.poison, 40001),
            contradictions: Contradictions::new(&settings.oddities),
            reimport_deleted: settings.open_questions.reimport_deleted,
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
    pub fn fate(&self, account: &str) -> ExpectedOutcome {
        let hash = hash_of(self.seed, account);
        if !self.is_known(account) {
            ExpectedOutcome::NotFound
        } else if let Some(code) = self.poison.code_for(account, hash) {
            ExpectedOutcome::Poison { code }
        } else if self.oddities.drop_asks == 0 && self.is_dropped(hash) {
            ExpectedOutcome::NeverAnswered
        } else if self.contradictions.last_for_ever() && self.contradictions.of(hash).is_some() {
            ExpectedOutcome::Contradicted
        } else if let Some(code) = self.permanent.code_for(account, hash) {
            ExpectedOutcome::FailsAlways { code }
        } else {
            ExpectedOutcome::Exports
        }
    }

    /// Whether the account's item is left out of the first answers.
    pub(super) fn is_dropped(&self, hash: u64) -> bool {
        falls_within(mix(hash, salt_of("drop")), self.oddities.drop)
    }

    /// What contradicts itself in the first answers about an account.
    pub(super) fn contradictions(&self) -> &Contradictions {
        &self.contradictions
    }

    /// The population as one call sees it.
    pub(super) fn view(&self) -> View<'_> {
        let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
        View { population: self, changed }
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
        match changed.map(|changed| changed.state) {
            Some(AccountState::Imported) => return Ok(profile),
            Some(AccountState::Deleted) => return Err(40003),
            Some(AccountState::Original) | None => {}
        }
        if let Some(code) = population.unknown.code_for(account, hash) {
            return Err(code);
        }
        match &population.profiles.stored {
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
    stored: Option<&'v StoredProfile>,
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
            return generated::value(
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
        assert_eq!(population.fate("c"), ExpectedOutcome::NotFound);
    }

    #[test]
    fn fates_are_as_set() {
        let toml = "[faults]\nunknown = { prefix = 'ghost' }\npoison = { accounts = ['p', 'ghost-p'], codes = [40003] }\n\
                    permanent = { accounts = ['f'] }\n[oddities]\ndrop = 0.5\ndrop_asks = 0\n";
        let population = population(toml, Profiles::generated());
        assert_eq!(population.fate("ghost1"), ExpectedOutcome::NotFound);
        assert_eq!(population.fate("ghost-p"), ExpectedOutcome::NotFound);
        assert_eq!(population.fate("p"), ExpectedOutcome::Poison { code: 40003 });
        let fates: Vec<ExpectedOutcome> =
            (0..1_000).map(|n| population.fate(&n.to_string())).collect();
        let dropped = fates.iter().filter(|&&fate| fate == ExpectedOutcome::NeverAnswered).count();
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
            .filter(|n| sound.fate(&n.to_string()) == ExpectedOutcome::FailsAlways { code: 40006 })
            .count();
        assert!((150..250).contains(&failing), "{failing}");
    }

    proptest! {
        #[test]
        fn any_account_and_tag_is_answered_the_same_twice(account in ".{0,40}", tag in "(Tag_Profile_Custom_[A-Za-z]{1,8}|.{0,20})") {
            let population = population("seed = 9", Profiles::generated());
            prop_assert_eq!(population.value(&account, &tag), population.value(&account, &tag));
            prop_assert_eq!(population.is_known(&account), is_account(&account));
        }
    }
}
