//! Exact duplicates in bounded memory.
//!
//! The first pass inserts the hash of every account into a Bloom filter and keeps the hashes that the filter reports as
//! seen: the *candidates*. An account that occurs twice is always a candidate. What follows depends on their number:
//!
//! * Few, as in nearly all lists: the hashes are kept, and the second pass stores, byte for byte, the accounts whose
//!   hash is a candidate. There are at most [`Budget::candidates`], about 60 bytes each.
//! * Many: from then on only a mark per hash is kept, in a table of fixed size. After the Bloom filter is freed, the
//!   list is read once more; accounts whose hash is marked are written to a temporary file (at most 38 bytes each),
//!   partitioned by hash. Each partition fits in memory and shows, byte for byte, which records repeat an earlier one.
//!   The result is one bit per valid record of the list, which the second pass reads in order.
//!
//! Apart from that bit, memory beyond the filter does not grow with the proportion of duplicates.

mod adjacent;
mod bit_set;
mod bloom;
mod repeats;
mod search;
mod spill;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use xxhash_rust::xxh3::xxh3_64;

pub use adjacent::AdjacentRepeats;
use bit_set::BitSet;
use bloom::BloomFilter;
pub use repeats::{RepeatFinder, Repeats};
pub use search::DuplicateSearch;

/// Hashes looked up together, so that their memory latencies overlap.
const BATCH_HASHES: usize = 64;

/// Memory limits for finding duplicates.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Number of candidates whose hashes are kept. In a list without duplicates, one account in 300 is a candidate.
    pub candidates: usize,
    /// Number of marks, used once there are more candidates than that.
    pub marks: u64,
    /// Maximum number of accounts in a partition, about 50 bytes each.
    pub accounts_in_partition: u64,
}

impl Default for Budget {
    fn default() -> Self {
        // The capacity of a hash table with 2^19 slots (4.5 MiB), 2 MiB, and about 25 MiB.
        Self { candidates: (1 << 19) / 8 * 7, marks: 1 << 24, accounts_in_partition: 1 << 19 }
    }
}

/// First pass: finds the candidates.
pub struct CandidateFinder {
    filter: BloomFilter,
    candidates: Candidates,
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
    pub fn new(expected_accounts: u64, budget: Budget) -> Self {
        Self {
            filter: BloomFilter::new(expected_accounts),
            candidates: Candidates::Hashes(HashTable::new()),
            budget,
            pending: Vec::with_capacity(BATCH_HASHES),
            hits: 0,
        }
    }

    #[inline]
    pub fn add(&mut self, account: &str) {
        self.pending.push(xxh3_64(account.as_bytes()));
        if self.pending.len() == BATCH_HASHES {
            self.look_up_pending();
        }
    }

    /// Whether the list is longer than expected.
    pub fn is_full(&self) -> bool {
        self.filter.is_full()
    }

    /// Enlarges the filter for more accounts.
    pub fn expect_more(&mut self, accounts: u64) {
        self.filter.add_layer(accounts);
    }

    /// Upper bound of the records so far that repeat an earlier one.
    pub fn max_repeats(&mut self) -> u64 {
        self.look_up_pending();
        self.hits
    }

    /// Returns all accounts that may occur more than once, and frees the filter.
    pub fn finish(mut self) -> Candidates {
        self.look_up_pending();
        self.candidates
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

/// The upper half of the hash, scaled to the number of marks by multiplication.
#[inline]
fn mark_of(hash: u64, marks: &BitSet) -> u64 {
    ((hash >> 32) * marks.len()) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(expected_accounts: u64, accounts: u32) -> Candidates {
        let mut finder = CandidateFinder::new(expected_accounts, Budget::default());
        (0..accounts).for_each(|number| finder.add(&format!("user_{number}")));
        finder.finish()
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
        assert!(candidates < 400, "{candidates}");
    }

    #[test]
    fn a_repeated_account_is_one_candidate() {
        let mut finder = CandidateFinder::new(10, Budget { candidates: 1, ..Budget::default() });
        (0..10_000).for_each(|_| finder.add("user"));
        assert_eq!(count(&finder.finish()), 1);
    }
}
