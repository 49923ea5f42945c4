//! Which duplicates each mode removes.

use std::collections::HashSet;

use super::*;
use crate::accounts::duplicates::{Budget, PROGRESS_INTERVAL};

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
        memory_bytes: ListSource::DEFAULT_MEMORY_BYTES,
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

/// What a list takes with this budget: its passes, counted by their first report of progress, and its distinct accounts.
fn passes_and_accounts(lines: &str, budget: Budget) -> (usize, u64) {
    let file = ListOnDisk::new("l.txt", lines.as_bytes());
    let mut list = file.open(None).unwrap();
    list.set_budget(budget);
    let mut passes = 0;
    let mut count = |records| passes += usize::from(records == PROGRESS_INTERVAL);
    let scan = list.scan(&mut |_| Ok(()), &mut count).unwrap();
    assert_eq!(files_in(file.directory.path()), 1);
    let mut distinct = list.distinct(&scan).unwrap();
    let mut expected = HashSet::new();
    for line in lines.lines().filter(|line| expected.insert(*line)) {
        assert_eq!(&*distinct.next_account().unwrap().unwrap().name, line);
    }
    assert_eq!(distinct.next_account().unwrap(), None);
    (passes, expected.len() as u64)
}

/// Lists from the best case to the worst, with memory for all of it down to memory for a tenth.
#[test]
fn a_list_takes_as_many_passes_as_its_budget_requires() {
    const ACCOUNTS: u64 = 100_000;
    let enough = Budget::new(1 << 30);
    // Filters for 30,000 accounts: four parts.
    let little = Budget {
        filter: 30_000 * 9 / 8 * 8 / 7,
        candidates: 1_000,
        accounts_in_partition: 5_000,
        open_pages: 20_000,
        ..enough
    };
    let tiny = Budget { candidates: 50, ..little };
    let list = |account_at: fn(u64) -> u64| -> String {
        (0..ACCOUNTS).map(|n| format!("u{}\n", account_at(n))).collect()
    };
    type AccountAt = fn(u64) -> u64;
    let cases: [(AccountAt, u64, [usize; 3]); 5] = [
        (|n| n, ACCOUNTS, [1, 5, 6]),
        (|_| 7, 1, [1, 5, 5]),
        (|n| n / 2, ACCOUNTS / 2, [1, 6, 6]),
        (|n| n % (ACCOUNTS / 2), ACCOUNTS / 2, [1, 6, 6]),
        (|n| if n % 10 < 3 { n / 20 * 10 + 5 } else { n }, ACCOUNTS / 10 * 7, [1, 6, 6]),
    ];
    for (account_at, distinct, passes) in cases {
        let lines = list(account_at);
        for (budget, passes) in [enough, little, tiny].into_iter().zip(passes) {
            assert_eq!(passes_and_accounts(&lines, budget), (passes, distinct), "{budget:?}");
        }
    }
}

/// Less than the list has: the first filter, its layers, and then the passes that need no estimate. How full the layers of a
/// far too small estimate become depends on the seed of the hashes: they may just suffice for the whole list.
#[test]
fn a_wrong_estimate_of_the_length_costs_a_pass() {
    let lines: String = (0..100_000).map(|n| format!("u{n}\n")).collect();
    for (estimate, filter_accounts, passes) in [
        (10, 200_000, 1..=1),
        (10, 60_000, 1..=3),
        (100_000, 60_000, 3..=3),
        (1_000_000, 200_000, 2..=2),
    ] {
        let file = ListOnDisk::new("l.txt", lines.as_bytes());
        let mut list = file.open(None).unwrap();
        list.set_estimated_accounts(estimate);
        // An eighth of it is for marks.
        let filter = filter_accounts * 9 / 8 * 8 / 7;
        list.set_budget(Budget { filter, ..Budget::new(1 << 30) });
        let mut found = 0;
        let mut count = |records| found += usize::from(records == PROGRESS_INTERVAL);
        let scan = list.scan(&mut |_| Ok(()), &mut count).unwrap();
        assert!(passes.contains(&found), "{found} passes for an estimate of {estimate}");
        assert_eq!(list.distinct(&scan).unwrap().count().unwrap(), 100_000);
    }
}
