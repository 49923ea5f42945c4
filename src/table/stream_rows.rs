//! The columns of a stream: those of a table, and what became of each record.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::rows::{ACCOUNT_COLUMN, schema};
use super::tags::Column;

/// What became of the record: `exported`, or the category of its failure.
pub const OUTCOME_COLUMN: &str = "outcome";
/// The code of the service, if it gave one.
pub const ERROR_CODE_COLUMN: &str = "error_code";
/// The text of the service, or what is wrong with the record or a value of its row.
pub const ERROR_INFO_COLUMN: &str = "error_info";
/// Calls for the account that count as attempts.
pub const ATTEMPTS_COLUMN: &str = "attempts";

/// The columns that a stream appends to those of a job.
pub const OUTCOME_COLUMNS: [&str; 4] =
    [OUTCOME_COLUMN, ERROR_CODE_COLUMN, ERROR_INFO_COLUMN, ATTEMPTS_COLUMN];

/// Digits of the largest 64-bit number.
const UINT64_DIGITS: u8 = 20;

/// The schema of a stream as text formats write it: `account`, NULL for a record without one, the job's columns, then
/// [`OUTCOME_COLUMNS`].
pub fn stream_schema(columns: &[Column]) -> SchemaRef {
    let table = schema(columns);
    let of_job = table.fields().iter().skip(1).map(|field| field.as_ref().clone());
    let account = Field::new(ACCOUNT_COLUMN, DataType::Utf8, true);
    let outcome = [
        Field::new(OUTCOME_COLUMN, DataType::Utf8, false),
        Field::new(ERROR_CODE_COLUMN, DataType::Int64, true),
        Field::new(ERROR_INFO_COLUMN, DataType::Utf8, true),
        Field::new(ATTEMPTS_COLUMN, DataType::Int32, false),
    ];
    Arc::new(Schema::new(std::iter::once(account).chain(of_job).chain(outcome).collect::<Vec<_>>()))
}

/// The same schema with the types that engines have: they lack unsigned integers.
pub fn engine_schema(columns: &[Column]) -> Schema {
    let schema = stream_schema(columns);
    let fields = schema.fields().iter().map(|field| {
        let data_type = match field.data_type() {
            DataType::UInt32 => DataType::Int64,
            DataType::UInt64 => DataType::Decimal128(UINT64_DIGITS, 0),
            other => other.clone(),
        };
        field.as_ref().clone().with_data_type(data_type)
    });
    Schema::new(fields.collect::<Vec<_>>())
}

/// Rows with the types of `schema`, an [`engine_schema`].
pub fn engine_rows(rows: &RecordBatch, schema: SchemaRef) -> Result<RecordBatch, ArrowError> {
    let convert = |column: &ArrayRef| -> Result<ArrayRef, ArrowError> {
        Ok(match column.data_type() {
            DataType::UInt32 => {
                Arc::new(column.as_primitive::<UInt32Type>().unary::<_, Int64Type>(i64::from))
            }
            DataType::UInt64 => {
                let wide: PrimitiveArray<Decimal128Type> =
                    column.as_primitive::<UInt64Type>().unary(i128::from);
                Arc::new(wide.with_precision_and_scale(UINT64_DIGITS, 0)?)
            }
            _ => ArrayRef::clone(column),
        })
    };
    let columns = rows.columns().iter().map(convert).collect::<Result<_, _>>()?;
    RecordBatch::try_new(schema, columns)
}

#[cfg(test)]
mod tests {
    use arrow_array::{UInt32Array, UInt64Array};

    use super::*;
    use crate::table::ColumnType;

    fn column(name: &str, column_type: ColumnType) -> Column {
        Column { tag: format!("Tag_{name}"), name: name.to_owned(), column_type }
    }

    #[test]
    fn unsigned_numbers_become_types_that_engines_have() {
        let columns = [column("small", ColumnType::Uint32), column("large", ColumnType::Uint64)];
        let schema = Arc::new(engine_schema(&columns));
        let types: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| format!("{} {}", field.name(), field.data_type()))
            .collect();
        assert_eq!(
            types,
            [
                "account Utf8",
                "small Int64",
                "large Decimal128(20, 0)",
                "outcome Utf8",
                "error_code Int64",
                "error_info Utf8",
                "attempts Int32",
            ]
        );
        let fields = vec![schema.field(1).clone(), schema.field(2).clone()];
        let rows: [(&str, ArrayRef); 2] = [
            ("small", Arc::new(UInt32Array::from(vec![Some(u32::MAX), None]))),
            ("large", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None]))),
        ];
        let rows =
            RecordBatch::try_from_iter_with_nullable(rows.map(|(name, array)| (name, array, true)))
                .unwrap();
        let rows = engine_rows(&rows, Arc::new(Schema::new(fields))).unwrap();
        let (small, large) = (rows.column(0), rows.column(1));
        assert_eq!(small.as_primitive::<Int64Type>().value(0), i64::from(u32::MAX));
        assert_eq!(large.as_primitive::<Decimal128Type>().value(0), i128::from(u64::MAX));
        assert!(small.is_null(1) && large.is_null(1));
    }
}
