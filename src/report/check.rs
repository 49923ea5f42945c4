//! What `check` found: a line for each check, or one line of JSON for all.

use std::fmt;

use serde::Serialize;

/// The checks of a job. Keys of the JSON are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct Checks {
    /// The job's name; none when the job itself failed.
    pub job: Option<String>,
    /// The process's exit code.
    pub exit_code: u8,
    /// In the order they were made.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    #[serde(rename = "check")]
    pub subject: Subject,
    /// How it went.
    pub status: Status,
    /// What was found, and what is to be done about a failure.
    pub text: String,
}

/// What is checked, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The job file.
    Job,
    /// The account list.
    Accounts,
    /// The secret key or UserSig.
    Secret,
    /// The output path.
    Output,
    /// A call: reachability, signature, administrator right.
    Call,
    /// The tags of the columns.
    Tags,
    /// This machine's clock.
    Clock,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// All is well.
    Passed,
    /// Nothing that keeps an export from its work, but worth knowing.
    Note,
    /// An export would not get through.
    Failed,
    /// Could not be checked.
    Skipped,
}

impl Subject {
    /// Every subject, in order.
    pub const ALL: [Subject; 7] = [
        Subject::Job,
        Subject::Accounts,
        Subject::Secret,
        Subject::Output,
        Subject::Call,
        Subject::Tags,
        Subject::Clock,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Subject::Job => "job",
            Subject::Accounts => "accounts",
            Subject::Secret => "secret",
            Subject::Output => "output",
            Subject::Call => "call",
            Subject::Tags => "tags",
            Subject::Clock => "clock",
        }
    }
}

impl Status {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Passed => "passed",
            Status::Note => "note",
            Status::Failed => "failed",
            Status::Skipped => "skipped",
        }
    }
}

/// The line for a person.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<7}  {:<8}  {}", self.status.name(), self.subject.name(), self.text)
    }
}

impl Checks {
    /// As one line of JSON.
    pub fn to_json(&self) -> String {
        // Plain structs with string keys: serialising them cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_in_columns_and_json_has_the_same_words() {
        let check = |subject, status| Check { subject, status, text: "so it is".to_owned() };
        let statuses = [Status::Passed, Status::Note, Status::Failed, Status::Skipped];
        let checks: Vec<Check> = Subject::ALL
            .into_iter()
            .zip(statuses.into_iter().cycle())
            .map(|(subject, status)| check(subject, status))
            .collect();
        let lines: Vec<String> = checks.iter().map(Check::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        passed   job       so it is
        note     accounts  so it is
        failed   secret    so it is
        skipped  output    so it is
        passed   call      so it is
        note     tags      so it is
        failed   clock     so it is
        ");
        let all = Checks { job: Some("sample".to_owned()), exit_code: 4, checks: checks.clone() };
        let read: serde_json::Value = serde_json::from_str(&all.to_json()).unwrap();
        for (check, read) in checks.iter().zip(read["checks"].as_array().unwrap()) {
            assert_eq!(read["check"], check.subject.name());
            assert_eq!(read["status"], check.status.name());
        }
        assert_eq!((&read["job"], &read["exit_code"]), (&"sample".into(), &4.into()));
    }
}
