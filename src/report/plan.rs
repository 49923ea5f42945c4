//! What an export would do: for a person at a glance, or one line of JSON.

use std::fmt::{self, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use super::size::Size;
use super::summary::duration_text;
use crate::accounts::InvalidAccount;

/// Invalid accounts that are shown one by one.
pub const SHOWN_INVALID: usize = 5;

/// Most characters of an invalid account that a person is shown.
const SHOWN_CHARACTERS: usize = 60;

/// What an export would do. Keys of the JSON are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The job's name.
    pub job: String,
    /// The run's logical date.
    pub date: String,
    /// Where the snapshot would be; an absolute path.
    pub snapshot: String,
    /// What the account list holds.
    #[serde(flatten)]
    pub account_list: ListCounts,
    /// Calls of a new run, without those that are made again.
    pub calls: u64,
    /// Part files of a new run.
    pub parts: u64,
    /// Accounts in a part at the most.
    pub accounts_per_part: u64,
    /// The job's limit of calls a second; 0 is none.
    pub calls_per_second: u32,
    /// The least time that the calls of a new run take at that limit; none without one.
    pub minimum_seconds: Option<f64>,
    /// What the part files would take.
    #[serde(flatten)]
    pub size: Size,
    /// What may still be written there; none where the system does not tell.
    pub free_bytes: Option<u64>,
    /// Whether something is at the output path.
    pub snapshot_exists: bool,
    /// `replace` or `fail`.
    pub if_exists: &'static str,
    /// What an export would find to go on with.
    pub resume: Resume,
    /// What the lock of a run that is at work says of it.
    pub run_at_work: Option<String>,
    /// Why an export would refuse to start or to publish.
    pub refusal: Option<String>,
    /// The exit code for it; 0 when it would begin.
    pub exit_code: u8,
}

/// What an account list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ListCounts {
    /// Entries.
    pub accounts_in_list: u64,
    /// Valid accounts, each counted once.
    pub distinct_accounts: u64,
    /// Entries that repeat an earlier one.
    pub duplicates: u64,
    /// Entries that are no account id.
    pub invalid: u64,
    /// The first [`SHOWN_INVALID`] of them.
    pub first_invalid: Vec<InvalidEntry>,
}

/// An entry that is no account id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvalidEntry {
    /// Its line, or row in Parquet; from 1.
    pub line: u64,
    /// The entry, cut to some 200 bytes.
    pub account: String,
    /// What is wrong with it; goes on from "the account on line 7".
    pub reason: String,
}

impl From<&InvalidAccount> for InvalidEntry {
    fn from(invalid: &InvalidAccount) -> InvalidEntry {
        InvalidEntry {
            line: invalid.line,
            account: invalid.text.clone(),
            reason: invalid.reason.to_string(),
        }
    }
}

/// As a person is shown it, on one line.
impl fmt::Display for InvalidEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidEntry { line, account, reason } = self;
        let shown: String = account.chars().take(SHOWN_CHARACTERS).collect();
        let cut = if shown.len() < account.len() { "…" } else { "" };
        write!(f, "on line {line}, {shown:?}{cut} {reason}")
    }
}

/// What an export would find to go on with, and what it would still do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resume {
    /// What it would do with it.
    pub state: ResumeState,
    /// When the unfinished run began, RFC 3339.
    pub started_at: Option<String>,
    /// Parts that are complete.
    pub parts_committed: u64,
    /// Bytes of their files.
    pub bytes_committed: u64,
    /// What is still to be asked; none when it would be refused.
    #[serde(flatten)]
    pub left: Option<Work>,
    /// The least time for that; none without a limit of rate.
    pub minimum_seconds_left: Option<f64>,
}

/// What an export would do with what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumeState {
    /// Begins a new run: there is nothing to go on with.
    NewRun,
    /// Goes on with an unfinished run.
    GoesOn,
    /// Asks the failed accounts of a run again that got through the list and had too many.
    AsksFailedAgain,
    /// Has all answers, and only publishes.
    Publishes,
    /// Has all responses, and a limit of the job keeps it from publishing.
    HeldBack,
    /// Only cleans up: the run has published already.
    HasPublished,
    /// Is refused.
    Refused,
}

/// What is to be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Accounts.
    pub accounts_left: u64,
    /// Calls for them.
    pub calls_left: u64,
    /// Parts they make.
    pub parts_left: u64,
}

/// The least time that calls take at a limit of calls a second, to the millisecond; none without a limit.
pub fn minimum_seconds(calls: u64, calls_per_second: u32) -> Option<f64> {
    let seconds = calls as f64 / f64::from(calls_per_second);
    (calls_per_second > 0).then(|| (seconds * 1000.0).round() / 1000.0)
}

impl Plan {
    /// As one line of JSON.
    pub fn to_json(&self) -> String {
        // Plain structs with string keys: serialising them cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As a few lines for a person who is in the directory `here`.
    pub fn to_text(&self, here: &Path) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text, here);
        text
    }

    fn write(&self, text: &mut String, here: &Path) -> std::fmt::Result {
        writeln!(text, "Plan of {}, to {}", self.job, seen_from(here, &self.snapshot))?;
        let list = &self.account_list;
        writeln!(text, "  accounts    {} in the list", HumanCount(list.accounts_in_list))?;
        writeln!(text, "  distinct    {}", HumanCount(list.distinct_accounts))?;
        writeln!(text, "  duplicates  {}", HumanCount(list.duplicates))?;
        writeln!(text, "  invalid     {}", HumanCount(list.invalid))?;
        for invalid in &list.first_invalid {
            writeln!(text, "              {invalid}")?;
        }
        if list.invalid > list.first_invalid.len() as u64 {
            writeln!(text, "              and more")?;
        }
        writeln!(text, "  calls       {}", HumanCount(self.calls))?;
        let per_part = HumanCount(self.accounts_per_part);
        writeln!(text, "  parts       {} of up to {per_part} accounts", HumanCount(self.parts))?;
        writeln!(text, "  floor time  {}", self.floor_line())?;
        writeln!(text, "  size        {}", self.size.to_text(here))?;
        writeln!(text, "  free        {}", self.free_line())?;
        writeln!(text, "  snapshot    {}", self.snapshot_line())?;
        writeln!(text, "  resume      {}", self.resume.to_text())?;
        if let Some(holder) = &self.run_at_work {
            writeln!(text, "  at work     {}", holder.escape_debug())?;
        }
        if let Some(refusal) = &self.refusal {
            writeln!(text, "  refused     {refusal}")?;
        }
        Ok(())
    }

    fn floor_line(&self) -> String {
        match self.minimum_seconds {
            Some(seconds) => {
                let time = duration_text(Duration::from_secs_f64(seconds));
                format!("{time} at {} calls a second", HumanCount(self.calls_per_second.into()))
            }
            None => "none, as the job sets no limit of calls a second".to_owned(),
        }
    }

    fn free_line(&self) -> String {
        let needed = self.size.expected_bytes.saturating_sub(self.resume.bytes_committed);
        match self.free_bytes {
            None => "unknown".to_owned(),
            Some(free) if free < needed => format!("{}, which is too little", HumanBytes(free)),
            Some(free) => HumanBytes(free).to_string(),
        }
    }

    fn snapshot_line(&self) -> &'static str {
        match (self.snapshot_exists, self.if_exists) {
            (false, _) => "none is there yet",
            (true, "fail") => "one is there, and output.if_exists = \"fail\" keeps it",
            (true, _) => "one is there, to be replaced when the new one is complete",
        }
    }
}

impl Resume {
    /// A run that begins anew, with all of this to do.
    pub fn of_new_run(left: Work) -> Resume {
        Resume {
            state: ResumeState::NewRun,
            started_at: None,
            parts_committed: 0,
            bytes_committed: 0,
            left: Some(left),
            minimum_seconds_left: None,
        }
    }

    fn to_text(&self) -> String {
        let started_at = self.started_at.as_deref().unwrap_or("an unknown time");
        match self.state {
            ResumeState::NewRun => "nothing to go on with, a new run begins".to_owned(),
            ResumeState::HasPublished => {
                format!("the run of {started_at} has published, only its directory is removed")
            }
            ResumeState::Publishes => {
                format!("the run of {started_at} has all answers and only publishes")
            }
            ResumeState::HeldBack => {
                format!(
                    "the run of {started_at} has all responses, but a limit keeps it from publishing"
                )
            }
            ResumeState::Refused => "the unfinished run cannot be gone on with".to_owned(),
            ResumeState::GoesOn => {
                let committed = parts_text(self.parts_committed);
                format!(
                    "goes on with the run of {started_at}: {committed} done, {}",
                    self.left_text()
                )
            }
            ResumeState::AsksFailedAgain => {
                format!(
                    "asks the failed accounts of the run of {started_at} again: {}",
                    self.left_text()
                )
            }
        }
    }

    fn left_text(&self) -> String {
        let Work { accounts_left, calls_left, parts_left } = self.left.unwrap_or_default();
        let (accounts, calls) = (HumanCount(accounts_left), HumanCount(calls_left));
        let time = self.minimum_seconds_left.map(Duration::from_secs_f64).map(duration_text);
        let time = time.map_or(String::new(), |time| format!(", at least {time}"));
        format!("{accounts} accounts in {calls} calls and {} left{time}", parts_text(parts_left))
    }
}

fn parts_text(parts: u64) -> String {
    if parts == 1 { "1 part".to_owned() } else { format!("{} parts", HumanCount(parts)) }
}

/// The path as a person in the directory `here` writes it.
pub(super) fn seen_from(here: &Path, path: &str) -> String {
    Path::new(path).strip_prefix(here).unwrap_or(Path::new(path)).display().to_string()
}

#[cfg(test)]
mod tests;
