//! What an export would report before its first call.

use serde::Serialize;

use crate::report::subject::Subject;

/// A problem that is known before the first call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedProblem {
    pub subject: Subject,
    pub effect: PlannedEffect,
    /// The exit code of an export that ends because of it; 0 for a warning.
    pub exit_code: u8,
    /// What is wrong, and how to fix it.
    pub text: String,
}

/// What an export would do about a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlannedEffect {
    /// It logs a warning.
    Warns,
    /// It makes calls, and ends without publishing.
    Stops,
    /// It makes no call.
    Refuses,
}

impl PlannedEffect {
    /// The label of its line.
    pub const fn label(self) -> &'static str {
        match self {
            PlannedEffect::Warns => "warning",
            PlannedEffect::Stops => "stops",
            PlannedEffect::Refuses => "refused",
        }
    }
}
