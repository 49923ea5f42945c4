//! Decoded values of one column.

use std::io::{self, Write};

use parquet::column::reader::ColumnReader;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::ParquetError;

use super::column_type::ValueForm;
use super::decimal::write_decimal;

/// Decoded values of consecutive rows.
#[derive(Default)]
pub struct Batch {
    pub rows: usize,
    pub values: ColumnValues,
    /// For a nullable column, the index of each row's value; empty otherwise.
    value_indexes: Vec<Option<usize>>,
    definition_levels: Vec<i16>,
}

impl Batch {
    /// Decodes the values of up to `max_rows` rows; false if there are none.
    pub fn fill(
        &mut self,
        column: &mut ColumnReader,
        max_rows: usize,
    ) -> Result<bool, ParquetError> {
        self.definition_levels.clear();
        self.value_indexes.clear();
        let levels = &mut self.definition_levels;
        let (rows, values) = match column {
            ColumnReader::ByteArrayColumnReader(column) => {
                let mut values = Vec::with_capacity(max_rows);
                let read = column.read_records(max_rows, Some(levels), None, &mut values)?;
                (read.0, ColumnValues::Text(values))
            }
            ColumnReader::FixedLenByteArrayColumnReader(column) => {
                let mut values = Vec::with_capacity(max_rows);
                let read = column.read_records(max_rows, Some(levels), None, &mut values)?;
                (read.0, ColumnValues::FixedText(values))
            }
            ColumnReader::Int32ColumnReader(column) => {
                let mut values = Vec::with_capacity(max_rows);
                let read = column.read_records(max_rows, Some(levels), None, &mut values)?;
                (read.0, ColumnValues::Int32(values))
            }
            ColumnReader::Int64ColumnReader(column) => {
                let mut values = Vec::with_capacity(max_rows);
                let read = column.read_records(max_rows, Some(levels), None, &mut values)?;
                (read.0, ColumnValues::Int64(values))
            }
            _ => {
                return Err(ParquetError::General(
                    "a column chunk does not have the type of its column".to_owned(),
                ));
            }
        };
        let mut next_value = 0;
        for level in &self.definition_levels {
            self.value_indexes.push((*level > 0).then_some(next_value));
            next_value += usize::from(*level > 0);
        }
        let values_needed = if self.value_indexes.is_empty() { rows } else { next_value };
        if values.len() < values_needed
            || (!self.value_indexes.is_empty() && self.value_indexes.len() < rows)
        {
            return Err(ParquetError::General(
                "a page holds fewer values than it declares".to_owned(),
            ));
        }
        self.rows = rows;
        self.values = values;
        Ok(rows > 0)
    }

    /// Index of a row's value; `None` if it is null.
    pub fn value_index(&self, row: usize) -> Option<usize> {
        if self.value_indexes.is_empty() { Some(row) } else { self.value_indexes[row] }
    }
}

pub enum ColumnValues {
    Text(Vec<ByteArray>),
    FixedText(Vec<FixedLenByteArray>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
}

impl Default for ColumnValues {
    fn default() -> Self {
        Self::Text(Vec::new())
    }
}

impl ColumnValues {
    fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::FixedText(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Int64(values) => values.len(),
        }
    }

    /// Appends one value as text.
    pub fn write(&self, index: usize, form: ValueForm, account: &mut Vec<u8>) {
        let is_unsigned = form == ValueForm::Unsigned;
        let written = match self {
            Self::Text(values) => write_bytes(values[index].data(), form, account),
            Self::FixedText(values) => write_bytes(values[index].data(), form, account),
            Self::Int32(values) if is_unsigned => {
                write!(account, "{}", values[index].cast_unsigned())
            }
            Self::Int32(values) => write!(account, "{}", values[index]),
            Self::Int64(values) if is_unsigned => {
                write!(account, "{}", values[index].cast_unsigned())
            }
            Self::Int64(values) => write!(account, "{}", values[index]),
        };
        written.expect("writing to a Vec cannot fail");
    }
}

fn write_bytes(bytes: &[u8], form: ValueForm, account: &mut Vec<u8>) -> io::Result<()> {
    match form {
        ValueForm::BigEndianInteger => write_decimal(bytes, account),
        ValueForm::PaddedText => {
            let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            // With control characters it is a binary number, whose zeros make it an invalid account.
            let is_text = !bytes[..length].iter().any(u8::is_ascii_control);
            account.write_all(if is_text { &bytes[..length] } else { bytes })
        }
        _ => account.write_all(bytes),
    }
}
