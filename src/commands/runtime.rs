//! The runtime that calls, signals and timers need.

use std::io;
use std::os::unix::net::UnixStream;

use rustix::io::Errno;
use tokio::runtime::{Builder, Runtime};

/// Pairs of sockets that must be free: tokio panics when the one of its signals cannot be made, after it has taken a few
/// files itself.
const FREE_PAIRS: usize = 4;

/// The system refused what a runtime needs.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the network runtime; {}", remedy(.0))]
pub struct RuntimeError(#[source] io::Error);

impl RuntimeError {
    /// For `map_err`.
    pub fn new(error: io::Error) -> RuntimeError {
        RuntimeError(error)
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE) => "raise the limit on open files (ulimit -n) to 256 or more",
        Some(Errno::NFILE) => "the whole machine has too many open files; run again later",
        _ => "run again when the machine has more resources free",
    }
}

/// A runtime on the thread that enters it, with network, timers and signals.
///
/// # Errors
/// When the system refuses the files that it needs.
pub fn start_runtime() -> Result<Runtime, RuntimeError> {
    let pairs: io::Result<Vec<_>> = (0..FREE_PAIRS).map(|_| UnixStream::pair()).collect();
    pairs.map(drop).map_err(RuntimeError)?;
    Builder::new_current_thread().enable_all().build().map_err(RuntimeError)
}
