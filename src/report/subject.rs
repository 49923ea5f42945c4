//! What a finding of `plan` or `check` is about.

use serde::Serialize;

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Job,
    Accounts,
    Secret,
    Output,
    /// The textfile and the listener of `[metrics]`.
    Metrics,
    /// Limits that the operating system sets for the process.
    System,
    /// The unfinished run.
    Resume,
    Disk,
    /// The minimum time of the calls against the deadline and the expiry of the UserSig.
    Time,
    /// Reachability, signature, administrator right.
    Call,
    Tags,
    Clock,
}

impl Subject {
    /// Every subject, in the order of the lines of `check`.
    pub const ALL: [Subject; 12] = [
        Subject::Job,
        Subject::Accounts,
        Subject::Secret,
        Subject::Output,
        Subject::Metrics,
        Subject::System,
        Subject::Resume,
        Subject::Disk,
        Subject::Time,
        Subject::Call,
        Subject::Tags,
        Subject::Clock,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Subject::Job => "job",
            Subject::Accounts => "accounts",
            Subject::Secret => "secret",
            Subject::Output => "output",
            Subject::Metrics => "metrics",
            Subject::System => "system",
            Subject::Resume => "resume",
            Subject::Disk => "disk",
            Subject::Time => "time",
            Subject::Call => "call",
            Subject::Tags => "tags",
            Subject::Clock => "clock",
        }
    }
}
