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

/// Many pseudorandom numbers from one hash.
pub struct Draws(u64);

impl Draws {
    pub fn new(hash: u64) -> Draws {
        Draws(hash)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0, 0)
    }

    /// A number below `bound`, all equally often.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.draw()) * bound as u128) >> 64) as usize
    }

    /// A number below `bound`, small ones more often: half of them are below a quarter of it.
    pub fn skewed_below(&mut self, bound: usize) -> usize {
        let fraction = self.draw() >> 32;
        ((((fraction * fraction) >> 32) * bound as u64) >> 32) as usize
    }

    /// One of the items, all equally often.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// One of the items, the first ones more often.
    pub fn pick_skewed<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.skewed_below(items.len())]
    }

    pub fn is_within_percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skewed_numbers_are_mostly_small() {
        let mut draws = Draws::new(7);
        let small = (0..10_000).filter(|_| draws.skewed_below(100) < 25).count();
        assert!((4_800..5_200).contains(&small), "{small}");
        assert!((0..10_000).all(|_| draws.skewed_below(3) < 3 && draws.below(3) < 3));
        assert_eq!(draws.skewed_below(1), 0);
    }

    #[test]
    fn shares_are_kept() {
        let hits = (0..100_000).filter(|&n| falls_within(mix(n, 7), 0.03)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        assert!((0..1_000).all(|n| falls_within(mix(n, 7), 1.0) && !falls_within(mix(n, 7), 0.0)));
    }
}
