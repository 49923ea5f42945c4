//! Both passes together: digest, changed lists, spooling, threads.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::*;
use crate::accounts::duplicates::Budget;
use crate::accounts::list_file::ListFile;

fn quiet_scan(list: &AccountList) -> Scan {
    list.scan(&mut |_| Ok(()), &mut |_| {}).unwrap()
}

fn drain(distinct: &mut DistinctAccounts) -> Result<u64, ListError> {
    let mut count = 0;
    while distinct.next_account()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[test]
fn the_digest_is_that_of_the_stored_bytes() {
    let ids: arrow_array::ArrayRef = Arc::new(arrow_array::Int64Array::from(vec![1, 2]));
    for (name, bytes) in [
        ("l.txt", b"\xef\xbb\xbfa\r\nb".to_vec()),
        ("l.csv.gz", [gzip(b"id\na\n"), gzip(&b"b\n".repeat(300_000))].concat()),
        ("l.txt.zst", zstd(b"a\n")),
        ("l.parquet", parquet(&[("id", ids)])),
    ] {
        let expected: String =
            Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let list = ListOnDisk::new(name, &bytes).open(None).unwrap();
        assert_eq!(quiet_scan(&list).sha256, expected, "{name}");
    }
}

#[test]
fn first_account_reads_no_further_than_needed() {
    let first = |bytes: &[u8]| ListOnDisk::new("l.txt", bytes).open(None).unwrap().first_account();
    let account = first(b"\n@TLS#x\nb\nc\n").unwrap().unwrap();
    assert_eq!((&*account.name, account.line), ("b", 3));
    assert!(first(b"@TLS#x\n").unwrap().is_none() && first(b"").unwrap().is_none());
    let cut = gzip(&b"user\n".repeat(3_000_000));
    let list = ListOnDisk::new("l.txt.gz", &cut[..cut.len() / 2]).open(None).unwrap();
    assert_eq!(&*list.first_account().unwrap().unwrap().name, "user");
}

#[test]
fn a_list_changed_between_the_passes_is_an_error() {
    for changed in ["a\nc\n", "a\nb\nc\n", "a\n"] {
        let file = ListOnDisk::new("l.txt", b"a\nb\n");
        let list = file.open(None).unwrap();
        let scan = quiet_scan(&list);
        std::fs::write(file.directory.path().join("l.txt"), changed).unwrap();
        let error = drain(&mut list.distinct(&scan).unwrap()).unwrap_err();
        assert_eq!(
            file.message(&error),
            "account list l.txt changed while it was being read; when nothing writes to it, run again with the list as it was, or with --restart"
        );
    }
}

/// So small that nearly every list has too many candidates, and several partitions.
fn tiny_budget() -> Budget {
    Budget { candidates: 3, marks: 64, accounts_in_partition: 50, ..Budget::new(1 << 30) }
}

#[test]
fn many_duplicates_are_found_exactly_and_leave_nothing_on_disk() {
    let every_one_twice: Vec<u64> = (0..600).chain(0..600).collect();
    let next_to_each_other: Vec<u64> = (0..1_200).map(|n| n / 2).collect();
    let all_the_same: Vec<u64> = vec![7; 1_200];
    let hardly_any: Vec<u64> = (0..1_195).chain([3, 700, 3, 9, 1_194]).collect();
    let backwards: Vec<u64> = (0..600).chain((0..600).rev()).collect();
    for numbers in [every_one_twice, next_to_each_other, all_the_same, hardly_any, backwards] {
        let mut lines: Vec<String> = numbers.iter().map(|n| format!("u{n}\n")).collect();
        lines.insert(5, "@TLS#x\n".to_owned());
        let file = ListOnDisk::new("l.txt", lines.concat().as_bytes());
        let exact = read(&file.open(None).unwrap()).unwrap();
        let mut list = file.open(None).unwrap();
        list.set_budget(tiny_budget());
        list.set_estimated_accounts(1);
        assert_eq!(read(&list).unwrap(), exact);
        // A scan may be followed by any number of second passes.
        let scan = quiet_scan(&list);
        let counts = [0; 2].map(|_| drain(&mut list.distinct(&scan).unwrap()).unwrap());
        assert_eq!(counts, [exact.accounts.len() as u64; 2]);
        assert_eq!(files_in(file.directory.path()), 1);
    }
}

#[test]
fn a_changed_list_with_many_duplicates_is_an_error() {
    let file = ListOnDisk::new("l.txt", &b"a\nb\nc\nd\ne\n".repeat(2));
    let mut list = file.open(None).unwrap();
    list.set_budget(tiny_budget());
    let is_changed = |result| matches!(result, Err(ListError::Changed { .. }));
    let scan = quiet_scan(&list);
    let longer = b"a\nb\nc\nd\ne\n".repeat(3);
    std::fs::write(file.directory.path().join("l.txt"), longer).unwrap();
    assert!(is_changed(drain(&mut list.distinct(&scan).unwrap())));
    // Between the first pass and the one that finds repeats.
    let mut is_first = true;
    let scan = list.scan(&mut |_| Ok(()), &mut |_| {
        if std::mem::take(&mut is_first) {
            std::fs::write(file.directory.path().join("l.txt"), b"a\nb\n").unwrap();
        }
    });
    assert!(is_changed(scan.map(|scan| scan.valid)));
}

#[test]
fn an_unwritable_directory_for_duplicates_is_named() {
    let file = ListOnDisk::new("l.txt", &b"a\nb\nc\nd\ne\n".repeat(2));
    let source = file.source(None, None);
    let mut list = AccountList::open(&source, Path::new("/nowhere/at/all")).unwrap();
    list.set_budget(tiny_budget());
    let error = list.scan(&mut |_| Ok(()), &mut |_| {}).unwrap_err();
    let expected = "cannot store the possible duplicates of account list l.txt in a temporary file in /nowhere/at/all; \
                    see that the path is right: ";
    assert!(file.message(&error).starts_with(expected), "{}", file.message(&error));
}

#[test]
fn a_list_replaced_by_a_rename_is_read_as_it_was() {
    let file = ListOnDisk::new("l.txt", b"a\nb\n");
    let list = file.open(None).unwrap();
    let scan = quiet_scan(&list);
    std::fs::write(file.directory.path().join("new"), "c\n").unwrap();
    std::fs::rename(file.directory.path().join("new"), file.directory.path().join("l.txt"))
        .unwrap();
    assert_eq!(drain(&mut list.distinct(&scan).unwrap()).unwrap(), 2);
}

#[test]
fn standard_input_is_spooled_to_a_file_without_a_name() {
    struct Interrupted<'a>(&'a [u8], bool);
    impl Read for Interrupted<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { self.0.read(buffer) }
        }
    }
    let directory = TempDir::new().unwrap();
    let content = gzip(&b"a\nb\na\n".repeat(100_000));
    let spool = || ListFile::spool(&mut Interrupted(&content, false), directory.path()).unwrap();
    let (file, other) = (spool(), spool());
    assert_eq!(files_in(directory.path()), 0);
    for file in [file, other] {
        let source = ListSource {
            path: ListPath::Stdin,
            format: None,
            column: None,
            duplicates: DuplicateRemoval::Exact,
            memory_bytes: ListSource::DEFAULT_MEMORY_BYTES,
        };
        let list =
            AccountList::from_file(file, ListFormat::Txt, &source, directory.path()).unwrap();
        let found = read(&list).unwrap();
        assert_eq!((found.names(), found.duplicates), (vec!["a", "b"], 299_998));
    }
}

#[test]
fn an_unwritable_spool_directory_is_named() {
    let error = ListFile::spool(&mut b"a\n".as_slice(), Path::new("/nowhere/at/all")).unwrap_err();
    let expected =
        "cannot spool standard input to a file in /nowhere/at/all; see that the path is right";
    assert_eq!(error.to_string(), expected);
    let directory = TempDir::new().unwrap();
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let error = ListFile::spool(&mut Broken, directory.path()).unwrap_err();
    let expected =
        "cannot read standard input; check the command that writes to it, then run again";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn accounts_can_be_read_on_another_thread_after_the_list_is_dropped() {
    let mut distinct = {
        let list = ListOnDisk::new("l.ndjson", b"{\"id\":1}\n{\"id\":1}\n{\"id\":2}\n")
            .open(Some("id"))
            .unwrap();
        let scan = quiet_scan(&list);
        list.distinct(&scan).unwrap()
    };
    let count = std::thread::spawn(move || drain(&mut distinct)).join().unwrap().unwrap();
    assert_eq!(count, 2);
}

#[test]
fn the_length_of_a_list_is_estimated_from_its_start() {
    let content: Vec<u8> = (0..400_000).flat_map(|n| format!("user_{n}\n").into_bytes()).collect();
    let estimate =
        |bytes: &[u8]| ListOnDisk::new("l.txt", bytes).open(None).unwrap().estimated_accounts();
    assert!((400_000..450_000).contains(&estimate(&content)));
    // The compression ratio varies along the list.
    assert!((200_000..800_000).contains(&estimate(&gzip(&content))));
    assert!((200_000..800_000).contains(&estimate(&zstd(&content))));
    assert_eq!(estimate(b"a\nb\n"), 3);
}
