//! Reproducible random decisions: hashes of the seed, a purpose and an account.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Hash of an account, the basis of every decision about it.
pub fn account_hash(seed: u64, account: &str) -> u64 {
    seeded_hash(seed, account.as_bytes())
}

/// Hash of an account or of a request body.
pub fn seeded_hash(seed: u64, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, seed)
}

/// Salt of a fault, a tag or any other purpose.
pub fn salt(purpose: &str) -> u64 {
    xxh3_64(purpose.as_bytes())
}

/// A pseudorandom number for a pair of numbers (the finalizer of splitmix64).
pub const fn mix(hash: u64, salt: u64) -> u64 {
    let mut mixed = hash ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Whether a drawn number falls within a share, from 0.0 (never) to 1.0 (always).
pub fn falls_within(drawn: u64, rate: f64) -> bool {
    const DISTINCT: f64 = (1u64 << 53) as f64;
    rate > 0.0 && ((drawn >> 11) as f64) / DISTINCT < rate
}

/// The item that a drawn number selects.
pub fn pick<T: Copy>(items: &[T], drawn: u64) -> T {
    items[(drawn % items.len() as u64) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept() {
        let hits = (0..100_000).filter(|&n| falls_within(mix(n, 7), 0.03)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        assert!((0..1_000).all(|n| falls_within(mix(n, 7), 1.0) && !falls_within(mix(n, 7), 0.0)));
    }
}
