//! A bit set of fixed size.

const WORD_BITS: u64 = u64::BITS as u64;

/// Bits, initially 0. Memory pages in which no bit was set take no memory.
pub struct BitSet {
    words: Vec<u64>,
    length: u64,
}

impl BitSet {
    pub fn new(length: u64) -> Self {
        let words =
            usize::try_from(length.div_ceil(WORD_BITS)).expect("the number of words fits usize");
        Self { words: vec![0; words], length }
    }

    pub fn len(&self) -> u64 {
        self.length
    }

    /// Sets bit `index`; ignored beyond the end.
    #[inline]
    pub fn set(&mut self, index: u64) {
        if let Some(word) = self.words.get_mut((index / WORD_BITS) as usize) {
            *word |= 1 << (index % WORD_BITS);
        }
    }

    /// Bit `index`; false beyond the end.
    #[inline]
    pub fn get(&self, index: u64) -> bool {
        let word = self.words.get((index / WORD_BITS) as usize);
        word.is_some_and(|word| word >> (index % WORD_BITS) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_set_individually() {
        let mut bits = BitSet::new(130);
        for at in [0, 63, 64, 129] {
            bits.set(at);
        }
        let set: Vec<u64> = (0..200).filter(|at| bits.get(*at)).collect();
        assert_eq!(set, [0, 63, 64, 129]);
        bits.set(10_000);
        assert!(!bits.get(10_000));
    }
}
