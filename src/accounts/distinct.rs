//! Second pass over a list: its distinct, valid accounts in list order, so that their ordinals are 0, 1, 2, …

use std::sync::Arc;

use super::account_rules::AccountName;
use super::duplicates::RepeatFinder;
use super::error::ListError;
use super::list::AccountList;
use super::list_file::Digesting;
use super::records::Records;
use super::scan::Scan;

/// A distinct, valid account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedAccount {
    /// The account as written in the list.
    pub name: AccountName,
    /// Line on which it first occurs, or row number in Parquet, counted through all files of the list; from 1.
    pub line: u64,
}

/// Reads the distinct accounts of a list. Owns its data, so it can be moved to another thread.
pub struct DistinctAccounts {
    list: Arc<str>,
    records: Records,
    repeats: RepeatFinder,
    duplicates: u64,
    expected_digest: u128,
    is_finished: bool,
}

impl AccountList {
    /// Starts the second pass, which yields every distinct, valid account at its first occurrence.
    ///
    /// # Errors
    /// If the list can no longer be read.
    pub fn distinct(&self, scan: &Scan) -> Result<DistinctAccounts, ListError> {
        Ok(DistinctAccounts {
            list: Arc::clone(self.name()),
            records: self.records(Digesting::Quick)?,
            repeats: RepeatFinder::new(scan.repeats.clone())?,
            duplicates: 0,
            expected_digest: scan.xxh3,
            is_finished: false,
        })
    }
}

fn listed(name: &str, line: u64) -> ListedAccount {
    let name = AccountName::from(name).expect("an account has at most 32 bytes");
    ListedAccount { name, line }
}

impl DistinctAccounts {
    /// The next account; `None` at the end of the list.
    ///
    /// # Errors
    /// If the list cannot be read, or with [`ListError::Changed`] at its end if it is not the list of the scan.
    /// Accounts may then have been omitted or repeated.
    pub fn next_account(&mut self) -> Result<Option<ListedAccount>, ListError> {
        while !self.is_finished && self.records.advance()? {
            let record = self.records.record();
            let Ok(name) = record.account() else { continue };
            if self.repeats.is_repeat(name)? {
                self.duplicates += 1;
                continue;
            }
            return Ok(Some(listed(name, self.records.input_line(record.line))));
        }
        self.finish()?;
        Ok(None)
    }

    /// Counts the remaining accounts; reads the list to its end.
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

    /// Number of repeats of earlier accounts skipped so far.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    fn finish(&mut self) -> Result<(), ListError> {
        if !self.is_finished && self.records.digests()?.xxh3 != self.expected_digest {
            return Err(ListError::Changed { list: self.list.to_string() });
        }
        self.is_finished = true;
        Ok(())
    }
}
