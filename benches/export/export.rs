//! Runs, measures and verifies one export by the binary.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use im_profiles::emulator::{EMULATOR_ADMIN, EMULATOR_SDKAPPID, EMULATOR_SECRET_KEY};
use serde::Deserialize;

use crate::bench::Bench;
use crate::child::{self, Usage};

pub const SECRET_VARIABLE: &str = "IM_SECRET_KEY";

/// What to export, and the expected result.
pub struct Export<'a> {
    pub list: &'a Path,
    pub base_url: &'a str,
    pub tags: &'a [&'a str],
    /// Additional lines of the job's `[api]` table, and tables after it.
    pub settings: &'a str,
    pub expected_rows: u64,
    pub expected_failed: u64,
}

/// The result of an export.
pub struct Exported {
    pub usage: Usage,
    pub started_at: Instant,
    pub calls: Calls,
}

/// The manifest's calls.
#[derive(Deserialize)]
pub struct Calls {
    pub made: u64,
    pub peak_calls_per_second: u64,
    pub rate_utilization_percent: Option<f64>,
}

#[derive(Deserialize)]
struct Manifest {
    counts: Counts,
    calls: Calls,
}

#[derive(Deserialize)]
struct Counts {
    accounts_in_list: u64,
    rows: u64,
    failed: u64,
    duplicates: u64,
    invalid: u64,
}

impl Export<'_> {
    /// Exports to Parquet, verifies the snapshot and deletes it.
    pub fn run(&self, bench: &Bench) -> Exported {
        let (job, out) = (bench.directory().join("job.toml"), bench.directory().join("out"));
        fs::write(&job, self.job(&out)).unwrap();
        let mut command = Command::new(&bench.binary);
        command
            .args(["export", "--quiet", "--progress", "none"])
            .arg(&job)
            .env_clear()
            .env(SECRET_VARIABLE, EMULATOR_SECRET_KEY);
        let process = child::run(bench.cores, &mut command);
        let manifest = fs::read_to_string(out.join("_manifest.json")).unwrap();
        let manifest: Manifest = serde_json::from_str(&manifest).unwrap();
        self.check(&manifest.counts);
        fs::remove_dir_all(&out).unwrap();
        Exported { usage: process.usage, started_at: process.started_at, calls: manifest.calls }
    }

    fn check(&self, counts: &Counts) {
        assert_eq!(counts.rows, self.expected_rows, "rows of the snapshot");
        assert_eq!(counts.failed, self.expected_failed, "failed accounts");
        assert_eq!(
            counts.accounts_in_list,
            counts.rows + counts.failed + counts.duplicates + counts.invalid,
            "accounts are missing"
        );
    }

    /// The job that exports to `out`.
    pub fn job(&self, out: &Path) -> String {
        let (list, base_url, settings) = (self.list.display(), self.base_url, self.settings);
        let columns: String =
            self.tags.iter().map(|tag| format!("[[columns]]\ntag = '{tag}'\n")).collect();
        format!(
            "name = 'bench'\n{columns}\
             [accounts]\npath = '{list}'\ncolumn = 'account'\n\
             [output]\npath = '{}'\nformat = 'parquet'\ncompression = 'zstd'\n\
             [api]\nbase_url = '{base_url}'\nsdkappid = {EMULATOR_SDKAPPID}\n\
             identifier = '{EMULATOR_ADMIN}'\nsecret_key_env = '{SECRET_VARIABLE}'\n{settings}\n",
            out.display()
        )
    }
}
