//! First pass over a list: counts, digest, invalid accounts, possible duplicates.

use std::fmt;
use std::io;

use super::account_rules::InvalidAccount;
use super::duplicates::{DuplicateSearch, FirstPass, PROGRESS_INTERVAL, Repeats};
use super::error::ListError;
use super::list::AccountList;
use super::list_file::{Digesting, ListDigests};
use super::list_warnings::{ListWarning, UnlikelyAccounts, may_be_unlikely};
use crate::util::hex::hex;

/// Result of the first pass.
pub struct Scan {
    /// Valid accounts, duplicates included.
    pub valid: u64,
    /// Lower bound of the number of accounts among them that remain when the duplicates are removed.
    pub requested_at_least: u64,
    /// Records that cannot be accounts.
    pub invalid: u64,
    /// The first invalid record.
    pub first_invalid: Option<InvalidAccount>,
    /// What hardly ever is intended, one warning per kind.
    pub warnings: Vec<ListWarning>,
    /// Number of files: 1, or those of a directory or a glob.
    pub files: u64,
    /// SHA-256 of the list as stored, in hexadecimal, as printed by `sha256sum FILE`; of several files, that of their
    /// digests, each on a line.
    pub sha256: String,
    /// XXH3 digest of the list as stored, which the second pass compares with its own.
    pub(super) xxh3: u128,
    pub(super) repeats: Repeats,
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut scan = f.debug_struct("Scan");
        scan.field("valid", &self.valid)
            .field("invalid", &self.invalid)
            .field("sha256", &self.sha256);
        scan.finish_non_exhaustive()
    }
}

impl AccountList {
    /// Reads the list once, and again if it is long or many accounts may occur more than once. `on_invalid` receives every
    /// record that cannot be an account, in order; `on_progress` receives the number of records that a pass has read,
    /// regularly and at the end.
    ///
    /// # Errors
    /// If the list cannot be read to its end, or with `ListError::Report` if `on_invalid` fails.
    pub fn scan(
        &self,
        on_invalid: &mut dyn FnMut(&InvalidAccount) -> io::Result<()>,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<Scan, ListError> {
        if let Some(spool) = self.spool() {
            spool.ensure_room_for_all()?;
        }
        let mut records = self.records(Digesting::Full)?;
        let mut search = DuplicateSearch::new(self);
        let (mut valid, mut invalid) = (0, 0);
        let (mut first_invalid, mut unlikely) = (None, UnlikelyAccounts::default());
        while records.advance()? {
            let record = records.record();
            match record.account() {
                Ok(account) => {
                    search.add(account);
                    if may_be_unlikely(account) {
                        unlikely.add(account, || records.place());
                    }
                    valid += 1;
                }
                Err(reason) => {
                    let account = records.invalid(reason);
                    on_invalid(&account).map_err(|source| ListError::Report { source })?;
                    first_invalid.get_or_insert(account);
                    invalid += 1;
                }
            }
            if (valid + invalid) % PROGRESS_INTERVAL == 0 {
                on_progress(valid + invalid);
            }
            if search.is_full() {
                search.expect_more(records.estimate_remaining(valid + invalid));
            }
        }
        on_progress(valid + invalid);
        let ListDigests { sha256, xxh3 } = records.digests()?;
        let mut warnings = unlikely.into_warnings();
        warnings.extend(records.skipped());
        drop(records);
        let sha256 = hex(&sha256.expect("the records were opened to make it"));
        let first_pass = FirstPass { valid, xxh3 };
        let (repeats, max_repeats) = search.finish(self, first_pass, on_progress)?;
        on_progress(valid + invalid);
        Ok(Scan {
            valid,
            requested_at_least: valid - max_repeats,
            invalid,
            first_invalid,
            warnings,
            files: self.files(),
            sha256,
            xxh3,
            repeats,
        })
    }
}
