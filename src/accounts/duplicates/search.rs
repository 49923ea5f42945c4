//! The search for duplicates during the first pass over a list.

use std::sync::Arc;

use super::adjacent::AdjacentRepeats;
use super::bloom::is_about_enough;
use super::candidates::{CandidateFinder, Candidates};
use super::passes::FirstPass;
use super::repeats::{CandidateSet, Repeats};
use crate::accounts::error::ListError;
use crate::accounts::list::AccountList;
use crate::accounts::source::DuplicateRemoval;

/// Sees every valid account of the first pass.
pub enum DuplicateSearch {
    Exact(CandidateFinder),
    /// The list is too long for one filter: later passes find the candidates.
    InLaterPasses,
    Adjacent(AdjacentRepeats),
    None,
}

impl DuplicateSearch {
    pub fn new(list: &AccountList) -> Self {
        let (accounts, budget) = (list.estimated_accounts(), list.budget());
        match list.duplicates() {
            DuplicateRemoval::Exact if is_about_enough(budget.filter_capacity(), accounts) => {
                Self::Exact(CandidateFinder::new(accounts, list.hasher(), budget))
            }
            DuplicateRemoval::Exact => Self::InLaterPasses,
            DuplicateRemoval::Adjacent => Self::Adjacent(AdjacentRepeats::default()),
            DuplicateRemoval::None => Self::None,
        }
    }

    #[inline]
    pub fn add(&mut self, account: &str) {
        match self {
            Self::Exact(finder) => finder.add(account),
            Self::Adjacent(repeats) => _ = repeats.is_repeat(account),
            Self::InLaterPasses | Self::None => {}
        }
    }

    /// Whether the list is longer than expected.
    #[inline]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Exact(finder) if finder.is_full())
    }

    #[cold]
    pub fn expect_more(&mut self, accounts: u64) {
        if let Self::Exact(finder) = self
            && !finder.expect_more(accounts)
        {
            *self = Self::InLaterPasses;
        }
    }

    /// Prepares the second pass, by further passes if need be; also returns an upper bound of the number of repeats.
    pub fn finish(
        self,
        list: &AccountList,
        first_pass: FirstPass,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<(Repeats, u64), ListError> {
        let (candidates, max_repeats) = match self {
            Self::Exact(finder) => finder.finish(),
            Self::InLaterPasses => list.find_candidates_in_parts(first_pass, on_progress)?,
            Self::Adjacent(repeats) => return Ok((Repeats::Adjacent, repeats.count())),
            Self::None => return Ok((Repeats::None, 0)),
        };
        let repeats = match candidates {
            Candidates::Hashes(hashes) => {
                Repeats::Among(Arc::new(CandidateSet::new(hashes, list.hasher())))
            }
            Candidates::Marks(marks) => list.find_repeats(marks, first_pass, on_progress)?,
        };
        let max_repeats = repeats.count().unwrap_or(max_repeats);
        Ok((repeats, max_repeats))
    }
}
