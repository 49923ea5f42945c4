//! Which duplicates each mode removes.

use super::*;

const LIST: &str = "a\na\n\n@TLS#x\na\nb\nA\na\na\n";

fn read_with(duplicates: DuplicateRemoval) -> ReadResult {
    read(&ListOnDisk::new("l.txt", LIST.as_bytes()).open_with(duplicates)).unwrap()
}

#[test]
fn exact_removes_every_repeat() {
    let found = read_with(DuplicateRemoval::Exact);
    assert_eq!((found.names(), found.duplicates), (vec!["a", "b", "A"], 4));
}

/// Blank lines and invalid records between two accounts do not separate them.
#[test]
fn adjacent_removes_repeats_of_the_valid_account_before() {
    let found = read_with(DuplicateRemoval::Adjacent);
    assert_eq!((found.names(), found.duplicates), (vec!["a", "b", "A", "a"], 3));
    assert_eq!(found.accounts.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [1, 6, 7, 8]);
}

#[test]
fn none_keeps_every_valid_record() {
    let found = read_with(DuplicateRemoval::None);
    assert_eq!((found.names(), found.duplicates), (vec!["a", "a", "a", "b", "A", "a", "a"], 0));
}

#[test]
fn adjacent_repeats_are_found_across_files() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("1.txt"), "a\nb\n").unwrap();
    std::fs::write(directory.path().join("2.txt"), "b\na\n").unwrap();
    let source = ListSource {
        path: ListPath::File(directory.path().to_owned()),
        format: None,
        column: None,
        duplicates: DuplicateRemoval::Adjacent,
    };
    let found = read(&AccountList::open(&source, directory.path()).unwrap()).unwrap();
    assert_eq!((found.names(), found.duplicates), (vec!["a", "b", "a"], 1));
}

#[test]
fn the_number_of_requests_is_known_after_one_pass_without_exact_removal() {
    for (duplicates, requested) in [(DuplicateRemoval::Adjacent, 4), (DuplicateRemoval::None, 7)] {
        let list = ListOnDisk::new("l.txt", LIST.as_bytes()).open_with(duplicates);
        let scan = list.scan(&mut |_| Ok(()), &mut |_| {}).unwrap();
        assert_eq!((scan.valid, scan.requested_at_least), (7, requested));
    }
}

#[test]
fn a_preview_has_the_first_accounts_of_an_export() {
    for duplicates in [DuplicateRemoval::Exact, DuplicateRemoval::Adjacent, DuplicateRemoval::None]
    {
        let list = ListOnDisk::new("l.txt", LIST.as_bytes()).open_with(duplicates);
        let first = list.first_accounts(usize::MAX, &mut |_| {}).unwrap();
        let first: Vec<_> = first.iter().map(|(it, _)| (it.name.to_string(), it.line)).collect();
        assert_eq!(first, read(&list).unwrap().accounts);
    }
}
