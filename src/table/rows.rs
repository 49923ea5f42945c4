//! Builds rows of an Arrow table from the values of accounts.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, Date32Builder, GenericByteBuilder, Int64Builder, PrimitiveBuilder,
    StringBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::ByteArrayType;
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::convert::{self, TypeMismatch};
use super::tags::{Column, ColumnType};
use crate::api::json_reader::JsonValue;
use crate::api::response::TagValue;

/// The first column of every table.
pub const ACCOUNT_COLUMN: &str = "account";

/// The metadata key under which a column stores its tag.
pub const TAG_METADATA_KEY: &str = "tag";

/// The schema of a snapshot: `account`, never null, then the job's columns in order, each with its tag as metadata.
pub fn schema(columns: &[Column]) -> SchemaRef {
    let account = Field::new(ACCOUNT_COLUMN, DataType::Utf8, false);
    let fields = columns.iter().map(|column| {
        let data_type = match column.column_type {
            ColumnType::String => DataType::Utf8,
            ColumnType::Int64 => DataType::Int64,
            ColumnType::Uint32 => DataType::UInt32,
            ColumnType::Uint64 => DataType::UInt64,
            ColumnType::Bytes => DataType::Binary,
            ColumnType::Date => DataType::Date32,
        };
        let tag = HashMap::from([(TAG_METADATA_KEY.to_owned(), column.tag.clone())]);
        Field::new(&column.name, data_type, true).with_metadata(tag)
    });
    Arc::new(Schema::new(std::iter::once(account).chain(fields).collect::<Vec<_>>()))
}

/// Total size of the values of a batch. It depends on the rows only, not on the capacity of the buffers.
pub fn value_bytes(rows: &RecordBatch) -> usize {
    rows.columns().iter().map(array_bytes).sum()
}

fn array_bytes(column: &ArrayRef) -> usize {
    let span = |offsets: &[i32]| match offsets {
        [first, .., last] => usize::try_from(last - first).unwrap_or_default(),
        _ => 0,
    };
    let width = match column.data_type() {
        DataType::Utf8 => return span(column.as_string::<i32>().value_offsets()),
        DataType::Binary => return span(column.as_binary::<i32>().value_offsets()),
        other => other.primitive_width().unwrap_or_default(),
    };
    width * column.len()
}

/// Collects rows into a batch. Buffers are allocated with the size that the previous batch needed.
#[derive(Debug)]
pub struct RowBuilder {
    schema: SchemaRef,
    columns: Vec<Column>,
    accounts: StringBuilder,
    cells: Vec<CellBuilder>,
    /// For each column, the index of its value in the current row.
    value_of_column: Vec<Option<usize>>,
    /// A text without its escapes.
    unescaped: String,
}

#[derive(Debug)]
enum CellBuilder {
    String(StringBuilder),
    Int64(Int64Builder),
    Uint32(UInt32Builder),
    Uint64(UInt64Builder),
    Bytes(BinaryBuilder),
    Date(Date32Builder),
}

impl RowBuilder {
    /// Starts an empty batch with these columns.
    pub fn new(columns: &[Column]) -> RowBuilder {
        let cells = columns.iter().map(|column| match column.column_type {
            ColumnType::String => CellBuilder::String(StringBuilder::new()),
            ColumnType::Int64 => CellBuilder::Int64(Int64Builder::new()),
            ColumnType::Uint32 => CellBuilder::Uint32(UInt32Builder::new()),
            ColumnType::Uint64 => CellBuilder::Uint64(UInt64Builder::new()),
            ColumnType::Bytes => CellBuilder::Bytes(BinaryBuilder::new()),
            ColumnType::Date => CellBuilder::Date(Date32Builder::new()),
        });
        RowBuilder {
            schema: schema(columns),
            columns: columns.to_vec(),
            accounts: StringBuilder::new(),
            cells: cells.collect(),
            value_of_column: vec![None; columns.len()],
            unescaped: String::new(),
        }
    }

    /// Adds the row of one account. A value's `tag_index` is the position of its column. The first of several values
    /// for one column counts; a missing value is NULL. `on_rejected` receives the text of each value that does not
    /// match.
    pub fn push(
        &mut self,
        account: &str,
        values: &[TagValue<'_>],
        mut on_rejected: impl FnMut(&Column, &str),
    ) {
        self.accounts.append_value(account);
        self.value_of_column.fill(None);
        for (index, value) in values.iter().enumerate() {
            if let Some(slot) = self.value_of_column.get_mut(value.tag_index) {
                slot.get_or_insert(index);
            }
        }
        for (column_index, cell) in self.cells.iter_mut().enumerate() {
            let value = match self.value_of_column[column_index] {
                Some(index) => &values[index].value,
                None => &JsonValue::Null,
            };
            if cell.append(value, &mut self.unescaped) == Err(TypeMismatch) {
                on_rejected(&self.columns[column_index], &convert::raw_text(*value));
            }
        }
    }

    /// Returns the collected rows and starts a new batch.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let accounts: ArrayRef = finish_text(&mut self.accounts);
        let cells = self.cells.iter_mut().map(CellBuilder::finish);
        let arrays = std::iter::once(accounts).chain(cells).collect();
        RecordBatch::try_new(Arc::clone(&self.schema), arrays)
    }
}

impl CellBuilder {
    /// Appends the value, or NULL for `null` and for a value that does not match.
    fn append(&mut self, value: &JsonValue<'_>, buffer: &mut String) -> Result<(), TypeMismatch> {
        let value = *value;
        if matches!(value, JsonValue::Null) {
            self.append_null();
            return Ok(());
        }
        let appended = match self {
            CellBuilder::String(cells) => {
                convert::text(value, buffer).map(|text| cells.append_value(text))
            }
            CellBuilder::Int64(cells) => {
                convert::integer(value, buffer).map(|n| cells.append_value(n))
            }
            CellBuilder::Uint32(cells) => {
                convert::number(value, buffer).map(|n| cells.append_value(n))
            }
            CellBuilder::Uint64(cells) => {
                convert::number(value, buffer).map(|n| cells.append_value(n))
            }
            CellBuilder::Bytes(cells) => {
                convert::text(value, buffer).map(|text| cells.append_value(text.as_bytes()))
            }
            CellBuilder::Date(cells) => {
                convert::date(value, buffer).map(|days| cells.append_value(days))
            }
        };
        if appended.is_err() {
            self.append_null();
        }
        appended
    }

    fn append_null(&mut self) {
        match self {
            CellBuilder::String(cells) => cells.append_null(),
            CellBuilder::Int64(cells) => cells.append_null(),
            CellBuilder::Uint32(cells) => cells.append_null(),
            CellBuilder::Uint64(cells) => cells.append_null(),
            CellBuilder::Bytes(cells) => cells.append_null(),
            CellBuilder::Date(cells) => cells.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            CellBuilder::String(cells) => finish_text(cells),
            CellBuilder::Int64(cells) => finish_numbers(cells),
            CellBuilder::Uint32(cells) => finish_numbers(cells),
            CellBuilder::Uint64(cells) => finish_numbers(cells),
            CellBuilder::Bytes(cells) => finish_text(cells),
            CellBuilder::Date(cells) => finish_numbers(cells),
        }
    }
}

fn finish_text<T: ByteArrayType<Offset = i32>>(cells: &mut GenericByteBuilder<T>) -> ArrayRef {
    let array = cells.finish();
    let bytes = array.values().len();
    *cells = GenericByteBuilder::with_capacity(array.len(), bytes + bytes / 8);
    Arc::new(array)
}

fn finish_numbers<T: ArrowPrimitiveType>(cells: &mut PrimitiveBuilder<T>) -> ArrayRef {
    let array = cells.finish();
    *cells = PrimitiveBuilder::with_capacity(array.len());
    Arc::new(array)
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Date32Type, Int64Type, UInt32Type, UInt64Type};

    use super::*;
    use crate::api::response::{RequestedTags, decode};

    fn column(name: &str, column_type: ColumnType) -> Column {
        Column { tag: format!("Tag_{name}"), name: name.to_owned(), column_type }
    }

    fn all_types() -> Vec<Column> {
        vec![
            column("text", ColumnType::String),
            column("small", ColumnType::Uint32),
            column("large", ColumnType::Uint64),
            column("raw", ColumnType::Bytes),
            column("day", ColumnType::Date),
            column("signed", ColumnType::Int64),
        ]
    }

    /// The batch for one account with this `ProfileItem`, and the rejected values.
    fn row(profile_item: &str) -> (RecordBatch, Vec<(String, String)>) {
        let columns = all_types();
        let tags = RequestedTags::new(columns.iter().map(|column| column.tag.as_str()));
        let body =
            format!(r#"{{"UserProfileItem":[{{"To_Account":"a","ProfileItem":{profile_item}}}]}}"#);
        let response = decode(&body, &tags).unwrap();
        let mut builder = RowBuilder::new(&columns);
        let mut rejected = Vec::new();
        builder.push("a", &response.values[response.items[0].values.clone()], |column, text| {
            rejected.push((column.name.clone(), text.to_owned()));
        });
        (builder.finish().unwrap(), rejected)
    }

    #[test]
    fn values_of_each_type_are_stored() {
        let (batch, rejected) = row(
            r#"[{"Tag":"Tag_day","Value":20240229},{"Tag":"Tag_text","Value":"张\n"},{"Tag":"Tag_raw","Value":"b"},
                {"Tag":"Tag_large","Value":18446744073709551615},{"Tag":"Tag_small","Value":"7"},{"Tag":"Tag_small","Value":8},
                {"Tag":"Tag_signed","Value":-9}]"#,
        );
        assert!(rejected.is_empty());
        assert_eq!(batch.column(0).as_string::<i32>().value(0), "a");
        assert_eq!(batch.column(1).as_string::<i32>().value(0), "张\n");
        assert_eq!(batch.column(2).as_primitive::<UInt32Type>().value(0), 7);
        assert_eq!(batch.column(3).as_primitive::<UInt64Type>().value(0), u64::MAX);
        assert_eq!(batch.column(4).as_binary::<i32>().value(0), b"b");
        assert_eq!(batch.column(5).as_primitive::<Date32Type>().value(0), 19_782);
        assert_eq!(batch.column(6).as_primitive::<Int64Type>().value(0), -9);
    }

    #[test]
    fn absent_and_null_values_are_null_and_empty_text_is_kept() {
        let (batch, rejected) = row(
            r#"[{"Tag":"Tag_text","Value":""},{"Tag":"Tag_small","Value":null},{"Tag":"Tag_raw"}]"#,
        );
        assert!(rejected.is_empty());
        assert!(batch.column(1).is_valid(0));
        assert_eq!(batch.column(1).as_string::<i32>().value(0), "");
        for index in 2..7 {
            assert!(batch.column(index).is_null(0), "column {index}");
        }
    }

    #[test]
    fn mismatching_values_are_null_and_reported() {
        let (batch, rejected) = row(
            r#"[{"Tag":"Tag_text","Value":{"a":1}},{"Tag":"Tag_small","Value":4294967296},{"Tag":"Tag_day","Value":"x,y"},
                {"Tag":"Tag_signed","Value":9223372036854775808}]"#,
        );
        let expected = [
            ("text", r#"{"a":1}"#),
            ("small", "4294967296"),
            ("day", "x,y"),
            ("signed", "9223372036854775808"),
        ]
        .map(|(column, text)| (column.to_owned(), text.to_owned()));
        assert_eq!(rejected, expected);
        assert_eq!(batch.num_rows(), 1);
        assert!((1..7).all(|index| batch.column(index).is_null(0)));
    }

    #[test]
    fn the_schema_stores_the_tags() {
        let schema = schema(&all_types());
        assert_eq!(schema.field(0).name(), "account");
        assert!(!schema.field(0).is_nullable());
        assert_eq!(schema.field(5).metadata()["tag"], "Tag_day");
        assert_eq!(schema.field(5).data_type(), &DataType::Date32);
    }
}
