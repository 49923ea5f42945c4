//! What calls changed: accounts imported, deleted, and values set.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

use super::super::profiles::Value;
use super::Population;

/// Most accounts that calls may import or change; then they are told of the quota (70398).
const MAX_CHANGED_ACCOUNTS: usize = 1_000_000;

/// What calls made of an account.
#[derive(Debug, Default)]
pub(super) struct Changed {
    pub(super) state: AccountState,
    /// What was set since.
    pub(super) values: BTreeMap<String, Value>,
}

/// How an account that calls changed came to be.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountState {
    /// It was there from the start, and has what it had.
    #[default]
    Original,
    /// It has nothing but what was set.
    Imported,
    Deleted,
}

/// Why an account is not imported or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum ChangeError {
    /// There is no room for more changes.
    QuotaUsedUp,
    /// It was deleted, and the settings do not let it return.
    Deleted,
    /// The app does not know it.
    NotFound,
}

pub(super) type ChangedAccounts = HashMap<String, Changed>;

impl Population {
    /// Imports an account, or sets values of one that is there.
    pub(in super::super) fn import(
        &self,
        account: &str,
        values: Vec<(String, Value)>,
    ) -> Result<(), ChangeError> {
        let is_known = self.is_known(account);
        self.change(account, |changed| {
            if changed.state == AccountState::Deleted && !self.reimport_deleted {
                return Err(ChangeError::Deleted);
            }
            if !is_known {
                changed.state = AccountState::Imported;
            }
            changed.values.extend(values);
            Ok(())
        })
    }

    /// Sets values of a known account.
    pub(in super::super) fn set(
        &self,
        account: &str,
        values: Vec<(String, Value)>,
    ) -> Result<(), ChangeError> {
        if !self.is_known(account) {
            return Err(ChangeError::NotFound);
        }
        self.change(account, |changed| {
            changed.values.extend(values);
            Ok(())
        })
    }

    /// Deletes a known account with all its values.
    pub(in super::super) fn delete(&self, account: &str) -> Result<(), ChangeError> {
        if !self.is_known(account) {
            return Err(ChangeError::NotFound);
        }
        self.change(account, |changed| {
            *changed = Changed { state: AccountState::Deleted, values: BTreeMap::new() };
            Ok(())
        })
    }

    fn change(
        &self,
        account: &str,
        apply: impl FnOnce(&mut Changed) -> Result<(), ChangeError>,
    ) -> Result<(), ChangeError> {
        let mut changed = self.changed.write().unwrap_or_else(PoisonError::into_inner);
        if changed.len() >= MAX_CHANGED_ACCOUNTS && !changed.contains_key(account) {
            return Err(ChangeError::QuotaUsedUp);
        }
        apply(changed.entry(account.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::{ExpectedOutcome, Profiles};

    const NICK: &str = "Tag_Profile_IM_Nick";

    fn population(toml: &str, profiles: Profiles) -> Population {
        Population::new(&toml::from_str(toml).unwrap(), profiles)
    }

    #[test]
    fn changes_add_to_what_was_there() {
        let population =
            population("[faults]\nunknown = { prefix = 'new' }", Profiles::generated());
        let level = population.value("old", "Tag_Profile_IM_Level");
        let nick = || vec![(NICK.to_owned(), Value::Text("set".to_owned()))];
        assert_eq!(population.set("old", nick()), Ok(()));
        assert_eq!(population.set("new1", nick()), Err(ChangeError::NotFound));
        assert_eq!(population.import("new1", nick()), Ok(()));
        for account in ["old", "new1"] {
            assert_eq!(population.value(account, NICK), Some(Value::Text("set".to_owned())));
        }
        assert_eq!(population.value("old", "Tag_Profile_IM_Level"), level);
        assert_eq!(population.value("new1", "Tag_Profile_IM_Level"), None);
        assert!(population.is_known("new1") && !population.is_known("new2"));
    }

    #[test]
    fn deleted_accounts_are_unknown_and_come_back_empty_if_at_all() {
        let level = "Tag_Profile_IM_Level";
        for (toml, returns) in [("", false), ("open_questions.reimport_deleted = true", true)] {
            let text = format!("{toml}\n[population]\nunset = 0.0\n");
            let population = population(&text, Profiles::generated());
            assert!(population.value("a", level).is_some());
            assert_eq!(population.delete("a"), Ok(()));
            assert_eq!(population.delete("a"), Err(ChangeError::NotFound));
            assert_eq!(population.fate("a"), ExpectedOutcome::NotFound);
            assert_eq!(population.value("a", level), None);
            assert!(population.is_known("b"));
            let expected = if returns { Ok(()) } else { Err(ChangeError::Deleted) };
            assert_eq!(population.import("a", Vec::new()), expected);
            assert_eq!((population.is_known("a"), population.value("a", level)), (returns, None));
        }
    }
}
