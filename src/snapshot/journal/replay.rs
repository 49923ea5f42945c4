//! Replays a journal, damaged or not: every line that is as it was written counts, whatever happened to the others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::line::{JournalEntry, JournalLine, LineContext, decode_line, is_intact};
use super::{FIRST_VERSION, JournalError, VERSION};
use crate::snapshot::checkpoint::{
    Checkpoint, Committed, InconsistentEntry, Round, RunHeader, RunIdentity,
};
use crate::snapshot::run_totals::RunTotals;

/// A line that is not as it was written, or not in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedLine {
    /// From 1.
    pub line: usize,
    pub problem: String,
    /// The file of the part that the line seems to record.
    pub part: Option<String>,
}

/// What the intact lines of a journal say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Replay {
    pub header: Option<RunHeader>,
    /// The run, also if the header is damaged.
    pub identity: Option<RunIdentity>,
    pub rounds: BTreeMap<usize, Round>,
    pub totals: RunTotals,
    /// What was committed up to the last intact line, also by lines that are damaged now.
    pub committed: Committed,
    /// What the damaged lines behind that one seem to record; `None` if one of them cannot be read at all.
    pub lost_at_end: Option<Committed>,
    pub damage: Vec<DamagedLine>,
    /// The version of the format.
    pub version: u32,
    /// Bytes of the complete lines.
    pub length: usize,
    /// The checksum of the last line; `None` if that is damaged.
    pub last_checksum: Option<String>,
}

/// Replays the bytes of the journal at `path`; `None` if not even its first line is complete. An incomplete last line does
/// not count: the process ended while it wrote it.
pub fn replay(path: &Path, bytes: &[u8]) -> Result<Option<Replay>, JournalError> {
    let length = memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1);
    let Some(complete) = bytes[..length].strip_suffix(b"\n") else { return Ok(None) };
    let lines: Vec<&[u8]> = complete.split(|byte| *byte == b'\n').collect();
    let last_checksum = Some(String::new());
    let lost_at_end = Some(Committed::default());
    let mut replay =
        Replay { length, version: VERSION, last_checksum, lost_at_end, ..Replay::default() };
    for (index, line) in lines.iter().enumerate() {
        replay.read(index + 1, line);
    }
    let is_nothing_intact = replay.identity.is_none();
    let version = serde_json::from_slice(lines[0])
        .ok()
        .and_then(|line: serde_json::Value| line["version"].as_u64());
    match (version, replay.damage.first()) {
        (Some(found), _)
            if !(FIRST_VERSION..=VERSION).map(u64::from).any(|known| known == found)
                && (is_nothing_intact || is_intact(lines[0])) =>
        {
            Err(JournalError::Version { path: path.to_owned(), found })
        }
        (_, Some(DamagedLine { line, problem, .. })) if is_nothing_intact => {
            Err(JournalError::Unreadable {
                path: path.to_owned(),
                line: *line,
                problem: problem.clone(),
            })
        }
        _ => Ok(Some(replay)),
    }
}

impl Replay {
    fn read(&mut self, number: usize, line: &[u8]) {
        // In version 1, a line after a damaged one cannot be verified and does not name its round.
        let is_lost = self.version == FIRST_VERSION && !self.damage.is_empty();
        let decoded = match is_lost {
            true => Err("a line before it is damaged".to_owned()),
            false => decode_line(line, self.last_checksum.as_deref().unwrap_or_default()),
        };
        match decoded {
            Ok(line) => self.apply(number, line),
            Err(problem) => {
                let part = self.count_lost(line);
                self.damage.push(DamagedLine { line: number, problem, part });
                self.last_checksum = None;
            }
        }
    }

    /// Counts what a damaged line seems to record, for messages only, and returns the file of its part.
    fn count_lost(&mut self, line: &[u8]) -> Option<String> {
        match serde_json::from_slice(line) {
            Ok(JournalEntry::Part(part)) => {
                let lost = self.lost_at_end.as_mut();
                if let Some(lost) = lost {
                    let accounts = part.ordinals.end.saturating_sub(part.ordinals.start);
                    lost.accounts = lost.accounts.saturating_add(accounts);
                    lost.parts += 1;
                }
                Some(part.file)
            }
            Ok(_) => None,
            Err(_) => {
                self.lost_at_end = None;
                None
            }
        }
    }

    /// Applies an intact line, also one that is not in its place.
    fn apply(&mut self, number: usize, line: JournalLine) {
        let JournalLine { entry, context, checksum } = line;
        let previous = self.last_checksum.replace(checksum);
        let is_moved = matches!((&context, previous), (Some(context), Some(before)) if context.after != before);
        let had_damage = !self.damage.is_empty();
        let applied = match context {
            Some(context) => self.apply_entry(entry, context),
            None => self.apply_version_1(entry),
        };
        let problem = match applied {
            _ if is_moved => "it is not in its place, or the line before it is missing".to_owned(),
            Ok(()) => return,
            // The part that is missing was in a damaged line.
            Err(InconsistentEntry::Gap(_)) if had_damage => return,
            Err(inconsistent) => inconsistent.to_string(),
        };
        self.damage.push(DamagedLine { line: number, problem, part: None });
    }

    fn apply_entry(
        &mut self,
        entry: JournalEntry,
        context: LineContext,
    ) -> Result<(), InconsistentEntry> {
        let LineContext { round, committed, totals, run, .. } = context;
        if self.identity.get_or_insert_with(|| run.clone()) != &run || self.version != VERSION {
            return Err(InconsistentEntry::OutOfPlace);
        }
        self.totals = totals;
        self.committed = self.committed.max(committed);
        self.lost_at_end = Some(Committed::default());
        self.apply_to_round(entry, round)
    }

    fn apply_version_1(&mut self, entry: JournalEntry) -> Result<(), InconsistentEntry> {
        match &entry {
            JournalEntry::RunHeader(header) if self.identity.is_none() => {
                self.identity = Some(header.identity());
                self.version = FIRST_VERSION;
            }
            _ if self.version == FIRST_VERSION => {}
            _ => return Err(InconsistentEntry::OutOfPlace),
        }
        let round = self.rounds.values().filter(|round| round.end.is_some()).count();
        self.apply_to_round(entry, round)
    }

    fn apply_to_round(
        &mut self,
        entry: JournalEntry,
        round: usize,
    ) -> Result<(), InconsistentEntry> {
        match entry {
            JournalEntry::RunHeader(header) if self.header.is_none() => self.header = Some(header),
            JournalEntry::RunHeader(_) => return Err(InconsistentEntry::OutOfPlace),
            JournalEntry::Part(part) => self.rounds.entry(round).or_default().add_part(*part)?,
            JournalEntry::RoundEnd(end) => self.rounds.entry(round).or_default().end(end)?,
            JournalEntry::Stop => {}
        }
        Ok(())
    }

    /// What can be resumed without the parts with these indexes. Where a round has lost a part, it is open again, and
    /// the rounds after it are void: they requested the accounts that had failed in it.
    pub fn checkpoint(&self, damaged_parts: &BTreeSet<u64>) -> Option<Checkpoint> {
        let header = match (&self.header, &self.identity) {
            (Some(header), _) => header.clone(),
            (None, Some(run)) => RunHeader {
                version: VERSION,
                run_id: run.id.clone(),
                date: run.date.clone(),
                started_at: run.started_at.clone(),
                content: BTreeMap::new(),
            },
            (None, None) => return None,
        };
        let mut rounds = Vec::new();
        for number in 0.. {
            let mut round = self.rounds.get(&number).cloned().unwrap_or_default();
            let parts = round.parts.len();
            round.parts.retain(|_, part| !damaged_parts.contains(&part.index));
            if round.parts.len() < parts {
                round.end = None;
            }
            let is_last = round.end.is_none() || !self.rounds.contains_key(&(number + 1));
            rounds.push(round);
            if is_last {
                break;
            }
        }
        Some(Checkpoint { header, rounds, totals: self.totals })
    }
}
