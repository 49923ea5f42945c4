//! The search for duplicates during the first pass over a list.

use super::adjacent::AdjacentRepeats;
use super::{CandidateFinder, Repeats};
use crate::accounts::error::ListError;
use crate::accounts::list::AccountList;
use crate::accounts::source::DuplicateRemoval;

/// Sees every valid account of the first pass.
pub enum DuplicateSearch {
    Exact(CandidateFinder),
    Adjacent(AdjacentRepeats),
    None,
}

impl DuplicateSearch {
    pub fn new(list: &AccountList) -> Self {
        match list.duplicates() {
            DuplicateRemoval::Exact => {
                Self::Exact(CandidateFinder::new(list.estimated_accounts(), list.budget()))
            }
            DuplicateRemoval::Adjacent => Self::Adjacent(AdjacentRepeats::default()),
            DuplicateRemoval::None => Self::None,
        }
    }

    #[inline]
    pub fn add(&mut self, account: &str) {
        match self {
            Self::Exact(finder) => finder.add(account),
            Self::Adjacent(repeats) => _ = repeats.is_repeat(account),
            Self::None => {}
        }
    }

    /// Whether the list is longer than expected.
    #[inline]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Exact(finder) if finder.is_full())
    }

    pub fn expect_more(&mut self, accounts: u64) {
        if let Self::Exact(finder) = self {
            finder.expect_more(accounts);
        }
    }

    /// Prepares the second pass; also returns an upper bound of the number of repeats. `valid` and `xxh3` are results of
    /// the first pass.
    pub fn finish(
        self,
        list: &AccountList,
        valid: u64,
        xxh3: u128,
    ) -> Result<(Repeats, u64), ListError> {
        match self {
            Self::Exact(mut finder) => {
                let max_repeats = finder.max_repeats();
                let repeats = list.find_repeats(finder.finish(), valid, xxh3)?;
                let max_repeats = repeats.count().unwrap_or(max_repeats);
                Ok((repeats, max_repeats))
            }
            Self::Adjacent(repeats) => Ok((Repeats::Adjacent, repeats.count())),
            Self::None => Ok((Repeats::None, 0)),
        }
    }
}
