//! Measures whole exports: `cargo bench --bench export -- [OPTIONS]`.
//!
//! Every run is the built binary in a separate process, pinned to one core, while the service is pinned to another. The floor beside it
//! is the cost of only receiving, parsing and encoding the same data. The tables go to stdout as Markdown. CPU is user and system time
//! of the process, in seconds; RSS is its peak. Every export is verified; a wrong result ends the benchmark.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints its results, and a panic is its failure report"
)]

mod answer;
mod bench;
mod calls;
mod child;
mod comparison;
mod cores;
mod emulator;
mod encode;
mod export;
mod floor;
mod memory;
mod options;
mod paced;
mod peer;
mod rendered_profiles;
#[path = "../../tests/integration/support/answer.rs"]
mod responses;
mod start;
mod stream;
mod table;
mod template;
mod workload;

use clap::Parser;

use bench::Bench;
use options::{Options, Role};

fn main() {
    let options = Options::parse();
    if let Some(Role::Floor(floor)) = options.role {
        return floor::run(&floor);
    }
    // `cargo test --all-targets` also starts benchmarks, without the flag of `cargo bench`.
    if options.test || !options.bench {
        eprintln!("nothing to measure; use: cargo bench --bench export -- [OPTIONS]");
        return;
    }
    let bench = Bench::new(&options);
    let parts = options.parts();
    let mut compared = Vec::new();
    if parts.workload {
        compared.extend(workload::run(&bench, &options));
    }
    if parts.paced {
        compared.push(paced::run(&bench, &options));
    }
    comparison::print(&compared, &options);
    if parts.stragglers {
        paced::run_stragglers(&bench);
    }
    if parts.memory {
        memory::run(&bench, &options);
    }
    if parts.start {
        start::run(&bench);
    }
}
