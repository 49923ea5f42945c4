//! Parquet lists that other programs wrote (`parquet_files/make.py`), types of columns, and hostile changes to files.

use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::data_type::{ByteArray, ByteArrayType};
use ::parquet::file::properties::WriterVersion;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use arrow_array::types::{Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type};
use arrow_array::{Decimal128Array, FixedSizeBinaryArray, PrimitiveArray, StringArray};

use super::refusals::refusal;
use super::*;

macro_rules! written_by {
    ($name:literal) => {
        ($name, include_bytes!(concat!("parquet_files/", $name, ".parquet")).as_slice())
    };
}

const READABLE: [(&str, &[u8]); 6] = [
    written_by!("duckdb_brotli"),
    written_by!("polars_lz4_raw"),
    written_by!("pyarrow_brotli_v2_with_checksums"),
    written_by!("pyarrow_lz4_raw"),
    written_by!("pyarrow_lz4_raw_delta"),
    written_by!("pyarrow_encrypted_other_column"),
];

fn expected_names() -> Vec<String> {
    (0..40).map(|n| format!("user_{n:02}")).collect()
}

#[test]
fn files_of_other_writers_are_read() {
    for (name, bytes) in READABLE {
        let found = read_bytes("l.parquet", bytes, Some("account"));
        assert_eq!(found.names(), expected_names(), "{name}");
        let nulls = usize::from(name.contains("_v2_"));
        assert_eq!(found.invalid.len(), nulls, "{name}");
    }
}

/// `bytes` with the codec of the only column changed.
fn with_codec(bytes: &[u8], from: u8, to: u8) -> Vec<u8> {
    // path_in_schema, then the codec (field 4).
    let path = [b"account\x15".as_slice(), &[2 * from]].concat();
    let at = bytes.windows(path.len()).rposition(|window| window == path).unwrap();
    let mut changed = bytes.to_vec();
    changed[at + path.len() - 1] = 2 * to;
    changed
}

#[test]
fn lz4_of_old_arrow_versions_is_read_and_other_compressions_are_named() {
    let (_, lz4_raw) = written_by!("pyarrow_lz4_raw");
    let old = read_bytes("l.parquet", &with_codec(lz4_raw, 7, 5), None);
    assert_eq!(old.names(), expected_names());
    assert_eq!(
        refusal("l.parquet", &with_codec(lz4_raw, 7, 3), None, None),
        "account list l.parquet is compressed with LZO; write it with another compression, such as zstd"
    );
    assert_eq!(
        refusal("l.parquet", &with_codec(lz4_raw, 7, 8), None, None),
        "account list l.parquet uses the compression 8, which this version does not know; \
         write it with another one, such as zstd"
    );
    let damage = refusal("l.parquet", &with_codec(lz4_raw, 7, 4), None, None);
    assert!(damage.contains("is not a valid Parquet file"), "{damage}");
}

#[test]
fn encrypted_files_are_not_called_damaged() {
    let (_, footer) = written_by!("pyarrow_encrypted_footer");
    assert_eq!(
        refusal("l.parquet", footer, None, Some("account")),
        "account list l.parquet is an encrypted Parquet file; write it without encryption"
    );
    let (_, column) = written_by!("pyarrow_encrypted_column");
    assert_eq!(
        refusal("l.parquet", column, None, Some("account")),
        "account list l.parquet has an encrypted column \"account\"; write it without encryption"
    );
}

#[test]
fn a_page_whose_checksum_does_not_match_is_damaged() {
    let (_, bytes) = written_by!("pyarrow_brotli_v2_with_checksums");
    let mut changed = bytes.to_vec();
    changed[60] ^= 1;
    let message = refusal("l.parquet", &changed, None, None);
    assert!(message.ends_with("the checksum of a page does not match"), "{message}");
}

fn decimals<T: arrow_array::types::DecimalType>(
    values: impl IntoIterator<Item = i64>,
    precision: u8,
) -> ArrayRef
where
    T::Native: From<i32> + std::ops::Mul<Output = T::Native> + std::ops::Add<Output = T::Native>,
{
    let values = values.into_iter().map(|value| {
        let (high, low) = ((value / 1_000_000) as i32, (value % 1_000_000) as i32);
        T::Native::from(high) * T::Native::from(1_000_000) + T::Native::from(low)
    });
    let array: PrimitiveArray<T> = PrimitiveArray::from_iter_values(values);
    Arc::new(array.with_precision_and_scale(precision, 0).unwrap())
}

#[test]
fn decimals_without_digits_after_the_point_are_integers() {
    let small = [7, 0, -5, 999_999_999];
    let large = [7, 0, -5, 999_999_999_999_999];
    for (array, values) in [
        (decimals::<Decimal32Type>(small, 9), small),
        (decimals::<Decimal64Type>(large, 18), large),
        (decimals::<Decimal128Type>(small, 9), small),
        (decimals::<Decimal128Type>(large, 18), large),
        (decimals::<Decimal128Type>(large, 38), large),
        (decimals::<Decimal256Type>(large, 76), large),
    ] {
        let found = read_bytes("l.parquet", &parquet(&[("id", array)]), None);
        assert_eq!(found.names(), values.map(|value| value.to_string()));
    }
    let beyond = [i128::from(i64::MAX) + 1, i128::from(u64::MAX), 10_i128.pow(32)];
    let array = Decimal128Array::from_iter_values(beyond).with_precision_and_scale(38, 0).unwrap();
    let found = read_bytes("l.parquet", &parquet(&[("id", Arc::new(array))]), None);
    assert_eq!(found.names(), ["9223372036854775808", "18446744073709551615"]);
    let too_long = InvalidReason::TooLong { bytes: 33 };
    assert_eq!(found.invalid, [(3, 10_i128.pow(32).to_string(), too_long)]);
}

#[test]
fn decimals_of_any_length_are_read() {
    let schema = "message list { required binary id (DECIMAL(20, 0)); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
    let mut row_group = writer.next_row_group().unwrap();
    let mut column = row_group.next_column().unwrap().unwrap();
    let values = [vec![7], vec![0xff], vec![0, 0xff], vec![], vec![1, 0, 0, 0, 0, 0, 0, 0, 0]];
    let values: Vec<ByteArray> = values.into_iter().map(ByteArray::from).collect();
    column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
    column.close().unwrap();
    row_group.close().unwrap();
    writer.close().unwrap();
    let found = read_bytes("l.parquet", &bytes, None);
    assert_eq!(found.names(), ["7", "-1", "255", "18446744073709551616"]);
    assert_eq!(found.invalid, [(4, String::new(), InvalidReason::Empty)]);
}

#[test]
fn text_of_a_fixed_length_loses_its_nul_padding_and_nothing_else() {
    let ids = [
        b"user0001",
        b"user02\0\0",
        b"u3      ",
        b"a\0b\0\0\0\0\0",
        b"\x07\0\0\0\0\0\0\0",
        &[0; 8],
    ];
    let array = FixedSizeBinaryArray::try_from_iter(ids.into_iter()).unwrap();
    let found = read_bytes("l.parquet", &parquet(&[("id", Arc::new(array))]), None);
    assert_eq!(found.names(), ["user0001", "user02", "u3      "]);
    let reasons: Vec<_> = found.invalid.iter().map(|(line, _, reason)| (*line, *reason)).collect();
    // A binary number is not an account, whatever text its bytes may be.
    let expected =
        [(4, InvalidReason::HasNul), (5, InvalidReason::HasNul), (6, InvalidReason::Empty)];
    assert_eq!(reasons, expected);
}

/// Files in every compression that the crate writes, in both versions of pages.
fn own_files() -> Vec<Vec<u8>> {
    let names = expected_names();
    let batch =
        RecordBatch::try_from_iter([("account", Arc::new(StringArray::from(names)) as ArrayRef)]);
    let batch = batch.unwrap();
    let mut files = Vec::new();
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
    ] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            let properties = WriterProperties::builder()
                .set_compression(compression)
                .set_writer_version(version)
                .set_dictionary_enabled(version == WriterVersion::PARQUET_1_0);
            let mut writer =
                ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).unwrap();
            writer.write(&batch).unwrap();
            files.push(writer.into_inner().unwrap());
        }
    }
    files
}

#[test]
fn every_compression_of_the_crate_is_read() {
    for bytes in own_files() {
        assert_eq!(read_bytes("l.parquet", &bytes, None).names(), expected_names());
    }
}

#[test]
fn changed_bytes_never_panic_nor_take_much_memory() {
    let mut files = own_files();
    files.extend(READABLE.map(|(_, bytes)| bytes.to_vec()));
    let mut random = fastrand::Rng::with_seed(12);
    for bytes in files {
        for _ in 0..150 {
            let mut changed = bytes.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(0..changed.len());
                let any = random.u8(..);
                changed[at] = random.choice([0, 1, 0x0f, 0x7f, 0x80, 0xff, any]).unwrap();
            }
            let file = ListOnDisk::new("l.parquet", &changed);
            let list =
                AccountList::open(&file.source(None, Some("account")), file.directory.path());
            // A change in the bytes of a value, or of what is not read, is not noticed.
            let _ = list.and_then(|list| list.scan(&mut |_| Ok(()), &mut |_| {}));
        }
    }
}
