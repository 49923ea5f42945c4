//! Measures the time to the help and to the first call of an export.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use im_profiles::internals::MAX_ACCOUNT_BYTES;

use crate::bench::Bench;
use crate::child;
use crate::export::Export;
use crate::responses::FIVE_TAGS;
use crate::table::{self, median, two_decimals};
use crate::template::{InjectedFaults, TemplateServer};

const TIMES: usize = 20;

/// Measures both, 20 times each.
pub fn run(bench: &Bench) {
    let first_calls = (0..TIMES).map(|_| seconds_to_first_call(bench)).collect();
    let helps = (0..TIMES).map(|_| seconds_of_help(bench)).collect();
    let row = |name: &str, seconds: Vec<f64>| {
        let milliseconds: Vec<f64> = seconds.into_iter().map(|seconds| seconds * 1e3).collect();
        let most = milliseconds.iter().copied().fold(0.0, f64::max);
        vec![name.to_owned(), two_decimals(median(milliseconds)), two_decimals(most)]
    };
    let rows = [row("start to first call, 12,000 accounts", first_calls), row("--help", helps)];
    table::print(&format!("Start, {TIMES} times"), &["", "median ms", "most ms"], &rows);
}

fn seconds_to_first_call(bench: &Bench) -> f64 {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data/accounts.csv");
    let server = TemplateServer::start(InjectedFaults::default());
    let export = Export {
        list: &list,
        base_url: &server.base_url,
        tags: &FIVE_TAGS,
        settings: "calls_per_second = 0",
        expected_rows: distinct_valid_accounts(&list),
        expected_failed: 0,
    };
    let exported = export.run(bench);
    (server.first_call_at() - exported.started_at).as_secs_f64()
}

fn seconds_of_help(bench: &Bench) -> f64 {
    let process = child::run(bench.cores, Command::new(&bench.binary).arg("--help"));
    assert!(process.stdout.contains("export"), "unexpected help: {}", process.stdout);
    process.usage.wall_seconds
}

/// The first field of the list is never quoted.
fn distinct_valid_accounts(list: &Path) -> u64 {
    let text = fs::read_to_string(list).unwrap();
    let accounts = text.lines().skip(1).map(|line| line.split(',').next().unwrap());
    let valid = accounts.filter(|account| (1..=MAX_ACCOUNT_BYTES).contains(&account.len()));
    valid.collect::<HashSet<_>>().len() as u64
}
