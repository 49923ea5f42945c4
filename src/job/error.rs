//! Errors of a job: the key, what is wrong with it, and where it was written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::util::exit_code::{ExitCode, HasExitCode};

/// Why a job cannot be used: `jobs/nightly.toml:14: api.calls_per_second: is 0, which ...; write ...`.
///
/// The text is complete (without a `source`) and never contains the value of a key that may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct JobError {
    text: String,
    code: ExitCode,
}

impl JobError {
    /// An error of the file as a whole, or of a line that belongs to no key.
    pub(super) fn new(location: Location, message: impl fmt::Display) -> JobError {
        JobError { text: format!("{location}: {message}"), code: ExitCode::BadUsage }
    }

    /// An error of the operating system while reading the file.
    pub(super) fn of_reading(
        location: Location,
        message: impl fmt::Display,
        error: &io::Error,
    ) -> JobError {
        JobError { code: ExitCode::of_input_error(error), ..JobError::new(location, message) }
    }

    /// An error of one key.
    pub(super) fn of_key(location: Location, error: KeyError) -> JobError {
        JobError::new(location, format_args!("{}: {}", error.key, error.message))
    }
}

impl HasExitCode for JobError {
    /// A disk error may be temporary; any other error requires the job to be corrected.
    fn exit_code(&self) -> ExitCode {
        self.code
    }
}

/// Where a key or value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The file as a whole.
    File(PathBuf),
    /// A line of the file, counted from 1.
    Line(PathBuf, usize),
    /// An override, in the form that messages may show.
    Override(String),
}

impl Location {
    pub fn file(path: &Path) -> Location {
        Location::File(path.to_owned())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::File(path) => write!(formatter, "{}", path.display()),
            Location::Line(path, line) => write!(formatter, "{}:{line}", path.display()),
            Location::Override(shown) => write!(formatter, "--set {shown}"),
        }
    }
}

/// The path of a key in the job: `api.timeout`, or `columns.0.tag` for an item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPath(pub Vec<String>);

impl KeyPath {
    pub fn then(&self, segment: &str) -> KeyPath {
        KeyPath(self.0.iter().map(String::as_str).chain([segment]).map(str::to_owned).collect())
    }

    /// Length of the common prefix, in segments.
    pub fn common_prefix_length(&self, other: &KeyPath) -> usize {
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
        for (index, segment) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "." };
            let is_bare =
                segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            if is_bare && !segment.is_empty() && segment.len() <= MAX_QUOTED_CHARS {
                write!(formatter, "{separator}{segment}")?;
            } else {
                write!(formatter, "{separator}{}", quoted(segment))?;
            }
        }
        Ok(())
    }
}

/// What is wrong with a key; the message ends with how to fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError {
    pub key: KeyPath,
    pub message: String,
}

impl KeyError {
    pub fn new(key: impl Into<KeyPath>, message: impl Into<String>) -> KeyError {
        KeyError { key: key.into(), message: message.into() }
    }
}

/// Maximum length of user text that a message repeats: enough to recognize it.
const MAX_QUOTED_CHARS: usize = 80;

/// User text in quotes, escaped and truncated.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}
