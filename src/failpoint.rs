//! Named points before and after each durable step where a test ends or fails the program, to see that the next run
//! makes good what is left. In a release build there are none.

use std::io;

/// The variable that names a point: `NAME` ends the process there as a crash would, `NAME=enospc` makes the step fail for
/// want of room; with `#N` behind the name, when the point is reached for the Nth time.
#[cfg(debug_assertions)]
const VARIABLE: &str = "IM_PROFILES_FAILPOINT";

/// Every point there is, in the order in which a run comes to them.
pub const ALL: &[&str] = &[
    "journal:create",
    "journal:created",
    "file:create",
    "file:sync",
    "file:synced",
    "file:renamed",
    "file:durable",
    "journal:append",
    "journal:appended",
    "publish:begin",
    "publish:complete",
    "publish:exchanged",
    "publish:cleared",
    "publish:removed",
];

/// Passes, unless a test has named this point.
#[cfg(debug_assertions)]
pub fn pass(name: &'static str) -> io::Result<()> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static REACHED: AtomicU32 = AtomicU32::new(0);

    debug_assert!(ALL.contains(&name), "{name} is in no list");
    let Ok(wanted) = std::env::var(VARIABLE) else { return Ok(()) };
    let (wanted, error) =
        wanted.split_once('=').map_or((&*wanted, None), |(name, error)| (name, Some(error)));
    let (wanted, count) = wanted.split_once('#').unwrap_or((wanted, "1"));
    if wanted != name || REACHED.fetch_add(1, Ordering::Relaxed) + 1 != count.parse().unwrap_or(1) {
        return Ok(());
    }
    match error {
        // No destructor runs and nothing is flushed, as in a crash.
        None => std::process::abort(),
        Some(_) => Err(io::ErrorKind::StorageFull.into()),
    }
}

/// Passes.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn pass(_name: &'static str) -> io::Result<()> {
    Ok(())
}
