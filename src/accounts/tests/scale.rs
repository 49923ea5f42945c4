//! The memory bound at full size, and the speed of reading a list:
//! `cargo test --release --lib accounts::tests::scale -- --ignored --nocapture --test-threads=1` (after `taskset -c 1` for
//! one core).

use std::io::BufWriter;
use std::time::Instant;

use super::*;

const DEFAULT: u64 = ListSource::DEFAULT_MEMORY_BYTES;
const LEAST: u64 = 32 << 20;

/// Since the last call of [`reset_peak`].
fn peak_resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn reset_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Reads a list of `accounts` records, record `n` with account number `account_at(n)`, and returns how many
/// accounts were distinct. `memory` is the limit of the process.
#[expect(clippy::print_stdout, reason = "figures for the person who runs it")]
fn distinct_within_bounds(
    name: &str,
    accounts: u64,
    memory: u64,
    account_at: impl Fn(u64) -> u64,
) -> u64 {
    let file = ListOnDisk::new("l.txt", b"");
    let mut writer =
        BufWriter::new(std::fs::File::create(file.directory.path().join("l.txt")).unwrap());
    (0..accounts).for_each(|n| {
        writeln!(writer, "u{:011}", account_at(n) * 7919 % 99_999_999_977).unwrap();
    });
    drop(writer);
    let rate = |started: Instant| accounts as f64 / started.elapsed().as_secs_f64() / 1e6;
    let source = ListSource { memory_bytes: memory, ..file.source(None, None) };
    reset_peak();
    let list = AccountList::open(&source, file.directory.path()).unwrap();
    let started = Instant::now();
    let scan = list.scan(&mut |_| Ok(()), &mut |_| {}).unwrap();
    let first_pass = rate(started);
    let started = Instant::now();
    let mut distinct = list.distinct(&scan).unwrap();
    let mut count = 0;
    while distinct.next_account().unwrap().is_some() {
        count += 1;
    }
    let second_pass = rate(started);
    assert_eq!((count + distinct.duplicates(), scan.valid), (accounts, accounts));
    let peak = peak_resident_kib();
    println!(
        "{name}: {first_pass:.1} and {second_pass:.1} million lines a second, {peak} KiB of {} MiB",
        memory >> 20
    );
    assert!(peak < memory / 1024, "{name}: {peak} KiB");
    count
}

#[test]
#[ignore = "writes 0.5 GB eight times and takes three minutes"]
fn forty_million_accounts_fit_in_any_budget_with_any_duplicates() {
    const ACCOUNTS: u64 = 40_000_000;
    for memory in [LEAST, DEFAULT] {
        let distinct = |name, account_at: fn(u64) -> u64| {
            distinct_within_bounds(name, ACCOUNTS, memory, account_at)
        };
        assert_eq!(distinct("all the same", |_| 7), 1);
        assert_eq!(distinct("every one twice, next to each other", |n| n / 2), ACCOUNTS / 2);
        assert_eq!(distinct("every one twice, far apart", |n| n % (ACCOUNTS / 2)), ACCOUNTS / 2);
        let three_in_ten_repeat = |n| if n % 10 < 3 { n / 20 * 10 + 5 } else { n };
        assert_eq!(distinct("three in ten repeat", three_in_ten_repeat), ACCOUNTS / 10 * 7);
    }
}

#[test]
#[ignore = "writes 1.3 GB twice and takes two minutes"]
fn a_hundred_million_distinct_accounts_fit_in_any_budget() {
    const ACCOUNTS: u64 = 100_000_000;
    for memory in [LEAST, DEFAULT] {
        assert_eq!(distinct_within_bounds("all distinct", ACCOUNTS, memory, |n| n), ACCOUNTS);
    }
}
