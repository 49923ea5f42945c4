//! The tokio runtime of a thread.

use std::io;
use std::os::unix::net::UnixStream;

use tokio::runtime::{Builder, Runtime};

use super::disk_error::SystemError;

/// Socket pairs that must be available: tokio panics when it cannot create the pair for its signal handling, which it does
/// after it has opened a few files of its own.
const REQUIRED_SOCKET_PAIRS: usize = 4;

/// Creates a single-threaded runtime with network, timers and signals; it runs on the thread that enters it.
///
/// # Errors
/// When the operating system refuses the files that the runtime needs.
pub fn runtime() -> Result<Runtime, SystemError> {
    let pairs: io::Result<Vec<_>> =
        (0..REQUIRED_SOCKET_PAIRS).map(|_| UnixStream::pair()).collect();
    pairs
        .map(drop)
        .and_then(|()| Builder::new_current_thread().enable_all().build())
        .map_err(SystemError::on("start the event loop"))
}
