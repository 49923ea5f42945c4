//! The plan of an export: lines of text, or one line of JSON.

mod list_counts;
mod problem;
mod resume;

use std::fmt::{self, Write};
use std::path::Path;

use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

pub use self::list_counts::{InvalidEntry, ListCounts, SHOWN_INVALID, SpooledBytes};
pub use self::problem::{PlannedEffect, PlannedProblem};
pub use self::resume::{RemainingWork, Resume, ResumeState};
use super::size::{SizeEstimate, relative_to};
use crate::util::human::{counted, duration_text};
use crate::util::visible::visible;

/// What an export would do. Keys of the JSON are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    pub job: String,
    /// The run's logical date.
    pub date: String,
    /// Absolute path at which the snapshot would be published.
    pub snapshot: String,
    #[serde(flatten)]
    pub account_list: ListCounts,
    /// Calls of a new run, without retries.
    pub calls: u64,
    /// Part files of a new run.
    pub parts: u64,
    /// Largest number of accounts in a part.
    pub accounts_per_part: u64,
    /// The job's rate limit; 0 is none.
    pub calls_per_second: u32,
    /// Minimum time of a new run's calls at the rate limit; `None` without one.
    pub minimum_seconds: Option<f64>,
    #[serde(flatten)]
    pub size: SizeEstimate,
    /// Free space for the parts; `None` where the system does not report it.
    pub free_bytes: Option<u64>,
    /// What the parts take of it at most, where each is uploaded when it is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scratch: Option<PlannedScratch>,
    /// Whether something exists at the output path.
    pub snapshot_exists: bool,
    /// `replace` or `fail`.
    pub if_exists: &'static str,
    pub resume: Resume,
    /// The lock's description of the run that holds it.
    pub run_at_work: Option<String>,
    /// What an export would report before its first call, in its order.
    pub problems: Vec<PlannedProblem>,
    /// Why an export would not publish: the text of the problem that ends it.
    pub refusal: Option<String>,
    /// The exit code of that problem; 0 if nothing is known that prevents publishing.
    pub exit_code: u8,
}

/// The directory for parts until they are uploaded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedScratch {
    pub directory: String,
    /// What the parts in it take at most.
    pub expected_bytes: u64,
}

/// The minimum time of calls at a rate limit, to the millisecond; `None` without a limit.
pub fn minimum_seconds(calls: u64, calls_per_second: u32) -> Option<f64> {
    let seconds = calls as f64 / f64::from(calls_per_second);
    (calls_per_second > 0).then(|| (seconds * 1000.0).round() / 1000.0)
}

impl Plan {
    /// One line of JSON.
    pub fn to_json(&self) -> String {
        // Plain structs with string keys: serializing them cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Lines of text, with paths relative to the directory `here`.
    pub fn to_text(&self, here: &Path) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text, here);
        text
    }

    fn write(&self, text: &mut String, here: &Path) -> fmt::Result {
        writeln!(text, "Plan of {}, to {}", self.job, relative_to(here, &self.snapshot))?;
        let list = &self.account_list;
        let mut line =
            |label: &str, value: &dyn fmt::Display| writeln!(text, "  {label:<12}  {value}");
        let in_files = match list.files {
            1 => String::new(),
            files => format!(" of {} files", HumanCount(files)),
        };
        let accounts = HumanCount(list.accounts_in_list);
        line("accounts", &format_args!("{accounts} in the list{in_files}"))?;
        if let Some(SpooledBytes { bytes, directory }) = &list.spooled {
            let directory = relative_to(here, directory);
            line("spooled", &format_args!("{} in {directory}", HumanBytes(*bytes)))?;
        }
        line("distinct", &list.distinct_text())?;
        line("duplicates", &list.duplicates_text())?;
        line("invalid", &HumanCount(list.invalid))?;
        for invalid in &list.first_invalid {
            line("", invalid)?;
        }
        if list.invalid > list.first_invalid.len() as u64 {
            line("", &"and more")?;
        }
        let parts = HumanCount(self.parts);
        let per_part = counted(self.accounts_per_part, "account");
        line("calls", &HumanCount(self.calls))?;
        line("parts", &format_args!("{parts} of up to {per_part}"))?;
        line("minimum time", &self.minimum_time_text())?;
        line("size", &self.size.to_text(here))?;
        line("free", &self.free_text())?;
        line("snapshot", &self.snapshot_text())?;
        line("resume", &self.resume.to_text())?;
        if let Some(holder) = &self.run_at_work {
            line("running", &holder.escape_debug())?;
        }
        for problem in &self.problems {
            line(problem.effect.label(), &problem.text)?;
        }
        Ok(())
    }

    fn minimum_time_text(&self) -> String {
        match self.minimum_seconds {
            Some(seconds) => {
                let limit = counted(self.calls_per_second.into(), "call");
                format!("{} at {limit} per second", duration_text(seconds))
            }
            None => "none, because the job sets no rate limit".to_owned(),
        }
    }

    fn free_text(&self) -> String {
        let rest = self.size.expected_bytes.saturating_sub(self.resume.bytes_committed);
        let needed = match &self.scratch {
            Some(scratch) => scratch.expected_bytes.min(rest),
            None => rest,
        };
        let free = self.free_bytes.map(HumanBytes);
        if let (Some(scratch), Some(free)) = (&self.scratch, free)
            && free.0 >= needed
        {
            let directory = visible(&scratch.directory);
            let used = HumanBytes(needed);
            return format!(
                "{free} in {directory}, where parts take {used} until they are uploaded"
            );
        }
        match self.free_bytes {
            None => "unknown".to_owned(),
            Some(free) if free < needed => format!("{}, which is too little", HumanBytes(free)),
            Some(free) => HumanBytes(free).to_string(),
        }
    }

    fn snapshot_text(&self) -> &'static str {
        match (self.snapshot_exists, self.if_exists) {
            (false, _) => "does not exist yet",
            (true, "fail") => "exists, and output.if_exists = \"fail\" keeps it",
            (true, _) => "exists; replaced when the new one is complete",
        }
    }
}

#[cfg(test)]
mod tests;
