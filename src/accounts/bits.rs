//! A fixed number of bits.

const WORD_BITS: u64 = u64::BITS as u64;

/// Bits by number, all 0 at first. Those of a page that was never set take no memory.
pub(super) struct Bits {
    words: Vec<u64>,
    length: u64,
}

impl Bits {
    /// `length` bits.
    pub fn new(length: u64) -> Self {
        let words = usize::try_from(length.div_ceil(WORD_BITS)).expect("memory has fewer bits");
        Self { words: vec![0; words], length }
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// How many of them are set.
    pub fn count_set(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Sets bit `at`; nothing beyond the end.
    #[inline]
    pub fn set(&mut self, at: u64) {
        if let Some(word) = self.words.get_mut((at / WORD_BITS) as usize) {
            *word |= 1 << (at % WORD_BITS);
        }
    }

    /// Bit `at`; false beyond the end.
    #[inline]
    pub fn get(&self, at: u64) -> bool {
        let word = self.words.get((at / WORD_BITS) as usize);
        word.is_some_and(|word| word >> (at % WORD_BITS) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_is_set_alone() {
        let mut bits = Bits::new(130);
        for at in [0, 63, 64, 129] {
            bits.set(at);
        }
        let set: Vec<u64> = (0..200).filter(|at| bits.get(*at)).collect();
        assert_eq!(set, [0, 63, 64, 129]);
        assert_eq!(bits.count_set(), 4);
        bits.set(10_000);
        assert!(!bits.get(10_000));
    }
}
