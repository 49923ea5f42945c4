//! The first accounts of a list, without reading the rest.

use std::collections::HashSet;

use super::distinct::Account;
use super::error::ListError;
use super::file::Digesting;
use super::list::AccountList;
use super::validate::{AccountName, InvalidAccount};

impl AccountList {
    /// Up to `count` distinct, valid accounts from the begin of the list, in list order: those of the first ordinals.
    /// `on_invalid` is told every entry before them that cannot be an account.
    ///
    /// # Errors
    /// When the list cannot be read that far.
    pub fn first(
        &self,
        count: usize,
        on_invalid: &mut dyn FnMut(&InvalidAccount),
    ) -> Result<Vec<Account>, ListError> {
        let mut records = self.records(Digesting::Quick)?;
        let mut seen = HashSet::new();
        let mut accounts = Vec::new();
        while accounts.len() < count && records.advance()? {
            let record = records.record();
            match record.account() {
                Ok(name) => {
                    let name = AccountName::from(name).expect("an account has at most 32 bytes");
                    if seen.insert(name) {
                        accounts.push(Account { name, line: record.line });
                    }
                }
                Err(reason) => {
                    on_invalid(&InvalidAccount::new(record.line, record.entry.bytes(), reason));
                }
            }
        }
        Ok(accounts)
    }
}
