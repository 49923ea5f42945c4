//! Reads a job file and parses it as TOML.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::error::{JobError, Location};
use super::locate::{column_of_offset, line_of_offset};
use super::values::url_scheme;
use crate::util::disk_error::advice;

/// A hundred times the longest sensible job file; an account list given as a job by mistake is not read into memory.
const MAX_JOB_BYTES: u64 = 1 << 20;

pub fn read(path: &Path) -> Result<String, JobError> {
    let refuse = |message: String| JobError::new(Location::file(path), message);
    if let Some(scheme) = path.to_str().and_then(url_scheme) {
        // The rest may hold a password.
        let location = Location::File(format!("{scheme}://...").into());
        let message = "is a URL, which is not supported yet; give the path of a .toml file";
        return Err(JobError::new(location, message));
    }
    if path.is_dir() {
        return Err(refuse("is a directory; give the path of a .toml file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_JOB_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => refuse("the file does not exist; check the path".to_owned()),
            ErrorKind::PermissionDenied => {
                refuse(format!("cannot be read: {error}; grant this user permission to read it"))
            }
            _ => {
                let message = format!("cannot be read: {error}; {}", advice(&error));
                JobError::of_reading(Location::file(path), message, &error)
            }
        })?;
    if bytes.len() as u64 > MAX_JOB_BYTES {
        return Err(refuse(
            "is larger than 1 MiB, which is too large for a settings file; check the path"
                .to_owned(),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = line_of_offset(error.as_bytes(), error.utf8_error().valid_up_to());
        let location = Location::Line(path.to_owned(), line);
        JobError::new(location, "is not UTF-8 text; save the file as UTF-8")
    })
}

/// Parses the text of a job file. Messages do not repeat the line, which may hold a secret.
pub fn parse(path: &Path, text: &str) -> Result<toml::Table, JobError> {
    text.parse().map_err(|error: toml::de::Error| {
        let offset = error.span().map_or(text.len(), |span| span.start);
        let location = Location::Line(path.to_owned(), line_of_offset(text.as_bytes(), offset));
        let column = column_of_offset(text, offset);
        JobError::new(
            location,
            format_args!("is not valid TOML at column {column}: {}", error.message()),
        )
    })
}
