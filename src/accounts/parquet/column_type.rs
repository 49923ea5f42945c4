//! Which Parquet columns can hold accounts.

use parquet::basic::{ConvertedType, LogicalType, Type as PhysicalType};
use parquet::schema::types::ColumnDescriptor;

/// Refuses a column that is not text or integers at the top level; the error names its type.
pub fn ensure_holds_accounts(column: &ColumnDescriptor) -> Result<(), String> {
    if column.path().parts().len() > 1 || column.max_rep_level() > 0 {
        return Err("a nested value".to_owned());
    }
    let logical = column.logical_type_ref();
    let is_supported = match column.physical_type() {
        PhysicalType::BYTE_ARRAY => {
            matches!(
                logical,
                None | Some(LogicalType::String | LogicalType::Enum | LogicalType::Unknown)
            ) && matches!(
                column.converted_type(),
                ConvertedType::NONE | ConvertedType::UTF8 | ConvertedType::ENUM
            )
        }
        PhysicalType::INT32 | PhysicalType::INT64 => {
            matches!(logical, None | Some(LogicalType::Integer(_) | LogicalType::Unknown))
                && (is_unsigned(column) || is_signed(column))
        }
        _ => false,
    };
    let annotation = match (logical, column.converted_type()) {
        (Some(logical), _) => format!(" ({logical:?})"),
        (None, ConvertedType::NONE) => String::new(),
        (None, converted) => format!(" ({converted})"),
    };
    if is_supported { Ok(()) } else { Err(format!("{}{annotation}", column.physical_type())) }
}

pub fn is_unsigned(column: &ColumnDescriptor) -> bool {
    use ConvertedType::{UINT_8, UINT_16, UINT_32, UINT_64};
    matches!(column.logical_type_ref(), Some(LogicalType::Integer(integer)) if !integer.is_signed)
        || matches!(column.converted_type(), UINT_8 | UINT_16 | UINT_32 | UINT_64)
}

fn is_signed(column: &ColumnDescriptor) -> bool {
    use ConvertedType::{INT_8, INT_16, INT_32, INT_64, NONE};
    matches!(column.converted_type(), NONE | INT_8 | INT_16 | INT_32 | INT_64)
}
