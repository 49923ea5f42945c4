//! Rows as text and as JSON (pure).

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use serde_json::Value;

/// The rows as NDJSON: one object per row, its keys in column order, NULL as `null`, dates as `"2026-11-22"`.
pub fn ndjson(rows: &RecordBatch) -> String {
    let schema = rows.schema();
    let keys: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| Value::from(field.name().as_str()).to_string())
        .collect();
    let mut lines = String::new();
    for row in 0..rows.num_rows() {
        let cells = keys.iter().zip(rows.columns());
        let members: Vec<String> =
            cells.map(|(key, column)| format!("{key}:{}", json_of(column, row))).collect();
        lines.push_str(&format!("{{{}}}\n", members.join(",")));
    }
    lines
}

fn json_of(column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).into(),
        _ => text_of(column, row).into(),
    }
}

/// The cells of a column as texts; `None` is NULL.
pub fn texts(column: &ArrayRef) -> Vec<Option<String>> {
    let text = |row| column.is_valid(row).then(|| text_of(column, row));
    (0..column.len()).map(text).collect()
}

pub fn are_numbers(column: &ArrayRef) -> bool {
    column.data_type().is_integer()
}

/// The text of a cell that is not NULL, as in a CSV part but without quotes, and of bytes without base64.
fn text_of(column: &ArrayRef, row: usize) -> String {
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        // A bytes column holds the bytes of a JSON string, which are UTF-8.
        DataType::Binary => {
            String::from_utf8_lossy(column.as_binary::<i32>().value(row)).into_owned()
        }
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Date32 => column
            .as_primitive::<Date32Type>()
            .value_as_date(row)
            .map(|date| date.format("%Y-%m-%d").to_string())
            .unwrap_or_default(),
        other => unreachable!("a snapshot has no column of type {other}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        BinaryArray, Date32Array, Int64Array, StringArray, UInt32Array, UInt64Array,
    };
    use arrow_schema::{Field, Schema};

    use super::*;

    fn rows() -> RecordBatch {
        let columns: [(&str, ArrayRef); 6] = [
            ("text", Arc::new(StringArray::from(vec![Some("a\"\n"), None, Some("")]))),
            ("small", Arc::new(UInt32Array::from(vec![Some(0), None, Some(7)]))),
            ("z large", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(1)]))),
            ("signed", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(-7)]))),
            ("day", Arc::new(Date32Array::from(vec![Some(19_782), None, Some(-1)]))),
            ("raw", Arc::new(BinaryArray::from(vec![Some(&b"b"[..]), None, Some(b"")]))),
        ];
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
            .collect();
        let arrays = columns.map(|(_, column)| column).to_vec();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
    }

    #[test]
    fn a_row_is_an_object_with_its_keys_in_column_order() {
        insta::assert_snapshot!(ndjson(&rows()), @r#"
        {"text":"a\"\n","small":0,"z large":18446744073709551615,"signed":-9223372036854775808,"day":"2024-02-29","raw":"b"}
        {"text":null,"small":null,"z large":null,"signed":null,"day":null,"raw":null}
        {"text":"","small":7,"z large":1,"signed":-7,"day":"1969-12-31","raw":""}
        "#);
    }

    #[test]
    fn texts_distinguish_null_from_empty() {
        let rows = rows();
        let first: Vec<Option<String>> = texts(rows.column(0));
        assert_eq!(first, [Some("a\"\n".to_owned()), None, Some(String::new())]);
        assert_eq!(texts(rows.column(4))[0].as_deref(), Some("2024-02-29"));
        let numbers: Vec<bool> = rows.columns().iter().map(are_numbers).collect();
        assert_eq!(numbers, [false, true, true, true, false, false]);
    }
}
