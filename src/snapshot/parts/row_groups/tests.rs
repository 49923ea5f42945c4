use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Date32Array, Int64Array, StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::basic::Compression as Codec;
use parquet::basic::{GzipLevel, ZstdLevel};
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::statistics::Statistics;
use proptest::prelude::*;

use super::*;
use crate::job::Compression;

type Row = (String, Option<String>, Option<u64>);

/// Rows in which values repeat, and NULLs come in runs.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let run =
        ("[a-z]{0,9}", proptest::option::of("[张é🎉a-c]{0,3}"), any::<Option<u64>>(), 1..30_u64);
    proptest::collection::vec(run, 0..30).prop_map(|runs| {
        let rows = runs.into_iter().flat_map(|(account, text, number, times)| {
            (0..times).map(move |n| {
                (
                    format!("{account}{n}"),
                    text.clone(),
                    number.map(|first| first.wrapping_add(n / 7)),
                )
            })
        });
        rows.collect()
    })
}

fn batch(rows: &[Row]) -> RecordBatch {
    let numbers = || rows.iter().map(|row| row.2);
    let columns: [(&str, ArrayRef); 7] = [
        ("account", Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.0)))),
        ("text", Arc::new(rows.iter().map(|row| row.1.as_ref()).collect::<StringArray>())),
        ("bytes", Arc::new(rows.iter().map(|row| row.1.as_ref()).collect::<BinaryArray>())),
        ("small", Arc::new(numbers().map(|n| n.map(|n| n as u32)).collect::<UInt32Array>())),
        ("large", Arc::new(numbers().collect::<UInt64Array>())),
        ("signed", Arc::new(numbers().map(|n| n.map(|n| n as i64)).collect::<Int64Array>())),
        ("day", Arc::new(numbers().map(|n| n.map(|n| n as i32)).collect::<Date32Array>())),
    ];
    let field = |(name, array): &(&str, ArrayRef)| {
        Field::new(*name, array.data_type().clone(), *name != "account")
    };
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

/// The file of these rows, written in batches of `rows_per_batch`, in small pages and row groups.
fn file(
    rows: &RecordBatch,
    compression: Compression,
    dictionary_bytes: usize,
    rows_per_batch: usize,
) -> Bytes {
    let codec = match compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Snappy => Codec::SNAPPY,
        Compression::Gzip => Codec::GZIP(GzipLevel::default()),
        Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
    };
    let properties = WriterProperties::builder()
        .set_compression(codec)
        .set_dictionary_enabled(dictionary_bytes > 0)
        .set_dictionary_page_size_limit(dictionary_bytes)
        .set_data_page_size_limit(100)
        .set_max_row_group_row_count(Some(150))
        .set_column_bloom_filter_fpp(ColumnPath::from("account"), 0.1)
        .build();
    let compressor = PageCompressor::new(compression).unwrap();
    let mut groups =
        RowGroups::new(Vec::new(), &rows.schema(), properties, compressor, usize::MAX).unwrap();
    for start in (0..rows.num_rows()).step_by(rows_per_batch) {
        let batch = rows.slice(start, rows_per_batch.min(rows.num_rows() - start));
        groups.write(&[batch]).unwrap();
    }
    groups.finish().unwrap().into()
}

fn reader(file: &Bytes) -> ParquetRecordBatchReaderBuilder<Bytes> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
    ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), options).unwrap()
}

fn read(reader: ParquetRecordBatchReaderBuilder<Bytes>) -> RecordBatch {
    let schema = Arc::clone(reader.schema());
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

/// Minimum and maximum in the order of the column's type, as texts.
fn bounds(column: &ArrayRef) -> Option<(String, String)> {
    fn of<T: Ord + std::fmt::Debug>(
        values: impl Iterator<Item = T> + Clone,
    ) -> Option<(String, String)> {
        Some((format!("{:?}", values.clone().min()?), format!("{:?}", values.max()?)))
    }
    match column.data_type() {
        DataType::Utf8 => of(column.as_string::<i32>().iter().flatten().map(str::as_bytes)),
        DataType::Binary => of(column.as_binary::<i32>().iter().flatten()),
        DataType::UInt32 => of(column.as_primitive::<UInt32Type>().iter().flatten()),
        DataType::UInt64 => of(column.as_primitive::<UInt64Type>().iter().flatten()),
        DataType::Int64 => of(column.as_primitive::<Int64Type>().iter().flatten()),
        _ => of(column.as_primitive::<Date32Type>().iter().flatten()),
    }
}

/// Minimum and maximum as the file has them.
fn bounds_in_file(statistics: &Statistics, data_type: &DataType) -> Option<(String, String)> {
    let (min, max) = (statistics.min_bytes_opt()?, statistics.max_bytes_opt()?);
    let text = |bytes: &[u8]| match data_type {
        DataType::UInt32 => u32::from_le_bytes(bytes.try_into().unwrap()).to_string(),
        DataType::UInt64 => u64::from_le_bytes(bytes.try_into().unwrap()).to_string(),
        DataType::Int64 => i64::from_le_bytes(bytes.try_into().unwrap()).to_string(),
        DataType::Date32 => i32::from_le_bytes(bytes.try_into().unwrap()).to_string(),
        _ => format!("{bytes:?}"),
    };
    Some((text(min), text(max)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rows_are_read_back_whatever_the_settings(
        rows in rows(),
        dictionary_bytes in prop_oneof![Just(0), Just(40), Just(10_000)],
        rows_per_batch in 1..200_usize,
        skipped in 0..400_usize,
    ) {
        let rows = batch(&rows);
        for compression in [Compression::None, Compression::Snappy, Compression::Gzip, Compression::Zstd] {
            let file = file(&rows, compression, dictionary_bytes, rows_per_batch);
            prop_assert_eq!(&read(reader(&file)), &rows);
            // Finds pages by the index.
            let skipped = skipped.min(rows.num_rows());
            let rest = rows.num_rows() - skipped;
            let selection = RowSelection::from(vec![RowSelector::skip(skipped), RowSelector::select(rest)]);
            let selected = read(reader(&file).with_row_selection(selection));
            prop_assert_eq!(&selected, &rows.slice(skipped, rest));
        }
    }

    #[test]
    fn bytes_depend_on_the_rows_only(rows in rows(), rows_per_batch in 1..200_usize) {
        let rows = batch(&rows);
        let whole = file(&rows, Compression::Zstd, 40, rows.num_rows().max(1));
        prop_assert_eq!(file(&rows, Compression::Zstd, 40, rows_per_batch), whole);
    }

    #[test]
    fn statistics_are_those_of_the_values(rows in rows(), has_dictionary: bool) {
        let rows = batch(&rows);
        let file = file(&rows, Compression::Zstd, if has_dictionary { 10_000 } else { 0 }, 64);
        let reader = reader(&file);
        let mut first_row = 0;
        for row_group in reader.metadata().row_groups() {
            let group_rows = rows.slice(first_row, row_group.num_rows() as usize);
            first_row += group_rows.num_rows();
            for (chunk, column) in row_group.columns().iter().zip(group_rows.columns()) {
                let statistics = chunk.statistics().unwrap();
                prop_assert_eq!(statistics.null_count_opt(), Some(column.null_count() as u64));
                prop_assert_eq!(bounds_in_file(statistics, column.data_type()), bounds(column));
            }
        }
        prop_assert_eq!(first_row, rows.num_rows());
    }
}

#[test]
fn long_texts_have_no_statistics() {
    let long = "x".repeat(1000);
    let rows =
        batch(&[("a".to_owned(), Some(long), None), ("b".to_owned(), Some("y".to_owned()), None)]);
    let file = file(&rows, Compression::Zstd, 0, 10);
    let reader = reader(&file);
    let statistics = reader.metadata().row_group(0).column(1).statistics().unwrap().clone();
    assert_eq!((statistics.min_bytes_opt(), statistics.max_bytes_opt()), (None, None));
    assert_eq!(read(reader), rows);
}
