//! Second pass: which records repeat an earlier one.

use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use xxhash_rust::xxh3::xxh3_64;

use super::adjacent::AdjacentRepeats;
use super::bit_set::BitSet;
use super::bloom::BloomFilter;
use super::spill::Spill;
use super::{Candidates, mark_of};
use crate::accounts::error::ListError;
use crate::accounts::list::AccountList;
use crate::accounts::list_file::Digesting;

/// Result of the first pass, from which the second distinguishes repeats from first occurrences. Cheap to clone.
#[derive(Clone)]
pub enum Repeats {
    /// Every repeat is one of these candidates.
    Among(Arc<CandidateSet>),
    /// By number of the valid record, whether it repeats an earlier one.
    Marked(Arc<BitSet>),
    /// Only a record with the same account as the valid one before it.
    Adjacent,
    /// No record counts as a repeat.
    None,
}

impl Repeats {
    /// Number of records that repeat an earlier one, if it is known without another pass.
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Among(_) | Self::Adjacent => None,
            Self::None => Some(0),
            Self::Marked(repeats) => Some(repeats.count_set()),
        }
    }
}

/// Hashes of the accounts that may occur more than once.
pub struct CandidateSet {
    hashes: HashTable<u64>,
    /// The same hashes, small enough for the processor's cache: nearly all accounts are not among them.
    filter: BloomFilter,
}

impl CandidateSet {
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
    /// Prepares the second pass. `valid` and `xxh3` are results of the first.
    pub(in crate::accounts) fn find_repeats(
        &self,
        candidates: Candidates,
        valid: u64,
        xxh3: u128,
    ) -> Result<Repeats, ListError> {
        let marks = match candidates {
            Candidates::Hashes(hashes) => {
                return Ok(Repeats::Among(Arc::new(CandidateSet::new(hashes))));
            }
            Candidates::Marks(marks) => marks,
        };
        let spill = self.spill_marked(&marks, valid, xxh3)?;
        drop(marks);
        let mut repeats = BitSet::new(valid);
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

    /// Reads the list once more and writes the accounts that may occur more than once to a temporary file.
    fn spill_marked(&self, marks: &BitSet, valid: u64, xxh3: u128) -> Result<Spill, ListError> {
        let partitions = valid.div_ceil(self.budget().accounts_in_partition).max(1);
        let partitions = usize::try_from(partitions).expect("the number of partitions fits usize");
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
            return Err(ListError::Changed { list: self.name().to_string() });
        }
        Ok(spill)
    }

    fn spill_error(&self, source: std::io::Error) -> ListError {
        let directory = self.spool_directory().to_owned();
        ListError::Spill { list: self.name().to_string(), directory, source }
    }
}

/// Distinguishes repeats from first occurrences, record by record.
pub enum RepeatFinder {
    Among { candidates: Arc<CandidateSet>, seen: SeenAccounts },
    Marked { repeats: Arc<BitSet>, number: u64 },
    Adjacent(AdjacentRepeats),
    None,
}

impl RepeatFinder {
    /// Starts before the first valid record.
    pub fn new(repeats: Repeats) -> Self {
        match repeats {
            Repeats::Among(candidates) => Self::Among { candidates, seen: SeenAccounts::default() },
            Repeats::Marked(repeats) => Self::Marked { repeats, number: 0 },
            Repeats::Adjacent => Self::Adjacent(AdjacentRepeats::default()),
            Repeats::None => Self::None,
        }
    }

    /// Whether the next valid record, which holds `account`, repeats an earlier one.
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
            Self::Adjacent(repeats) => repeats.is_repeat(account),
            Self::None => false,
        }
    }
}

/// The accounts seen so far, byte for byte.
#[derive(Default)]
pub struct SeenAccounts {
    /// Length byte and bytes of each account, end to end.
    arena: Vec<u8>,
    /// Offset of each account in the arena.
    offsets: HashTable<usize>,
}

impl SeenAccounts {
    /// Whether `account` was seen before; remembers it.
    fn is_repeat(&mut self, account: &[u8], hash: u64) -> bool {
        let arena = &self.arena;
        let is_same = |offset: &usize| stored(arena, *offset) == account;
        match self.offsets.entry(hash, is_same, |offset| xxh3_64(stored(arena, *offset))) {
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

fn stored(arena: &[u8], offset: usize) -> &[u8] {
    let length = usize::from(arena[offset]);
    &arena[offset + 1..=offset + length]
}
