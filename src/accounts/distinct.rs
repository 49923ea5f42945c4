//! Second pass over a list: its distinct, valid accounts in list order. Their ordinals are implied: 0, 1, 2, …

use super::duplicates::RepeatFinder;
use super::error::ListError;
use super::file::{Digesting, ListFile};
use super::list::AccountList;
use super::records::Records;
use super::scan::Scan;
use super::validate::AccountName;

/// A distinct, valid account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Its name, as it stands in the list.
    pub name: AccountName,
    /// Line on which it first occurs, or row number in Parquet; from 1.
    pub line: u64,
}

/// The distinct accounts of a list, one after the other. Owns what it needs, so it can go to a thread of its own.
pub struct DistinctAccounts {
    file: ListFile,
    records: Records,
    repeats: RepeatFinder,
    duplicates: u64,
    scanned: u128,
    is_finished: bool,
}

impl AccountList {
    /// Begins the second pass: every distinct, valid account at its first occurrence.
    ///
    /// # Errors
    /// When the list can no longer be read.
    pub fn distinct(&self, scan: &Scan) -> Result<DistinctAccounts, ListError> {
        Ok(DistinctAccounts {
            file: self.file().clone(),
            records: self.records(Digesting::Quick)?,
            repeats: RepeatFinder::new(scan.repeats.clone()),
            duplicates: 0,
            scanned: scan.xxh3,
            is_finished: false,
        })
    }
}

impl AccountList {
    /// The first valid account; reads no further.
    ///
    /// # Errors
    /// When the list cannot be read up to there.
    pub fn first_account(&self) -> Result<Option<Account>, ListError> {
        let mut records = self.records(Digesting::Quick)?;
        while records.advance()? {
            let record = records.record();
            if let Ok(name) = record.account() {
                return Ok(Some(account_of(name, record.line)));
            }
        }
        Ok(None)
    }
}

fn account_of(name: &str, line: u64) -> Account {
    let name = AccountName::from(name).expect("an account has at most 32 bytes");
    Account { name, line }
}

impl DistinctAccounts {
    /// The next account; none at the end of the list.
    ///
    /// # Errors
    /// When the list cannot be read on, or with [`ListError::Changed`] at its end when it is not the list of the scan:
    /// then accounts may have been left out or given twice.
    pub fn next_account(&mut self) -> Result<Option<Account>, ListError> {
        while !self.is_finished && self.records.advance()? {
            let record = self.records.record();
            let Ok(name) = record.account() else { continue };
            if self.repeats.is_repeat(name) {
                self.duplicates += 1;
                continue;
            }
            return Ok(Some(account_of(name, record.line)));
        }
        self.finish()?;
        Ok(None)
    }

    /// How many accounts are left; reads the list to its end.
    ///
    /// # Errors
    /// As for [`DistinctAccounts::next_account`].
    pub fn count(mut self) -> Result<u64, ListError> {
        let mut count = 0;
        while self.next_account()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Repeats of earlier accounts that were left out so far.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    fn finish(&mut self) -> Result<(), ListError> {
        if !self.is_finished && self.records.digests()?.xxh3 != self.scanned {
            return Err(ListError::Changed { list: self.file.name.to_string() });
        }
        self.is_finished = true;
        Ok(())
    }
}
