//! Measures utilization and observance of the rate limit, and the cost of slow calls.

use std::thread;
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::calls::ACCOUNTS_PER_CALL;
use crate::comparison::{Compared, median_of};
use crate::emulator::Emulator;
use crate::export::{Export, Exported};
use crate::options::Options;
use crate::peer::PeerExport;
use crate::responses::FIVE_TAGS;
use crate::table::{self, median, two_decimals, whole};

const CALLS_PER_SECOND: u64 = 200;

/// 10 s: long compared with the 4 s of a slow call.
const STRAGGLER_ACCOUNTS: u64 = 200_000;

const FAULTS: &str = "[faults]\nlatency_ms = 10\nresponse_jitter_ms = 20\n";

/// Interval at which the number of calls is read from the emulator.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);

/// Longer than any of these runs.
const HANGS_AFTER: Duration = Duration::from_secs(180);

/// The emulator only counts calls. If it enforced the limit, a single excess call on a busy machine would halve the rate for a
/// while and hide the cost of slow calls.
const NO_LIMIT: &str = "[rate]\nportrait_get = 0\n";

/// Measures exports at 200 calls per second, each followed by the peer at the same rate.
pub fn run(bench: &Bench, options: &Options) -> Compared {
    let title = format!("5 tags, {CALLS_PER_SECOND} calls/s, responses after 20 ± 10 ms");
    let mut compared = Compared { title, export: Vec::new(), peer: Vec::new() };
    let (mut rates_used, mut sent, mut received) = (Vec::new(), 0, 0);
    for _ in 0..options.rounds {
        let service = format!("{NO_LIMIT}{FAULTS}");
        let (exported, observed) = export(bench, options.accounts, &service, "");
        rates_used.push(exported.calls.rate_utilization_percent.unwrap());
        sent = sent.max(exported.calls.peak_calls_per_second);
        received = received.max(observed.peak_calls_per_second);
        compared.export.push(exported.usage);
        let peer = PeerExport {
            list: &bench.list(options.accounts),
            base_url: &Emulator::start(bench, &service).base_url,
            tags: &FIVE_TAGS,
            expected_rows: options.accounts,
            calls_per_second: Some(CALLS_PER_SECOND),
        };
        compared.peer.extend(peer.run(bench, options));
    }
    let row = vec![
        "export".to_owned(),
        two_decimals(median(rates_used)),
        whole(sent as f64),
        whole(received as f64),
        two_decimals(median_of(&compared.export, |run| run.wall_seconds)),
    ];
    let (accounts, rounds) = (whole(options.accounts as f64), options.rounds);
    let title = format!("{}, {accounts} accounts, {rounds} rounds", compared.title);
    let head = ["", "rate used %", "peak per second, sent", "peak per second, received", "wall s"];
    table::print(&title, &head, &[row]);
    compared
}

/// Compares an export with some slow calls to one without.
pub fn run_stragglers(bench: &Bench) {
    const SLOW: &str = "hang = { rate = 0.01 }\nhang_ms = 4000\n";
    const NEVER: &str = "hang = { rate = 0.01 }\nhang_ms = 600000\n";
    let kinds = [
        ("none", "", ""),
        ("1 % take 4 s", SLOW, ""),
        ("1 % hang, timeout 4 s", NEVER, "timeout = '4s'\n"),
    ];
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut undisturbed = None;
    for (name, faults, settings) in kinds {
        let (exported, observed) =
            export(bench, STRAGGLER_ACCOUNTS, &format!("{NO_LIMIT}{FAULTS}{faults}"), settings);
        let wall_seconds = exported.usage.wall_seconds;
        let (first_steady, first_wall) =
            *undisturbed.get_or_insert((observed.steady_calls_per_second, wall_seconds));
        rows.push(vec![
            name.to_owned(),
            whole(exported.calls.made as f64),
            two_decimals(observed.steady_calls_per_second),
            two_decimals(observed.steady_calls_per_second / first_steady),
            two_decimals(wall_seconds),
            two_decimals(wall_seconds - first_wall),
            whole(exported.calls.peak_calls_per_second as f64),
            whole(observed.peak_calls_per_second as f64),
        ]);
    }
    let title = format!(
        "Slow calls at {CALLS_PER_SECOND} calls a second, {} accounts, 64 calls under way at most",
        whole(STRAGGLER_ACCOUNTS as f64)
    );
    let head = [
        "slow calls",
        "calls",
        "calls/s",
        "calls/s to none",
        "wall s",
        "longer by s",
        "peak per second, sent",
        "peak per second, received",
    ];
    table::print(&title, &head, &rows);
    println!(
        "The service enforces no limit here. Calls/s are of the time in which the second to ninth tenth of the calls \
         arrived; a slow call at the very end makes the run longer by what it takes.\n"
    );
}

/// The emulator's statistics of an export.
struct ObservedCalls {
    peak_calls_per_second: u64,
    /// Excludes the start and the end.
    steady_calls_per_second: f64,
}

fn export(
    bench: &Bench,
    accounts: u64,
    service: &str,
    settings: &str,
) -> (Exported, ObservedCalls) {
    let emulator = Emulator::start(bench, service);
    let export = Export {
        list: &bench.list(accounts),
        base_url: &emulator.base_url,
        tags: &FIVE_TAGS,
        settings: &format!("calls_per_second = {CALLS_PER_SECOND}\n{settings}"),
        expected_rows: accounts,
        expected_failed: 0,
    };
    let (exported, steady_calls_per_second) = thread::scope(|scope| {
        let steady =
            scope.spawn(|| steady_calls_per_second(&emulator, accounts / ACCOUNTS_PER_CALL));
        (export.run(bench), steady.join().unwrap())
    });
    let observed = emulator.stats();
    assert_eq!(observed.calls, exported.calls.made, "calls that the emulator saw");
    (
        exported,
        ObservedCalls {
            peak_calls_per_second: observed.peak_calls_per_second,
            steady_calls_per_second,
        },
    )
}

/// Arrival rate of the calls between the first and the last tenth.
fn steady_calls_per_second(emulator: &Emulator, calls: u64) -> f64 {
    let deadline = Instant::now() + HANGS_AFTER;
    let arrived = |at_least: u64| loop {
        let observed = emulator.stats().calls;
        if observed >= at_least {
            return (observed, Instant::now());
        }
        assert!(Instant::now() < deadline, "{observed} calls arrived, where {at_least} should");
        thread::sleep(WATCH_INTERVAL);
    };
    let (first_calls, first_at) = arrived(calls / 10);
    let (last_calls, last_at) = arrived(calls - calls / 10);
    (last_calls - first_calls) as f64 / (last_at - first_at).as_secs_f64()
}
