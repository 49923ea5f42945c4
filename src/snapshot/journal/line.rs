//! One line of the journal: an entry, what the line says about the run, and a checksum.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::snapshot::checkpoint::{Committed, RoundEnd, RunHeader, RunIdentity};
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::run_totals::RunTotals;
use crate::util::hex::hex;

/// Between the fields of a line and its checksum.
const CHECKSUM_KEY: &str = ",\"check\":\"";

/// Bytes of the digest that are kept: enough to detect accidental damage.
const CHECKSUM_BYTES: usize = 8;

/// What a line records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum JournalEntry {
    #[serde(rename = "begin")]
    RunHeader(RunHeader),
    Part(Box<CommittedPart>),
    RoundEnd(RoundEnd),
    /// A process stopped and recorded the totals.
    Stop,
}

/// What every line says about the run, so that it can be used without the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineContext {
    /// The round of the entry, from 0.
    pub round: usize,
    /// What was committed, this entry included.
    pub committed: Committed,
    pub totals: RunTotals,
    pub run: RunIdentity,
    /// The checksum of the line before; empty in the first line.
    pub after: String,
}

/// A line that is as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalLine {
    pub entry: JournalEntry,
    /// `None` in a journal of version 1.
    pub context: Option<LineContext>,
    pub checksum: String,
}

/// The checksum of a line: a digest of its fields, in version 1 also of the checksum before it.
fn checksum_of(fields: &str, previous: &str) -> String {
    let digest = Sha256::new().chain_update(previous).chain_update(fields).finalize();
    hex(&digest[..CHECKSUM_BYTES])
}

/// Writes the lines of one journal.
#[derive(Debug)]
pub struct LineEncoder {
    run: RunIdentity,
    committed: Committed,
    last_checksum: String,
}

impl LineEncoder {
    pub fn new(header: &RunHeader) -> LineEncoder {
        let committed = Committed::default();
        LineEncoder { run: header.identity(), committed, last_checksum: String::new() }
    }

    /// Continues after the lines of an earlier process.
    pub fn resume(&mut self, committed: Committed, last_checksum: String) {
        (self.committed, self.last_checksum) = (committed, last_checksum);
    }

    /// The next line, with its line end.
    pub fn encode(&mut self, entry: &JournalEntry, round: usize, totals: RunTotals) -> String {
        if let JournalEntry::Part(part) = entry {
            self.committed.accounts += part.ordinals.end - part.ordinals.start;
            self.committed.parts += 1;
        }
        let context = LineContext {
            round,
            committed: self.committed,
            totals,
            run: self.run.clone(),
            after: std::mem::take(&mut self.last_checksum),
        };
        // Plain structs always serialize.
        let entry = serde_json::to_string(entry).unwrap_or_default();
        let context = serde_json::to_string(&context).unwrap_or_default();
        let entry = entry.strip_suffix('}').unwrap_or_default();
        let context = context.strip_prefix('{').and_then(|context| context.strip_suffix('}'));
        let fields = format!("{entry},{}", context.unwrap_or_default());
        self.last_checksum = checksum_of(&fields, "");
        format!("{fields}{CHECKSUM_KEY}{}\"}}\n", self.last_checksum)
    }
}

/// Reads a line without its line end. `previous` is the checksum of the line before, which version 1 needs.
///
/// # Errors
/// What is wrong with the line.
pub fn decode_line(line: &[u8], previous: &str) -> Result<JournalLine, String> {
    let line = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    let (fields, checksum) = split(line).ok_or("it does not end with a checksum")?;
    if ![checksum_of(fields, ""), checksum_of(fields, previous)].iter().any(|one| one == checksum) {
        return Err("it is not as it was written".to_owned());
    }
    let json = format!("{fields}}}");
    let entry = serde_json::from_str(&json).map_err(|error| error.to_string())?;
    let context = serde_json::from_str(&json).ok();
    Ok(JournalLine { entry, context, checksum: checksum.to_owned() })
}

/// Whether a line has the checksum of its own fields.
pub fn is_intact(line: &[u8]) -> bool {
    let parts = std::str::from_utf8(line).ok().and_then(split);
    parts.is_some_and(|(fields, checksum)| checksum_of(fields, "") == checksum)
}

fn split(line: &str) -> Option<(&str, &str)> {
    line.strip_suffix("\"}")?.rsplit_once(CHECKSUM_KEY)
}
