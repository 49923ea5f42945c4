//! Reading valid lists in every format and compression.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, DictionaryArray, Int32Array, Int64Array, LargeStringArray, StringArray,
    StringViewArray, UInt32Array, UInt64Array,
};

use super::*;

const CSV: &[u8] = b"name,id\nAnn,0017\nBob,b b\nAnn,0017\n";
const TSV: &[u8] = b"name\tid\nAnn\t0017\n\"Bob, \"\"b\"\"\t\"\t\"b b\"\nAnn\t0017\n";
const TXT: &[u8] = b"0017\nb b\n0017\n";
const NDJSON: &[u8] = b"{\"id\":\"0017\"}\n{\"id\":\"b b\"}\n{\"id\":\"0017\"}\n";

#[test]
fn every_format_and_compression_yields_the_same_accounts() {
    for (name, content, column, first_line) in [
        ("l.csv", CSV, Some("id"), 2),
        ("l.tsv", TSV, Some("id"), 2),
        ("l.txt", TXT, None, 1),
        ("l.ndjson", NDJSON, Some("id"), 1),
    ] {
        let expected = ReadResult {
            accounts: vec![("0017".to_owned(), first_line), ("b b".to_owned(), first_line + 1)],
            invalid: vec![],
            duplicates: 1,
        };
        assert_eq!(read_bytes(name, content, column), expected, "{name}");
        assert_eq!(
            read_bytes(&format!("{name}.gz"), &gzip(content), column),
            expected,
            "{name}.gz"
        );
        assert_eq!(
            read_bytes(&format!("{name}.ZST"), &zstd(content), column),
            expected,
            "{name}.zst"
        );
        // The content decides, not the name.
        assert_eq!(read_bytes(name, &gzip(content), column), expected, "gzip named {name}");
        assert_eq!(
            read_bytes(&format!("{name}.gz"), content, column),
            expected,
            "plain named {name}.gz"
        );
    }
}

#[test]
fn all_members_of_gzip_and_frames_of_zstd_are_read() {
    let skippable_frame = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9];
    let gzips = [gzip(b"a\n"), gzip(b""), gzip(b"b\nc"), gzip(b"d\n")].concat();
    let zstds = [skippable_frame.to_vec(), zstd(b"a\n"), zstd(b"b\nc"), zstd(b"d\n")].concat();
    for bytes in [gzips, zstds] {
        assert_eq!(read_bytes("l.txt", &bytes, None).names(), ["a", "b", "cd"]);
        // Zero padding, as on a tape, and another list after it.
        let padded = [bytes.clone(), vec![0; 300_000]].concat();
        assert_eq!(read_bytes("l.txt", &padded, None).names(), ["a", "b", "cd"]);
        let twice = [padded, bytes, vec![0]].concat();
        assert_eq!(read_bytes("l.txt", &twice, None).names(), ["a", "b", "cd"]);
    }
}

#[test]
fn byte_order_mark_crlf_blank_lines_and_a_missing_line_end_are_accepted() {
    let csv = b"\xef\xbb\xbf\r\n\"id\",n\r\n\r\na,1\r\n \t\r\n\"b\",2\r\n\n\nc,3";
    let txt = b"\xef\xbb\xbfa\r\n\r\n   \r\n\tb \r\n\nc";
    let ndjson = b"\xef\xbb\xbf{\"id\":\"a\"}\r\n\r\n \r\n {\"id\":\"b\"} \r\n\n{\"id\":\"c\"}";
    assert_three_accounts_among_blank_lines(csv, txt, ndjson);
}

/// Checks that each list, plain and compressed, has the accounts a, b and c on the lines that blank ones leave to them.
#[track_caller]
fn assert_three_accounts_among_blank_lines(csv: &[u8], txt: &[u8], ndjson: &[u8]) {
    let accounts = |lines: [u64; 3]| {
        ["a", "b", "c"].map(str::to_owned).into_iter().zip(lines).collect::<Vec<_>>()
    };
    for (name, bytes, column, lines) in [
        ("l.csv", csv, Some("id"), [4, 6, 9]),
        ("l.txt", txt, None, [1, 4, 6]),
        ("l.ndjson", ndjson, Some("id"), [1, 4, 6]),
    ] {
        let expected = ReadResult { accounts: accounts(lines), ..ReadResult::default() };
        assert_eq!(read_bytes(name, bytes, column), expected, "{name}");
        assert_eq!(read_bytes(name, &gzip(bytes), column), expected, "{name}, compressed");
    }
}

#[test]
fn an_empty_list_has_no_accounts() {
    for (name, bytes, column) in [
        ("l.txt", b"".as_slice(), None),
        ("l.txt", b"\n\n", None),
        ("l.ndjson", b"", Some("id")),
        ("l.csv", b"id\n", None),
        ("l.tsv", b"id\n", None),
    ] {
        assert_eq!(read_bytes(name, bytes, column), ReadResult::default(), "{name}");
    }
}

#[test]
fn invalid_accounts_carry_line_text_and_reason() {
    let long = "x".repeat(33);
    let txt =
        [b"ok\n\n@TLS#NOT_FOUND\n\xff\n", long.as_bytes(), b"\n@TGS#1\n@TIM#SYSTEM\n"].concat();
    let invalid = read_bytes("l.txt", &txt, None).invalid;
    let expected = [
        (3, "@TLS#NOT_FOUND", InvalidReason::ReservedPrefix),
        (4, "\u{fffd}", InvalidReason::NotUtf8),
        (5, long.as_str(), InvalidReason::TooLong { bytes: 33 }),
        (6, "@TGS#1", InvalidReason::ReservedPrefix),
        (7, "@TIM#SYSTEM", InvalidReason::ReservedPrefix),
    ];
    assert_eq!(invalid, expected.map(|(line, text, reason)| (line, text.to_owned(), reason)));
}

#[test]
fn csv_line_numbers_count_line_ends_in_fields() {
    let csv = b"note,id\n\"two\nlines\",a\n\"three\r\n\r\nlines\",\"\"\nplain,\nshort\n\"q\"\"\n,\",\"b\nb\"\n,c\n";
    let found = read_bytes("l.csv", csv, Some("id"));
    assert_eq!(found.accounts, [("a".to_owned(), 2), ("b\nb".to_owned(), 9), ("c".to_owned(), 12)]);
    let empty = |line| (line, String::new(), InvalidReason::Empty);
    assert_eq!(found.invalid, [empty(4), empty(7), empty(8)]);
}

#[test]
fn white_space_is_part_of_the_account_except_in_txt() {
    assert_eq!(
        read_bytes("l.csv", b"id,n\n a ,1\n\"  b\",2\n", Some("id")).names(),
        [" a ", "  b"]
    );
    assert_eq!(read_bytes("l.ndjson", b"{\"id\":\" a \"}", Some("id")).names(), [" a "]);
    assert_eq!(read_bytes("l.txt", b" a \n\tb\n", None).names(), ["a", "b"]);
}

#[test]
fn a_failed_accounts_file_is_a_valid_list() {
    let tsv = b"account\tcategory\terror_code\terror_info\nu1\tnot_found\t40003\t\"no\t\"\"none\"\"\"\nu2\tno_answer\t\t\n";
    assert_eq!(read_bytes("_failed_accounts.tsv", tsv, Some("account")).names(), ["u1", "u2"]);
}

#[test]
fn ndjson_lines_without_an_account_are_invalid() {
    let ndjson =
        b"{\"id\":12}\nnot json\n{\"n\":1}\n{\"id\":null}\n{\"id\":\"\"}\n{\"id\":{}}\n\xff\n{\"id\":\"a\\u0000\"}\n";
    let found = read_bytes("l.ndjson", ndjson, Some("id"));
    assert_eq!(found.names(), ["12"]);
    let expected = [
        (2, "not json", InvalidReason::NotAnObject),
        (3, "{\"n\":1}", InvalidReason::NoKey),
        (4, "{\"id\":null}", InvalidReason::Null),
        (5, "", InvalidReason::Empty),
        (6, "{\"id\":{}}", InvalidReason::NotTextOrNumber),
        (7, "\u{fffd}", InvalidReason::NotUtf8),
        (8, "a\0", InvalidReason::HasNul),
    ];
    assert_eq!(found.invalid, expected.map(|(line, text, reason)| (line, text.to_owned(), reason)));
}

#[test]
fn an_account_with_a_nul_is_invalid_in_every_format() {
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["a", "b\0", "c"]));
    for (name, bytes) in [
        ("l.txt", b"a\nb\0\nc\n".to_vec()),
        ("l.csv", b"id\na\nb\0\nc\n".to_vec()),
        ("l.csv", b"id\na\n\"b\0\"\nc\n".to_vec()),
        ("l.ndjson", b"{\"id\":\"a\"}\n{\"id\":\"b\\u0000\"}\n{\"id\":\"c\"}\n".to_vec()),
        ("l.parquet", parquet(&[("id", ids)])),
    ] {
        let column = (name != "l.txt").then_some("id");
        let found = read_bytes(name, &bytes, column);
        assert_eq!(found.names(), ["a", "c"], "{name}");
        let reasons: Vec<_> = found.invalid.iter().map(|(_, _, reason)| *reason).collect();
        assert_eq!(reasons, [InvalidReason::HasNul], "{name}");
    }
}

#[test]
fn a_single_cr_ends_a_line() {
    let csv = b"\xef\xbb\xbf\r\"id\",n\r\ra,1\r \t\r\"b\",2\r\r\rc,3";
    let txt = b"\xef\xbb\xbfa\r\r   \r\tb \r\rc";
    let ndjson = b"\xef\xbb\xbf{\"id\":\"a\"}\r\r \r {\"id\":\"b\"} \r\r{\"id\":\"c\"}\r";
    assert_three_accounts_among_blank_lines(csv, txt, ndjson);
}

#[test]
fn line_ends_may_be_mixed_and_are_content_in_quotes() {
    assert_eq!(
        read_bytes("l.txt", b"a\rb\nc\r\nd\r\r\ne", None).names(),
        ["a", "b", "c", "d", "e"]
    );
    let csv = b"n,id\n1,a\r2,\"b\rb\"\r\n3,\"c\r\"\r4,d\n";
    let found = read_bytes("l.csv", csv, Some("id"));
    assert_eq!(found.names(), ["a", "b\rb", "c\r", "d"]);
    assert_eq!(found.accounts.last(), Some(&("d".to_owned(), 7)));
    assert_eq!(found.invalid, []);
}

#[test]
fn a_line_over_1_mib_is_one_invalid_account_and_the_next_lines_are_read() {
    for length in [1024 * 1024, 1024 * 1024 + 1, 3_000_000] {
        let long = [b"a\n", "y".repeat(length).as_bytes(), b"\nb\n"].concat();
        let found = read_bytes("l.txt.zst", &zstd(&long), None);
        assert_eq!(found.accounts, [("a".to_owned(), 1), ("b".to_owned(), 3)], "{length}");
        let shown = "y".repeat(200) + "…";
        assert_eq!(found.invalid, [(2, shown, InvalidReason::LineTooLong)], "{length}");
    }
    let last = read_bytes("l.ndjson", "{".repeat(2_500_000).as_bytes(), Some("id"));
    assert_eq!(last.invalid.len(), 1);
}

#[test]
fn a_long_line_that_fits_is_read() {
    let csv = format!("n,id\n{},a\n\"{}\",b\n", "n".repeat(700_000), "n\n".repeat(350_000));
    assert_eq!(read_bytes("l.csv", csv.as_bytes(), Some("id")).names(), ["a", "b"]);
}

#[test]
fn parquet_text_columns_of_every_kind_are_read() {
    let values = vec![Some("0017"), None, Some("b b"), Some("0017"), Some("")];
    let columns: [(&str, ArrayRef); 5] = [
        ("string", Arc::new(StringArray::from(values.clone()))),
        ("large", Arc::new(LargeStringArray::from(values.clone()))),
        ("view", Arc::new(StringViewArray::from(values.clone()))),
        ("dictionary", Arc::new(values.iter().copied().collect::<DictionaryArray<Int32Type>>())),
        (
            "binary",
            Arc::new(BinaryArray::from_iter(values.iter().map(|value| value.map(str::as_bytes)))),
        ),
    ];
    let bytes = parquet(&columns);
    for (column, _) in columns {
        let expected = ReadResult {
            accounts: vec![("0017".to_owned(), 1), ("b b".to_owned(), 3)],
            invalid: vec![
                (2, String::new(), InvalidReason::Empty),
                (5, String::new(), InvalidReason::Empty),
            ],
            duplicates: 1,
        };
        assert_eq!(read_bytes("l.parquet", &bytes, Some(column)), expected, "{column}");
    }
}

#[test]
fn parquet_integer_columns_of_every_kind_are_read() {
    let columns: [(&str, ArrayRef); 4] = [
        ("i32", Arc::new(Int32Array::from(vec![Some(-1), None, Some(i32::MAX), Some(0)]))),
        ("u32", Arc::new(UInt32Array::from(vec![Some(1), None, Some(u32::MAX), Some(0)]))),
        ("i64", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX), Some(0)]))),
        ("u64", Arc::new(UInt64Array::from(vec![Some(1), None, Some(u64::MAX), Some(0)]))),
    ];
    let bytes = parquet(&columns);
    for (column, names) in [
        ("i32", ["-1", "2147483647", "0"]),
        ("u32", ["1", "4294967295", "0"]),
        ("i64", ["-9223372036854775808", "9223372036854775807", "0"]),
        ("u64", ["1", "18446744073709551615", "0"]),
    ] {
        let found = read_bytes("l.parquet", &bytes, Some(column));
        assert_eq!(found.names(), names);
        assert_eq!(found.invalid, [(2, String::new(), InvalidReason::Empty)]);
    }
}

#[test]
fn parquet_text_that_is_not_utf8_invalidates_only_its_row() {
    let ids = BinaryArray::from_iter_values([b"a".as_slice(), b"\xff", b"b"]);
    let found = read_bytes("l.parquet", &parquet(&[("id", Arc::new(ids))]), None);
    assert_eq!(found.accounts, [("a".to_owned(), 1), ("b".to_owned(), 3)]);
    assert_eq!(found.invalid, [(2, "\u{fffd}".to_owned(), InvalidReason::NotUtf8)]);
}

#[test]
fn a_parquet_list_longer_than_a_batch_keeps_its_order() {
    let ids: Vec<i64> = (0..10_000).collect();
    let batch: ArrayRef = Arc::new(Int64Array::from(ids.clone()));
    let schema = RecordBatch::try_from_iter([("id", Arc::clone(&batch))]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.schema(), None).unwrap();
    writer.write(&schema).unwrap();
    let found = read_bytes("l.parquet", &writer.into_inner().unwrap(), Some("id"));
    assert!(
        found
            .accounts
            .iter()
            .enumerate()
            .all(|(at, (name, line))| *name == at.to_string() && *line == at as u64 + 1)
    );
    assert_eq!(found.accounts.len(), 10_000);
}

#[test]
fn a_line_of_separators_is_a_record_with_an_empty_account() {
    let empty = |line: u64| (line, String::new(), InvalidReason::Empty);
    let tsv = read_bytes("l.tsv", b"id\tn\na\t1\n\t\n \n\t2\nb\n", Some("id"));
    assert_eq!((tsv.names(), &tsv.invalid), (vec!["a", "b"], &vec![empty(3), empty(5)]));
    let csv = read_bytes("l.csv", b"id,n\na,1\n,\n\t\nb\n", Some("id"));
    assert_eq!((csv.names(), &csv.invalid), (vec!["a", "b"], &vec![empty(3)]));
}

#[test]
fn the_format_is_derived_from_the_name() {
    let format = |name: &str| ListFormat::from_path(Path::new(name));
    assert_eq!(format("/a.csv/b.txt.gz"), Some(ListFormat::Txt));
    assert_eq!(format("B.NDJSON.ZST"), Some(ListFormat::Ndjson));
    for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "A.JsonL.GZ"] {
        assert_eq!(format(name), Some(ListFormat::Ndjson), "{name}");
    }
    assert_eq!(format("a.parquet"), Some(ListFormat::Parquet));
    assert_eq!(format("a.csv"), Some(ListFormat::Csv));
    assert_eq!(format("_failed_accounts.tsv"), Some(ListFormat::Tsv));
    assert!(
        ["accounts", "a.json", "a.gz", "csv", "a.csv.gz.zst", ".."]
            .iter()
            .all(|name| format(name).is_none())
    );
    assert_eq!(serde_json::from_str::<ListFormat>("\"ndjson\"").unwrap(), ListFormat::Ndjson);
}
