//! The unfinished run in a work directory: what of it is intact, and what is damaged. Changes nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use super::checkpoint::{Checkpoint, Committed};
use super::committed_files::{DamagedFile, damaged_files};
use super::journal::JournalError;
use super::journal::replay::{DamagedLine, Replay, replay};
use super::layout::JOURNAL_FILE;
use super::store::Store;
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::human::counted;
use crate::util::visible::{visible, visible_path};

/// The unfinished run in a work directory.
#[derive(Debug)]
pub struct UnfinishedRun {
    /// What is intact: a repaired run resumes from here.
    pub checkpoint: Checkpoint,
    pub journal: Replay,
    damaged_files: Vec<DamagedFile>,
}

/// What is damaged in an unfinished run, and what a repair costs. `--repair` drops it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Damage {
    pub journal: PathBuf,
    pub lines: Vec<DamagedLine>,
    pub files: Vec<DamagedFile>,
    /// The parts that are dropped and have their accounts requested again.
    pub dropped: Committed,
    /// Whether a line was too damaged to say what it recorded.
    pub is_at_least: bool,
    pub kept: Committed,
    /// The files of the dropped parts, as far as their entries can be read.
    pub dropped_parts: Vec<String>,
}

impl UnfinishedRun {
    /// Reads the journal of a store; `None` if there is none with a complete line. The files of the parts are not read.
    ///
    /// # Errors
    /// When nothing of the journal can be used.
    pub fn read(store: &dyn Store) -> Result<Option<UnfinishedRun>, JournalError> {
        let Some(bytes) = store.read_journal()? else { return Ok(None) };
        let journal = replay(&store.path(JOURNAL_FILE), &bytes)?;
        Ok(journal.and_then(|journal| {
            let checkpoint = journal.checkpoint(&BTreeSet::new())?;
            Some(UnfinishedRun { checkpoint, journal, damaged_files: Vec::new() })
        }))
    }

    /// Verifies size and digest of all files of the committed parts; reads every one of them.
    pub fn verify_files(&mut self, store: &dyn Store) -> Result<(), DiskError> {
        self.damaged_files = damaged_files(store, &self.checkpoint.parts())?;
        let damaged = self.damaged_files.iter().map(|file| file.part).collect();
        if let Some(intact) = self.journal.checkpoint(&damaged) {
            // The header may have been restored or upgraded since it was read.
            self.checkpoint.rounds = intact.rounds;
        }
        Ok(())
    }

    /// What is damaged, as far as it was read.
    pub fn damage(&self, store: &dyn Store) -> Option<Damage> {
        if self.journal.damage.is_empty() && self.damaged_files.is_empty() {
            return None;
        }
        let kept = self.checkpoint.committed();
        let (rounds, kept_parts) = (&self.journal.rounds, self.checkpoint.parts());
        let kept_parts: BTreeSet<u64> = kept_parts.iter().map(|part| part.index).collect();
        let recorded = rounds.values().flat_map(|round| round.parts.values());
        let dropped_parts = recorded.clone().filter(|part| !kept_parts.contains(&part.index));
        let recorded_accounts = rounds.values().map(|round| round.committed().accounts).sum();
        let recorded = Committed { accounts: recorded_accounts, parts: recorded.count() as u64 };
        let (before, lost) = (self.journal.committed.max(recorded), self.journal.lost_at_end);
        let lost_at_end = lost.unwrap_or_default();
        Some(Damage {
            journal: store.path(JOURNAL_FILE),
            lines: self.journal.damage.clone(),
            files: self.damaged_files.clone(),
            dropped: Committed {
                accounts: (before.accounts - kept.accounts).saturating_add(lost_at_end.accounts),
                parts: before.parts.saturating_sub(kept.parts) + lost_at_end.parts,
            },
            is_at_least: lost.is_none(),
            kept,
            dropped_parts: dropped_parts.map(|part| part.file.clone()).collect(),
        })
    }
}

/// Finds what an export would refuse in the unfinished run of a store, and whether `--repair` would resume it: what is
/// damaged in a run that can be repaired, an error for a journal that cannot.
pub fn find_damage(store: &dyn Store) -> Result<Option<Damage>, JournalError> {
    let Some(mut run) = UnfinishedRun::read(store)? else { return Ok(None) };
    run.verify_files(store)?;
    Ok(run.damage(store))
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { journal, lines, files, dropped, kept, .. } = self;
        match (lines.first(), files.first()) {
            (Some(DamagedLine { line, problem, part }), _) => {
                let journal = visible_path(journal);
                write!(f, "line {line} of the journal {journal}")?;
                if let Some(part) = part {
                    write!(f, ", which records {},", visible(part))?;
                }
                write!(f, " is damaged ({problem})")?;
            }
            (None, Some(file)) => write!(f, "{file}")?,
            (None, None) => {}
        }
        let more_lines = (lines.len() as u64).saturating_sub(1);
        let more_files = files.len() as u64 - u64::from(lines.is_empty() && !files.is_empty());
        let more = [(more_lines, "line"), (more_files, "file")];
        let more: Vec<String> = more
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, noun)| counted(number, &format!("more {noun}")))
            .collect();
        if !more.is_empty() {
            write!(f, " (and {})", more.join(" and "))?;
        }
        let again = match (dropped.accounts, self.is_at_least) {
            (0, true) => "any account of a damaged line".to_owned(),
            (accounts, true) => format!("at least {}", counted(accounts, "account")),
            (0, false) => "no account".to_owned(),
            (accounts, false) => counted(accounts, "account"),
        };
        let kept = counted(kept.parts, "part");
        write!(
            f,
            "; run the same command with --repair, which requests {again} again and keeps {kept}, or start over with --restart"
        )
    }
}

impl HasExitCode for Damage {
    fn exit_code(&self) -> ExitCode {
        ExitCode::BadUsage
    }
}
