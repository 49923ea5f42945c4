//! Lists that are refused, with the exact messages.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};

use super::*;

pub fn refusal(
    name: &str,
    bytes: &[u8],
    format: Option<ListFormat>,
    column: Option<&str>,
) -> String {
    let file = ListOnDisk::new(name, bytes);
    let result = AccountList::open(&file.source(format, column), file.directory.path())
        .and_then(|list| read(&list));
    file.message(&result.unwrap_err())
}

#[test]
fn missing_lists_and_special_files() {
    let file = ListOnDisk::new("l.txt", b"");
    let mut source = file.source(None, None);
    let mut open = |path: &str| {
        source.path = ListPath::File(file.directory.path().join(path));
        file.message(&AccountList::open(&source, file.directory.path()).unwrap_err())
    };
    assert_eq!(open("gone.csv"), "account list gone.csv does not exist; correct `accounts.path`");
    assert_eq!(
        open("/dev/null"),
        "account list /dev/null is a pipe or a device, which cannot be read twice; pipe it in with path = \"-\""
    );
    assert!(
        open("l.txt/x.csv")
            .starts_with("cannot open account list l.txt/x.csv; correct `accounts.path`: ")
    );
}

#[test]
fn unknown_formats() {
    let expected = "the format of account list l.lst cannot be derived from its name; \
                    set `accounts.format` to csv, tsv, txt, ndjson or parquet";
    assert_eq!(refusal("l.lst", b"a\n", None, None), expected);
    let path = ListPath::Stdin;
    let source = ListSource {
        path,
        format: None,
        column: None,
        duplicates: DuplicateRemoval::Exact,
        memory_bytes: ListSource::DEFAULT_MEMORY_BYTES,
    };
    let error = AccountList::open(&source, Path::new("/nowhere")).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the format of account list standard input cannot be derived")
    );
}

#[test]
fn missing_and_ambiguous_columns() {
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
        csv(b"id\tname\na\tb\n", Some("id")),
        "account list l.csv is not separated by commas (its first line is \"id\\tname\"); set `accounts.format` to tsv"
    );
    let tsv = |bytes: &[u8]| refusal("l.tsv", bytes, None, Some("id"));
    assert_eq!(
        tsv(b"id,name\na,b\n"),
        "account list l.tsv is not separated by tabs (its first line is \"id,name\"); set `accounts.format` to csv"
    );
    assert_eq!(
        tsv(b"id;name\na;b\n"),
        "account list l.tsv is not separated by tabs (its first line is \"id;name\"); export it with tabs"
    );
    assert_eq!(
        csv(b"\r\n", Some("id")),
        "account list l.csv is empty, but a csv or tsv list starts with a line of column names; \
         set `accounts.format` to txt if it has no such line"
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
fn unterminated_csv_records() {
    assert_eq!(
        refusal("l.csv", b"id,n\na,1\n\nb,\"open\nc,3\n", None, Some("id")),
        "line 4 of account list l.csv: the record that starts here has a quote that is never closed; close or double it"
    );
    let expected = "line 3 of account list l.csv: the record that starts here is longer than 1 MiB; \
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
    let (g, z) = (gzip(&content), zstd(&content));
    for (compression, bytes) in [
        ("gzip", cut(g.clone())),
        ("gzip", cut(gzip(b"a\n"))),
        ("gzip", gzip(b"")[..3].to_vec()),
        ("gzip", gzip(b"")[..2].to_vec()),
        ("gzip", [gzip(b"a\n"), g[..g.len() / 2].to_vec()].concat()),
        ("gzip", [gzip(b"a\n"), g[..2].to_vec()].concat()),
        ("zstd", cut(z.clone())),
        ("zstd", cut(zstd(b"a\n"))),
        ("zstd", zstd(b"")[..5].to_vec()),
        ("zstd", [zstd(b"a\n"), z[..z.len() / 2].to_vec()].concat()),
    ] {
        assert_eq!(
            refusal("l.txt", &bytes, None, None),
            format!(
                "account list l.txt is a truncated {compression} file: it ends within the compressed data; \
                 copy it again, or regenerate it"
            )
        );
    }
    for (compression, mut bytes) in [("gzip", g.clone()), ("zstd", z.clone())] {
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0xff);
        let message = refusal("l.txt", &bytes, None, None);
        let damage = format!(
            "account list l.txt is a damaged {compression} file; copy it again, or regenerate it: "
        );
        assert!(message.starts_with(&damage), "{message}");
    }
    let parquet_damage =
        "account list l.parquet is not a valid Parquet file; copy it again, or regenerate it: ";
    let valid = parquet(&[("id", Arc::new(StringArray::from(vec!["a", "b"])))]);
    for bytes in [b"".as_slice(), b"id\na\n", &valid[..valid.len() - 1], &valid[40..]] {
        let message = refusal("l.parquet", bytes, None, None);
        assert!(message.starts_with(parquet_damage), "{message}");
    }
}

#[test]
fn bytes_after_compressed_data() {
    for (compression, list) in [("gzip", gzip(b"a\n")), ("zstd", zstd(b"a\n"))] {
        let end = list.len();
        for (rest, position) in [
            (b"trailing".to_vec(), end),
            ([vec![0; 1000], b"x\n".to_vec()].concat(), end + 1000),
            // Bytes of the other compression.
            (if compression == "gzip" { zstd(b"b\n") } else { gzip(b"b\n") }, end),
        ] {
            let bytes = [list.clone(), rest].concat();
            let left = bytes.len() - position;
            assert_eq!(
                refusal("l.txt", &bytes, None, None),
                format!(
                    "account list l.txt has {left} bytes after its {compression} data that are neither \
                     {compression} nor zeros; compress the whole list again, or remove them: \
                     head -c {position} OLD > NEW"
                )
            );
        }
    }
}

#[test]
fn zstd_frames_with_needs_beyond_the_limits() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(28).unwrap();
    encoder.write_all(b"u1\n").unwrap();
    let long = encoder.finish().unwrap();
    let expected = "account list l.txt needs a window of 256.00 MiB to decompress, and the limit is 128.00 MiB; \
                    compress it without --long: zstd -dc --long=31 OLD | zstd > NEW";
    assert_eq!(refusal("l.txt", &long, None, None), expected);
    // A later frame.
    assert_eq!(refusal("l.txt", &[zstd(b"a\n"), long].concat(), None, None), expected);
    let mut largest = zstd::Encoder::new(Vec::new(), 1).unwrap();
    largest.window_log(27).unwrap();
    largest.write_all(b"u1\n").unwrap();
    assert_eq!(read_bytes("l.txt", &largest.finish().unwrap(), None).names(), ["u1"]);
    let dictionary = b"\x28\xb5\x2f\xfd\x01\x00\x07rest";
    assert_eq!(
        refusal("l.txt", dictionary, None, None),
        "account list l.txt is compressed with a zstd dictionary (id 7); compress it without one: \
         zstd -dc -D DICTIONARY OLD | zstd > NEW"
    );
}

#[test]
fn content_in_another_known_format() {
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["a"]));
    let table = parquet(&[("id", ids)]);
    let txt = |bytes: &[u8]| refusal("l", bytes, Some(ListFormat::Txt), None);
    assert_eq!(
        txt(&table),
        "account list l is a Parquet file, not txt; set `accounts.format` to parquet"
    );
    assert_eq!(
        txt(b"\xff\xfea\0\n\0"),
        "account list l is text in UTF-16LE, not UTF-8; convert it: iconv -f UTF-16LE -t UTF-8 OLD > NEW"
    );
    assert_eq!(
        txt(b"PK\x03\x04rest"),
        "account list l is a zip archive or Excel workbook, not txt; extract it, or save the sheet as CSV UTF-8"
    );
    assert_eq!(
        txt(b"\xfd7zXZ\0"),
        "account list l is an xz file, not txt; compress it with gzip or zstd instead"
    );
    assert_eq!(
        txt(b"BZh91AY&SY"),
        "account list l is a bzip2 file, not txt; compress it with gzip or zstd instead"
    );
    assert_eq!(
        txt(&gzip(&zstd(b"a"))),
        "account list l is compressed twice, not txt; compress it only once"
    );
    assert_eq!(
        refusal("l.parquet.gz", &gzip(&table), None, None),
        "account list l.parquet.gz is a gzip file, not parquet; decompress it first (Parquet compresses its own pages)"
    );
    assert_eq!(
        read_bytes("l.txt", b"PAR1_user\nBZh_user\n", None).names(),
        ["PAR1_user", "BZh_user"]
    );
}

#[test]
fn utf16_and_utf32_in_every_text_format_compressed_or_not() {
    fn wide(text: &str, name: &str) -> Vec<u8> {
        let little: Vec<u8> = match name {
            "UTF-16LE" | "UTF-16BE" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
        };
        let unit_bytes = if name.starts_with("UTF-16") { 2 } else { 4 };
        match name.ends_with("BE") {
            true => little.chunks(unit_bytes).flat_map(|unit| unit.iter().rev()).copied().collect(),
            false => little,
        }
    }
    for name in ["UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"] {
        for (format, text) in [
            (ListFormat::Csv, "id,name\r\nu1,\u{5f20}\r\n\u{7528}\u{6237},x\r\n"),
            (ListFormat::Txt, "\u{7528}\u{6237}\n\u{5f20}\u{4e09}\n"),
            (ListFormat::Ndjson, "{\"id\":\"u1\"}\n"),
        ] {
            for mark in ["", "\u{feff}"] {
                let bytes = wide(&format!("{mark}{text}"), name);
                let expected = format!(
                    "account list l is text in {name}, not UTF-8; convert it: iconv -f {name} -t UTF-8 OLD > NEW"
                );
                let column = (format != ListFormat::Txt).then_some("id");
                assert_eq!(refusal("l", &bytes, Some(format), column), expected, "{format:?}");
                assert_eq!(refusal("l", &gzip(&bytes), Some(format), column), expected);
            }
        }
    }
}

/// \u{7528}\u{6237}_ and a number, in GBK.
fn gbk_ids(count: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(|n| [b"\xd3\xc3\xbb\xa7_".as_slice(), n.to_string().as_bytes()].concat())
}

#[test]
fn a_list_mostly_in_another_encoding() {
    let gbk = gbk_ids(100).collect::<Vec<_>>().join(b"\n".as_slice());
    let expected = "most accounts in account list l are not UTF-8; they look like GBK or GB18030, \
                    so convert the list: iconv -f GB18030 -t UTF-8 OLD > NEW";
    assert_eq!(refusal("l", &gbk, Some(ListFormat::Txt), None), expected);
    let csv = [
        b"n,id\n".as_slice(),
        &gbk_ids(9).map(|id| [b"7,", &*id, b"\n"].concat()).collect::<Vec<_>>().concat(),
    ]
    .concat();
    assert_eq!(refusal("l", &csv, Some(ListFormat::Csv), Some("id")), expected);
    let ndjson =
        gbk_ids(9).map(|id| [b"{\"id\":\"", &*id, b"\"}\n"].concat()).collect::<Vec<_>>().concat();
    assert_eq!(refusal("l", &ndjson, Some(ListFormat::Ndjson), Some("id")), expected);
    // The name of the column cannot be compared either.
    let header = b"\xd5\xcb\xba\xc5,n\nu1,1\n";
    assert_eq!(refusal("l", header, Some(ListFormat::Csv), Some("\u{8d26}\u{53f7}")), expected);
    let unknown = refusal("l", b"\xff\xff\xff\n\xfe\xff\n", Some(ListFormat::Txt), None);
    assert_eq!(unknown, "most accounts in account list l are not UTF-8; export the list as UTF-8");
}

#[test]
fn a_few_accounts_or_another_column_in_another_encoding_do_not_matter() {
    let ids = gbk_ids(3).chain((0..9).map(|n| format!("u{n}").into_bytes())).collect::<Vec<_>>();
    let found = read_bytes("l.txt", &ids.join(b"\n".as_slice()), None);
    assert_eq!((found.accounts.len(), found.invalid.len()), (9, 3));
    assert!(found.invalid.iter().all(|(_, _, reason)| *reason == InvalidReason::NotUtf8));
    let rows = gbk_ids(20)
        .enumerate()
        .map(|(n, name)| [&*name, b",u", n.to_string().as_bytes(), b"\n"].concat());
    let csv = [b"\xd0\xd5\xc3\xfb,id\n".to_vec(), rows.collect::<Vec<_>>().concat()].concat();
    let found = read_bytes("l.csv", &csv, Some("id"));
    assert_eq!((found.accounts.len(), found.invalid.len()), (20, 0));
}

#[test]
fn json_that_is_not_one_object_per_line() {
    let ndjson = |text: &str| refusal("l", text.as_bytes(), Some(ListFormat::Ndjson), Some("id"));
    for (text, expected) in [
        (
            "[{\"id\":1},{\"id\":2}]\n",
            "a JSON array, not ndjson; convert it with jq 1.7 or later: jq -c '.[]' OLD > NEW",
        ),
        (
            "{\n  \"id\": 1\n}\n{\n  \"id\": 2\n}\n",
            "pretty-printed JSON (an object over several lines), not ndjson; \
             convert it with jq 1.7 or later: jq -c '.' OLD > NEW",
        ),
        (
            "{\"id\":1},\n{\"id\":2},\n",
            "objects with a comma after each, not ndjson; \
             convert it with jq 1.7 or later: sed 's/,[[:space:]]*$//' OLD | jq -c '.' > NEW",
        ),
        (
            "{\"id\":1}{\"id\":2}\n",
            "JSON with several objects on a line, not ndjson; \
             convert it with jq 1.7 or later: jq -c '.' OLD > NEW",
        ),
        (
            "id\nu1\nu2\n",
            "text without a JSON object on any line, not ndjson; \
             correct `accounts.format` (csv, tsv, txt, ndjson or parquet)",
        ),
    ] {
        assert_eq!(ndjson(text), format!("account list l is {expected}"), "{text}");
        let with_cr = text.replace('\n', "\r");
        assert_eq!(ndjson(&with_cr), format!("account list l is {expected}"), "{with_cr}");
    }
}

#[test]
fn a_report_that_cannot_be_written_ends_the_scan() {
    let file = ListOnDisk::new("l.txt", b"a\n@TLS#x\n");
    let list = file.open(None).unwrap();
    let error =
        list.scan(&mut |_| Err(std::io::Error::other("disk full")), &mut |_| {}).unwrap_err();
    assert!(matches!(error, ListError::Report { .. }));
    assert_eq!(file.message(&error), "cannot report an invalid account: disk full");
}
