//! The runtime that calls, signals and timers need.

use std::io;
use std::os::unix::net::UnixStream;

use tokio::runtime::{Builder, Runtime};

use crate::util::disk_error::SystemError;

/// Pairs of sockets that must be free: tokio panics when the one of its signals cannot be made, after it has taken a few
/// files itself.
const FREE_PAIRS: usize = 4;

/// A runtime on the thread that enters it, with network, timers and signals.
///
/// # Errors
/// When the system refuses the files that it needs.
pub fn start_runtime() -> Result<Runtime, SystemError> {
    let pairs: io::Result<Vec<_>> = (0..FREE_PAIRS).map(|_| UnixStream::pair()).collect();
    pairs
        .map(drop)
        .and_then(|()| Builder::new_current_thread().enable_all().build())
        .map_err(SystemError::on("start the event loop"))
}
