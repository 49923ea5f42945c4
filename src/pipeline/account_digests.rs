//! Digests of the accounts of parts: they show a later process whether a part was made from the list that it reads.
//!
//! A list that changes while it is read is found out at its end. Parts that were committed until then may hold accounts of
//! the changed list; once the list is restored, only their own digests tell them apart from the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The digest of accounts and their lines, in order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountDigest(u64);

impl AccountDigest {
    pub fn add(&mut self, name: &str, line: u64) {
        self.0 = xxh3_64_with_seed(name.as_bytes(), self.0.wrapping_add(line));
    }

    pub fn text(self) -> String {
        format!("{:016x}", self.0)
    }
}

/// The digests of parts by first ordinal, from the thread that reads the list to the one that writes the journal. It holds
/// those of open parts only.
#[derive(Debug, Clone, Default)]
pub struct SharedDigests(Arc<Mutex<BTreeMap<u64, String>>>);

impl SharedDigests {
    pub fn insert(&self, first_ordinal: u64, digest: AccountDigest) {
        let mut digests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        digests.insert(first_ordinal, digest.text());
    }

    pub fn take(&self, first_ordinal: u64) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&first_ordinal)
    }
}
