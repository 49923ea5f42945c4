//! Measures another program that exports the same accounts.

use std::fs;
use std::path::Path;
use std::process::Command;

use parquet::file::reader::{FileReader, SerializedFileReader};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::bench::Bench;
use crate::calls::usersig;
use crate::child::{self, Usage};
use crate::floor::CONNECTIONS;
use crate::options::Options;

/// What the peer exports.
pub struct PeerExport<'a> {
    pub list: &'a Path,
    pub base_url: &'a str,
    pub tags: &'a [&'a str],
    pub expected_rows: u64,
    /// `None` is unlimited.
    pub calls_per_second: Option<u64>,
}

impl PeerExport<'_> {
    /// Runs the peer, if there is one, verifies the number of rows and deletes them.
    pub fn run(&self, bench: &Bench, options: &Options) -> Option<Usage> {
        let script = options.peer.as_ref()?;
        let out = bench.directory().join("peer.parquet");
        let sig = usersig();
        let mut command = Command::new(&options.python);
        command.arg(script).args(["--fast", "--base", self.base_url]);
        command.args(["--tags", &self.tags.join(",")]);
        command.args(["--concurrency", &CONNECTIONS.to_string(), "--usersig"]);
        command.arg(utf8_percent_encode(sig.as_str(), NON_ALPHANUMERIC).to_string());
        command.arg("--in").arg(self.list).arg("--out").arg(&out);
        if let Some(calls_per_second) = self.calls_per_second {
            command.args(["--rate", &calls_per_second.to_string()]);
        }
        let process = child::run(bench.cores, &mut command);
        let reader = SerializedFileReader::new(fs::File::open(&out).unwrap()).unwrap();
        let rows = reader.metadata().file_metadata().num_rows();
        assert_eq!(rows, self.expected_rows as i64, "rows of the peer");
        fs::remove_file(&out).unwrap();
        Some(process.usage)
    }
}
