//! From a path to a TOML table: the file is there, is text, and is TOML.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::error::{JobError, Place};
use super::locate::{column_of_offset, line_of_offset};
use crate::util::disk_error::advice;

/// Largest job file in bytes: a hundred times the longest sensible one, so that a list given by mistake as a job
/// does not fill the memory.
const MAX_JOB_BYTES: u64 = 1 << 20;

/// Reads a job file.
pub(super) fn read(path: &Path) -> Result<String, JobError> {
    let refuse = |message: String| JobError::of_place(Place::file(path), message);
    if path.is_dir() {
        return Err(refuse("is a directory; give the path of a .toml file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_JOB_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => refuse("there is no such file; check the path".to_owned()),
            ErrorKind::PermissionDenied => {
                refuse(format!("cannot be read: {error}; let this user read it"))
            }
            _ => {
                let message = format!("cannot be read: {error}; {}", advice(&error));
                JobError::of_reading(Place::file(path), message, &error)
            }
        })?;
    if bytes.len() as u64 > MAX_JOB_BYTES {
        return Err(refuse(
            "is larger than 1 MiB, which no file of settings is; give another".to_owned(),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = line_of_offset(error.as_bytes(), error.utf8_error().valid_up_to());
        let place = Place::Line(path.to_owned(), line);
        JobError::of_place(place, "is not UTF-8 text; save the job file as UTF-8")
    })
}

/// Parses the text of a job file. The line itself is never repeated: it may hold a secret.
pub(super) fn parse(path: &Path, text: &str) -> Result<toml::Table, JobError> {
    text.parse().map_err(|error: toml::de::Error| {
        let offset = error.span().map_or(text.len(), |span| span.start);
        let place = Place::Line(path.to_owned(), line_of_offset(text.as_bytes(), offset));
        let column = column_of_offset(text, offset);
        JobError::of_place(
            place,
            format_args!("is not TOML at column {column}: {}", error.message()),
        )
    })
}
