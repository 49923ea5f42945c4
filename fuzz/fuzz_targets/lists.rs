//! Reads arbitrary bytes as an account list of each format. Nothing panics, and both passes count the same entries.

#![no_main]

use std::fs;

use im_profiles::internals::{AccountList, DuplicateRemoval, ListFormat, ListPath, ListSource};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    let (format, column) = match kind % 5 {
        0 => (ListFormat::Csv, Some("account")),
        1 => (ListFormat::Txt, None),
        2 => (ListFormat::Ndjson, Some("account")),
        3 => (ListFormat::Tsv, Some("account")),
        _ => (ListFormat::Parquet, Some("account")),
    };
    let Ok(directory) = tempfile::tempdir() else { return };
    let path = directory.path().join("list");
    if fs::write(&path, bytes).is_err() {
        return;
    }
    let source = ListSource {
        path: ListPath::File(path),
        format: Some(format),
        column: column.map(str::to_owned),
        duplicates: DuplicateRemoval::Exact, memory_bytes: ListSource::DEFAULT_MEMORY_BYTES,
    };
    let Ok(list) = AccountList::open(&source, directory.path()) else { return };
    let Ok(scan) = list.scan(&mut |_| Ok(()), &mut |_| {}) else { return };
    let Ok(mut accounts) = list.distinct(&scan) else { return };
    let mut distinct = 0;
    while let Ok(Some(_)) = accounts.next_account() {
        distinct += 1;
    }
    assert_eq!(distinct + accounts.duplicates(), scan.valid);
});
