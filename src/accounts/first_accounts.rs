//! The first accounts of a list, without reading the rest.

use std::collections::HashSet;

use super::account_rules::{AccountName, InvalidAccount};
use super::distinct::ListedAccount;
use super::duplicates::AdjacentRepeats;
use super::error::ListError;
use super::list::AccountList;
use super::list_file::Digesting;
use super::records::RecordPlace;
use super::source::DuplicateRemoval;

impl AccountList {
    /// The first valid account; reads no further.
    ///
    /// # Errors
    /// If the list cannot be read up to there.
    pub fn first_account(&self) -> Result<Option<ListedAccount>, ListError> {
        Ok(self.first_accounts(1, &mut |_| {})?.pop().map(|(account, _)| account))
    }

    /// The first `count` valid accounts without the duplicates that the list removes, or fewer in a shorter list, in list
    /// order: those of the first ordinals, with their places. `on_invalid` receives every invalid record before the last of them.
    ///
    /// # Errors
    /// If the list cannot be read up to there.
    pub fn first_accounts(
        &self,
        count: usize,
        on_invalid: &mut dyn FnMut(&InvalidAccount),
    ) -> Result<Vec<(ListedAccount, RecordPlace)>, ListError> {
        let mut records = self.records(Digesting::Quick)?;
        let (mut seen, mut adjacent) = (HashSet::new(), AdjacentRepeats::default());
        let mut accounts = Vec::new();
        while accounts.len() < count && records.advance()? {
            let record = records.record();
            match record.account() {
                Ok(name) => {
                    let name = AccountName::from(name).expect("an account has at most 32 bytes");
                    let is_repeat = match self.duplicates() {
                        DuplicateRemoval::Exact => !seen.insert(name),
                        DuplicateRemoval::Adjacent => adjacent.is_repeat(&name),
                        DuplicateRemoval::None => false,
                    };
                    if !is_repeat {
                        let line = records.input_line(record.line);
                        accounts.push((ListedAccount { name, line }, records.place()));
                    }
                }
                Err(reason) => {
                    on_invalid(&records.invalid(reason));
                }
            }
        }
        Ok(accounts)
    }
}
