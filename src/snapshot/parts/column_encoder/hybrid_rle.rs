//! Parquet's hybrid of run lengths and bit packing, of definition levels and dictionary indices.

/// Values in a group of bit packing.
const GROUP: usize = 8;

/// Appends `values`, each of `width` bits, at most 24.
pub fn append_values(out: &mut Vec<u8>, values: &[u32], width: u32) {
    let (mut at, mut packed_from) = (0, 0);
    while at < values.len() {
        let first = values[at];
        let run = values[at..].iter().take_while(|value| **value == first).count();
        if run < GROUP {
            at = (at + GROUP).min(values.len());
            continue;
        }
        append_packed(out, &values[packed_from..at], width);
        append_run(out, first, run, width);
        at += run;
        packed_from = at;
    }
    append_packed(out, &values[packed_from..], width);
}

/// Appends `value`, which occurs `run` times.
pub fn append_run(out: &mut Vec<u8>, value: u32, run: usize, width: u32) {
    append_varint(out, run << 1);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Appends whole groups; the last one of a page may be incomplete.
fn append_packed(out: &mut Vec<u8>, values: &[u32], width: u32) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(GROUP);
    append_varint(out, groups << 1 | 1);
    let end = out.len() + groups * width as usize;
    let (mut bits, mut filled) = (0_u64, 0);
    for value in values {
        bits |= u64::from(*value) << filled;
        filled += width;
        if filled >= u32::BITS {
            out.extend_from_slice(&bits.to_le_bytes()[..4]);
            bits >>= u32::BITS;
            filled -= u32::BITS;
        }
    }
    out.extend_from_slice(&bits.to_le_bytes());
    out.resize(end, 0);
}

fn append_varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads as the format prescribes.
    fn decoded(mut encoded: &[u8], width: u32, count: usize) -> Vec<u32> {
        let mut values = Vec::new();
        while values.len() < count {
            let (mut header, mut shift) = (0_usize, 0);
            loop {
                let byte = encoded[0];
                encoded = &encoded[1..];
                header |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            let bytes = if header & 1 == 1 {
                (header >> 1) * width as usize
            } else {
                width.div_ceil(8) as usize
            };
            let (taken, rest) = encoded.split_at(bytes);
            encoded = rest;
            let bit = |at: u32| u32::from(taken[(at / 8) as usize] >> (at % 8) & 1);
            let value = |index: u32| (0..width).fold(0, |sum, n| sum | bit(index * width + n) << n);
            if header & 1 == 1 {
                values.extend((0..(header >> 1) as u32 * 8).map(value));
            } else {
                values.extend(std::iter::repeat_n(value(0), header >> 1));
            }
        }
        assert!(encoded.is_empty());
        values.truncate(count);
        values
    }

    proptest! {
        #[test]
        fn values_are_read_back(
            runs in proptest::collection::vec((0..1_u32 << 18, 1..40_usize), 0..40),
            width in 1..=18_u32,
        ) {
            let repeated = |(value, times): &(u32, usize)| std::iter::repeat_n(value % (1 << width), *times);
            let values: Vec<u32> = runs.iter().flat_map(repeated).collect();
            let mut encoded = Vec::new();
            append_values(&mut encoded, &values, width);
            prop_assert_eq!(decoded(&encoded, width, values.len()), values);
        }
    }
}
