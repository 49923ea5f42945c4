//! Exact duplicates in bounded memory.
//!
//! The first pass puts the hash of every account into a Bloom filter and keeps those that it takes for seen: the
//! *candidates*. An account that occurs twice is always among them. What follows depends on how many there are:
//!
//! * Few, as in nearly all lists: their hashes are kept, and the second pass remembers, byte for byte, the accounts whose
//!   hash is a candidate. At most [`Budget::candidates`] of them, about 60 bytes each.
//! * Many: from then on only a mark by hash is kept, in a table of fixed size. When the Bloom filter is gone, the list is
//!   read once more; accounts whose hash is marked go to a temporary file (38 bytes each at most), partitioned by hash.
//!   Each partition fits in memory and shows, byte for byte, which records repeat an earlier one. What is left of it is one
//!   bit for each valid record of the list, which the second pass reads in order.
//!
//! So memory beyond the filter does not grow with the share of duplicates, but for that bit.

use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use xxhash_rust::xxh3::xxh3_64;

use super::bits::Bits;
use super::bloom::BloomFilter;
use super::error::ListError;
use super::file::Digesting;
use super::list::AccountList;
use super::spill::Spill;

/// Hashes looked up together, so that the waits for memory overlap.
const BATCH_HASHES: usize = 64;

/// What duplicates may take of the memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Candidates whose hashes are kept. Of a list without duplicates, one account in 300 is taken for seen.
    pub candidates: usize,
    /// Marks, once there are more candidates than that.
    pub marks: u64,
    /// Most accounts in a partition, about 50 bytes each.
    pub accounts_in_partition: u64,
}

impl Default for Budget {
    fn default() -> Self {
        // What a hash table of 2^19 places takes (4.5 MiB), 2 MiB, and about 25 MiB.
        Self { candidates: (1 << 19) / 8 * 7, marks: 1 << 24, accounts_in_partition: 1 << 19 }
    }
}

/// First pass: finds the candidates.
pub(super) struct CandidateFinder {
    filter: BloomFilter,
    candidates: Candidates,
    budget: Budget,
    pending: Vec<u64>,
    /// Accounts that the filter took for seen.
    hits: u64,
}

/// Accounts that may occur more than once.
pub(super) enum Candidates {
    /// Their hashes.
    BoundedValueCounts(HashTable<u64>),
    /// Marks at the places of their hashes.
    Many(Bits),
}

impl CandidateFinder {
    /// For about `expected_accounts`.
    pub fn new(expected_accounts: u64, budget: Budget) -> Self {
        Self {
            filter: BloomFilter::new(expected_accounts),
            candidates: Candidates::BoundedValueCounts(HashTable::new()),
            budget,
            pending: Vec::with_capacity(BATCH_HASHES),
            hits: 0,
        }
    }

    /// Takes in the next account.
    #[inline]
    pub fn add(&mut self, account: &str) {
        self.pending.push(xxh3_64(account.as_bytes()));
        if self.pending.len() == BATCH_HASHES {
            self.look_up_pending();
        }
    }

    /// Whether the list is longer than planned for.
    pub fn is_full(&self) -> bool {
        self.filter.is_full()
    }

    /// Plans for so many more.
    pub fn expect_more(&mut self, accounts: u64) {
        self.filter.add_layer(accounts);
    }

    /// The most records added so far that can repeat an earlier one.
    pub fn repeats_at_most(&mut self) -> u64 {
        self.look_up_pending();
        self.hits
    }

    /// All accounts that may occur more than once. The filter is gone then.
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
            Self::BoundedValueCounts(hashes) => {
                if let Entry::Vacant(place) = hashes.entry(hash, |seen| *seen == hash, |seen| *seen)
                {
                    place.insert(hash);
                }
                if hashes.len() > budget.candidates {
                    let mut marks = Bits::new(budget.marks);
                    hashes.iter().for_each(|hash| marks.set(mark_of(*hash, &marks)));
                    *self = Self::Many(marks);
                }
            }
            Self::Many(marks) => marks.set(mark_of(hash, marks)),
        }
    }
}

/// The upper half of the hash picks the mark, scaled by multiplication.
#[inline]
fn mark_of(hash: u64, marks: &Bits) -> u64 {
    ((hash >> 32) * marks.len()) >> 32
}

/// What the second pass needs to tell repeats from first occurrences. Cheap to clone.
#[derive(Clone)]
pub(super) enum Repeats {
    /// Candidates, among which the repeats are.
    Among(Arc<FewCandidates>),
    /// The bits of valid records that repeat an earlier one.
    Marked(Arc<Bits>),
}

impl Repeats {
    /// How many records repeat an earlier one, where that is known without another pass.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Among(_) => None,
            Self::Marked(repeats) => Some(repeats.count_set()),
        }
    }
}

/// Hashes of the accounts that may occur more than once.
pub(super) struct FewCandidates {
    hashes: HashTable<u64>,
    /// The same hashes, in a form that stays in the processor's cache: nearly all accounts are not among them.
    filter: BloomFilter,
}

impl FewCandidates {
    fn new(hashes: HashTable<u64>) -> Self {
        let mut filter = BloomFilter::new(hashes.len() as u64);
        for hash in &hashes {
            filter.insert(*hash);
        }
        Self { hashes, filter }
    }

    #[inline]
    fn contains(&self, hash: u64) -> bool {
        self.filter.contains(hash)
            && self.hashes.find(hash, |candidate| *candidate == hash).is_some()
    }
}

impl AccountList {
    /// Prepares the second pass. `valid` and `xxh3` are those of the first.
    pub(super) fn repeats(
        &self,
        candidates: Candidates,
        valid: u64,
        xxh3: u128,
    ) -> Result<Repeats, ListError> {
        let marks = match candidates {
            Candidates::BoundedValueCounts(hashes) => {
                return Ok(Repeats::Among(Arc::new(FewCandidates::new(hashes))));
            }
            Candidates::Many(marks) => marks,
        };
        let spill = self.spill_marked(&marks, valid, xxh3)?;
        drop(marks);
        let mut repeats = Bits::new(valid);
        for partition in 0..spill.partitions() {
            let mut seen = SeenAccounts::default();
            let mut visit = |number, account: &[u8]| {
                if seen.is_repeat(account, xxh3_64(account)) {
                    repeats.set(number);
                }
            };
            spill.visit(partition, &mut visit).map_err(|error| self.spill_error(error))?;
        }
        Ok(Repeats::Marked(Arc::new(repeats)))
    }

    /// Reads the list once more and puts the accounts that may occur more than once into a temporary file.
    fn spill_marked(&self, marks: &Bits, valid: u64, xxh3: u128) -> Result<Spill, ListError> {
        let partitions = valid.div_ceil(self.budget().accounts_in_partition).max(1);
        let partitions = usize::try_from(partitions).expect("memory has more places");
        let mut spill = Spill::create(self.spool_directory(), partitions)
            .map_err(|error| self.spill_error(error))?;
        let mut records = self.records(Digesting::Quick)?;
        let mut number = 0;
        while records.advance()? {
            let record = records.record();
            let Ok(account) = record.account() else { continue };
            let hash = xxh3_64(account.as_bytes());
            if marks.get(mark_of(hash, marks)) {
                spill.add(hash, number, account).map_err(|error| self.spill_error(error))?;
            }
            number += 1;
        }
        if records.digests()?.xxh3 != xxh3 {
            return Err(ListError::Changed { list: self.file().name.to_string() });
        }
        Ok(spill)
    }

    fn spill_error(&self, source: std::io::Error) -> ListError {
        let directory = self.spool_directory().to_owned();
        ListError::Spill { list: self.file().name.to_string(), directory, source }
    }
}

/// Second pass: tells repeats from first occurrences.
pub(super) enum RepeatFinder {
    Among { candidates: Arc<FewCandidates>, seen: SeenAccounts },
    Marked { repeats: Arc<Bits>, number: u64 },
}

impl RepeatFinder {
    /// Begins before the first valid record.
    pub fn new(repeats: Repeats) -> Self {
        match repeats {
            Repeats::Among(candidates) => Self::Among { candidates, seen: SeenAccounts::default() },
            Repeats::Marked(repeats) => Self::Marked { repeats, number: 0 },
        }
    }

    /// Whether the next valid record repeats an earlier one; `account` is its account.
    #[inline]
    pub fn is_repeat(&mut self, account: &str) -> bool {
        match self {
            Self::Among { candidates, seen } => {
                let hash = xxh3_64(account.as_bytes());
                candidates.contains(hash) && seen.is_repeat(account.as_bytes(), hash)
            }
            Self::Marked { repeats, number } => {
                *number += 1;
                repeats.get(*number - 1)
            }
        }
    }
}

/// Accounts that came by, byte for byte.
#[derive(Default)]
pub(super) struct SeenAccounts {
    /// Length byte and bytes of each account, end to end.
    arena: Vec<u8>,
    /// Where each account begins in the arena.
    places: HashTable<usize>,
}

impl SeenAccounts {
    /// Whether `account` came by before; if not, it has now.
    fn is_repeat(&mut self, account: &[u8], hash: u64) -> bool {
        let arena = &self.arena;
        let is_same = |place: &usize| stored(arena, *place) == account;
        match self.places.entry(hash, is_same, |place| xxh3_64(stored(arena, *place))) {
            Entry::Occupied(_) => true,
            Entry::Vacant(vacant) => {
                let length = u8::try_from(account.len()).expect("an account has at most 32 bytes");
                vacant.insert(arena.len());
                self.arena.push(length);
                self.arena.extend_from_slice(account);
                false
            }
        }
    }
}

fn stored(arena: &[u8], place: usize) -> &[u8] {
    let length = usize::from(arena[place]);
    &arena[place + 1..=place + length]
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
            Candidates::BoundedValueCounts(hashes) => hashes.len(),
            Candidates::Many(_) => usize::MAX,
        }
    }

    #[test]
    fn a_tiny_filter_does_take_new_accounts_for_seen() {
        assert!(count(&candidates(1, 1500)) > 500);
    }

    #[test]
    fn a_list_without_repeats_has_hardly_any_candidates() {
        let candidates = count(&candidates(100_000, 100_000));
        assert!(candidates < 400, "{candidates}");
    }

    #[test]
    fn an_account_that_comes_again_and_again_is_one_candidate() {
        let mut finder = CandidateFinder::new(10, Budget { candidates: 1, ..Budget::default() });
        (0..10_000).for_each(|_| finder.add("user"));
        assert_eq!(count(&finder.finish()), 1);
    }
}
