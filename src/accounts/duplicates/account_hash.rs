//! Hashes of accounts, seeded so that nobody can make a list whose accounts fall into one part of the hashes.

use std::hash::{BuildHasher, RandomState};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The hash function of a list.
#[derive(Debug, Clone, Copy)]
pub struct AccountHasher {
    seed: u64,
}

impl AccountHasher {
    /// With a random seed.
    pub fn new() -> Self {
        Self { seed: RandomState::new().hash_one(()) }
    }

    #[inline]
    pub fn hash(self, account: &[u8]) -> u64 {
        xxh3_64_with_seed(account, self.seed)
    }
}

/// A number below `count` by the upper half of a hash.
#[inline]
pub fn by_upper_half(hash: u64, count: u64) -> u64 {
    // 64 bits hold the product of 32 and 32 bits; more than 2^32 of anything does not fit in memory.
    ((hash >> 32) * count) >> 32
}

/// A number below `count` by the lower half of a hash.
#[inline]
pub fn by_lower_half(hash: u64, count: u64) -> u64 {
    ((hash & u64::from(u32::MAX)) * count) >> 32
}
