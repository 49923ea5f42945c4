//! The checkpoint of a run: what it has committed, as replaying the journal gives it.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use sha2::{Digest, Sha256};

use super::parts::CommittedPart;
use super::run_totals::RunTotals;
use crate::util::hex::hex;

/// Identifies a run, and decides whether a later command may resume it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHeader {
    /// The version of the journal format.
    pub version: u32,
    pub run_id: String,
    /// The run's logical date.
    pub date: String,
    /// RFC 3339.
    pub started_at: String,
    /// Everything that decides the content of the snapshot: the digest of the list and keys of the job, by name.
    pub content: BTreeMap<String, String>,
}

/// Identifies a run in every line of the journal, so that its first line can be restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunIdentity {
    pub id: String,
    pub date: String,
    pub started_at: String,
    /// The [`content_digest`] of the header.
    pub content: String,
}

/// The digest of [`RunHeader::content`].
pub fn content_digest(content: &BTreeMap<String, String>) -> String {
    // A map of strings always serializes.
    hex(&Sha256::digest(serde_json::to_vec(content).unwrap_or_default()))
}

impl RunHeader {
    pub fn identity(&self) -> RunIdentity {
        RunIdentity {
            id: self.run_id.clone(),
            date: self.date.clone(),
            started_at: self.started_at.clone(),
            content: content_digest(&self.content),
        }
    }
}

/// The end of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundEnd {
    /// Distinct accounts of the round.
    pub accounts: u64,
    /// Records of the list that repeat an earlier one.
    pub duplicates: u64,
}

/// What one round has committed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// By first ordinal.
    pub parts: BTreeMap<u64, CommittedPart>,
    /// Set once all parts are committed.
    pub end: Option<RoundEnd>,
}

/// What a run has committed: the journal, replayed.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    pub header: RunHeader,
    /// The last one may be incomplete.
    pub rounds: Vec<Round>,
    pub totals: RunTotals,
}

/// How much a run had committed when a line of the journal was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Committed {
    /// Accounts of the parts.
    pub accounts: u64,
    pub parts: u64,
}

/// An entry contradicts the earlier ones. Nothing has been changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InconsistentEntry {
    /// Accounts would be duplicated.
    #[error("part {0} overlaps an earlier one")]
    Overlap(u64),
    /// Accounts would be lost.
    #[error("the round ends with a gap at account {0}")]
    Gap(u64),
    #[error("an entry is out of place")]
    OutOfPlace,
}

impl Round {
    /// Adds a part that covers no ordinal of another one.
    pub fn add_part(&mut self, part: CommittedPart) -> Result<(), InconsistentEntry> {
        if self.end.is_some() {
            return Err(InconsistentEntry::OutOfPlace);
        }
        let before = self.parts.range(..=part.ordinals.start).next_back();
        let after = self.parts.range(part.ordinals.start..).next();
        let overlaps = |other: Option<(&u64, &CommittedPart)>| {
            other.is_some_and(|(_, other)| {
                let (one, two): (&Range<u64>, &Range<u64>) = (&part.ordinals, &other.ordinals);
                one.start == two.start || (one.start < two.end && two.start < one.end)
            })
        };
        if overlaps(before) || overlaps(after) {
            return Err(InconsistentEntry::Overlap(part.index));
        }
        self.parts.insert(part.ordinals.start, part);
        Ok(())
    }

    /// Ends the round, which must have no gap.
    pub fn end(&mut self, end: RoundEnd) -> Result<(), InconsistentEntry> {
        if self.end.is_some() {
            return Err(InconsistentEntry::OutOfPlace);
        }
        let mut next = 0;
        for part in self.parts.values() {
            if part.ordinals.start != next {
                return Err(InconsistentEntry::Gap(next));
            }
            next = part.ordinals.end;
        }
        if next != end.accounts || self.parts.is_empty() {
            return Err(InconsistentEntry::Gap(next));
        }
        self.end = Some(end);
        Ok(())
    }

    /// How much of the round is committed.
    pub fn committed(&self) -> Committed {
        let accounts = self.parts.values().map(|part| part.ordinals.end - part.ordinals.start);
        Committed { accounts: accounts.sum(), parts: self.parts.len() as u64 }
    }
}

impl Checkpoint {
    /// A run that has not committed anything.
    pub fn new(header: RunHeader) -> Checkpoint {
        Checkpoint { header, rounds: vec![Round::default()], totals: RunTotals::default() }
    }

    /// All parts, ordered by index.
    pub fn parts(&self) -> Vec<CommittedPart> {
        let parts = self.rounds.iter().flat_map(|round| round.parts.values());
        let mut parts: Vec<CommittedPart> = parts.cloned().collect();
        parts.sort_unstable_by_key(|part| part.index);
        parts
    }

    pub fn last_round(&self) -> Option<&Round> {
        self.rounds.last()
    }

    /// How much is committed.
    pub fn committed(&self) -> Committed {
        self.rounds.iter().map(Round::committed).fold(Committed::default(), |sum, round| {
            Committed { accounts: sum.accounts + round.accounts, parts: sum.parts + round.parts }
        })
    }

    /// Adds a part to the current round, or to the next one if that has ended.
    pub fn add_part(&mut self, part: CommittedPart) -> Result<(), InconsistentEntry> {
        match self.rounds.last_mut() {
            Some(round) if round.end.is_none() => round.add_part(part),
            _ => {
                let parts = BTreeMap::from([(part.ordinals.start, part)]);
                self.rounds.push(Round { parts, end: None });
                Ok(())
            }
        }
    }

    /// Ends the current round, which must have no gap.
    pub fn end_round(&mut self, end: RoundEnd) -> Result<(), InconsistentEntry> {
        self.rounds.last_mut().ok_or(InconsistentEntry::OutOfPlace)?.end(end)
    }
}
