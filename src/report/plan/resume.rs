//! What an export would do with an unfinished run.

use serde::Serialize;

use crate::util::human::{counted, duration_text};

/// What an export would find of an unfinished run, and the work that remains.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resume {
    pub state: ResumeState,
    /// When the unfinished run started, RFC 3339.
    pub started_at: Option<String>,
    pub parts_committed: u64,
    /// Size of the files of the committed parts.
    pub bytes_committed: u64,
    /// `None` if the export would be refused.
    #[serde(flatten)]
    pub left: Option<RemainingWork>,
    /// Minimum time of the remaining calls; `None` without a rate limit.
    pub minimum_seconds_left: Option<f64>,
}

/// What an export would do with the unfinished run it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumeState {
    /// No unfinished run exists; a new one starts.
    NewRun,
    /// The unfinished run is resumed.
    Resumes,
    /// The list is done but too many accounts failed; those are retried.
    RetriesFailed,
    /// All responses are there; only publishing remains.
    Publishes,
    /// All responses are there, but a limit of the job prevents publishing.
    HeldBack,
    /// The run has published; only its work directory is removed.
    HasPublished,
    Refused,
}

/// Work that remains for an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RemainingWork {
    pub accounts_left: u64,
    pub calls_left: u64,
    pub parts_left: u64,
}

impl Resume {
    /// A new run with all of this to do.
    pub fn new_run(left: RemainingWork) -> Resume {
        Resume {
            state: ResumeState::NewRun,
            started_at: None,
            parts_committed: 0,
            bytes_committed: 0,
            left: Some(left),
            minimum_seconds_left: None,
        }
    }

    /// What an export would do, in one line.
    pub fn to_text(&self) -> String {
        let started_at = self.started_at.as_deref().unwrap_or("an unknown time");
        match self.state {
            ResumeState::NewRun => "no unfinished run; a new run starts".to_owned(),
            ResumeState::HasPublished => {
                format!("the run of {started_at} has published; only its work directory is removed")
            }
            ResumeState::Publishes => {
                format!("the run of {started_at} has all responses and only publishes")
            }
            ResumeState::HeldBack => {
                format!(
                    "the run of {started_at} has all responses, but a limit prevents publishing"
                )
            }
            ResumeState::Refused => "the unfinished run cannot be resumed".to_owned(),
            ResumeState::Resumes => {
                let committed = counted(self.parts_committed, "part");
                format!(
                    "resumes the run of {started_at}: {committed} done, {}",
                    self.remaining_text()
                )
            }
            ResumeState::RetriesFailed => {
                format!(
                    "retries the failed accounts of the run of {started_at}: {}",
                    self.remaining_text()
                )
            }
        }
    }

    fn remaining_text(&self) -> String {
        let RemainingWork { accounts_left, calls_left, parts_left } = self.left.unwrap_or_default();
        let (accounts, calls) = (counted(accounts_left, "account"), counted(calls_left, "call"));
        let parts = counted(parts_left, "part");
        let time = self.minimum_seconds_left.map(duration_text);
        let time = time.map_or(String::new(), |time| format!(", at least {time}"));
        format!("{accounts} in {calls} and {parts} left{time}")
    }
}
