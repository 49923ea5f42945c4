//! First pass over a list: counts, digest, invalid accounts, candidates for duplicates.

use std::fmt;
use std::io;

use super::duplicates::{CandidateFinder, Repeats};
use super::error::ListError;
use super::file::{Digesting, ListDigests};
use super::list::AccountList;
use super::validate::InvalidAccount;
use crate::util::hex::hex;

/// Progress is told after so many entries.
const PROGRESS_STEP: u64 = 65_536;

/// What the first pass found.
pub struct Scan {
    /// Valid accounts, duplicates included.
    pub valid: u64,
    /// The fewest distinct accounts there can be among them.
    pub distinct_at_least: u64,
    /// Entries that cannot be accounts.
    pub invalid: u64,
    /// The first of them.
    pub first_invalid: Option<InvalidAccount>,
    /// Digest of the list as stored, in hexadecimal: what `sha256sum FILE` prints.
    pub sha256: String,
    /// Digest of the list as stored, with which the second pass compares its own.
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
    /// Reads the list once, and once more when many accounts may occur more than once. `on_invalid` gets every entry that cannot be an account, in order; `on_progress` how many
    /// entries were read, now and then and at the end.
    ///
    /// # Errors
    /// When the list cannot be read to its end, or with [`ListError::Report`] when `on_invalid` fails.
    pub fn scan(
        &self,
        on_invalid: &mut dyn FnMut(&InvalidAccount) -> io::Result<()>,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<Scan, ListError> {
        let mut records = self.records(Digesting::Full)?;
        let mut finder = CandidateFinder::new(self.estimated_accounts(), self.budget());
        let (mut valid, mut invalid) = (0, 0);
        let mut first_invalid = None;
        while records.advance()? {
            let record = records.record();
            match record.account() {
                Ok(account) => {
                    finder.add(account);
                    valid += 1;
                }
                Err(reason) => {
                    let account = InvalidAccount::new(record.line, record.entry.bytes(), reason);
                    on_invalid(&account).map_err(|source| ListError::Report { source })?;
                    first_invalid.get_or_insert(account);
                    invalid += 1;
                }
            }
            if (valid + invalid) % PROGRESS_STEP == 0 {
                on_progress(valid + invalid);
            }
            if finder.is_full() {
                finder.expect_more(records.estimate_left(valid + invalid));
            }
        }
        on_progress(valid + invalid);
        let ListDigests { sha256, xxh3 } = records.digests()?;
        drop(records);
        let sha256 = hex(&sha256.expect("the records were opened to make it"));
        let repeats_at_most = finder.repeats_at_most();
        let repeats = self.repeats(finder.finish(), valid, xxh3)?;
        let distinct_at_least = valid - repeats.count().unwrap_or(repeats_at_most);
        Ok(Scan { valid, distinct_at_least, invalid, first_invalid, sha256, xxh3, repeats })
    }
}
