//! The command line of the benchmark.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures exports by the built binary. Without a choice of parts: --workload and --paced.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench export --")]
pub struct Options {
    /// As fast as it goes, 5 and 12 columns, beside the floor
    #[arg(long)]
    pub workload: bool,
    /// Accounts of the workload, a multiple of 100
    #[arg(long, default_value_t = 1_000_000, value_parser = hundreds)]
    pub accounts: u64,
    /// Times the workload is measured; medians are shown
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub rounds: u64,
    /// A script to measure beside the workload: python3 SCRIPT --fast --base URL --in CSV --out PARQUET --tags T,T
    /// --concurrency 64 --usersig SIG
    #[arg(long, value_name = "SCRIPT")]
    pub peer: Option<PathBuf>,
    /// At 200 calls a second
    #[arg(long)]
    pub paced: bool,
    /// At 200 calls a second while 1 % of calls take 4 s
    #[arg(long)]
    pub stragglers: bool,
    /// Lists of these lengths, each a multiple of 100, against a service that costs next to nothing
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNTS", value_parser = hundreds)]
    pub memory: Vec<u64>,
    /// With --memory: also while 1 % of accounts fail
    #[arg(long, requires = "memory")]
    pub failing: bool,
    /// With --memory: also while every 1,000th call hangs
    #[arg(long, requires = "memory")]
    pub hanging: bool,
    /// The time to the first call and to the help
    #[arg(long)]
    pub start: bool,
    /// The binary to measure instead of the one built with the benchmark
    #[arg(long, value_name = "PATH")]
    pub binary: Option<PathBuf>,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    pub bench: bool,
    /// What `cargo test` may add
    #[arg(long, hide = true)]
    pub test: bool,
    /// What a child of the benchmark does
    #[command(subcommand)]
    pub role: Option<Role>,
}

/// Which parts run.
pub struct Parts {
    pub workload: bool,
    pub paced: bool,
    pub stragglers: bool,
    pub memory: bool,
    pub start: bool,
}

impl Options {
    /// The parts that were chosen, or else the usual ones.
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

/// What a child of the benchmark does.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// One step of an export alone
    #[command(hide = true)]
    Floor(Floor),
}

/// One step of an export alone.
#[derive(Debug, Args)]
pub struct Floor {
    /// The step
    pub step: Step,
    /// Where the service is
    #[arg(long)]
    pub base_url: String,
    /// Accounts to ask for
    #[arg(long)]
    pub accounts: u64,
    /// Tags to ask for
    #[arg(long, value_delimiter = ',')]
    pub tags: Vec<String>,
    /// Where to write
    #[arg(long)]
    pub directory: PathBuf,
}

/// A step of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// Answers received by hyper and dropped
    ReceiveHyper,
    /// Answers received by reqwest and dropped
    ReceiveReqwest,
    /// Answers received by hyper and read into typed structs
    ReceiveAndParse,
    /// Rows that lie ready, encoded as Parquet
    Encode,
}

fn hundreds(text: &str) -> Result<u64, String> {
    let number: u64 = text.replace('_', "").parse().map_err(|_| "is no number".to_owned())?;
    if number > 0 && number.is_multiple_of(100) {
        return Ok(number);
    }
    Err("calls are full here: write a multiple of 100".to_owned())
}
