//! At the limit of rate: how much of it is used, whether it is kept, and what slow calls cost.

use crate::bench::{Bench, FIVE_TAGS};
use crate::emulator::{Emulator, Seen};
use crate::export::{Export, Exported};
use crate::table::{self, two_decimals, whole};

const CALLS_PER_SECOND: u64 = 200;

/// 15 s at 200 calls a second.
const PACED_ACCOUNTS: u64 = 300_000;

/// 10 s: long beside the 4 s of a slow call.
const STRAGGLER_ACCOUNTS: u64 = 200_000;

const LATENCY: &str = "latency_ms = 20\nlatency_jitter_ms = 20\n";

/// Measures an export at 200 calls a second.
pub fn run(bench: &Bench) {
    let (exported, seen) = export(bench, PACED_ACCOUNTS, "", "");
    let row = vec![
        "export".to_owned(),
        two_decimals(exported.calls.rate_used_percent.unwrap()),
        whole(exported.calls.highest_second as f64),
        whole(seen.highest_second as f64),
        two_decimals(exported.usage.cpu_seconds / (PACED_ACCOUNTS as f64 / 1e6)),
        two_decimals(exported.usage.wall_seconds),
        table::mib(exported.usage.peak_rss_bytes),
    ];
    let title = format!(
        "At {CALLS_PER_SECOND} calls a second, {} accounts, answers after 20 to 40 ms",
        whole(PACED_ACCOUNTS as f64)
    );
    let head = [
        "",
        "rate used %",
        "highest second sent",
        "highest second received",
        "CPU s/million",
        "wall s",
        "peak RSS MiB",
    ];
    table::print(&title, &head, &[row]);
}

/// Measures an export while some calls are slow, against one where none is.
pub fn run_stragglers(bench: &Bench) {
    const SLOW: &str = "hang = { rate = 0.01 }\nhang_ms = 4000\n";
    const NEVER: &str = "hang = { rate = 0.01 }\nhang_ms = 600000\n";
    let kinds = [
        ("none", "", ""),
        ("1 % answered after 4 s", SLOW, ""),
        ("1 % never answered, timeout 4 s", NEVER, "timeout = '4s'\n"),
    ];
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut undisturbed = None;
    for (name, faults, settings) in kinds {
        let (exported, seen) = export(bench, STRAGGLER_ACCOUNTS, faults, settings);
        let rate_used = exported.calls.rate_used_percent.unwrap();
        let wall_seconds = exported.usage.wall_seconds;
        let (first_rate_used, first_wall) = *undisturbed.get_or_insert((rate_used, wall_seconds));
        rows.push(vec![
            name.to_owned(),
            whole(exported.calls.made as f64),
            two_decimals(rate_used),
            two_decimals(rate_used / first_rate_used),
            two_decimals(wall_seconds),
            two_decimals(wall_seconds - first_wall),
            whole(seen.highest_second as f64),
        ]);
    }
    let title = format!(
        "Slow calls at {CALLS_PER_SECOND} calls a second, {} accounts, 64 calls under way at most",
        whole(STRAGGLER_ACCOUNTS as f64)
    );
    let head = [
        "slow calls",
        "calls",
        "rate used %",
        "throughput to none",
        "wall s",
        "longer by s",
        "highest second received",
    ];
    table::print(&title, &head, &rows);
    println!(
        "Throughput is of the time from the first call to the last; a slow call at the very end adds its own time.\n"
    );
}

fn export(bench: &Bench, accounts: u64, faults: &str, settings: &str) -> (Exported, Seen) {
    let emulator = Emulator::start(bench, &format!("[faults]\n{LATENCY}{faults}"));
    let export = Export {
        list: &bench.list(accounts),
        base_url: &emulator.base_url,
        tags: &FIVE_TAGS,
        settings: &format!("calls_per_second = {CALLS_PER_SECOND}\n{settings}"),
        expected_rows: accounts,
        expected_failed: 0,
    };
    let exported = export.run(bench);
    let seen = emulator.seen();
    assert_eq!(seen.calls, exported.calls.made, "calls that the emulator saw");
    (exported, seen)
}
