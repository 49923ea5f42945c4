//! Estimates from the first rows of a part whether a dictionary of a column's values pays (pure).

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType};
use arrow_schema::DataType;
use xxhash_rust::xxh3::xxh3_64;

/// Whether a row group of `rows` rows, of which `column` has the first, would repeat most of its values and have a dictionary
/// of at most `max_bytes`.
///
/// How many distinct values will follow shows in how many occur once and how many twice among the first (the estimator
/// Chao1).
pub fn dictionary_pays(column: &ArrayRef, rows: usize, max_bytes: usize) -> bool {
    let mut values = hashes_and_bytes(column);
    values.sort_unstable();
    let [mut distinct, mut bytes, mut once, mut twice] = [0_usize; 4];
    for equal in values.chunk_by(|(left, _), (right, _)| left == right) {
        distinct += 1;
        bytes += equal[0].1;
        once += usize::from(equal.len() == 1);
        twice += usize::from(equal.len() == 2);
    }
    let expected = distinct + once * once.saturating_sub(1) / (2 * (twice + 1));
    expected <= rows / 2 && expected * bytes <= max_bytes * distinct
}

/// The hash of each value, and the bytes that it takes in a dictionary.
fn hashes_and_bytes(column: &ArrayRef) -> Vec<(u64, usize)> {
    /// In front of each text.
    const LENGTH_BYTES: usize = 4;
    let of = |value: &[u8]| (xxh3_64(value), LENGTH_BYTES + value.len());
    match column.data_type() {
        DataType::Utf8 => {
            column.as_string::<i32>().iter().flatten().map(|text| of(text.as_bytes())).collect()
        }
        DataType::Binary => column.as_binary::<i32>().iter().flatten().map(of).collect(),
        DataType::UInt32 => primitives::<UInt32Type>(column, u64::from),
        DataType::UInt64 => primitives::<UInt64Type>(column, |value| value),
        DataType::Int64 => primitives::<Int64Type>(column, i64::cast_unsigned),
        DataType::Date32 => primitives::<Date32Type>(column, |day| u64::from(day.cast_unsigned())),
        other => unreachable!("a snapshot has no column of type {other}"),
    }
}

fn primitives<T: ArrowPrimitiveType>(
    column: &ArrayRef,
    hash: impl Fn(T::Native) -> u64,
) -> Vec<(u64, usize)> {
    let values = column.as_primitive::<T>().iter().flatten();
    values.map(|value| (hash(value), size_of::<T::Native>())).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Date32Array, StringArray, UInt64Array};

    use super::*;

    const ROWS: usize = 250_000;

    fn pays(column: impl Array + 'static) -> bool {
        dictionary_pays(&(Arc::new(column) as ArrayRef), ROWS, 1024 * 1024)
    }

    /// 4,000 texts drawn from `distinct` different ones.
    fn drawn_from(distinct: usize, suffix: &str) -> StringArray {
        let mut draws = fastrand::Rng::with_seed(1);
        StringArray::from_iter_values(
            (0..4000).map(|_| format!("{}{suffix}", draws.usize(..distinct))),
        )
    }

    #[test]
    fn few_different_values_have_a_dictionary() {
        assert!(pays(drawn_from(3, "")));
        assert!(pays(StringArray::from(vec![None::<&str>; 4000])));
        assert!(pays(UInt64Array::from_iter_values((0..4000).map(|row| row % 60))));
        assert!(pays(Date32Array::from_iter_values((0..4000).map(|row| row % 1999 - 1000))));
    }

    #[test]
    fn how_many_values_will_follow_shows_in_the_first_ones() {
        // 20,000 texts of 9 bytes fit into a mebibyte, and although nearly all of the first 4,000 differ, most will repeat.
        assert!(pays(drawn_from(20_000, "")));
        assert!(!pays(drawn_from(20_000, &"x".repeat(100))));
        assert!(!pays(drawn_from(1_000_000, "")));
        assert!(!pays(drawn_from(usize::MAX, "")));
        assert!(!pays(UInt64Array::from_iter_values(0..4000)));
    }

    #[test]
    fn common_values_among_distinct_ones_do_not_mislead() {
        let half_empty = (0..4000).map(|row| match row % 2 {
            0 => String::new(),
            _ => format!("a text of some length, number {row}"),
        });
        assert!(!pays(StringArray::from_iter_values(half_empty)));
    }
}
