//! Parquet lists that are refused, with the exact messages.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, ListArray, StringArray,
    TimestampMicrosecondArray,
};

use super::refusals::refusal;
use super::*;

/// `table` with a footer changed by `edit`, its length corrected.
fn with_footer(table: &[u8], edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let (content, end) = table.split_at(table.len() - 8);
    let length = u32::from_le_bytes(*end.first_chunk().unwrap()) as usize;
    let (pages, footer) = content.split_at(content.len() - length);
    let mut footer = footer.to_vec();
    edit(&mut footer);
    [pages, &footer, &(footer.len() as u32).to_le_bytes(), b"PAR1"].concat()
}

#[test]
fn parquet_footers_with_false_sizes_are_refused_before_allocation() {
    let table = parquet(&[("id", Arc::new(StringArray::from(vec!["a", "b"])))]);
    let refused = |bytes: &[u8]| {
        let message = refusal("l.parquet", bytes, None, None);
        let expected =
            "account list l.parquet is not a valid Parquet file; copy it again, or regenerate it: ";
        message.strip_prefix(expected).expect(&message).to_owned()
    };
    // A field with an unknown id, which holds a list of 2^31 - 1 booleans.
    let list_of_booleans = with_footer(&table, |footer| {
        footer.pop();
        footer.extend(b"\xf9\xf1\xff\xff\xff\xff\x07\0");
    });
    assert_eq!(refused(&list_of_booleans), "its footer is damaged");
    // The root of the schema has the name (field 4) arrow_schema and one child (field 5).
    let many_children = with_footer(&table, |footer| {
        let name = b"arrow_schema\x15\x02";
        let at = footer.windows(name.len()).position(|bytes| bytes == name).unwrap();
        footer.splice(at + 13..at + 14, *b"\xfe\xff\xff\xff\x0f");
    });
    assert_eq!(refused(&many_children), "its footer is damaged");
    // Two rows, of the list (field 3) and of its row group (field 3).
    let rows = |number: u8, of_list: bool, of_row_group: bool| {
        with_footer(&table, |footer| {
            let places: Vec<usize> =
                (1..footer.len()).filter(|at| footer[at - 1..=*at] == *b"\x16\x04").collect();
            let (first, last) = (places[0], places[places.len() - 1]);
            if of_list {
                footer[first] = number;
            }
            if of_row_group {
                footer[last] = number;
            }
        })
    };
    let expected = "its row groups hold more or fewer rows than its footer says";
    assert_eq!(refused(&rows(6, true, false)), expected);
    assert_eq!(refused(&rows(6, false, true)), expected);
    assert_eq!(refused(&rows(6, true, true)), "a row group holds fewer rows than it declares");
    assert_eq!(refused(&rows(2, true, true)), "a row group holds more rows than it declares");
    assert_eq!(refused(&rows(3, true, true)), "its row counts are out of range");
}

#[test]
fn parquet_page_headers_with_false_sizes_are_refused() {
    let mut table = parquet(&[("id", Arc::new(StringArray::from(vec!["a", "b"])))]);
    // The first page starts after the magic bytes: type, sizes, then a field with an unknown id.
    table[4..14].copy_from_slice(b"\x15\x04\xf9\xf1\xff\xff\xff\xff\x07\0");
    let message = refusal("l.parquet", &table, None, None);
    assert!(message.ends_with(": a page header is damaged"), "{message}");
}

#[test]
fn parquet_columns_that_cannot_hold_accounts() {
    let columns: [(&str, ArrayRef); 6] = [
        ("float", Arc::new(Float64Array::from(vec![1.0]))),
        ("date", Arc::new(Date32Array::from(vec![1]))),
        ("time", Arc::new(TimestampMicrosecondArray::from(vec![1]))),
        ("decimal", Arc::new(Decimal128Array::from(vec![1]))),
        ("yes", Arc::new(BooleanArray::from(vec![true]))),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]))),
    ];
    let bytes = parquet(&columns);
    let message = |column| refusal("l.parquet", &bytes, None, Some(column));
    let found = |column| {
        let message = message(column);
        let end = "; make it a string or integer column";
        let start = format!("column \"{column}\" of account list l.parquet holds ");
        message
            .strip_prefix(&start)
            .and_then(|rest| rest.strip_suffix(end))
            .expect(&message)
            .to_owned()
    };
    assert_eq!(found("float"), "floating-point numbers (DOUBLE)");
    assert_eq!(found("date"), "dates (INT32, Date)");
    assert_eq!(found("time"), "timestamps (INT64, Timestamp)");
    assert_eq!(found("decimal"), "decimals with 10 digits after the point (DECIMAL(38, 10))");
    assert_eq!(found("yes"), "booleans (BOOLEAN)");
    assert_eq!(found("list"), "lists");
    assert!(
        message("Date")
            .ends_with("it has float, date, time, decimal, yes, list; did you mean \"date\"?")
    );
    let expected =
        "account list l.parquet has several columns (float, date, time, decimal, yes, list); ";
    assert!(refusal("l.parquet", &bytes, None, None).starts_with(expected));
}
