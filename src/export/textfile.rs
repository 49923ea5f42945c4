//! Whether the metrics textfile can be written at the end of a run.

use std::path::Path;

use rustix::io::Errno;

use crate::util::access::{ensure_can_move, ensure_can_write_in};
use crate::util::disk_error::DiskError;
use crate::util::paths::parent_directory;

/// Verifies the steps of writing the file, without trying them.
///
/// # Errors
/// The first step that the operating system would refuse.
pub fn ensure_can_be_written(path: &Path) -> Result<(), DiskError> {
    ensure_can_write_in(parent_directory(path)).map_err(DiskError::on("create", path))?;
    if path.is_dir() {
        return Err(DiskError::on("replace", path)(Errno::ISDIR.into()));
    }
    ensure_can_move(path).map_err(DiskError::on("replace", path))
}
