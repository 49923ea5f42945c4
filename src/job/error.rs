//! How a job is refused: the key, what is wrong, and where that was written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::util::exit_code::{ExitCode, HasExitCode};

/// Why a job cannot be used: `jobs/nightly.toml:14: api.calls_per_second: is 0, which ...; write ...`.
///
/// The text is complete (there is no `source`) and holds no value of a key that may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct JobError {
    text: String,
    /// How the process ends for it.
    code: ExitCode,
}

impl JobError {
    /// An error of the file as a whole, or of a line that belongs to no key.
    pub(super) fn of_place(place: Place, message: impl fmt::Display) -> JobError {
        JobError { text: format!("{place}: {message}"), code: ExitCode::BadUsage }
    }

    /// An error of the operating system while the file was read.
    pub(super) fn of_reading(
        place: Place,
        message: impl fmt::Display,
        error: &io::Error,
    ) -> JobError {
        JobError { code: ExitCode::of_input_error(error), ..JobError::of_place(place, message) }
    }

    pub(super) fn at(place: Place, refusal: Refusal) -> JobError {
        JobError::of_place(place, format_args!("{}: {}", refusal.key, refusal.message))
    }
}

impl HasExitCode for JobError {
    /// An error of the disk may pass, anything else needs another job.
    fn exit_code(&self) -> ExitCode {
        self.code
    }
}

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Somewhere in the file, or nowhere.
    File(PathBuf),
    /// A line of the file, from 1.
    Line(PathBuf, usize),
    /// An override, as it may be shown.
    Override(String),
}

impl Place {
    pub(super) fn file(path: &Path) -> Place {
        Place::File(path.to_owned())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => write!(formatter, "{}", path.display()),
            Place::Line(path, line) => write!(formatter, "{}:{line}", path.display()),
            Place::Override(shown) => write!(formatter, "--set {shown}"),
        }
    }
}

/// A key of the job: `api.timeout`, or `columns.0.tag` for an item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyPath(pub(super) Vec<String>);

impl KeyPath {
    pub(super) fn then(&self, step: &str) -> KeyPath {
        KeyPath(self.0.iter().map(String::as_str).chain([step]).map(str::to_owned).collect())
    }

    /// How many steps from the root two paths have in common.
    pub(super) fn shared_steps(&self, other: &KeyPath) -> usize {
        self.0.iter().zip(&other.0).take_while(|(one, two)| one == two).count()
    }
}

impl From<&str> for KeyPath {
    fn from(dotted: &str) -> KeyPath {
        KeyPath(dotted.split('.').map(str::to_owned).collect())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "." };
            let is_bare =
                step.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            if is_bare && !step.is_empty() && step.len() <= MAX_SHOWN_CHARS {
                write!(formatter, "{separator}{step}")?;
            } else {
                write!(formatter, "{separator}{}", shown(step))?;
            }
        }
        Ok(())
    }
}

/// A key and what is wrong with it; the message ends with what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) key: KeyPath,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(key: impl Into<KeyPath>, message: impl Into<String>) -> Refusal {
        Refusal { key: key.into(), message: message.into() }
    }
}

/// Longest text of the user's that a message repeats, in characters: enough to know it again.
const MAX_SHOWN_CHARS: usize = 80;

/// A text of the user's in quotes, escaped and cut to a length that a message can bear.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}
