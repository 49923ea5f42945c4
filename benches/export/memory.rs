//! Measures peak memory and CPU time by the length of the list.

use std::fs;

use crate::bench::Bench;
use crate::export::Export;
use crate::options::Options;
use crate::responses::FIVE_TAGS;
use crate::table::{self, mib, nothing, two_decimals, whole};
use crate::template::{InjectedFaults, TemplateServer};

/// Short waits and a short timeout, so that faults cost work rather than time.
const SETTINGS: &str = "calls_per_second = 0\ntimeout = '2s'\n\
    [retry]\nmax_attempts = 3\ninitial_backoff = '10ms'\n[limits]\nmax_failed = '5%'\n";

/// A list and the resources that its export used.
struct Row {
    accounts: u64,
    peak_rss_bytes: u64,
}

/// Measures every length, without faults and with the chosen ones.
pub fn run(bench: &Bench, options: &Options) {
    let mut kinds = vec![("none", InjectedFaults::default())];
    if options.failing {
        kinds.push((
            "1 % of accounts fail",
            InjectedFaults { accounts_fail: true, calls_hang: false },
        ));
    }
    if options.hanging {
        kinds.push((
            "0.1 % of calls hang",
            InjectedFaults { accounts_fail: false, calls_hang: true },
        ));
    }
    let mut rows = Vec::new();
    let mut shorter: Vec<Option<Row>> = kinds.iter().map(|_| None).collect();
    for &accounts in &options.memory {
        for ((name, faults), shorter) in kinds.iter().zip(&mut shorter) {
            let (cells, row) = measure(bench, accounts, name, *faults, shorter.as_ref());
            rows.push(cells);
            *shorter = Some(row);
        }
        fs::remove_file(bench.list(accounts)).unwrap();
    }
    let head = [
        "fault",
        "accounts",
        "calls",
        "accounts/s",
        "CPU s/million",
        "peak RSS MiB",
        "growth bytes/account",
    ];
    table::print("Length of the list, 5 tags, no rate limit", &head, &rows);
}

fn measure(
    bench: &Bench,
    accounts: u64,
    name: &str,
    faults: InjectedFaults,
    shorter: Option<&Row>,
) -> (Vec<String>, Row) {
    let server = TemplateServer::start(faults);
    let expected_failed = if faults.accounts_fail { accounts / 100 } else { 0 };
    let export = Export {
        list: &bench.list(accounts),
        base_url: &server.base_url,
        tags: &FIVE_TAGS,
        settings: SETTINGS,
        expected_rows: accounts - expected_failed,
        expected_failed,
    };
    let exported = export.run(bench);
    let usage = exported.usage;
    let growth = shorter.map(|shorter| {
        let bytes = usage.peak_rss_bytes as f64 - shorter.peak_rss_bytes as f64;
        bytes / (accounts - shorter.accounts) as f64
    });
    let cells = vec![
        name.to_owned(),
        whole(accounts as f64),
        whole(exported.calls.made as f64),
        whole(accounts as f64 / usage.wall_seconds),
        two_decimals(usage.cpu_seconds / (accounts as f64 / 1e6)),
        mib(usage.peak_rss_bytes),
        growth.map_or_else(nothing, two_decimals),
    ];
    (cells, Row { accounts, peak_rss_bytes: usage.peak_rss_bytes })
}
