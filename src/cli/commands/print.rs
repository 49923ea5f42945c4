//! Standard output of the commands that only print.

use std::io::{self, ErrorKind, Write};

use crate::util::disk_error::SystemError;
use crate::util::failure::Failure;

/// Writes to standard output.
///
/// # Errors
/// When not all of it can be written, such as to a full disk. A closed pipe is not an error.
pub fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_ref()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(SystemError::on("write standard output")(error).into())
        }
        _ => Ok(()),
    }
}
