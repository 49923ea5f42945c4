//! What happens at the file size limit of the process (`ulimit -f`): by default a signal that kills it without a word.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::Signal;

/// Makes a write beyond the file size limit fail with `EFBIG`, which is reported like any other disk error. Must be
/// called before anything is written.
///
/// # Errors
/// When the operating system refuses the handler.
pub fn report_as_error() -> io::Result<()> {
    // With a handler in place, the signal no longer kills. That it arrived is of no interest: the write fails as well.
    let arrived = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(Signal::XFSZ.as_raw(), arrived).map(drop)
}
