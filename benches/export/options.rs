//! The command line of the benchmark.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures exports by the built binary. Default: --workload and --paced
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench export --")]
pub struct Options {
    /// Measure without a rate limit, with 5 and 12 columns, beside the floor
    #[arg(long)]
    pub workload: bool,
    /// Accounts of the workload and at 200 calls per second, a multiple of 100
    #[arg(long, default_value_t = 1_000_000, value_parser = hundreds)]
    pub accounts: u64,
    /// Measurements of each; medians are printed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    pub rounds: u64,
    /// A script to measure in turns with each export: PYTHON SCRIPT --fast --base URL --in CSV --out PARQUET --tags T,T
    /// --concurrency 64 --usersig SIG, and --rate 200 at 200 calls per second
    #[arg(long, value_name = "SCRIPT")]
    pub peer: Option<PathBuf>,
    /// Interpreter of the peer
    #[arg(long, value_name = "PATH", default_value = "python3", requires = "peer")]
    pub python: PathBuf,
    /// Measure at 200 calls per second
    #[arg(long)]
    pub paced: bool,
    /// Measure at 200 calls per second while 1 % of the calls take 4 s
    #[arg(long)]
    pub stragglers: bool,
    /// Measure lists of these lengths, multiples of 100, against a server with template responses
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNTS", value_parser = hundreds)]
    pub memory: Vec<u64>,
    /// With --memory: also while 1 % of the accounts fail
    #[arg(long, requires = "memory")]
    pub failing: bool,
    /// With --memory: also while every 1,000th call hangs
    #[arg(long, requires = "memory")]
    pub hanging: bool,
    /// Measure the time to the first call and to the help
    #[arg(long)]
    pub start: bool,
    /// Binary to measure instead of the one built with the benchmark
    #[arg(long, value_name = "PATH")]
    pub binary: Option<PathBuf>,
    /// Added by `cargo bench`
    #[arg(long, hide = true)]
    pub bench: bool,
    /// May be added by `cargo test`
    #[arg(long, hide = true)]
    pub test: bool,
    /// Work of a child process
    #[command(subcommand)]
    pub role: Option<Role>,
}

/// The selected measurements.
pub struct Parts {
    pub workload: bool,
    pub paced: bool,
    pub stragglers: bool,
    pub memory: bool,
    pub start: bool,
}

impl Options {
    /// The selected measurements, or the default ones.
    pub fn parts(&self) -> Parts {
        let memory = !self.memory.is_empty();
        let is_chosen = self.workload || self.paced || self.stragglers || memory || self.start;
        Parts {
            workload: self.workload || !is_chosen,
            paced: self.paced || !is_chosen,
            stragglers: self.stragglers,
            memory,
            start: self.start,
        }
    }
}

/// Work of a child process.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// A single step of an export
    #[command(hide = true)]
    Floor(Floor),
}

/// A single step of an export.
#[derive(Debug, Args)]
pub struct Floor {
    /// The step
    pub step: Step,
    /// URL of the service
    #[arg(long)]
    pub base_url: String,
    /// Accounts to request
    #[arg(long)]
    pub accounts: u64,
    /// Tags to request
    #[arg(long, value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Output file
    #[arg(long)]
    pub directory: PathBuf,
}

/// A step of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// Receive responses with hyper and drop them
    ReceiveHyper,
    /// Receive responses with reqwest and drop them
    ReceiveReqwest,
    /// Receive responses with hyper and parse them into typed structs
    ReceiveAndParse,
    /// Encode prepared rows as Parquet
    Encode,
}

fn hundreds(text: &str) -> Result<u64, String> {
    let number: u64 = text.replace('_', "").parse().map_err(|_| "must be a number".to_owned())?;
    if number > 0 && number.is_multiple_of(100) {
        return Ok(number);
    }
    Err("must be a multiple of 100, because every call is full".to_owned())
}
