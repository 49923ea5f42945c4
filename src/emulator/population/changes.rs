//! Changes made by calls: accounts imported or deleted, values set.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

use super::super::profiles::ProfileValue;
use super::Population;

/// Maximum of changed accounts; further calls are refused because of the quota (70398).
const MAX_CHANGED_ACCOUNTS: usize = 1_000_000;

/// Changes of one account.
#[derive(Debug, Default)]
pub struct AccountChanges {
    pub state: AccountState,
    /// Values set since the start.
    pub values: BTreeMap<String, ProfileValue>,
}

/// State of a changed account.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// It existed at the start and keeps its values.
    #[default]
    Original,
    /// It has only the values that were set.
    Imported,
    Deleted,
}

/// An account that was not imported or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeError {
    /// Too many accounts were changed.
    QuotaExceeded,
    /// It was deleted, and the settings forbid importing it again.
    Deleted,
    /// The app does not know it.
    NotFound,
}

pub type ChangedAccounts = HashMap<String, AccountChanges>;

impl Population {
    /// Imports an account, or sets values of an existing one.
    pub fn import(
        &self,
        account: &str,
        values: Vec<(String, ProfileValue)>,
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
    pub fn set(
        &self,
        account: &str,
        values: Vec<(String, ProfileValue)>,
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
    pub fn delete(&self, account: &str) -> Result<(), ChangeError> {
        if !self.is_known(account) {
            return Err(ChangeError::NotFound);
        }
        self.change(account, |changed| {
            *changed = AccountChanges { state: AccountState::Deleted, values: BTreeMap::new() };
            Ok(())
        })
    }

    fn change(
        &self,
        account: &str,
        apply: impl FnOnce(&mut AccountChanges) -> Result<(), ChangeError>,
    ) -> Result<(), ChangeError> {
        let mut changed = self.changed.write().unwrap_or_else(PoisonError::into_inner);
        if changed.len() >= MAX_CHANGED_ACCOUNTS && !changed.contains_key(account) {
            return Err(ChangeError::QuotaExceeded);
        }
        apply(changed.entry(account.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::{ExpectedOutcome, Profiles};

    const NICK: &str = "Tag_Profile_IM_Nick";

    fn population(toml: &str) -> Population {
        Population::new(&toml::from_str(toml).unwrap(), Profiles::generated())
    }

    #[test]
    fn changes_keep_other_values() {
        let population = population("[faults]\nunknown = { prefix = 'new' }");
        let level = population.value("old", "Tag_Profile_IM_Level");
        let nick = || vec![(NICK.to_owned(), ProfileValue::Text("set".to_owned()))];
        assert_eq!(population.set("old", nick()), Ok(()));
        assert_eq!(population.set("new1", nick()), Err(ChangeError::NotFound));
        assert_eq!(population.import("new1", nick()), Ok(()));
        for account in ["old", "new1"] {
            assert_eq!(population.value(account, NICK), Some(ProfileValue::Text("set".to_owned())));
        }
        assert_eq!(population.value("old", "Tag_Profile_IM_Level"), level);
        assert_eq!(population.value("new1", "Tag_Profile_IM_Level"), None);
        assert!(population.is_known("new1") && !population.is_known("new2"));
    }

    #[test]
    fn deleted_accounts_are_unknown_and_reimported_without_values() {
        let level = "Tag_Profile_IM_Level";
        for (toml, can_return) in [("", false), ("open_questions.reimport_deleted = true", true)] {
            let text = format!("{toml}\n[population]\nunset = 0.0\n");
            let population = population(&text);
            assert!(population.value("a", level).is_some());
            assert_eq!(population.delete("a"), Ok(()));
            assert_eq!(population.delete("a"), Err(ChangeError::NotFound));
            assert_eq!(population.expected_outcome("a"), ExpectedOutcome::NotFound);
            assert_eq!(population.value("a", level), None);
            assert!(population.is_known("b"));
            let expected = if can_return { Ok(()) } else { Err(ChangeError::Deleted) };
            assert_eq!(population.import("a", Vec::new()), expected);
            assert_eq!(
                (population.is_known("a"), population.value("a", level)),
                (can_return, None)
            );
        }
    }
}
