//! The environment of all measurements: the binary, the cores, a temporary directory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::cores::Cores;
use crate::options::Options;

/// The environment of all measurements.
pub struct Bench {
    pub cores: Cores,
    /// The measured binary.
    pub binary: PathBuf,
    directory: TempDir,
}

impl Bench {
    /// Selects the cores and creates the directory below `TMPDIR`.
    pub fn new(options: &Options) -> Bench {
        let built = || PathBuf::from(env!("CARGO_BIN_EXE_im-profiles"));
        Bench {
            cores: Cores::take(),
            binary: options.binary.clone().unwrap_or_else(built),
            directory: TempDir::with_prefix("im-profiles-bench-").unwrap(),
        }
    }

    /// Contains lists, jobs and snapshots.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a list of `user_000000000` and so on.
    pub fn list(&self, accounts: u64) -> PathBuf {
        let path = self.directory().join(format!("{accounts}.csv"));
        if !path.exists() {
            let mut file = BufWriter::with_capacity(1 << 20, File::create(&path).unwrap());
            writeln!(file, "account").unwrap();
            for number in 0..accounts {
                writeln!(file, "user_{number:09}").unwrap();
            }
            file.flush().unwrap();
        }
        path
    }
}
