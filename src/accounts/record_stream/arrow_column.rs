//! The accounts of one column of a record batch.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, NullArray};
use arrow_schema::DataType;

/// The values of a column, of one of the types that can hold accounts.
pub struct AccountColumn {
    values: ArrayRef,
    /// For a dictionary, the index of each row's value; `None` is null.
    keys: Option<Vec<Option<usize>>>,
}

impl Default for AccountColumn {
    fn default() -> Self {
        Self { values: std::sync::Arc::new(NullArray::new(0)), keys: None }
    }
}

impl AccountColumn {
    /// `column` has a type for which [`unsuitable_kind`] is `None`.
    pub fn new(column: &ArrayRef) -> Self {
        let Some(dictionary) = column.as_any_dictionary_opt() else {
            return Self { values: ArrayRef::clone(column), keys: None };
        };
        let values = ArrayRef::clone(dictionary.values());
        let keys = dictionary.keys();
        // Without values there is nothing that a key could be compared with.
        let indexes =
            if values.is_empty() { vec![0; keys.len()] } else { dictionary.normalized_keys() };
        let is_null = |row| keys.is_null(row) || values.is_empty();
        let keys =
            (0..).zip(indexes).map(|(row, index)| (!is_null(row)).then_some(index)).collect();
        Self { values, keys: Some(keys) }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.keys.as_ref().map_or_else(|| self.values.len(), Vec::len)
    }

    /// Appends the value of a row as text; false if it is null.
    pub fn write(&self, row: usize, account: &mut Vec<u8>) -> bool {
        let index = match &self.keys {
            None => Some(row),
            Some(keys) => keys[row],
        };
        let Some(index) = index.filter(|index| self.values.is_valid(*index)) else { return false };
        let values = &*self.values;
        match values.data_type() {
            DataType::Utf8 => {
                account.extend_from_slice(values.as_string::<i32>().value(index).as_bytes())
            }
            DataType::LargeUtf8 => {
                account.extend_from_slice(values.as_string::<i64>().value(index).as_bytes())
            }
            DataType::Utf8View => {
                account.extend_from_slice(values.as_string_view().value(index).as_bytes())
            }
            DataType::Binary => account.extend_from_slice(values.as_binary::<i32>().value(index)),
            DataType::LargeBinary => {
                account.extend_from_slice(values.as_binary::<i64>().value(index))
            }
            DataType::BinaryView => account.extend_from_slice(values.as_binary_view().value(index)),
            DataType::FixedSizeBinary(_) => {
                account.extend_from_slice(values.as_fixed_size_binary().value(index))
            }
            DataType::Null => return false,
            _ => write_integer(values, index, account),
        }
        true
    }
}

fn write_integer(values: &dyn Array, index: usize, account: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = match values.data_type() {
        DataType::Int8 => write!(account, "{}", values.as_primitive::<Int8Type>().value(index)),
        DataType::Int16 => write!(account, "{}", values.as_primitive::<Int16Type>().value(index)),
        DataType::Int32 => write!(account, "{}", values.as_primitive::<Int32Type>().value(index)),
        DataType::Int64 => write!(account, "{}", values.as_primitive::<Int64Type>().value(index)),
        DataType::UInt8 => write!(account, "{}", values.as_primitive::<UInt8Type>().value(index)),
        DataType::UInt16 => write!(account, "{}", values.as_primitive::<UInt16Type>().value(index)),
        DataType::UInt32 => write!(account, "{}", values.as_primitive::<UInt32Type>().value(index)),
        DataType::UInt64 => write!(account, "{}", values.as_primitive::<UInt64Type>().value(index)),
        DataType::Decimal128(..) => {
            write!(account, "{}", values.as_primitive::<Decimal128Type>().value(index))
        }
        other => unreachable!("a column of type {other} was refused"),
    };
}

/// What a column of this type holds if that cannot be accounts.
pub fn unsuitable_kind(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
        | DataType::Decimal128(_, 0)
        // A column without any value.
        | DataType::Null => None,
        integer if integer.is_integer() => None,
        DataType::Dictionary(_, values) if !matches!(**values, DataType::Dictionary(..)) => {
            unsuitable_kind(values)
        }
        other => Some(format!("values of type {other}")),
    }
}
