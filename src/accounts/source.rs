//! Where an account list is and what it contains, as a job specifies it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list_file::STDIN;
use super::object_list::ObjectList;

/// Where to read a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListPath {
    /// A file, a directory, or a glob.
    File(PathBuf),
    /// Objects of a store, spooled to disk.
    Objects(Box<ObjectList>),
    /// Standard input, spooled to disk.
    Stdin,
}

/// The name in messages.
impl fmt::Display for ListPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListPath::File(path) => path.display().fmt(f),
            ListPath::Objects(list) => list.objects.fmt(f),
            ListPath::Stdin => f.write_str(STDIN),
        }
    }
}

/// Format of a list, independent of its compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListFormat {
    /// RFC 4180 with a header line.
    Csv,
    /// RFC 4180 with a header line, separated by tabs.
    Tsv,
    /// One account per line.
    Txt,
    /// One JSON object per line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

impl ListFormat {
    /// The name in job files, and the file name extension.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Txt => "txt",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    /// The format by file name extension, ignoring `.gz` and `.zst`.
    pub fn from_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        let (_, extension) = name.rsplit_once('.')?;
        if extension == "jsonl" {
            return Some(Self::Ndjson);
        }
        [Self::Csv, Self::Tsv, Self::Txt, Self::Ndjson, Self::Parquet]
            .into_iter()
            .find(|format| format.name() == extension)
    }
}

/// Which records that repeat an earlier account are removed from a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DuplicateRemoval {
    /// All of them.
    #[default]
    Exact,
    /// Those that repeat the valid account right before them, which are all in a sorted list.
    Adjacent,
    /// None: the list is trusted, and every valid record is requested.
    None,
}

impl DuplicateRemoval {
    /// The name in job files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Adjacent => "adjacent",
            Self::None => "none",
        }
    }
}

/// The `[accounts]` section of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListSource {
    /// Where to read the list.
    pub path: ListPath,
    /// Its format; `None` to derive it from the name.
    pub format: Option<ListFormat>,
    /// Name of the column or key that holds the account; not for `txt`.
    pub column: Option<String>,
    /// Which duplicates are removed.
    pub duplicates: DuplicateRemoval,
    /// The memory of the process, in bytes, of which the search for duplicates takes what is left.
    pub memory_bytes: u64,
}

impl ListSource {
    /// Enough for 100 million accounts in one pass.
    pub const DEFAULT_MEMORY_BYTES: u64 = 128 * 1024 * 1024;

    /// The same list for a command that a person waits for.
    #[must_use]
    pub fn with_limited_patience(&self, limit: Duration) -> ListSource {
        let mut source = self.clone();
        if let ListPath::Objects(list) = &mut source.path {
            list.limit_patience(limit);
        }
        source
    }
}
