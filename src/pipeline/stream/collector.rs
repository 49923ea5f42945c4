//! Packs accounts into chunks as they come: an account that repeats within a chunk is requested once (pure).

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use crate::accounts::AccountName;
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::pipeline::chunk::{Account, Chunk};

/// Records of a chunk, so that the rows of one that repeats few accounts fit into memory.
const MAX_RECORDS: usize = 4096;

/// The accounts of the next chunk.
#[derive(Debug)]
pub struct ChunkCollector {
    accounts: Vec<Account>,
    /// The records of each account.
    records_of: Vec<u32>,
    records: usize,
    places: HashTable<usize>,
    next_ordinal: u64,
}

impl Default for ChunkCollector {
    fn default() -> Self {
        ChunkCollector {
            accounts: Vec::with_capacity(MAX_ACCOUNTS_PER_CALL),
            records_of: Vec::with_capacity(MAX_ACCOUNTS_PER_CALL),
            records: 0,
            places: HashTable::with_capacity(MAX_ACCOUNTS_PER_CALL),
            next_ordinal: 0,
        }
    }
}

impl ChunkCollector {
    /// Adds the account of the record on this line.
    pub fn add(&mut self, name: AccountName, line: u64) {
        self.records += 1;
        let hash = |name: &AccountName| xxh3_64(name.as_bytes());
        let accounts = &self.accounts;
        let entry = self.places.entry(
            hash(&name),
            |place| accounts[*place].name == name,
            |place| hash(&accounts[*place].name),
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(place) => self.records_of[*place.get()] += 1,
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                vacant.insert(self.accounts.len());
                self.accounts.push(Account::new(name, self.next_ordinal, line));
                self.records_of.push(1);
                self.next_ordinal += 1;
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Whether the next record belongs to the next chunk.
    pub fn is_full(&self) -> bool {
        self.accounts.len() == MAX_ACCOUNTS_PER_CALL || self.records == MAX_RECORDS
    }

    /// Distinct accounts of the chunks so far.
    pub fn accounts(&self) -> u64 {
        self.next_ordinal
    }

    /// Takes the chunk, and the ordinal and the records of each account that has several.
    pub fn take(&mut self) -> (Chunk, Vec<(u64, u32)>) {
        let next = Vec::with_capacity(MAX_ACCOUNTS_PER_CALL);
        let accounts = std::mem::replace(&mut self.accounts, next);
        let repeats = match self.records > accounts.len() {
            true => accounts
                .iter()
                .zip(&self.records_of)
                .filter(|(_, records)| **records > 1)
                .map(|(account, records)| (account.ordinal, *records))
                .collect(),
            false => Vec::new(),
        };
        self.records_of.clear();
        self.places.clear();
        self.records = 0;
        (Chunk { accounts, is_first: true }, repeats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> AccountName {
        AccountName::from(text).unwrap()
    }

    #[test]
    fn an_account_that_repeats_is_requested_once() {
        let mut chunk = ChunkCollector::default();
        for (line, account) in (1..).zip(["a", "b", "a", "c", "a", "b"]) {
            chunk.add(name(account), line);
        }
        let (Chunk { accounts, is_first }, repeats) = chunk.take();
        let places: Vec<_> =
            accounts.iter().map(|it| (it.name.as_str(), it.ordinal, it.line)).collect();
        assert_eq!(places, [("a", 0, 1), ("b", 1, 2), ("c", 2, 4)]);
        assert_eq!((is_first, repeats), (true, vec![(0, 3), (1, 2)]));
        // The next chunk requests it again, under another ordinal.
        chunk.add(name("a"), 7);
        let (next, repeats) = chunk.take();
        assert_eq!((next.ordinals(), repeats.len(), chunk.accounts()), (3..4, 0, 4));
    }

    #[test]
    fn a_chunk_is_full_with_a_hundred_accounts_or_many_records_of_few() {
        let mut chunk = ChunkCollector::default();
        for account in 0..MAX_ACCOUNTS_PER_CALL {
            assert!(!chunk.is_full());
            chunk.add(name(&account.to_string()), 1);
        }
        assert!(chunk.is_full());
        chunk.take();
        for _ in 0..MAX_RECORDS {
            assert!(!chunk.is_full());
            chunk.add(name("a"), 1);
        }
        assert!(chunk.is_full());
        assert_eq!(chunk.take().1, [(100, 4096)]);
        assert!(chunk.is_empty() && !chunk.is_full());
    }
}
