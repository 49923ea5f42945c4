//! Lists that are refused, with the words of the refusal.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float64Array, ListArray,
    StringArray,
};
use arrow::datatypes::Int32Type;

use super::*;

fn refusal(name: &str, bytes: &[u8], format: Option<ListFormat>, column: Option<&str>) -> String {
    let file = File::new(name, bytes);
    let result = AccountList::open(&file.source(format, column), file.folder.path())
        .and_then(|list| read(&list));
    file.message(&result.unwrap_err())
}

#[test]
fn a_list_that_is_not_there_or_not_a_file() {
    let file = File::new("l.txt", b"");
    let mut source = file.source(None, None);
    let mut open = |path: &str| {
        source.path = ListPath::File(file.folder.path().join(path));
        file.message(&AccountList::open(&source, file.folder.path()).unwrap_err())
    };
    assert_eq!(open("gone.csv"), "account list gone.csv does not exist; correct `accounts.path`");
    assert_eq!(
        open(""),
        "account list  is a folder; name a file in it, or join its files and pipe them in with path = \"-\""
    );
    assert_eq!(
        open("/dev/null"),
        "account list /dev/null is a pipe or a device, which cannot be read twice; pipe it in with path = \"-\""
    );
    assert!(
        open("l.txt/x.csv")
            .starts_with("cannot open account list l.txt/x.csv; see that this user may read it: ")
    );
}

#[test]
fn a_format_that_does_not_show() {
    let expected = "the format of account list l.lst does not show in its name; \
                    set `accounts.format` to csv, txt, ndjson or parquet";
    assert_eq!(refusal("l.lst", b"a\n", None, None), expected);
    let source = ListSource { path: ListPath::Stdin, format: None, column: None };
    let error = AccountList::open(&source, Path::new("/nowhere")).unwrap_err();
    assert!(
        error.to_string().starts_with("the format of account list standard input does not show")
    );
}

#[test]
fn columns_that_are_missing_or_not_told_apart() {
    let csv = |bytes: &[u8], column| refusal("l.csv", bytes, None, column);
    assert_eq!(
        csv(b"user,acount\na,b\n", Some("account")),
        "account list l.csv has no column \"account\"; it has user, acount; did you mean \"acount\"?"
    );
    assert_eq!(
        csv(b"user,name\na,b\n", None),
        "account list l.csv has several columns (user, name); name the one that holds the account in `accounts.column`"
    );
    assert_eq!(
        csv(b"id,id\na,b\n", Some("id")),
        "account list l.csv has more than one column \"id\"; rename all but one"
    );
    assert_eq!(
        csv(b"id;name\na;b\n", None),
        "account list l.csv is not separated by commas (its first line is \"id;name\"); export it with commas"
    );
    assert_eq!(
        csv(b"\r\n", Some("id")),
        "account list l.csv is empty, but csv begins with a line of column names; \
         set `accounts.format` to txt if it has none"
    );
    assert_eq!(
        refusal("l.ndjson", b"{\"uid\":\"a\"}\n", None, None),
        "account list l.ndjson is ndjson; name the key that holds the account in `accounts.column`"
    );
    assert_eq!(
        refusal("l.ndjson", b"{\"UserId\":\"a\",\"n\":1}\n{}\n", None, Some("user_id")),
        "account list l.ndjson has no column \"user_id\"; it has UserId, n; did you mean \"UserId\"?"
    );
}

#[test]
fn csv_records_without_an_end() {
    assert_eq!(
        refusal("l.csv", b"id,n\na,1\n\nb,\"open\nc,3\n", None, Some("id")),
        "line 4 of account list l.csv: a quote opened in the record that begins here is never closed; close or double it"
    );
    let expected = "line 3 of account list l.csv: the record that begins here is longer than 1 MiB; \
                    look for a quote that is not closed";
    let commas = [b"id,n\na,1\nb,\"".as_slice(), &b",,,,,,,\n".repeat(200_000)].concat();
    assert_eq!(refusal("l.csv", &commas, None, Some("id")), expected);
    let long_line = [b"id,n\na,1\nb,".as_slice(), &b"x".repeat(2_000_000)].concat();
    assert_eq!(refusal("l.csv", &long_line, None, Some("id")), expected);
}

#[test]
fn damaged_files() {
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() - 5);
        bytes
    };
    let content: Vec<u8> = (0..20_000).flat_map(|n| format!("user_{n}\n").into_bytes()).collect();
    let gzip_damage = "account list l.txt is a damaged or cut off gzip file; copy it again, or have it made again: ";
    for bytes in [
        cut(gzip(&content)),
        cut(gzip(b"a\n")),
        [gzip(b"a\n"), b"trailing".to_vec()].concat(),
        gzip(b"")[..3].to_vec(),
    ] {
        let message = refusal("l.txt", &bytes, None, None);
        assert!(message.starts_with(gzip_damage), "{message}");
    }
    let zstd_damage = "account list l.txt is a damaged or cut off zstd file; copy it again, or have it made again: ";
    for bytes in [
        cut(zstd(&content)),
        cut(zstd(b"a\n")),
        [zstd(b"a\n"), b"trailing".to_vec()].concat(),
        zstd(b"")[..5].to_vec(),
    ] {
        let message = refusal("l.txt", &bytes, None, None);
        assert!(message.starts_with(zstd_damage), "{message}");
    }
    let parquet_damage = "account list l.parquet is not a sound Parquet file; copy it again, or have it made again: ";
    let sound = parquet(&[("id", Arc::new(StringArray::from(vec!["a", "b"])))]);
    for bytes in [b"".as_slice(), b"id\na\n", &sound[..sound.len() - 1], &sound[40..]] {
        let message = refusal("l.parquet", bytes, None, None);
        assert!(message.starts_with(parquet_damage), "{message}");
    }
}

#[test]
fn content_that_is_certainly_something_else() {
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let table = parquet(&[("id", ids)]);
    let txt = |bytes: &[u8]| refusal("l", bytes, Some(ListFormat::Txt), None);
    assert_eq!(
        txt(&table),
        "account list l is a Parquet file, not txt; set `accounts.format` to parquet"
    );
    assert_eq!(
        txt(b"\xff\xfea\0\n\0"),
        "account list l is text in UTF-16, not txt; save it as UTF-8"
    );
    assert_eq!(
        txt(b"PK\x03\x04rest"),
        "account list l is a zip archive or Excel workbook, not txt; unpack it, or save the sheet as CSV UTF-8"
    );
    assert_eq!(
        txt(b"\xfd7zXZ\0"),
        "account list l is an xz file, not txt; pack it with gzip or zstd instead"
    );
    assert_eq!(
        txt(b"BZh91AY&SY"),
        "account list l is a bzip2 file, not txt; pack it with gzip or zstd instead"
    );
    assert_eq!(txt(&gzip(&zstd(b"a"))), "account list l is packed twice, not txt; pack it once");
    assert_eq!(
        refusal("l.parquet.gz", &gzip(&table), None, None),
        "account list l.parquet.gz is a gzip file, not parquet; unpack it first (Parquet compresses its own pages)"
    );
    assert_eq!(
        read_bytes("l.txt", b"PAR1_user\nBZh_user\n", None).names(),
        ["PAR1_user", "BZh_user"]
    );
}

#[test]
fn parquet_columns_that_cannot_hold_ids() {
    let columns: [(&str, ArrayRef); 5] = [
        ("float", Arc::new(Float64Array::from(vec![1.0]))),
        ("date", Arc::new(Date32Array::from(vec![1]))),
        ("decimal", Arc::new(Decimal128Array::from(vec![1]))),
        ("fixed", Arc::new(FixedSizeBinaryArray::try_from_iter([b"ab"].into_iter()).unwrap())),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]))),
    ];
    let bytes = parquet(&columns);
    let message = |column| refusal("l.parquet", &bytes, None, Some(column));
    let found = |column| {
        let message = message(column);
        let end = "; make it a string or integer column";
        let begin = format!("column \"{column}\" of account list l.parquet holds ");
        message
            .strip_prefix(&begin)
            .and_then(|rest| rest.strip_suffix(end))
            .expect(&message)
            .to_owned()
    };
    assert_eq!(found("float"), "DOUBLE");
    assert_eq!(found("date"), "INT32 (Date)");
    assert!(found("decimal").starts_with("FIXED_LEN_BYTE_ARRAY (Decimal"));
    assert_eq!(found("fixed"), "FIXED_LEN_BYTE_ARRAY");
    assert_eq!(found("list"), "a nested value");
    assert!(
        message("Date")
            .ends_with("it has float, date, decimal, fixed, list; did you mean \"date\"?")
    );
    let expected =
        "account list l.parquet has several columns (float, date, decimal, fixed, list); ";
    assert!(refusal("l.parquet", &bytes, None, None).starts_with(expected));
}

#[test]
fn a_report_that_cannot_be_written_ends_the_scan() {
    let file = File::new("l.txt", b"a\n@TLS#x\n");
    let list = file.open(None).unwrap();
    let error =
        list.scan(&mut |_| Err(std::io::Error::other("disk full")), &mut |_| {}).unwrap_err();
    assert!(matches!(error, ListError::Report { .. }));
    assert_eq!(file.message(&error), "cannot report an invalid account: disk full");
}
