//! Named points before and after each durable step, at which a test kills, fails or pauses the program, to verify that
//! another run handles what is left. A release build has none.

use std::io;

/// The variable that lists points, separated by commas. `NAME` aborts the process at the point, `NAME=enospc` makes the
/// step fail with that error, `NAME=pipe:PATH` waits until the writer of the named pipe has closed it. `NAME#N` applies
/// when the point is reached for the Nth time.
#[cfg(debug_assertions)]
const VARIABLE: &str = "IM_PROFILES_FAILPOINT";

/// The points of every run that publishes, in the order in which it first reaches them.
pub const ALL: &[&str] = &[
    "lock:opened",
    "output:move",
    "output:moved",
    "output:look",
    "file:create",
    "file:sync",
    "file:synced",
    "file:renamed",
    "file:durable",
    "journal:create",
    "journal:created",
    "journal:append",
    "journal:appended",
    "publish:start",
    "publish:verified",
    "publish:complete",
    "publish:name",
    "publish:named",
    "publish:exchange",
    "publish:exchanged",
    "publish:cleared",
    "publish:removed",
    "publish:unlocked",
];

/// The points of replacing a snapshot on a file system that cannot exchange two directories, and of restoring the
/// previous one in the next run.
pub const WITHOUT_EXCHANGE: &[&str] = &[
    "replace:move_aside",
    "replace:moved_aside",
    "replace:rename",
    "replace:restore",
    "restore:rename",
    "restore:renamed",
];

/// The points of a run that publishes in an object store, beside those of [`ALL`] that it has too.
pub const IN_A_BUCKET: &[&str] = &[
    "lease:taken",
    "publish:plan",
    "publish:planned",
    "publish:unmarked",
    "publish:copied",
    "publish:committed",
    "publish:sidecars",
    "publish:symlinks",
    "publish:replaced",
    "publish:marked",
];

/// The points of resuming a run that was stopped while it published, or one of version 0.1.0.
pub const WHEN_HIDING: &[&str] = &["hide:name"];

/// Does what a test requested for this point.
///
/// # Errors
/// The error that the test requested.
#[cfg(debug_assertions)]
pub fn hit(name: &'static str) -> io::Result<()> {
    let mut listed = [ALL, WITHOUT_EXCHANGE, WHEN_HIDING, IN_A_BUCKET].into_iter().flatten();
    debug_assert!(listed.any(|listed| *listed == name), "{name} is not listed");
    let Ok(wanted) = std::env::var(VARIABLE) else { return Ok(()) };
    let reached = count(name);
    for point in wanted.split(',') {
        let (point, action) =
            point.split_once('=').map_or((point, None), |(point, action)| (point, Some(action)));
        let (point, occurrence) = point.split_once('#').unwrap_or((point, "1"));
        if point == name && occurrence.parse() == Ok(reached) {
            return act(action);
        }
    }
    Ok(())
}

/// How often the point has been reached, including this time.
#[cfg(debug_assertions)]
fn count(name: &'static str) -> u32 {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, PoisonError};
    static REACHED: Mutex<BTreeMap<&'static str, u32>> = Mutex::new(BTreeMap::new());

    let mut reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
    let count = reached.entry(name).or_default();
    *count += 1;
    *count
}

#[cfg(debug_assertions)]
fn act(action: Option<&str>) -> io::Result<()> {
    use rustix::io::Errno;

    let Some(action) = action else {
        // No destructor runs and nothing is flushed, as in a crash.
        std::process::abort()
    };
    if let Some(pipe) = action.strip_prefix("pipe:") {
        return std::fs::read(pipe).map(drop);
    }
    let errno = match action {
        "enospc" => Errno::NOSPC,
        "enosys" => Errno::NOSYS,
        "einval" => Errno::INVAL,
        "enotsup" => Errno::NOTSUP,
        "exdev" => Errno::XDEV,
        "eio" => Errno::IO,
        "emfile" => Errno::MFILE,
        "eagain" => Errno::AGAIN,
        "eacces" => Errno::ACCESS,
        _ => return Err(io::Error::other(format!("{action} is not an action of a failpoint"))),
    };
    Err(errno.into())
}

/// Does nothing.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn hit(_name: &'static str) -> io::Result<()> {
    Ok(())
}
