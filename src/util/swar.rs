//! Bytes looked for eight at a time, by arithmetic on a word: for what stands within the first few, where a call of
//! `memchr` would take longer than the search.

const LOWEST_BITS: u64 = 0x0101_0101_0101_0101;
const HIGHEST_BITS: u64 = LOWEST_BITS << 7;

/// Marks of the bytes of `word` that are `wanted` (Mycroft's test for a zero byte). The lowest mark is exact; those above
/// it may be false.
#[inline]
pub fn marks(word: [u8; 8], wanted: u8) -> u64 {
    let differences = u64::from_le_bytes(word) ^ (LOWEST_BITS * u64::from(wanted));
    differences.wrapping_sub(LOWEST_BITS) & !differences & HIGHEST_BITS
}

/// Which byte of a word the lowest of its [`marks`] stands for, if there is one.
#[inline]
pub fn first_marked(marks: u64) -> Option<usize> {
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}
