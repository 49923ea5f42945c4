//! Reading only the first accounts of a list.

use super::*;

fn first(list: &AccountList, count: usize) -> (Vec<(String, u64)>, Vec<u64>) {
    let mut invalid = Vec::new();
    let accounts = list.first_accounts(count, &mut |one| invalid.push(one.line)).unwrap();
    let accounts = accounts.iter().map(|(one, _)| (one.name.to_string(), one.line)).collect();
    (accounts, invalid)
}

#[test]
fn repeats_and_invalid_records_are_skipped_and_the_invalid_ones_reported() {
    let file = ListOnDisk::new(
        "list.txt",
        format!("a\na\n{}\n\nb\na\nc\n@TLS#x\n", "x".repeat(33)).as_bytes(),
    );
    let list = file.open(None).unwrap();
    let named = |name: &str, line| (name.to_owned(), line);
    assert_eq!(first(&list, 2), (vec![named("a", 1), named("b", 5)], vec![3]));
    let all = (vec![named("a", 1), named("b", 5), named("c", 7)], vec![3, 8]);
    assert_eq!(first(&list, 4), all);
    assert_eq!(first(&list, 0), (Vec::new(), Vec::new()));
}

#[test]
fn first_accounts_match_a_complete_read() {
    let lines: Vec<String> = (0..5_000u32).map(|n| format!("u{}\n", n * n % 2_003)).collect();
    let file = ListOnDisk::new("list.txt", lines.concat().as_bytes());
    let list = file.open(None).unwrap();
    let whole = read(&list).unwrap().accounts;
    for count in [1, 20, 100, 1_000] {
        assert_eq!(first(&list, count).0, whole[..count], "{count}");
    }
}
