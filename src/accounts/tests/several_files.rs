//! Lists that are a directory or a glob.

use std::fs;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::*;
use crate::accounts::duplicates::Budget;
use crate::util::hex::hex;

/// A directory of files, given by path and content.
struct Files {
    directory: TempDir,
}

impl Files {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let directory = TempDir::new().unwrap();
        let files = Self { directory }.with(files);
        fs::create_dir(files.path("spool")).unwrap();
        files
    }

    fn with(self, files: &[(&str, &[u8])]) -> Self {
        for (name, content) in files {
            fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
            fs::write(self.path(name), content).unwrap();
        }
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn open(&self, path: &str, column: Option<&str>) -> Result<AccountList, ListError> {
        let path = ListPath::File(self.path(path));
        let source = ListSource {
            path,
            format: None,
            column: column.map(str::to_owned),
            duplicates: DuplicateRemoval::Exact,
            memory_bytes: ListSource::DEFAULT_MEMORY_BYTES,
        };
        AccountList::open(&source, &self.path("spool"))
    }

    /// The message of the error with which the list cannot be opened or read.
    fn refusal(&self, path: &str, column: Option<&str>) -> String {
        let error = self.open(path, column).and_then(|list| read(&list)).unwrap_err();
        self.relative(&error)
    }

    fn relative(&self, text: &impl std::fmt::Display) -> String {
        text.to_string().replace(&format!("{}/", self.directory.path().display()), "")
    }
}

fn scan(list: &AccountList) -> Result<Scan, ListError> {
    list.scan(&mut |_| Ok(()), &mut |_| {})
}

fn ids(ids: &[&str]) -> Vec<u8> {
    parquet(&[("id", Arc::new(arrow_array::StringArray::from(ids.to_vec())))])
}

#[test]
fn files_are_read_in_order_and_lines_counted_through_all() {
    let files = Files::new(&[
        ("d/dt=2/part-0.csv", b"id,n\nd,1\na,2"),
        ("d/dt=1/part-1.csv.gz", &gzip(b"n,id\n1,b\n\n2,@TLS#x\n3,c\n")),
        ("d/dt=1/part-0.csv", b"id\na\n"),
        ("d/dt=1/part-2.csv", b""),
        ("d/dt=3/part-0.csv.zst", &zstd(b"id\n")),
        ("d/dt=4/part-0.csv", b"id\n\"e\n\"\nf\n"),
        ("d/_SUCCESS", b""),
        ("d/dt=1/.part-0.csv.crc", b"crc"),
    ]);
    let list = files.open("d", Some("id")).unwrap();
    assert_eq!(list.files(), 6);
    let found = read(&list).unwrap();
    let expected = [("a", 2), ("b", 4), ("c", 7), ("d", 9), ("e\n", 13), ("f", 15)];
    assert_eq!(found.accounts, expected.map(|(name, line)| (name.to_owned(), line)));
    assert_eq!(found.duplicates, 1);
    let invalid = scan(&list).unwrap().first_invalid.unwrap();
    assert_eq!(invalid.line, 6);
    assert_eq!(files.relative(&invalid.place), "line 4 of d/dt=1/part-1.csv.gz");
    let first = list.first_accounts(4, &mut |_| {}).unwrap();
    assert_eq!(files.relative(&first[3].1), "line 2 of d/dt=2/part-0.csv");
    assert_eq!(first[3].0.line, 9);
}

#[test]
fn every_format_is_read_from_several_files() {
    for (files, column) in [
        ([("d/1.txt", b"a\nb".to_vec()), ("d/2.txt", b"c\na\n".to_vec())], None),
        ([("d/1.tsv", b"id\na\nb".to_vec()), ("d/2.tsv", b"id\nc\na".to_vec())], None),
        (
            [
                ("d/1.ndjson", b"{\"id\":\"a\"}\n{\"id\":\"b\"}".to_vec()),
                ("d/2.jsonl.gz", gzip(b"{\"id\":\"c\"}\n{\"id\":\"a\"}")),
            ],
            Some("id"),
        ),
        ([("d/1.parquet", ids(&["a", "b"])), ("d/2.parquet", ids(&["c", "a"]))], Some("id")),
    ] {
        let files =
            Files::new(&files.each_ref().map(|(name, content)| (*name, content.as_slice())));
        for path in ["d", "d/*", "d/?.*", "*/[12].*", "**/*"] {
            let found = read(&files.open(path, column).unwrap()).unwrap();
            assert_eq!((found.names(), found.duplicates), (vec!["a", "b", "c"], 1), "{path}");
        }
    }
}

#[test]
fn the_digest_is_that_of_the_digests_of_the_files() {
    let files = Files::new(&[("a/1.txt", b"a\n"), ("a/2.txt", b"b\n"), ("one/x.txt", b"a\nb\n")])
        .with(&[
            ("b/x/7.txt", b"a\n"),
            ("b/x/8.txt", b"b\n"),
            ("c/1.txt", b"a\nb"),
            ("c/2.txt", b"\n"),
        ]);
    let digest = |path: &str| scan(&files.open(path, None).unwrap()).unwrap().sha256;
    let lines = [b"a\n", b"b\n"].map(|content| hex(&Sha256::digest(content)) + "\n");
    assert_eq!(digest("a"), hex(&Sha256::digest(lines.concat())));
    // Names do not matter; where files end does.
    assert_eq!(digest("a"), digest("b"));
    assert_eq!(digest("a"), digest("a/*.txt"));
    assert_ne!(digest("one"), digest("a"));
    assert_ne!(digest("c"), digest("a"));
    assert_eq!(digest("one/x.txt"), hex(&Sha256::digest(b"a\nb\n")));
}

#[test]
fn a_change_between_the_passes_is_noticed() {
    type Change = fn(&Files);
    let changes: [Change; 5] = [
        |files| fs::write(files.path("d/1.txt"), "x\n").unwrap(),
        |files| fs::write(files.path("d/3.txt"), "c\n").unwrap(),
        |files| fs::remove_file(files.path("d/2.txt")).unwrap(),
        |files| fs::rename(files.path("d/2.txt"), files.path("d/0.txt")).unwrap(),
        |files| {
            fs::write(files.path("spool/new"), "c\n").unwrap();
            fs::rename(files.path("spool/new"), files.path("d/2.txt")).unwrap();
        },
    ];
    for change in changes {
        for path in ["d", "d/*.txt"] {
            let files = Files::new(&[("d/1.txt", b"a\n"), ("d/2.txt", b"b\n")]);
            let list = files.open(path, None).unwrap();
            let scan = scan(&list).unwrap();
            change(&files);
            let error = list.distinct(&scan).and_then(DistinctAccounts::count).unwrap_err();
            let expected = format!(
                "account list {path} changed while it was being read; when nothing writes to it, run again with the list as it was, or with --restart"
            );
            assert_eq!(files.relative(&error), expected);
        }
    }
    // A file that is not part of the list does not matter.
    let files = Files::new(&[("d/1.txt", b"a\n")]);
    let list = files.open("d/*.txt", None).unwrap();
    let scan = scan(&list).unwrap();
    let files = files.with(&[("d/_SUCCESS", b""), ("d/notes.md", b"")]);
    assert_eq!(list.distinct(&scan).unwrap().count().unwrap(), 1);
    drop(files);
}

#[test]
fn many_duplicates_across_files_are_found() {
    let content: Vec<String> =
        (0..20).map(|file| (0..60).map(|n| format!("u{}\n", file * 30 + n)).collect()).collect();
    let names: Vec<String> = (0..20).map(|file| format!("d/{file:02}.txt")).collect();
    let files: Vec<(&str, &[u8])> =
        names.iter().zip(&content).map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let files = Files::new(&files);
    let mut list = files.open("d", None).unwrap();
    let exact = read(&list).unwrap();
    assert_eq!((exact.accounts.len(), exact.duplicates), (630, 570));
    list.set_budget(Budget {
        candidates: 3,
        marks: 64,
        accounts_in_partition: 50,
        ..Budget::new(1 << 30)
    });
    list.set_estimated_accounts(1);
    assert_eq!(read(&list).unwrap(), exact);
    assert_eq!(files_in(&files.path("spool")), 0);
}

#[test]
fn the_length_is_estimated_from_all_files() {
    let files = Files::new(&[
        ("d/0.txt", b""),
        ("d/1.txt", &b"user\n".repeat(1_000)),
        ("d/2.txt", &b"user\n".repeat(3_000)),
    ]);
    let estimate = files.open("d", None).unwrap().estimated_accounts();
    assert!((4_000..4_100).contains(&estimate), "{estimate}");
}

#[test]
fn refusals_name_the_file() {
    let files = Files::new(&[
        ("mixed/a.csv", b"id\na\n"),
        ("mixed/b.txt", b"b\n"),
        ("unknown/a.csv", b"id\na\n"),
        ("unknown/readme", b"b\n"),
        ("columns/1.csv", b"id,n\na,1\n"),
        ("columns/2.csv", b"uid,n\nb,1\n"),
        ("headerless/1.csv", b"id\na\n"),
        ("headerless/2.csv", b"b\nc\n"),
        ("quote/1.csv", b"id\na\n"),
        ("quote/2.csv", b"id\nb\n\"c\n"),
        ("parquet/1.csv", b"id\na\n"),
        ("parquet/2.csv", &ids(&["a"])),
        ("damaged/1.txt", b"a\n"),
        ("damaged/2.txt.gz", &gzip(&b"user\n".repeat(9_000))[..50]),
        ("txt/1.txt", b"a\n"),
        ("json/1.ndjson", b"{\"id\":1}"),
        ("empty/_SUCCESS", b""),
    ]);
    let id = Some("id");
    insta::assert_snapshot!([
        files.refusal("mixed", id),
        files.refusal("unknown", id),
        files.refusal("columns", id),
        files.refusal("headerless/*.csv", None),
        files.refusal("quote", id),
        files.refusal("parquet", id),
        files.refusal("damaged", None),
        files.refusal("txt", id),
        files.refusal("json", None),
        files.refusal("empty", id),
        files.refusal("quote/*.tsv", id),
        files.refusal("quote/[.csv", id),
    ].join("\n"), @r#"
    account list mixed has files of several formats (mixed/a.csv is csv, mixed/b.txt is txt); set `accounts.path` to a glob of one format, such as *.csv
    account list unknown has a file whose name does not show a format, unknown/readme; set `accounts.format` to csv, tsv, txt, ndjson or parquet, or `accounts.path` to a glob that leaves it out, such as *.csv
    account list columns/2.csv has no column "id", which columns/1.csv has; it has uid, n; give every file of the list the same column, and a header line if it is csv or tsv
    account list headerless/2.csv has no column "id", which headerless/1.csv has; it has b; give every file of the list the same column, and a header line if it is csv or tsv
    line 3 of account list quote/2.csv: the record that starts here has a quote that is never closed; close or double it
    account list parquet/2.csv is a Parquet file, not csv; set `accounts.format` to parquet
    account list damaged/2.txt.gz is a truncated gzip file: it ends within the compressed data; copy it again, or regenerate it
    account list txt is txt, which has no columns; remove `accounts.column`
    account list json/1.ndjson is ndjson; name the key that holds the account in `accounts.column`
    account list empty is a directory without a data file (names that start with _ or . are skipped); correct `accounts.path`
    no file matches account list quote/*.tsv (names that start with _ or . are skipped); correct `accounts.path`
    account list quote/[.csv is not a valid glob: invalid range pattern; correct `accounts.path`
    "#);
}

#[test]
fn records_equal_to_the_header_are_skipped_and_counted() {
    let file = ListOnDisk::new(
        "l.csv",
        b"id,n\na,1\nid,n\nid,x\n\"id\",\"n\"\r\n\xef\xbb\xbfid,n\n\xef\xbb\xbfid,n\r\n\xef\xbb\xbf\"id\",n\nid\nb,2\nid,n",
    );
    let list = file.open(Some("id")).unwrap();
    assert_eq!(read(&list).unwrap().names(), ["a", "id", "b"]);
    let warnings: Vec<String> =
        scan(&list).unwrap().warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["records that repeat the header were skipped: 6 (the first on line 3)"]);
    // The header of each file of a directory does not repeat anything.
    let files = Files::new(&[
        ("d/1.csv", b"id\na\n"),
        ("d/2.csv", b"id\nb\nid\n"),
        ("d/3.csv", b"id\nid\nc\n"),
    ]);
    let list = files.open("d", None).unwrap();
    assert_eq!(read(&list).unwrap().names(), ["a", "b", "c"]);
    let warnings = scan(&list).unwrap().warnings;
    assert_eq!((warnings.len(), warnings[0].records), (1, 2));
    assert_eq!(files.relative(&warnings[0].first), "line 3 of d/2.csv");
}

#[test]
fn byte_order_marks_before_ndjson_records_are_skipped_and_counted() {
    let files = Files::new(&[
        ("d/1.ndjson", "\u{feff}{\"id\":\"a\"}\n\u{feff}{\"id\":\"b\"}\n\u{feff}\n".as_bytes()),
        ("d/2.ndjson", "\u{feff}{\"id\":\"c\"}\r\u{feff} {\"id\":\"\u{feff}d\"}\r".as_bytes()),
    ]);
    let list = files.open("d", Some("id")).unwrap();
    assert_eq!(read(&list).unwrap().names(), ["a", "b", "c", "\u{feff}d"]);
    let warnings: Vec<String> =
        scan(&list).unwrap().warnings.iter().map(|warning| files.relative(warning)).collect();
    insta::assert_snapshot!(warnings.join("\n"), @r"
    the account list has accounts with a byte order mark (U+FEFF): 1 (the first on line 2 of d/2.ndjson)
    byte order marks (U+FEFF) before records were skipped: 3 (the first on line 2 of d/1.ndjson)
    ");
}

#[test]
fn unlikely_accounts_are_kept_and_counted_with_their_first_place() {
    let files = Files::new(&[
        ("d/1.csv", "id\na\n\\N\nb\u{200b}\n\u{feff}c\n".as_bytes()),
        ("d/2.csv", "id\n\\N\nd \ne\u{a0}\nf\u{200b} \n".as_bytes()),
    ]);
    let list = files.open("d", None).unwrap();
    let names = ["a", r"\N", "b\u{200b}", "\u{feff}c", "d ", "e\u{a0}", "f\u{200b} "];
    assert_eq!(read(&list).unwrap().names(), names);
    let warnings: Vec<String> =
        scan(&list).unwrap().warnings.iter().map(|warning| files.relative(warning)).collect();
    insta::assert_snapshot!(warnings.join("\n"), @r"
    the account list has accounts that are \N, the NULL of database exports: 2 (the first on line 3 of d/1.csv)
    the account list has accounts with an invisible character, such as U+200B: 2 (the first on line 4 of d/1.csv)
    the account list has accounts with a byte order mark (U+FEFF): 1 (the first on line 5 of d/1.csv)
    the account list has accounts that start or end with a blank: 2 (the first on line 3 of d/2.csv)
    the account list has accounts with a no-break space, such as U+00A0: 1 (the first on line 4 of d/2.csv)
    ");
}
