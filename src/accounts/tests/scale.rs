//! The memory promise, at full size, and how fast a list is read:
//! `cargo test --release --lib accounts::tests::scale -- --ignored --nocapture` (after `taskset -c 1` for one core).

use std::io::BufWriter;
use std::time::Instant;

use super::*;

const ACCOUNTS: u64 = 100_000_000;
const MAX_RESIDENT_KIB: u64 = 256 * 1024;

fn peak_resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[expect(clippy::print_stdout, reason = "a figure for whoever runs it")]
fn tell_rate(pass: &str, started: Instant) {
    let rate = ACCOUNTS as f64 / started.elapsed().as_secs_f64() / 1e6;
    println!("{pass}: {rate:.1} million lines a second");
}

#[test]
#[ignore = "writes 1.3 GB and takes a minute"]
fn a_hundred_million_distinct_accounts_fit_in_256_mib() {
    let file = File::new("l.txt", b"");
    let mut writer =
        BufWriter::new(std::fs::File::create(file.folder.path().join("l.txt")).unwrap());
    (0..ACCOUNTS)
        .for_each(|number| writeln!(writer, "u{:011}", number * 7919 % 99_999_999_977).unwrap());
    drop(writer);
    let list = file.open(None).unwrap();
    let started = Instant::now();
    let scan = list.scan(&mut |_| Ok(()), &mut |_| {}).unwrap();
    tell_rate("first pass", started);
    let started = Instant::now();
    let mut distinct = list.distinct(&scan).unwrap();
    let mut count = 0;
    while distinct.next_account().unwrap().is_some() {
        count += 1;
    }
    tell_rate("second pass", started);
    assert_eq!((count, distinct.duplicates(), scan.valid), (ACCOUNTS, 0, ACCOUNTS));
    let peak = peak_resident_kib();
    assert!(peak < MAX_RESIDENT_KIB, "{peak} KiB");
}
