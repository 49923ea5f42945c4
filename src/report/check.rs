//! The findings of `check`: a line of text for each, or one line of JSON for all.

use std::fmt;

use serde::Serialize;

use super::subject::Subject;
use crate::util::visible::visible;

/// The checks of a job. Keys of the JSON are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct Checks {
    /// The job's name; `None` if the job file failed.
    pub job: Option<String>,
    pub exit_code: u8,
    /// The text of the failure that decides the exit code.
    pub reason: Option<String>,
    pub checks: Vec<Check>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    #[serde(rename = "check")]
    pub subject: Subject,
    pub status: Status,
    /// The exit code of an export that ends because of it; 0 unless the check failed.
    pub exit_code: u8,
    /// What was found, and how to fix a failure.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Passed,
    /// Worth knowing, but an export works.
    Note,
    /// An export would fail.
    Failed,
    Skipped,
}

impl Status {
    pub const fn name(self) -> &'static str {
        match self {
            Status::Passed => "passed",
            Status::Note => "note",
            Status::Failed => "failed",
            Status::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<7}  {:<8}  {}", self.status.name(), self.subject.name(), visible(&self.text))
    }
}

impl Checks {
    pub fn to_json(&self) -> String {
        // Plain structs with string keys: serializing them cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_aligned_and_json_has_the_same_words() {
        let check =
            |subject, status| Check { subject, status, exit_code: 0, text: "a finding".to_owned() };
        let statuses = [Status::Passed, Status::Note, Status::Failed, Status::Skipped];
        let checks: Vec<Check> = Subject::ALL
            .into_iter()
            .zip(statuses.into_iter().cycle())
            .map(|(subject, status)| check(subject, status))
            .collect();
        let lines: Vec<String> = checks.iter().map(Check::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        passed   job       a finding
        note     accounts  a finding
        failed   secret    a finding
        skipped  output    a finding
        passed   metrics   a finding
        note     system    a finding
        failed   resume    a finding
        skipped  disk      a finding
        passed   time      a finding
        note     call      a finding
        failed   tags      a finding
        skipped  clock     a finding
        ");
        let all = Checks {
            job: Some("sample".to_owned()),
            exit_code: 4,
            reason: Some("a finding".to_owned()),
            checks: checks.clone(),
        };
        let read: serde_json::Value = serde_json::from_str(&all.to_json()).unwrap();
        for (check, read) in checks.iter().zip(read["checks"].as_array().unwrap()) {
            assert_eq!(read["check"], check.subject.name());
            assert_eq!(read["status"], check.status.name());
        }
        assert_eq!((&read["job"], &read["exit_code"]), (&"sample".into(), &4.into()));
    }
}
