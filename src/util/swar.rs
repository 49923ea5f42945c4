//! Byte search within a register (SWAR): faster than a call of `memchr` if the byte is among the first few.

const LOWEST_BITS: u64 = 0x0101_0101_0101_0101;
const HIGHEST_BITS: u64 = LOWEST_BITS << 7;

/// Marks the bytes of `word` that are `wanted` (Mycroft's test for a zero byte). The lowest mark is exact; higher ones may be
/// false.
#[inline]
pub fn marks(word: [u8; 8], wanted: u8) -> u64 {
    let differences = u64::from_le_bytes(word) ^ (LOWEST_BITS * u64::from(wanted));
    differences.wrapping_sub(LOWEST_BITS) & !differences & HIGHEST_BITS
}

/// The index of the byte with the lowest of the [`marks`], if any.
#[inline]
pub fn first_marked(marks: u64) -> Option<usize> {
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}
