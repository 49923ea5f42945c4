//! Standard output of the verbs whose whole work is what they print.

use std::io::{self, ErrorKind, Write};

use crate::util::disk_error::SystemError;
use crate::util::failure::Failure;

/// Writes to standard output.
///
/// # Errors
/// When it cannot take it all, as a full disk. A reader who has closed the pipe has seen enough.
pub fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_ref()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(SystemError::on("write standard output")(error).into())
        }
        _ => Ok(()),
    }
}
