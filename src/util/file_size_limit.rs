//! The file size limit of the process (`ulimit -f`). By default, a signal kills a process that exceeds it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::Signal;

/// Makes a write beyond the limit fail with `EFBIG`, which is reported like any other disk error. Must be called before
/// anything is written.
///
/// # Errors
/// When the handler cannot be installed.
pub fn report_as_error() -> io::Result<()> {
    // A handled signal does not kill, and the write fails. The flag itself is not needed.
    let arrived = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(Signal::XFSZ.as_raw(), arrived).map(drop)
}
