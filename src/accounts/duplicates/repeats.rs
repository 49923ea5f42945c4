//! Second pass: which records repeat an earlier one.

use std::path::PathBuf;
use std::sync::Arc;

use hashbrown::HashTable;

use super::account_hash::AccountHasher;
use super::adjacent::AdjacentRepeats;
use super::bloom::BloomFilter;
use super::passes::SeenAccounts;
use super::runs::{MergedRuns, Runs};
use crate::accounts::error::ListError;
use crate::accounts::list::AccountList;

/// What distinguishes repeats from first occurrences in the second pass. Cheap to clone.
#[derive(Clone)]
pub enum Repeats {
    /// Every repeat is one of these candidates.
    Among(Arc<CandidateSet>),
    /// The repeats are known.
    Marked(MarkedRepeats),
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
            Self::Marked(repeats) => Some(repeats.runs.count()),
            Self::None => Some(0),
        }
    }
}

/// Hashes of the accounts that may occur more than once.
pub struct CandidateSet {
    hashes: HashTable<u64>,
    /// The same hashes, small enough for the processor's cache: nearly all accounts are not among them.
    filter: BloomFilter,
    hasher: AccountHasher,
}

impl CandidateSet {
    pub fn new(hashes: HashTable<u64>, hasher: AccountHasher) -> Self {
        let mut filter = BloomFilter::new(hashes.len() as u64, u64::from(u32::MAX));
        for hash in &hashes {
            filter.insert(*hash);
        }
        Self { hashes, filter, hasher }
    }

    #[inline]
    fn contains(&self, hash: u64) -> bool {
        self.filter.contains(hash)
            && self.hashes.find(hash, |candidate| *candidate == hash).is_some()
    }
}

/// The numbers of the valid records that repeat an earlier one, on the disk.
#[derive(Clone)]
pub struct MarkedRepeats {
    runs: Arc<Runs>,
    buffers: u64,
    list: Arc<str>,
    directory: PathBuf,
}

impl MarkedRepeats {
    pub fn new(runs: Runs, list: &AccountList) -> Self {
        Self {
            runs: Arc::new(runs),
            buffers: list.budget().merge_buffers,
            list: Arc::clone(list.name()),
            directory: list.spool_directory().to_owned(),
        }
    }

    fn read(&self) -> Result<MergedRuns, ListError> {
        MergedRuns::new(Arc::clone(&self.runs), self.buffers).map_err(|error| self.error(error))
    }

    fn error(&self, source: std::io::Error) -> ListError {
        let directory = self.directory.clone();
        ListError::Spill { list: self.list.to_string(), directory, source }
    }
}

/// Distinguishes repeats from first occurrences, record by record.
pub enum RepeatFinder {
    Among { candidates: Arc<CandidateSet>, seen: SeenAccounts },
    Marked { repeats: MarkedRepeats, numbers: MergedRuns, number: u64 },
    Adjacent(AdjacentRepeats),
    None,
}

impl RepeatFinder {
    /// Starts before the first valid record.
    pub fn new(repeats: Repeats) -> Result<Self, ListError> {
        Ok(match repeats {
            Repeats::Among(candidates) => {
                let seen = SeenAccounts::new(candidates.hasher);
                Self::Among { candidates, seen }
            }
            Repeats::Marked(repeats) => {
                let numbers = repeats.read()?;
                Self::Marked { repeats, numbers, number: 0 }
            }
            Repeats::Adjacent => Self::Adjacent(AdjacentRepeats::default()),
            Repeats::None => Self::None,
        })
    }

    /// Whether the next valid record, which holds `account`, repeats an earlier one.
    #[inline]
    pub fn is_repeat(&mut self, account: &str) -> Result<bool, ListError> {
        Ok(match self {
            Self::Among { candidates, seen } => {
                let hash = candidates.hasher.hash(account.as_bytes());
                candidates.contains(hash) && seen.is_repeat(account.as_bytes(), hash)
            }
            Self::Marked { repeats, numbers, number } => {
                let is_repeat = numbers.peek() == Some(*number);
                *number += 1;
                if is_repeat {
                    numbers.advance().map_err(|error| repeats.error(error))?;
                }
                is_repeat
            }
            Self::Adjacent(repeats) => repeats.is_repeat(account),
            Self::None => false,
        })
    }
}
