//! Exact duplicates in bounded memory, in two passes over the list.
//!
//! The first pass puts the hash of every account into a Bloom filter and keeps those that it takes for seen: the
//! *candidates*. An account that occurs twice is always among them. The second pass remembers, byte for byte, only the
//! accounts whose hash is a candidate. Memory beyond the filter grows with the accounts that occur more than once (about
//! 60 bytes each), not with the list.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use xxhash_rust::xxh3::xxh3_64;

use super::bloom::BloomFilter;

/// Hashes looked up together, so that the waits for memory overlap.
const BATCH_HASHES: usize = 64;

/// First pass: finds the candidates.
pub(super) struct CandidateFinder {
    filter: BloomFilter,
    candidates: HashTable<u64>,
    pending: Vec<u64>,
}

impl CandidateFinder {
    /// For about `expected_accounts`.
    pub fn new(expected_accounts: u64) -> Self {
        let pending = Vec::with_capacity(BATCH_HASHES);
        Self { filter: BloomFilter::new(expected_accounts), candidates: HashTable::new(), pending }
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

    /// The hashes of all accounts that may occur more than once.
    pub fn finish(mut self) -> Candidates {
        self.look_up_pending();
        let hashes = self.candidates;
        let mut filter = BloomFilter::new(hashes.len() as u64);
        for hash in &hashes {
            filter.insert(*hash);
        }
        Candidates { hashes, filter }
    }

    fn look_up_pending(&mut self) {
        self.filter.load(&self.pending);
        for hash in self.pending.drain(..) {
            if self.filter.insert(hash)
                && let Entry::Vacant(place) =
                    self.candidates.entry(hash, |seen| *seen == hash, |seen| *seen)
            {
                place.insert(hash);
            }
        }
    }
}

/// Hashes of the accounts that may occur more than once.
pub(super) struct Candidates {
    hashes: HashTable<u64>,
    /// The same hashes, in a form that stays in the processor's cache: nearly all accounts are not among them.
    filter: BloomFilter,
}

impl Candidates {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    #[inline]
    fn contains(&self, hash: u64) -> bool {
        self.filter.contains(hash)
            && self.hashes.find(hash, |candidate| *candidate == hash).is_some()
    }
}

/// Second pass: tells repeats from first occurrences.
#[derive(Default)]
pub(super) struct SeenCandidates {
    /// Length byte and bytes of each account, end to end.
    arena: Vec<u8>,
    /// Where each account begins in the arena.
    places: HashTable<usize>,
}

impl SeenCandidates {
    /// Whether `account` came by before; if not, it has now.
    #[inline]
    pub fn is_repeat(&mut self, account: &str, candidates: &Candidates) -> bool {
        let hash = xxh3_64(account.as_bytes());
        if !candidates.contains(hash) {
            return false;
        }
        let arena = &self.arena;
        let is_same = |place: &usize| stored(arena, *place) == account.as_bytes();
        match self.places.entry(hash, is_same, |place| xxh3_64(stored(arena, *place))) {
            Entry::Occupied(_) => true,
            Entry::Vacant(vacant) => {
                let length = u8::try_from(account.len()).expect("an account has at most 32 bytes");
                vacant.insert(arena.len());
                self.arena.push(length);
                self.arena.extend_from_slice(account.as_bytes());
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
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn repeats(accounts: &[String], expected_accounts: u64) -> Vec<bool> {
        let mut finder = CandidateFinder::new(expected_accounts);
        accounts.iter().for_each(|account| finder.add(account));
        let candidates = finder.finish();
        let mut seen = SeenCandidates::default();
        accounts.iter().map(|account| seen.is_repeat(account, &candidates)).collect()
    }

    fn repeats_naively(accounts: &[String]) -> Vec<bool> {
        let mut seen = HashSet::new();
        accounts.iter().map(|account| !seen.insert(account)).collect()
    }

    proptest! {
        #[test]
        fn duplicates_are_exact_even_when_the_filter_takes_most_for_seen(
            numbers in prop::collection::vec(0_u16..1500, 0..2000)) {
            let accounts: Vec<String> = numbers.iter().map(|number| format!("user_{number}")).collect();
            prop_assert_eq!(repeats(&accounts, 1), repeats_naively(&accounts));
        }
    }

    #[test]
    fn a_tiny_filter_does_take_new_accounts_for_seen() {
        let mut finder = CandidateFinder::new(1);
        (0..1500).for_each(|number| finder.add(&format!("user_{number}")));
        assert!(finder.finish().len() > 500);
    }

    #[test]
    fn a_list_without_repeats_has_hardly_any_candidates() {
        let mut finder = CandidateFinder::new(100_000);
        (0..100_000).for_each(|number| finder.add(&format!("user_{number}")));
        let candidates = finder.finish().len();
        assert!(candidates < 400, "{candidates}");
    }
}
