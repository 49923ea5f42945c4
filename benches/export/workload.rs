//! Measures the export without a rate limit, beside a stream of the same accounts, its floor and another program.

use im_profiles::internals::standard_tags;

use crate::bench::Bench;
use crate::child::Usage;
use crate::comparison::{Compared, cpu_seconds, median_of, peak_rss_bytes};
use crate::emulator::Emulator;
use crate::export::Export;
use crate::floor;
use crate::options::{Options, Step};
use crate::peer::PeerExport;
use crate::responses::FIVE_TAGS;
use crate::stream;
use crate::table::{self, median, mib, nothing, two_decimals, whole};

/// Rows for the encoding floor: a part at the default size.
const ENCODED_ACCOUNTS: u64 = 250_000;

/// Results, one entry per round.
#[derive(Default)]
struct Rounds {
    export: Vec<Usage>,
    stream: Vec<Usage>,
    peer: Vec<Usage>,
    receive_hyper: Vec<Usage>,
    receive_reqwest: Vec<Usage>,
    parse: Vec<Usage>,
    encode_cpu_seconds: Vec<f64>,
    peak_calls_per_second: u64,
}

/// Measures with 5 and with 12 columns.
pub fn run(bench: &Bench, options: &Options) -> Vec<Compared> {
    let twelve: Vec<&str> = standard_tags().collect();
    let measure = |tags: &[&str]| {
        let emulator = Emulator::start(bench, "[rate]\nportrait_get = 0\n");
        let mut rounds = Rounds::default();
        for _ in 0..options.rounds {
            rounds.measure(bench, options, &emulator.base_url, tags);
        }
        rounds.print(options, tags.len());
        let title = format!("{} tags, no rate limit", tags.len());
        Compared { title, export: rounds.export, peer: rounds.peer }
    };
    [&FIVE_TAGS[..], &twelve].into_iter().map(measure).collect()
}

impl Rounds {
    fn measure(&mut self, bench: &Bench, options: &Options, base_url: &str, tags: &[&str]) {
        let accounts = options.accounts;
        let list = bench.list(accounts);
        let export = Export {
            list: &list,
            base_url,
            tags,
            settings: "calls_per_second = 0",
            expected_rows: accounts,
            expected_failed: 0,
        };
        let exported = export.run(bench);
        self.peak_calls_per_second =
            self.peak_calls_per_second.max(exported.calls.peak_calls_per_second);
        self.export.push(exported.usage);
        self.stream.push(stream::run(bench, &export));
        let peer = PeerExport {
            list: &list,
            base_url,
            tags,
            expected_rows: accounts,
            calls_per_second: None,
        };
        self.peer.extend(peer.run(bench, options));
        let floor = |step, accounts| floor::measure(bench, step, base_url, accounts, tags);
        self.receive_hyper.push(floor(Step::ReceiveHyper, accounts));
        self.receive_reqwest.push(floor(Step::ReceiveReqwest, accounts));
        self.parse.push(floor(Step::ReceiveAndParse, accounts));
        let encoded = accounts.min(ENCODED_ACCOUNTS);
        let seconds = floor(Step::Encode, encoded).cpu_seconds;
        self.encode_cpu_seconds.push(seconds * accounts as f64 / encoded as f64);
    }

    fn print(&self, options: &Options, columns: usize) {
        let floors = self.floors();
        let row = |name: &str, runs: &[Usage]| row(name, runs, &floors, options.accounts);
        let mut export = row("export", &self.export);
        *export.last_mut().unwrap() = whole(self.peak_calls_per_second as f64);
        let mut rows = vec![export, row("stream, Arrow in and out", &self.stream)];
        if !self.peer.is_empty() {
            rows.push(row("peer", &self.peer));
        }
        rows.extend([
            row("(a) receive and drop, hyper", &self.receive_hyper),
            row("(b) receive and drop, reqwest", &self.receive_reqwest),
            row("(c) receive and parse", &self.parse),
            cpu_row("(d) encode", &self.encode_cpu_seconds, &floors, options.accounts),
            cpu_row("floor: (c) + (d)", &floors, &floors, options.accounts),
        ]);
        let (accounts, rounds) = (whole(options.accounts as f64), options.rounds);
        let title = format!("No rate limit, {accounts} accounts, {columns} tags, {rounds} rounds");
        let head =
            ["", "accounts/s", "CPU s/million", "CPU / floor", "peak RSS MiB", "highest second"];
        table::print(&title, &head, &rows);
    }

    /// CPU seconds of receiving, parsing and encoding in each round.
    fn floors(&self) -> Vec<f64> {
        let encode = &self.encode_cpu_seconds;
        self.parse.iter().zip(encode).map(|(parse, encode)| parse.cpu_seconds + encode).collect()
    }
}

fn row(name: &str, runs: &[Usage], floors: &[f64], accounts: u64) -> Vec<String> {
    let seconds: Vec<f64> = runs.iter().map(cpu_seconds).collect();
    let mut cells = cpu_row(name, &seconds, floors, accounts);
    cells[1] = whole(accounts as f64 / median_of(runs, |run| run.wall_seconds));
    cells[4] = mib(peak_rss_bytes(runs));
    cells
}

/// A row with only a CPU time.
fn cpu_row(name: &str, cpu_seconds: &[f64], floors: &[f64], accounts: u64) -> Vec<String> {
    let per_million = median(cpu_seconds.to_vec()) / (accounts as f64 / 1e6);
    let to_floor = two_decimals(median_ratio(cpu_seconds, floors));
    vec![name.to_owned(), nothing(), two_decimals(per_million), to_floor, nothing(), nothing()]
}

/// Median of the ratios within each round: a busy machine slows down everything in a round equally.
fn median_ratio(seconds: &[f64], others: &[f64]) -> f64 {
    median(seconds.iter().zip(others).map(|(seconds, other)| seconds / other).collect())
}
