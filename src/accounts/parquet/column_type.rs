//! Which Parquet columns can hold accounts, and how their values are written.

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as PhysicalType};
use parquet::schema::types::{ColumnDescriptor, Type};

/// Longest fixed-length text, in bytes: a thousand times the longest account.
const MAX_FIXED_TEXT_BYTES: i32 = 32 * 1024;

/// How a value becomes the text of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueForm {
    Text,
    /// Text of a fixed length; NUL bytes at the end of a text are padding, which no account can contain.
    PaddedText,
    Signed,
    Unsigned,
    /// A decimal without digits after the point.
    BigEndianInteger,
}

/// How the values of a column are written; the error names what a column holds that is not text or integers at the top
/// level. `root` is the column of the table to which `column` belongs.
pub fn value_form(root: &Type, column: &ColumnDescriptor) -> Result<ValueForm, String> {
    if column.path().parts().len() > 1 || column.max_rep_level() > 0 {
        return Err(nested_kind(root).to_owned());
    }
    if let Some(scale) = decimal_scale(column) {
        return decimal_form(column, scale);
    }
    let form = match (column.physical_type(), column.logical_type_ref(), column.converted_type()) {
        (
            PhysicalType::BYTE_ARRAY,
            None | Some(LogicalType::String | LogicalType::Enum | LogicalType::Unknown),
            ConvertedType::NONE | ConvertedType::UTF8 | ConvertedType::ENUM,
        ) => ValueForm::Text,
        (
            PhysicalType::FIXED_LEN_BYTE_ARRAY,
            None | Some(LogicalType::String | LogicalType::Unknown),
            ConvertedType::NONE | ConvertedType::UTF8,
        ) if (1..=MAX_FIXED_TEXT_BYTES).contains(&column.type_length()) => ValueForm::PaddedText,
        (
            PhysicalType::INT32 | PhysicalType::INT64,
            None | Some(LogicalType::Integer(_) | LogicalType::Unknown),
            _,
        ) => return integer_form(column).ok_or_else(|| kind(column)),
        _ => return Err(kind(column)),
    };
    Ok(form)
}

fn integer_form(column: &ColumnDescriptor) -> Option<ValueForm> {
    use ConvertedType::{INT_8, INT_16, INT_32, INT_64, NONE, UINT_8, UINT_16, UINT_32, UINT_64};
    let is_unsigned = matches!(column.logical_type_ref(), Some(LogicalType::Integer(integer)) if !integer.is_signed);
    match column.converted_type() {
        UINT_8 | UINT_16 | UINT_32 | UINT_64 => Some(ValueForm::Unsigned),
        NONE | INT_8 | INT_16 | INT_32 | INT_64 if is_unsigned => Some(ValueForm::Unsigned),
        NONE | INT_8 | INT_16 | INT_32 | INT_64 => Some(ValueForm::Signed),
        _ => None,
    }
}

/// Number of digits after the point, if the column holds decimals.
fn decimal_scale(column: &ColumnDescriptor) -> Option<i32> {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Decimal(decimal)), _) => Some(decimal.scale),
        (None, ConvertedType::DECIMAL) => Some(column.type_scale()),
        _ => None,
    }
}

fn decimal_form(column: &ColumnDescriptor, scale: i32) -> Result<ValueForm, String> {
    match (scale, column.physical_type()) {
        (0, PhysicalType::INT32 | PhysicalType::INT64) => Ok(ValueForm::Signed),
        (0, PhysicalType::BYTE_ARRAY | PhysicalType::FIXED_LEN_BYTE_ARRAY) => {
            Ok(ValueForm::BigEndianInteger)
        }
        (0, _) => Err(kind(column)),
        (scale, _) => Err(format!(
            "decimals with {scale} digits after the point (DECIMAL({}, {scale}))",
            column.type_precision()
        )),
    }
}

fn nested_kind(root: &Type) -> &'static str {
    let info = root.get_basic_info();
    let is_repeated = info.has_repetition() && info.repetition() == Repetition::REPEATED;
    match (info.logical_type_ref(), info.converted_type()) {
        (Some(LogicalType::List), _) | (_, ConvertedType::LIST) => "lists",
        (Some(LogicalType::Map), _) | (_, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE) => {
            "maps"
        }
        _ if is_repeated => "lists",
        _ => "nested values (structs)",
    }
}

/// What a column holds, with its types in the format.
fn kind(column: &ColumnDescriptor) -> String {
    let physical = column.physical_type();
    let logical = column.logical_type_ref();
    let words = match (logical, column.converted_type(), physical) {
        (Some(LogicalType::Date), ..) | (_, ConvertedType::DATE, _) => "dates",
        (Some(LogicalType::Time(_)), ..)
        | (_, ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS, _) => "times of day",
        (Some(LogicalType::Timestamp(_)), ..)
        | (_, ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS, _)
        | (.., PhysicalType::INT96) => "timestamps",
        (Some(LogicalType::Json), ..) | (_, ConvertedType::JSON, _) => "JSON documents",
        (Some(LogicalType::Bson), ..) | (_, ConvertedType::BSON, _) => "BSON documents",
        (Some(LogicalType::Uuid), ..) => "UUIDs in binary form",
        (_, ConvertedType::INTERVAL, _) => "intervals",
        (Some(LogicalType::Float16), ..) | (.., PhysicalType::FLOAT | PhysicalType::DOUBLE) => {
            "floating-point numbers"
        }
        (.., PhysicalType::BOOLEAN) => "booleans",
        (None, ConvertedType::NONE, _) => "binary values of an unexpected length",
        _ => "values of a type that is neither text nor an integer",
    };
    match (logical, column.converted_type()) {
        (Some(logical), _) => {
            let logical = format!("{logical:?}");
            let name = logical.split(['(', ' ']).next().unwrap_or_default();
            format!("{words} ({physical}, {name})")
        }
        (None, ConvertedType::NONE) => format!("{words} ({physical})"),
        (None, converted) => format!("{words} ({physical}, {converted})"),
    }
}
