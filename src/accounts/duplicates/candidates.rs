//! The accounts that may occur more than once.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::Budget;
use super::account_hash::{AccountHasher, by_lower_half, by_upper_half};
use super::bit_set::BitSet;
use super::bloom::BloomFilter;

/// Hashes looked up together, so that their memory latencies overlap.
const BATCH_HASHES: usize = 64;

/// Finds the candidates among accounts.
pub struct CandidateFinder {
    filter: BloomFilter,
    candidates: Candidates,
    hasher: AccountHasher,
    budget: Budget,
    pending: Vec<u64>,
    /// Accounts that the filter reported as seen.
    hits: u64,
}

/// Accounts that may occur more than once.
pub enum Candidates {
    /// Their hashes.
    Hashes(HashTable<u64>),
    /// Marks at positions derived from their hashes.
    Marks(BitSet),
}

impl CandidateFinder {
    pub fn new(expected_accounts: u64, hasher: AccountHasher, budget: Budget) -> Self {
        Self {
            filter: BloomFilter::new(expected_accounts, budget.filter),
            candidates: Candidates::Hashes(HashTable::new()),
            hasher,
            budget,
            pending: Vec::with_capacity(BATCH_HASHES),
            hits: 0,
        }
    }

    #[inline]
    pub fn add(&mut self, account: &str) {
        self.add_hash(self.hasher.hash(account.as_bytes()));
    }

    /// Adds an account whose hash is in this one of `parts` equal parts of the hashes; ignores any other.
    #[inline]
    pub fn add_to_part(&mut self, account: &str, (part, parts): (u64, u64)) {
        let hash = self.hasher.hash(account.as_bytes());
        if by_lower_half(hash, parts) == part {
            self.add_hash(hash);
        }
    }

    #[inline]
    fn add_hash(&mut self, hash: u64) {
        self.pending.push(hash);
        if self.pending.len() == BATCH_HASHES {
            self.look_up_pending();
        }
    }

    /// Whether there are more accounts than expected.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.filter.is_full()
    }

    /// Enlarges the filter for more accounts; false if that does not fit the budget.
    pub fn expect_more(&mut self, accounts: u64) -> bool {
        self.filter.add_layer(accounts)
    }

    /// Ends a part of the hashes: the filter is empty again.
    pub fn end_part(&mut self) {
        self.look_up_pending();
        self.filter.clear();
    }

    /// All accounts that may occur more than once, and the upper bound of the records that repeat an earlier one; frees
    /// the filter.
    pub fn finish(mut self) -> (Candidates, u64) {
        self.look_up_pending();
        (self.candidates, self.hits)
    }

    fn look_up_pending(&mut self) {
        self.filter.load(&self.pending);
        for hash in self.pending.drain(..) {
            if self.filter.insert(hash) {
                self.hits += 1;
                self.candidates.add(hash, self.budget);
            }
        }
    }
}

impl Candidates {
    fn add(&mut self, hash: u64, budget: Budget) {
        match self {
            Self::Hashes(hashes) => {
                if let Entry::Vacant(slot) = hashes.entry(hash, |seen| *seen == hash, |seen| *seen)
                {
                    slot.insert(hash);
                }
                if hashes.len() > budget.candidates {
                    let mut marks = BitSet::new(budget.marks);
                    hashes.iter().for_each(|hash| marks.set(mark_of(*hash, &marks)));
                    *self = Self::Marks(marks);
                }
            }
            Self::Marks(marks) => marks.set(mark_of(hash, marks)),
        }
    }
}

#[inline]
pub fn mark_of(hash: u64, marks: &BitSet) -> u64 {
    by_upper_half(hash, marks.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: u64 = 128 * 1024 * 1024;

    fn candidates(expected_accounts: u64, accounts: u32) -> Candidates {
        let mut finder =
            CandidateFinder::new(expected_accounts, AccountHasher::new(), Budget::new(BUDGET));
        (0..accounts).for_each(|number| finder.add(&format!("user_{number}")));
        finder.finish().0
    }

    fn count(candidates: &Candidates) -> usize {
        match candidates {
            Candidates::Hashes(hashes) => hashes.len(),
            Candidates::Marks(_) => usize::MAX,
        }
    }

    #[test]
    fn a_full_filter_reports_new_accounts_as_seen() {
        assert!(count(&candidates(1, 1500)) > 500);
    }

    #[test]
    fn a_list_without_duplicates_has_few_candidates() {
        let candidates = count(&candidates(100_000, 100_000));
        assert!(candidates < 450, "{candidates}");
    }

    #[test]
    fn a_repeated_account_is_one_candidate() {
        let budget = Budget { candidates: 1, ..Budget::new(BUDGET) };
        let mut finder = CandidateFinder::new(10, AccountHasher::new(), budget);
        (0..10_000).for_each(|_| finder.add("user"));
        assert_eq!(count(&finder.finish().0), 1);
    }

    #[test]
    fn every_account_is_in_one_part() {
        let hasher = AccountHasher::new();
        let repeats = (0..7).map(|part| {
            let mut finder = CandidateFinder::new(100, hasher, Budget::new(BUDGET));
            for _ in 0..2 {
                (0..100).for_each(|number| finder.add_to_part(&format!("u{number}"), (part, 7)));
            }
            let (candidates, repeats) = finder.finish();
            assert!(count(&candidates) < 50);
            repeats
        });
        assert!((100..110).contains(&repeats.sum::<u64>()));
    }
}
