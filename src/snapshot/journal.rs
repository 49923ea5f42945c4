//! The journal: what a run has committed, so that the same command resumes it after any stop.
//!
//! It is a file of JSON lines: a header, then an entry for each part once its files are durable under their final names,
//! and an entry for the end of each round.
//!
//! | what is found                                 | what it means                                     |
//! |-----------------------------------------------|---------------------------------------------------|
//! | a last line without a line end                | a crash while it was written; it is removed       |
//! | any other line that is not as it was written  | damage: refused                                   |
//! | a version other than [`VERSION`]              | a journal of another program: refused             |
//! | overlapping parts, or a round with a gap      | duplicate or lost accounts: refused               |
//!
//! Each line ends with a checksum of the line and of the checksum before it, because a changed digit, or a line that is
//! missing or moved, would still be valid JSON.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checkpoint::{Checkpoint, InconsistentEntry, RoundEnd, RunHeader};
use super::layout::JOURNAL_FILE;
use super::parts::CommittedPart;
use super::store::{JournalFile, Store};
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::hex::hex;

/// The version of the format.
pub const VERSION: u32 = 1;

/// Between the fields of an entry and its checksum.
const CHECKSUM_KEY: &str = ",\"check\":\"";

/// Bytes of the digest that are kept: enough to detect accidental damage.
const CHECKSUM_BYTES: usize = 8;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum JournalEntry {
    #[serde(rename = "begin")]
    RunHeader(RunHeader),
    Part(CommittedPart),
    RoundEnd(RoundEnd),
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A line that cannot be read, or is out of place.
    #[error("line {line} of the checkpoint {} is damaged ({problem}); start over with --restart", .path.display())]
    Damaged {
        path: PathBuf,
        /// From 1.
        line: usize,
        problem: String,
    },
    /// Written by another version of the program.
    #[error("the checkpoint {} has version {found}, this program knows {VERSION}; resume with the program that wrote it, or start over with --restart", .path.display())]
    Version { path: PathBuf, found: u64 },
}

impl HasExitCode for JournalError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::InternalOrDisk
    }
}

/// The checksum of an entry: a digest of its fields and of the checksum before it.
fn checksum_of(fields: &str, previous: &str) -> String {
    let digest = Sha256::new().chain_update(previous).chain_update(fields).finalize();
    hex(&digest[..CHECKSUM_BYTES])
}

/// The line of an entry with its line end, and its checksum.
fn encode_entry(entry: &JournalEntry, previous: &str) -> (String, String) {
    // Plain structs always serialize.
    let json = serde_json::to_string(entry).unwrap_or_default();
    let fields = json.strip_suffix('}').unwrap_or_default();
    let checksum = checksum_of(fields, previous);
    (format!("{fields}{CHECKSUM_KEY}{checksum}\"}}\n"), checksum)
}

/// The entry of a line without its line end, and its checksum.
///
/// # Errors
/// What is wrong with the line.
fn decode_entry(line: &str, previous: &str) -> Result<(JournalEntry, String), String> {
    let parts = line.strip_suffix("\"}").and_then(|line| line.rsplit_once(CHECKSUM_KEY));
    let (fields, checksum) = parts.ok_or("it does not end with a checksum")?;
    if checksum != checksum_of(fields, previous) {
        return Err("it is not as it was written, or not in its place".to_owned());
    }
    let entry = serde_json::from_str(&format!("{fields}}}")).map_err(|error| error.to_string())?;
    Ok((entry, checksum.to_owned()))
}

/// The content of a journal.
#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    checkpoint: Checkpoint,
    /// Bytes of the complete lines.
    length: usize,
    /// The checksum of the last complete line.
    checksum: String,
}

/// Reads the bytes of the journal at `path`; `None` if not even its first line is complete.
fn parse(path: &Path, bytes: &[u8]) -> Result<Option<Parsed>, JournalError> {
    let length = memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1);
    let text = std::str::from_utf8(&bytes[..length]).map_err(|error| {
        let line = 1 + memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count();
        JournalError::Damaged { path: path.to_owned(), line, problem: error.to_string() }
    })?;
    let mut parsed: Option<Checkpoint> = None;
    let mut checksum = String::new();
    for (index, line) in text.split_terminator('\n').enumerate() {
        let damaged = |problem: String| JournalError::Damaged {
            path: path.to_owned(),
            line: index + 1,
            problem,
        };
        if index == 0 {
            ensure_version(path, line, damaged)?;
        }
        let entry;
        (entry, checksum) = decode_entry(line, &checksum).map_err(damaged)?;
        let applied = match (entry, &mut parsed) {
            (JournalEntry::RunHeader(header), parsed @ None) => {
                *parsed = Some(Checkpoint::new(header));
                Ok(())
            }
            (JournalEntry::Part(part), Some(checkpoint)) => checkpoint.add_part(part),
            (JournalEntry::RoundEnd(end), Some(checkpoint)) => checkpoint.end_round(end),
            _ => Err(InconsistentEntry::OutOfPlace),
        };
        applied.map_err(|inconsistent| damaged(inconsistent.to_string()))?;
    }
    Ok(parsed.map(|checkpoint| Parsed { checkpoint, length, checksum }))
}

/// Checks the version before anything else, because another version may differ in everything else.
fn ensure_version(
    path: &Path,
    first_line: &str,
    damaged: impl FnOnce(String) -> JournalError,
) -> Result<(), JournalError> {
    let version = serde_json::from_str::<serde_json::Value>(first_line)
        .map_err(|error| error.to_string())
        .and_then(|line| line["version"].as_u64().ok_or("it has no version".to_owned()));
    match version {
        Ok(found) if found == u64::from(VERSION) => Ok(()),
        Ok(found) => Err(JournalError::Version { path: path.to_owned(), found }),
        Err(problem) => Err(damaged(problem)),
    }
}

/// The journal of a run, open for further entries.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Box<dyn JournalFile>,
    checkpoint: Checkpoint,
    /// The checksum of the last entry.
    checksum: String,
}

impl Journal {
    /// Starts the journal of a new run; an earlier one is overwritten.
    pub fn create(store: &dyn Store, header: RunHeader) -> Result<Journal, DiskError> {
        let mut journal = Journal {
            path: store.path(JOURNAL_FILE),
            file: store.create_journal()?,
            checkpoint: Checkpoint::new(header.clone()),
            checksum: String::new(),
        };
        journal.append(&JournalEntry::RunHeader(header))?;
        Ok(journal)
    }

    /// Opens the journal of a stopped run; `None` if there is none with a complete entry. An incomplete last entry is
    /// removed.
    pub fn open(store: &dyn Store) -> Result<Option<Journal>, JournalError> {
        let path = store.path(JOURNAL_FILE);
        let Some(bytes) = store.read_journal()? else { return Ok(None) };
        let Some(Parsed { checkpoint, length, checksum }) = parse(&path, &bytes)? else {
            return Ok(None);
        };
        let file = store.resume_journal(length)?;
        Ok(Some(Journal { path, file, checkpoint, checksum }))
    }

    /// Reads the header of the run in a store, if there is one. Changes nothing.
    pub fn read_header(store: &dyn Store) -> Result<Option<RunHeader>, JournalError> {
        let Some(bytes) = store.read_journal()? else { return Ok(None) };
        let first_line = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let parsed = parse(&store.path(JOURNAL_FILE), first_line)?;
        Ok(parsed.map(|parsed| parsed.checkpoint.header))
    }

    /// Reads what the run in a store has committed, if there is one. Changes nothing.
    pub fn read_checkpoint(store: &dyn Store) -> Result<Option<Checkpoint>, JournalError> {
        let Some(bytes) = store.read_journal()? else { return Ok(None) };
        Ok(parse(&store.path(JOURNAL_FILE), &bytes)?.map(|parsed| parsed.checkpoint))
    }

    /// What is durable.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Adds a part whose files are durable.
    ///
    /// # Errors
    /// An inconsistent part is a bug; then nothing is written.
    pub fn add_part(&mut self, part: &CommittedPart) -> Result<(), JournalError> {
        self.checkpoint.add_part(part.clone()).map_err(|error| self.bug(&error))?;
        Ok(self.append(&JournalEntry::Part(part.clone()))?)
    }

    /// Ends the current round.
    ///
    /// # Errors
    /// A round with a gap is a bug; then nothing is written.
    pub fn end_round(&mut self, end: RoundEnd) -> Result<(), JournalError> {
        self.checkpoint.end_round(end).map_err(|error| self.bug(&error))?;
        Ok(self.append(&JournalEntry::RoundEnd(end))?)
    }

    fn bug(&self, inconsistent: &InconsistentEntry) -> JournalError {
        let line = self.checkpoint.parts().len() + self.checkpoint.rounds.len() + 1;
        JournalError::Damaged { path: self.path.clone(), line, problem: inconsistent.to_string() }
    }

    fn append(&mut self, entry: &JournalEntry) -> Result<(), DiskError> {
        let line;
        (line, self.checksum) = encode_entry(entry, &self.checksum);
        self.file.append(&line)
    }
}

#[cfg(test)]
mod tests;
