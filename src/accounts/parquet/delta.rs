//! The counts in delta-encoded pages. The `parquet` crate allocates memory for as many lengths as such a page declares,
//! before it reads them.

use super::thrift::Walker;

/// Number of values that a page in DELTA_LENGTH_BYTE_ARRAY declares at most, or two lists of lengths in
/// DELTA_BYTE_ARRAY; `None` if the lists are not within `bytes`.
pub fn declared_values(bytes: &[u8], lists: usize) -> Option<u64> {
    let mut walker = Walker { rest: bytes };
    let counts: Option<Vec<u64>> = (0..lists).map(|_| skip_list(&mut walker)).collect();
    counts?.into_iter().max()
}

/// Skips a list in DELTA_BINARY_PACKED and returns the number of its values.
fn skip_list(walker: &mut Walker<'_>) -> Option<u64> {
    let (block, mini_blocks, count) = (walker.varint()?, walker.varint()?, walker.varint()?);
    walker.zig_zag()?;
    let per_mini_block = block.checked_div(mini_blocks)?;
    let mut left = count.saturating_sub(1);
    while left > 0 {
        walker.zig_zag()?;
        let (widths, rest) = walker.rest.split_at_checked(mini_blocks.try_into().ok()?)?;
        walker.rest = rest;
        for width in widths.iter().take_while(|_| per_mini_block > 0) {
            if left == 0 {
                break;
            }
            walker.skip(u64::from(*width).checked_mul(per_mini_block)? / 8)?;
            left = left.saturating_sub(per_mini_block);
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_counted_and_skipped() {
        // Blocks of 128 values in 4 mini blocks; one value needs no block.
        let one = b"\x80\x01\x04\x01\x06";
        assert_eq!(declared_values(one, 1), Some(1));
        // 33 values: two mini blocks with widths of 1 and 0 bits.
        let many = b"\x80\x01\x04\x21\x06\x00\x01\x00\x07\x07abcd";
        assert_eq!(declared_values(many, 1), Some(33));
        assert_eq!(declared_values(&[one.as_slice(), many].concat(), 2), Some(33));
        assert_eq!(declared_values(&[many.as_slice(), one].concat(), 2), Some(33));
        assert_eq!(declared_values(many, 2), None);
        assert_eq!(declared_values(&many[..many.len() - 1], 1), None);
        assert_eq!(declared_values(b"\x80\x01\x00\x02\x00", 1), None);
        // Blocks of no values never end.
        assert_eq!(declared_values(b"\x00\x04\x02\x00", 1), None);
    }
}
