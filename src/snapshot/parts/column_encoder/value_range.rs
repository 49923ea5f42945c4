//! The minimum and maximum of values in Parquet's plain encoding, without the length of texts.

use std::cmp::Ordering;

use arrow_schema::DataType;
use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// Longer texts have no statistics: they would be in the footer.
const MAX_BYTES: usize = 64;

/// Minimum and maximum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueRange {
    pub min: Vec<u8>,
    pub max: Vec<u8>,
}

/// How values of a type are compared.
pub type Order = fn(&[u8], &[u8]) -> Ordering;

/// The order of the values of a column.
pub fn order_of(data_type: &DataType) -> Order {
    match data_type {
        DataType::UInt32 => |left, right| u32_of(left).cmp(&u32_of(right)),
        DataType::Date32 => |left, right| i32_of(left).cmp(&i32_of(right)),
        DataType::UInt64 => |left, right| u64_of(left).cmp(&u64_of(right)),
        DataType::Int64 => |left, right| i64_of(left).cmp(&i64_of(right)),
        _ => |left, right| left.cmp(right),
    }
}

fn bytes<const N: usize>(value: &[u8]) -> [u8; N] {
    value.first_chunk().copied().unwrap_or([0; N])
}

fn u32_of(value: &[u8]) -> u32 {
    u32::from_le_bytes(bytes(value))
}

fn i32_of(value: &[u8]) -> i32 {
    i32::from_le_bytes(bytes(value))
}

fn u64_of(value: &[u8]) -> u64 {
    u64::from_le_bytes(bytes(value))
}

fn i64_of(value: &[u8]) -> i64 {
    i64::from_le_bytes(bytes(value))
}

/// Extends a range to a value.
#[inline]
pub fn widen(range: &mut Option<ValueRange>, value: &[u8], order: Order) {
    let Some(ValueRange { min, max }) = range else {
        *range = Some(ValueRange { min: value.to_vec(), max: value.to_vec() });
        return;
    };
    let bound = if order(value, max).is_gt() {
        max
    } else if order(value, min).is_lt() {
        min
    } else {
        return;
    };
    bound.clear();
    bound.extend_from_slice(value);
}

impl ValueRange {
    pub fn is_short(&self) -> bool {
        self.min.len() <= MAX_BYTES && self.max.len() <= MAX_BYTES
    }
}

/// The statistics of a column chunk.
pub fn statistics(data_type: &DataType, range: Option<&ValueRange>, nulls: u64) -> Statistics {
    let min = range.map(|range| range.min.as_slice());
    let max = range.map(|range| range.max.as_slice());
    let nulls = Some(nulls);
    match data_type {
        // The older fields for minimum and maximum are only correct for signed numbers.
        DataType::Date32 => {
            ValueStatistics::new(min.map(i32_of), max.map(i32_of), None, nulls, false)
                .with_backwards_compatible_min_max(true)
                .into()
        }
        DataType::Int64 => {
            ValueStatistics::new(min.map(i64_of), max.map(i64_of), None, nulls, false)
                .with_backwards_compatible_min_max(true)
                .into()
        }
        DataType::UInt32 => Statistics::int32(min.map(i32_of), max.map(i32_of), None, nulls, false),
        DataType::UInt64 => Statistics::int64(min.map(i64_of), max.map(i64_of), None, nulls, false),
        _ => {
            let text = |bytes: &[u8]| ByteArray::from(bytes.to_vec());
            Statistics::byte_array(min.map(text), max.map(text), None, nulls, false)
        }
    }
}
