//! As fast as it goes: the export beside its floor, and beside another program.

use std::fs;
use std::path::Path;
use std::process::Command;

use im_profiles::columns::tags::standard_tags;
use parquet::file::reader::{FileReader, SerializedFileReader};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::bench::{Bench, FIVE_TAGS};
use crate::calls::usersig;
use crate::child::{self, Usage};
use crate::emulator::Emulator;
use crate::export::Export;
use crate::floor::{self, CONNECTIONS};
use crate::options::{Options, Step};
use crate::table::{self, median, mib, nothing, two_decimals, whole};

/// Accounts whose rows are encoded alone: the part of a default job.
const ENCODED_ACCOUNTS: u64 = 250_000;

/// What the rounds gave, one entry a round.
#[derive(Default)]
struct Rounds {
    export: Vec<Usage>,
    peer: Vec<Usage>,
    receive_hyper: Vec<Usage>,
    receive_reqwest: Vec<Usage>,
    parse: Vec<Usage>,
    encode_cpu_seconds: Vec<f64>,
    highest_second: u64,
}

/// Measures 5 and 12 columns.
pub fn run(bench: &Bench, options: &Options) {
    let twelve: Vec<&str> = standard_tags().collect();
    for tags in [&FIVE_TAGS[..], &twelve] {
        let emulator = Emulator::start(bench, "[rate]\nportrait_get = 0\n");
        let mut rounds = Rounds::default();
        for _ in 0..options.rounds {
            rounds.measure(bench, options, &emulator.base_url, tags);
        }
        rounds.print(options, tags.len());
    }
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
        self.highest_second = self.highest_second.max(exported.calls.highest_second);
        self.export.push(exported.usage);
        let floor = |step, accounts| floor::measure(bench, step, base_url, accounts, tags);
        self.receive_hyper.push(floor(Step::ReceiveHyper, accounts));
        self.receive_reqwest.push(floor(Step::ReceiveReqwest, accounts));
        self.parse.push(floor(Step::ReceiveAndParse, accounts));
        let encoded = accounts.min(ENCODED_ACCOUNTS);
        let seconds = floor(Step::Encode, encoded).cpu_seconds;
        self.encode_cpu_seconds.push(seconds * accounts as f64 / encoded as f64);
        if let Some(script) = &options.peer {
            self.peer.push(measure_peer(bench, script, base_url, &list, accounts, tags));
        }
    }

    fn print(&self, options: &Options, columns: usize) {
        let millions = options.accounts as f64 / 1e6;
        let floors: Vec<f64> = self
            .parse
            .iter()
            .zip(&self.encode_cpu_seconds)
            .map(|(parse, encode)| parse.cpu_seconds + encode)
            .collect();
        let row = |name: &str, runs: &[Usage], highest_second: String| {
            let to_floor = runs.iter().zip(&floors).map(|(run, floor)| run.cpu_seconds / floor);
            let wall = median(runs.iter().map(|run| run.wall_seconds).collect());
            let cpu = median(runs.iter().map(|run| run.cpu_seconds).collect());
            vec![
                name.to_owned(),
                whole(options.accounts as f64 / wall),
                two_decimals(cpu / millions),
                two_decimals(median(to_floor.collect())),
                mib(runs.iter().map(|run| run.peak_rss_bytes).max().unwrap()),
                highest_second,
            ]
        };
        let cpu_only = |name: &str, cpu_seconds: f64, to_floor: f64| {
            let (cpu, to_floor) = (two_decimals(cpu_seconds / millions), two_decimals(to_floor));
            vec![name.to_owned(), nothing(), cpu, to_floor, nothing(), nothing()]
        };
        let encode = median(self.encode_cpu_seconds.clone());
        let floor = median(floors.clone());
        let mut rows = vec![row("export", &self.export, whole(self.highest_second as f64))];
        if !self.peer.is_empty() {
            rows.push(row("peer", &self.peer, nothing()));
        }
        rows.extend([
            row("(a) receive and drop, hyper", &self.receive_hyper, nothing()),
            row("(b) receive and drop, reqwest", &self.receive_reqwest, nothing()),
            row("(c) receive and parse", &self.parse, nothing()),
            cpu_only("(d) encode", encode, encode / floor),
            cpu_only("floor: (c) + (d)", floor, 1.0),
        ]);
        let (accounts, rounds) = (whole(options.accounts as f64), options.rounds);
        let title =
            format!("No limit of rate, {accounts} accounts, {columns} tags, {rounds} rounds");
        let head =
            ["", "accounts/s", "CPU s/million", "CPU / floor", "peak RSS MiB", "highest second"];
        table::print(&title, &head, &rows);
        if !self.peer.is_empty() {
            let pairs = self.peer.iter().zip(&self.export);
            let ratio = pairs.map(|(peer, export)| peer.cpu_seconds / export.cpu_seconds);
            println!("CPU of peer / CPU of export: {:.2}\n", median(ratio.collect()));
        }
    }
}

fn measure_peer(
    bench: &Bench,
    script: &Path,
    base_url: &str,
    list: &Path,
    accounts: u64,
    tags: &[&str],
) -> Usage {
    let out = bench.folder().join("peer.parquet");
    let sig = usersig();
    let mut command = Command::new("python3");
    command.arg(script).args(["--fast", "--base", base_url, "--tags", &tags.join(",")]);
    command.args(["--concurrency", &CONNECTIONS.to_string(), "--usersig"]);
    command.arg(utf8_percent_encode(sig.as_str(), NON_ALPHANUMERIC).to_string());
    command.arg("--in").arg(list).arg("--out").arg(&out);
    let ended = child::run(bench.cores, &mut command);
    let reader = SerializedFileReader::new(fs::File::open(&out).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), accounts as i64, "rows of the peer");
    fs::remove_file(&out).unwrap();
    ended.usage
}
