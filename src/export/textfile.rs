//! Whether the metrics textfile can be written at the end of a run.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::util::access::{ensure_can_move, ensure_can_write_in};
use crate::util::disk_error::DiskError;
use crate::util::paths::parent_directory;

/// Why the metrics textfile cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TextfileError {
    #[error("metrics.textfile {} is a directory; name a file in it, such as {}", .0.display(), .0.join("im_profiles.prom").display())]
    Directory(PathBuf),
    #[error("the directory {} of metrics.textfile does not exist; create it, or correct metrics.textfile", .0.display())]
    NoDirectory(PathBuf),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("the metrics have no text form")]
    Format(#[from] prometheus::Error),
}

/// Verifies the steps of writing the file, without trying them.
///
/// # Errors
/// The first step that the operating system would refuse.
pub fn ensure_can_be_written(path: &Path) -> Result<(), TextfileError> {
    let directory = parent_directory(path);
    match ensure_can_write_in(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(TextfileError::NoDirectory(directory.to_owned()));
        }
        writable => writable.map_err(DiskError::on("create", path))?,
    }
    if path.is_dir() {
        return Err(TextfileError::Directory(path.to_owned()));
    }
    Ok(ensure_can_move(path).map_err(DiskError::on("replace", path))?)
}
