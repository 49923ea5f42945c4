//! The journal: what a run has committed, so that the same command resumes it after any stop.
//!
//! It is a file of JSON lines: a header, then an entry for each part once its files are durable under their final names,
//! for the end of each round, and for a stop.
//!
//! | what is found                                 | what it means                                     |
//! |-----------------------------------------------|---------------------------------------------------|
//! | a last line without a line end                | a crash while it was written; it is removed       |
//! | any other line that is not as it was written  | damage: refused, or dropped by a repair           |
//! | a version other than [`VERSION`]              | a journal of another program: refused             |
//! | overlapping parts, or a round with a gap      | duplicate or lost accounts: damage                |
//!
//! Each line has a checksum of its own, because a changed digit would still be valid JSON, and the checksum of the line
//! before it, because a line may be missing or moved. It also says what run and round it belongs to, so that a damaged
//! line costs no other one. Version 1 had one checksum over a line and all lines before it; such a journal is written
//! again as version 2 when its run is resumed.

mod error;
pub mod line;
pub mod replay;

use std::path::PathBuf;

pub use self::error::JournalError;
use self::line::{JournalEntry, LineEncoder};
use super::checkpoint::{Checkpoint, InconsistentEntry, RoundEnd, RunHeader};
use super::layout::JOURNAL_FILE;
use super::parts::CommittedPart;
use super::run_totals::RunTotals;
use super::store::{JournalFile, Store};
use super::unfinished_run::UnfinishedRun;
use crate::util::disk_error::DiskError;

/// The version of the format.
pub const VERSION: u32 = 2;

/// The oldest version that is read.
pub const FIRST_VERSION: u32 = 1;

/// The journal of a run, open for further entries.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Box<dyn JournalFile>,
    checkpoint: Checkpoint,
    encoder: LineEncoder,
    is_resumed: bool,
}

impl Journal {
    /// Starts the journal of a new run; an earlier one is overwritten.
    pub fn create(store: &dyn Store, header: RunHeader) -> Result<Journal, DiskError> {
        let mut journal = Journal {
            path: store.path(JOURNAL_FILE),
            file: store.create_journal()?,
            encoder: LineEncoder::new(&header),
            checkpoint: Checkpoint::new(header.clone()),
            is_resumed: false,
        };
        journal.append(&JournalEntry::RunHeader(header))?;
        Ok(journal)
    }

    /// Opens the journal of a run that [`UnfinishedRun`] has read and found intact. An incomplete last line is removed.
    pub fn resume(store: &dyn Store, run: UnfinishedRun) -> Result<Journal, DiskError> {
        let UnfinishedRun { checkpoint, journal, .. } = run;
        let last_checksum = journal.last_checksum.filter(|_| journal.version == VERSION);
        let Some(last_checksum) = last_checksum else { return Journal::rewrite(store, checkpoint) };
        let mut encoder = LineEncoder::new(&checkpoint.header);
        encoder.resume(checkpoint.committed(), last_checksum);
        let file = store.resume_journal(journal.length)?;
        Ok(Journal { path: store.path(JOURNAL_FILE), file, checkpoint, encoder, is_resumed: true })
    }

    /// Replaces a journal in one step, by one that has what is in `checkpoint`.
    pub fn rewrite(store: &dyn Store, checkpoint: Checkpoint) -> Result<Journal, DiskError> {
        let Checkpoint { header, rounds, totals } = &checkpoint;
        let mut encoder = LineEncoder::new(header);
        let mut text = encoder.encode(&JournalEntry::RunHeader(header.clone()), 0, *totals);
        for (number, round) in rounds.iter().enumerate() {
            let parts = round.parts.values().cloned().map(Box::new).map(JournalEntry::Part);
            for entry in parts.chain(round.end.map(JournalEntry::RoundEnd)) {
                text.push_str(&encoder.encode(&entry, number, *totals));
            }
        }
        let file = store.replace_journal(&text)?;
        Ok(Journal { path: store.path(JOURNAL_FILE), file, checkpoint, encoder, is_resumed: true })
    }

    /// What is durable.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Whether an earlier process started the run.
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Sets the totals that the next entry records.
    pub fn set_totals(&mut self, totals: RunTotals) {
        self.checkpoint.totals = totals;
    }

    /// Adds a part whose files are durable.
    ///
    /// # Errors
    /// An inconsistent part is a bug; then nothing is written.
    pub fn add_part(&mut self, part: &CommittedPart) -> Result<(), JournalError> {
        self.checkpoint.add_part(part.clone()).map_err(|error| self.bug(error))?;
        Ok(self.append(&JournalEntry::Part(Box::new(part.clone())))?)
    }

    /// Ends the current round.
    ///
    /// # Errors
    /// A round with a gap is a bug; then nothing is written.
    pub fn end_round(&mut self, end: RoundEnd) -> Result<(), JournalError> {
        self.checkpoint.end_round(end).map_err(|error| self.bug(error))?;
        Ok(self.append(&JournalEntry::RoundEnd(end))?)
    }

    /// Records the totals of a run that stops.
    pub fn stop(&mut self) -> Result<(), DiskError> {
        self.append(&JournalEntry::Stop)
    }

    fn bug(&self, problem: InconsistentEntry) -> JournalError {
        JournalError::Bug { path: self.path.clone(), problem }
    }

    fn append(&mut self, entry: &JournalEntry) -> Result<(), DiskError> {
        let round = self.checkpoint.rounds.len().saturating_sub(1);
        let line = self.encoder.encode(entry, round, self.checkpoint.totals);
        self.file.append(&line)
    }
}

#[cfg(test)]
mod tests;
