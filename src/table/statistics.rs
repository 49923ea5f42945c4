//! Statistics of the values of each column, updated while rows are written (pure).
//!
//! Every value passes through here, so the work per value is small: lengths are compared in bytes before characters are
//! counted, and distinct values are no longer counted once there are too many.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Schema};
use serde::{Deserialize, Serialize};

use super::rows::TAG_METADATA_KEY;
pub use super::value_counts::BoundedValueCounts;
use super::value_counts::QuickHash;

/// Minimum and maximum; `None` without values.
pub type MinMax<T> = Option<(T, T)>;

/// Statistics of one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnStatistics {
    /// Rows with a value.
    pub filled: u64,
    /// Values that did not match the type, so that the cell is NULL.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rejected: u64,
    pub values: Values,
}

/// Statistics of the values of one column, by its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    Text {
        /// Lengths in characters.
        characters: MinMax<u64>,
        distinct: BoundedValueCounts<String>,
    },
    Bytes {
        /// Lengths in bytes.
        bytes: MinMax<u64>,
    },
    /// Of the unsigned types.
    Number {
        range: MinMax<u64>,
        distinct: BoundedValueCounts<u64>,
    },
    Integer {
        range: MinMax<i64>,
        distinct: BoundedValueCounts<i64>,
    },
    /// Days since 1970-01-01.
    Day {
        range: MinMax<i32>,
        distinct: BoundedValueCounts<i32>,
    },
}

// serde prescribes the signature.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl ColumnStatistics {
    fn empty(data_type: &DataType) -> ColumnStatistics {
        let values = match data_type {
            DataType::Binary => Values::Bytes { bytes: None },
            DataType::UInt32 | DataType::UInt64 => {
                Values::Number { range: None, distinct: BoundedValueCounts::default() }
            }
            DataType::Int64 => {
                Values::Integer { range: None, distinct: BoundedValueCounts::default() }
            }
            DataType::Date32 => {
                Values::Day { range: None, distinct: BoundedValueCounts::default() }
            }
            _ => Values::Text { characters: None, distinct: BoundedValueCounts::default() },
        };
        ColumnStatistics { filled: 0, rejected: 0, values }
    }

    fn add(&mut self, column: &ArrayRef) {
        self.filled += (column.len() - column.null_count()) as u64;
        match (&mut self.values, column.data_type()) {
            (Values::Text { characters, distinct }, DataType::Utf8) => {
                let texts = column.as_string::<i32>();
                widen_by_characters(characters, texts);
                for text in texts.iter().flatten() {
                    if distinct.overflowed() {
                        break;
                    }
                    distinct.add_text(text);
                }
            }
            (Values::Bytes { bytes }, DataType::Binary) => {
                for value in column.as_binary::<i32>().iter().flatten() {
                    widen(bytes, value.len() as u64);
                }
            }
            (Values::Number { range, distinct }, DataType::UInt32) => {
                add_primitives(column.as_primitive::<UInt32Type>(), range, distinct);
            }
            (Values::Number { range, distinct }, DataType::UInt64) => {
                add_primitives(column.as_primitive::<UInt64Type>(), range, distinct);
            }
            (Values::Integer { range, distinct }, DataType::Int64) => {
                add_primitives(column.as_primitive::<Int64Type>(), range, distinct);
            }
            (Values::Day { range, distinct }, DataType::Date32) => {
                add_primitives(column.as_primitive::<Date32Type>(), range, distinct);
            }
            // Rows match the schema; in any case, statistics must not stop a run.
            _ => {}
        }
    }

    /// Adds the statistics of other rows of the same column.
    pub fn merge(&mut self, other: &ColumnStatistics) {
        self.filled += other.filled;
        self.rejected += other.rejected;
        match (&mut self.values, &other.values) {
            (
                Values::Text { characters, distinct },
                Values::Text { characters: c, distinct: d },
            ) => {
                widen_to(characters, *c);
                distinct.merge(d);
            }
            (Values::Bytes { bytes }, Values::Bytes { bytes: b }) => widen_to(bytes, *b),
            (Values::Number { range, distinct }, Values::Number { range: r, distinct: d }) => {
                widen_to(range, *r);
                distinct.merge(d);
            }
            (Values::Integer { range, distinct }, Values::Integer { range: r, distinct: d }) => {
                widen_to(range, *r);
                distinct.merge(d);
            }
            (Values::Day { range, distinct }, Values::Day { range: r, distinct: d }) => {
                widen_to(range, *r);
                distinct.merge(d);
            }
            // A run whose columns have changed is not resumed.
            _ => {}
        }
    }
}

fn widen<T: Ord + Copy>(range: &mut MinMax<T>, value: T) {
    widen_to(range, Some((value, value)));
}

fn widen_to<T: Ord + Copy>(range: &mut MinMax<T>, other: MinMax<T>) {
    let Some((min, max)) = other else { return };
    *range = Some(range.map_or((min, max), |(low, high)| (low.min(min), high.max(max))));
}

/// Counts the characters of a text only if its length may be a new minimum or maximum: a character takes 1 to 4 bytes,
/// and exactly 1 in a batch that is all ASCII.
fn widen_by_characters(characters: &mut MinMax<u64>, texts: &StringArray) {
    let max_bytes_per_char = if texts.value_data().is_ascii() { 1 } else { 4 };
    for (row, offsets) in texts.value_offsets().windows(2).enumerate() {
        let bytes = (offsets[1] - offsets[0]) as u64;
        let is_within = characters
            .is_some_and(|(min, max)| bytes <= max && bytes.div_ceil(max_bytes_per_char) >= min);
        if !is_within && texts.is_valid(row) {
            widen(characters, texts.value(row).chars().count() as u64);
        }
    }
}

fn add_primitives<P, T>(
    column: &PrimitiveArray<P>,
    range: &mut MinMax<T>,
    distinct: &mut BoundedValueCounts<T>,
) where
    P: ArrowPrimitiveType,
    P::Native: Into<T>,
    T: Ord + Copy + QuickHash,
{
    if column.null_count() == 0 {
        add_values(column.values().iter().copied(), range, distinct);
    } else {
        add_values(column.iter().flatten(), range, distinct);
    }
}

fn add_values<N, T>(
    values: impl Iterator<Item = N> + Clone,
    range: &mut MinMax<T>,
    distinct: &mut BoundedValueCounts<T>,
) where
    N: Into<T>,
    T: Ord + Copy + QuickHash,
{
    let values = values.map(Into::<T>::into);
    values.clone().for_each(|value| widen(range, value));
    for value in values {
        if distinct.overflowed() {
            return;
        }
        distinct.add(&value, 1);
    }
}

/// Statistics of all columns of a table.
#[derive(Debug)]
pub struct TableStatistics {
    tags: Vec<Option<String>>,
    columns: Vec<ColumnStatistics>,
}

impl TableStatistics {
    pub fn new(schema: &Schema) -> TableStatistics {
        let fields = schema.fields();
        TableStatistics {
            tags: fields.iter().map(|f| f.metadata().get(TAG_METADATA_KEY).cloned()).collect(),
            columns: fields.iter().map(|f| ColumnStatistics::empty(f.data_type())).collect(),
        }
    }

    /// Adds rows, which must match the table's schema.
    pub fn add(&mut self, rows: &RecordBatch) {
        for (statistics, column) in self.columns.iter_mut().zip(rows.columns()) {
            statistics.add(column);
        }
    }

    /// Counts a value that did not match the column of its tag.
    pub fn add_rejected(&mut self, tag: &str) {
        let column = self.tags.iter().position(|known| known.as_deref() == Some(tag));
        if let Some(statistics) = column.and_then(|index| self.columns.get_mut(index)) {
            statistics.rejected += 1;
        }
    }

    /// The statistics of the columns, in table order.
    pub fn into_columns(self) -> Vec<ColumnStatistics> {
        self.columns
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};
    use std::sync::Arc;

    use arrow_array::{BinaryArray, Date32Array, Int64Array, UInt32Array, UInt64Array};
    use arrow_schema::Field;
    use proptest::prelude::*;

    use super::*;

    fn statistics_of(batches: &[ArrayRef]) -> ColumnStatistics {
        let mut statistics = ColumnStatistics::empty(batches[0].data_type());
        batches.iter().for_each(|batch| statistics.add(batch));
        statistics
    }

    #[test]
    fn numbers_and_days_have_a_range_and_null_is_not_a_value() {
        let numbers = statistics_of(&[
            Arc::new(UInt64Array::from(vec![Some(7), None, Some(u64::MAX)])),
            Arc::new(UInt64Array::from(vec![None, None])),
        ]);
        assert_eq!(numbers.filled, 2);
        let Values::Number { range, distinct } = numbers.values else { panic!() };
        assert_eq!(range, Some((7, u64::MAX)));
        assert_eq!(distinct.values().unwrap().len(), 2);
        let small = statistics_of(&[Arc::new(UInt32Array::from_iter_values(0..13))]);
        let Values::Number { range, distinct } = small.values else { panic!() };
        assert_eq!((range, distinct.overflowed()), (Some((0, 12)), true));
        let signed = statistics_of(&[Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(-7)]))]);
        let json = serde_json::to_string(&signed).unwrap();
        assert_eq!(serde_json::from_str::<ColumnStatistics>(&json).unwrap(), signed);
        assert!(matches!(signed.values, Values::Integer { range: Some((-7, i64::MAX)), .. }));
        let days = statistics_of(&[Arc::new(Date32Array::from(vec![Some(-1), Some(19_782)]))]);
        assert!(matches!(days.values, Values::Day { range: Some((-1, 19_782)), .. }));
        let bytes = statistics_of(&[Arc::new(BinaryArray::from_vec(vec![b"", b"\xff\xff"]))]);
        assert_eq!(bytes.values, Values::Bytes { bytes: Some((0, 2)) });
    }

    #[test]
    fn a_column_without_values_has_no_range() {
        let empty = statistics_of(&[Arc::new(StringArray::from(vec![None::<&str>; 3]))]);
        assert_eq!(empty.filled, 0);
        let Values::Text { characters, distinct } = empty.values else { panic!() };
        assert_eq!((characters, distinct.values()), (None, Some(&[][..])));
    }

    #[test]
    fn rejected_values_are_counted_by_tag() {
        let field = |name: &str, tag: &str| {
            let tag = HashMap::from([(TAG_METADATA_KEY.to_owned(), tag.to_owned())]);
            Field::new(name, DataType::UInt32, true).with_metadata(tag)
        };
        let account = Field::new("account", DataType::Utf8, false);
        let schema = Schema::new(vec![account, field("a", "Tag_a"), field("b", "Tag_b")]);
        let mut table = TableStatistics::new(&schema);
        table.add_rejected("Tag_b");
        table.add_rejected("Tag_b");
        table.add_rejected("Tag_unknown");
        let rejected: Vec<u64> = table.into_columns().iter().map(|c| c.rejected).collect();
        assert_eq!(rejected, [0, 0, 2]);
    }

    proptest! {
        #[test]
        fn text_statistics_match_a_simple_count_and_merge(
            texts in proptest::collection::vec(proptest::option::of("[a-c张é🎉]{0,4}"), 0..60),
            split in 0..60usize,
        ) {
            let split = split.min(texts.len());
            let array = |texts: &[Option<String>]| -> ArrayRef {
                Arc::new(StringArray::from(texts.to_vec()))
            };
            let whole = statistics_of(&[array(&texts)]);
            let mut sum = statistics_of(&[array(&texts[..split])]);
            sum.merge(&statistics_of(&[array(&texts[split..])]));

            let filled: Vec<&String> = texts.iter().flatten().collect();
            let lengths = filled.iter().map(|text| text.chars().count() as u64);
            let range = lengths.clone().min().zip(lengths.max());
            let mut counts = BTreeMap::<String, u64>::new();
            filled.iter().for_each(|text| *counts.entry((*text).clone()).or_default() += 1);
            for statistics in [whole, sum] {
                let json = serde_json::to_string(&statistics).unwrap();
                prop_assert_eq!(&serde_json::from_str::<ColumnStatistics>(&json).unwrap(), &statistics);
                prop_assert_eq!(statistics.filled, filled.len() as u64);
                let Values::Text { characters, distinct } = statistics.values else { panic!() };
                prop_assert_eq!(characters, range);
                match distinct.values() {
                    Some(values) => {
                        let counted: BTreeMap<String, u64> = values.iter().cloned().collect();
                        prop_assert_eq!(counted, counts.clone());
                    }
                    None => prop_assert!(counts.len() > super::super::value_counts::MAX_DISTINCT),
                }
            }
        }
    }
}
