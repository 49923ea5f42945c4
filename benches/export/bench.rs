//! What all measurements share: the binary, the cores, a directory that goes when the benchmark ends.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::cores::Cores;
use crate::options::Options;

/// The five columns of the common case.
pub const FIVE_TAGS: [&str; 5] = [
    "Tag_Profile_IM_Nick",
    "Tag_Profile_IM_Gender",
    "Tag_Profile_IM_BirthDay",
    "Tag_Profile_IM_Image",
    "Tag_Profile_IM_AllowType",
];

/// What all measurements share.
pub struct Bench {
    pub cores: Cores,
    /// The binary that is measured.
    pub binary: PathBuf,
    directory: TempDir,
}

impl Bench {
    /// Takes the cores and makes the directory, below `TMPDIR`.
    pub fn new(options: &Options) -> Bench {
        let built = || PathBuf::from(env!("CARGO_BIN_EXE_im-profiles"));
        Bench {
            cores: Cores::take(),
            binary: options.binary.clone().unwrap_or_else(built),
            directory: TempDir::with_prefix("im-profiles-bench-").unwrap(),
        }
    }

    /// Where lists, jobs and snapshots are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A list of `user_000000000` and so on.
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
