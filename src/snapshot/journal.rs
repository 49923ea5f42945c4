//! What a run has made durable, so that the same command can go on after any stop.
//!
//! A journal of JSON lines in the work directory: first what the run is about, then an entry for each part once its files
//! are durable under their final names, then an entry for the end of each round. A round asks a list of accounts once:
//! round 0 the account list, each further one the failed accounts of the round before.
//!
//! | what is found                              | what it means                                             |
//! |--------------------------------------------|-----------------------------------------------------------|
//! | a last line without its line end           | the crash that it was written in; it is cut off           |
//! | any other line that is not as it was written | damage: refused, never guessed at                       |
//! | a version that is not [`VERSION`]          | another program's: refused                                |
//! | parts that overlap, or a round with a gap  | accounts would be twice or lost: refused                  |
//!
//! Each line ends with a check, a digest of the line and of the check before it, since a changed digit, or a line that
//! is missing or in another place, would be read as something else and not as damage.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::snapshot::layout::JOURNAL_FILE;
use crate::snapshot::parts::CommittedPart;
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failpoint;
use crate::util::hex::hex;
use crate::util::staged_file::sync_directory;

/// Version of the journal's form.
pub const VERSION: u32 = 1;

/// Between an entry's own fields and its check.
const CHECKSUM_KEY: &str = ",\"check\":\"";

/// Bytes of the digest that are kept: enough to find an accident, and nobody else writes here.
const CHECK_BYTES: usize = 8;

/// What a run is about; decides whether a later command may go on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHeader {
    /// [`VERSION`].
    pub version: u32,
    /// Tells this run from every other.
    pub run_id: String,
    /// The run's logical date.
    pub date: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// Everything that decides what the snapshot holds: the list's digest and keys of the job, by name.
    pub content: BTreeMap<String, String>,
}

/// The end of a round: what it was asked to bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundEnd {
    /// Distinct accounts asked for.
    pub accounts: u64,
    /// Entries of the list that repeat an earlier one.
    pub duplicates: u64,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum JournalEntry {
    #[serde(rename = "begin")]
    RunHeader(RunHeader),
    Part(CommittedPart),
    RoundEnd(RoundEnd),
}

/// What one round has made durable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// Its parts, by first ordinal of the round.
    pub parts: BTreeMap<u64, CommittedPart>,
    /// Its end, once all its parts are there.
    pub end: Option<RoundEnd>,
}

/// What a run has made durable: a plain value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// What the run is about.
    pub header: RunHeader,
    /// Its rounds; the last may be under way.
    pub rounds: Vec<Round>,
}

/// Why a checkpoint cannot be used. Each text ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A line that cannot be read, or does not belong where it is.
    #[error("line {line} of the checkpoint {} is damaged ({problem}); start over with --restart", .path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// Written by another version of the program.
    #[error("the checkpoint {} has version {found}, this program knows {VERSION}; go on with the program that wrote it, or start over with --restart", .path.display())]
    Version {
        /// The journal.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
}

impl HasExitCode for JournalError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::InternalOrDisk
    }
}

/// The entry does not fit what is there; nothing has been changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InconsistentEntry {
    /// Accounts would be there twice.
    #[error("part {0} overlaps an earlier one")]
    Overlap(u64),
    /// Accounts would be lost.
    #[error("the round ends with a gap at account {0}")]
    Gap(u64),
    /// The entry is not of its place.
    #[error("an entry is out of place")]
    OutOfPlace,
}

impl Checkpoint {
    /// A run of which nothing is durable yet.
    pub fn new(header: RunHeader) -> Checkpoint {
        Checkpoint { header, rounds: vec![Round::default()] }
    }

    /// All parts, in the order of their files.
    pub fn parts(&self) -> Vec<CommittedPart> {
        let parts = self.rounds.iter().flat_map(|round| round.parts.values());
        let mut parts: Vec<CommittedPart> = parts.cloned().collect();
        parts.sort_unstable_by_key(|part| part.index);
        parts
    }

    /// The last round.
    pub fn last_round(&self) -> Option<&Round> {
        self.rounds.last()
    }

    fn add_part(&mut self, part: CommittedPart) -> Result<(), InconsistentEntry> {
        let round = match self.rounds.last_mut() {
            Some(round) if round.end.is_none() => round,
            // The first part after the end of a round begins the next.
            _ => {
                let parts = BTreeMap::from([(part.ordinals.start, part)]);
                self.rounds.push(Round { parts, end: None });
                return Ok(());
            }
        };
        let before = round.parts.range(..=part.ordinals.start).next_back();
        let after = round.parts.range(part.ordinals.start..).next();
        let overlaps = |other: Option<(&u64, &CommittedPart)>| {
            other.is_some_and(|(_, other)| {
                let (one, two): (&Range<u64>, &Range<u64>) = (&part.ordinals, &other.ordinals);
                one.start == two.start || (one.start < two.end && two.start < one.end)
            })
        };
        if overlaps(before) || overlaps(after) {
            return Err(InconsistentEntry::Overlap(part.index));
        }
        round.parts.insert(part.ordinals.start, part);
        Ok(())
    }

    fn end_round(&mut self, end: RoundEnd) -> Result<(), InconsistentEntry> {
        let Some(round) = self.rounds.last_mut().filter(|round| round.end.is_none()) else {
            return Err(InconsistentEntry::OutOfPlace);
        };
        let mut next = 0;
        for part in round.parts.values() {
            if part.ordinals.start != next {
                return Err(InconsistentEntry::Gap(next));
            }
            next = part.ordinals.end;
        }
        if next != end.accounts {
            return Err(InconsistentEntry::Gap(next));
        }
        round.end = Some(end);
        Ok(())
    }
}

/// What an entry's line ends with: a digest of its own fields and of the check before it.
fn check_of(fields: &str, check_before: &str) -> String {
    let digest = Sha256::new().chain_update(check_before).chain_update(fields).finalize();
    hex(&digest[..CHECK_BYTES])
}

/// A line, with its line end.
fn line_of(entry: &JournalEntry, check_before: &str) -> (String, String) {
    // Plain structs: serialising them cannot fail.
    let json = serde_json::to_string(entry).unwrap_or_default();
    let fields = json.strip_suffix('}').unwrap_or_default();
    let check = check_of(fields, check_before);
    (format!("{fields}{CHECKSUM_KEY}{check}\"}}\n"), check)
}

/// The entry of a line without its line end, and its check; otherwise what is wrong with it.
fn entry_of(line: &str, check_before: &str) -> Result<(JournalEntry, String), String> {
    let parts = line.strip_suffix("\"}").and_then(|line| line.rsplit_once(CHECKSUM_KEY));
    let (fields, check) = parts.ok_or("it does not end with a check")?;
    if check != check_of(fields, check_before) {
        return Err("it is not as it was written, or not in its place".to_owned());
    }
    let entry = serde_json::from_str(&format!("{fields}}}")).map_err(|error| error.to_string())?;
    Ok((entry, check.to_owned()))
}

/// What was read of a journal.
#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    value: Checkpoint,
    /// Bytes of whole lines.
    length: usize,
    /// The check of the last whole line.
    check: String,
}

/// The bytes of a journal, if there is one.
fn read(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(DiskError::on("read", path)),
    }
}

/// Reads a journal; nothing where not even the first line is whole.
fn parse(path: &Path, bytes: &[u8]) -> Result<Option<Parsed>, JournalError> {
    let length = memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1);
    let text = std::str::from_utf8(&bytes[..length]).map_err(|error| {
        let line = 1 + memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count();
        JournalError::Damaged { path: path.to_owned(), line, problem: error.to_string() }
    })?;
    let mut value: Option<Checkpoint> = None;
    let mut check = String::new();
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
        (entry, check) = entry_of(line, &check).map_err(damaged)?;
        let fits = match (entry, &mut value) {
            (JournalEntry::RunHeader(begin), value @ None) => {
                *value = Some(Checkpoint::new(begin));
                Ok(())
            }
            (JournalEntry::Part(part), Some(value)) => value.add_part(part),
            (JournalEntry::RoundEnd(end), Some(value)) => value.end_round(end),
            _ => Err(InconsistentEntry::OutOfPlace),
        };
        fits.map_err(|misfit| damaged(misfit.to_string()))?;
    }
    Ok(value.map(|value| Parsed { value, length, check }))
}

/// Another version may have another form in everything but this.
fn ensure_version(
    path: &Path,
    first_line: &str,
    damaged: impl FnOnce(String) -> JournalError,
) -> Result<(), JournalError> {
    let version = serde_json::from_str::<serde_json::Value>(first_line)
        .map_err(|error| error.to_string())
        .and_then(|line| line["version"].as_u64().ok_or("it tells no version".to_owned()));
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
    file: File,
    value: Checkpoint,
    /// The check of the last entry.
    check: String,
}

impl Journal {
    /// Opens the journal in a work directory, if there is one with anything in it. What a crash left of a last entry is
    /// cut off.
    pub fn open(work_directory: &Path) -> Result<Option<Journal>, JournalError> {
        let path = work_directory.join(JOURNAL_FILE);
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let Some(Parsed { value, length, check }) = parse(&path, &bytes)? else { return Ok(None) };
        let file =
            OpenOptions::new().append(true).open(&path).map_err(DiskError::on("open", &path))?;
        file.set_len(length as u64)
            .and_then(|()| file.sync_all())
            .map_err(DiskError::on("cut a broken entry off", &path))?;
        Ok(Some(Journal { path, file, value, check }))
    }

    /// Begins a journal; one that is there is overwritten.
    pub fn create(work_directory: &Path, begin: RunHeader) -> Result<Journal, DiskError> {
        let path = work_directory.join(JOURNAL_FILE);
        failpoint::hit("journal:create").map_err(DiskError::on("create", &path))?;
        let file = File::create(&path).map_err(DiskError::on("create", &path))?;
        failpoint::hit("journal:created").map_err(DiskError::on("create", &path))?;
        sync_directory(work_directory)?;
        let value = Checkpoint::new(begin.clone());
        let mut journal = Journal { path, file, value, check: String::new() };
        journal.write(&JournalEntry::RunHeader(begin))?;
        Ok(journal)
    }

    /// What is durable.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.value
    }

    /// Adds a part whose files are durable.
    ///
    /// # Errors
    /// A part that does not fit is a bug; nothing is written then.
    pub fn add_part(&mut self, part: &CommittedPart) -> Result<(), JournalError> {
        self.value.add_part(part.clone()).map_err(|misfit| self.bug(&misfit))?;
        Ok(self.write(&JournalEntry::Part(part.clone()))?)
    }

    /// What the run in a work directory is about, if there is one.
    pub fn read_header(work_directory: &Path) -> Result<Option<RunHeader>, JournalError> {
        let path = work_directory.join(JOURNAL_FILE);
        let Some(bytes) = read(&path)? else { return Ok(None) };
        let first_line = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(parse(&path, first_line)?.map(|parsed| parsed.value.header))
    }

    /// What a run has made durable in a work directory, if there is one; nothing is cut off or opened for more.
    pub fn read_checkpoint(work_directory: &Path) -> Result<Option<Checkpoint>, JournalError> {
        let path = work_directory.join(JOURNAL_FILE);
        let Some(bytes) = read(&path)? else { return Ok(None) };
        Ok(parse(&path, &bytes)?.map(|parsed| parsed.value))
    }

    /// Ends the round at hand.
    ///
    /// # Errors
    /// A round with a gap is a bug; nothing is written then.
    pub fn end_round(&mut self, end: RoundEnd) -> Result<(), JournalError> {
        self.value.end_round(end).map_err(|misfit| self.bug(&misfit))?;
        Ok(self.write(&JournalEntry::RoundEnd(end))?)
    }

    fn bug(&self, misfit: &InconsistentEntry) -> JournalError {
        let line = self.value.parts().len() + self.value.rounds.len() + 1;
        JournalError::Damaged { path: self.path.clone(), line, problem: misfit.to_string() }
    }

    fn write(&mut self, entry: &JournalEntry) -> Result<(), DiskError> {
        let line;
        (line, self.check) = line_of(entry, &self.check);
        failpoint::hit("journal:append")
            .and_then(|()| self.file.write_all(line.as_bytes()))
            .and_then(|()| self.file.sync_data())
            .and_then(|()| failpoint::hit("journal:appended"))
            .map_err(DiskError::on("write", &self.path))
    }
}

#[cfg(test)]
mod tests;
