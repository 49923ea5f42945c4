//! Detects an active run without touching its lock: Linux lists held locks in `/proc/locks`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::{major, minor};

use super::LocalStore;
use crate::snapshot::layout::LOCK_FILE;
use crate::snapshot::store::{LockState, Store};
use crate::util::timestamp::rfc3339_seconds;

const HELD_LOCKS: &str = "/proc/locks";

impl LocalStore {
    /// Who holds the lock, as far as this machine knows. Does not touch the lock.
    pub fn holder_state(&self) -> LockState {
        if let Some(holder) = self.visible_holder() {
            return LockState::Held(holder);
        }
        let holder = fs::read_to_string(self.root().join(LOCK_FILE)).unwrap_or_default();
        let is_of_this_host = holder.contains(&format!(" on {} since ", host_name()));
        let is_known = is_of_this_host && Path::new(HELD_LOCKS).exists();
        if holder.is_empty() || is_known { LockState::Free } else { LockState::Unknown(holder) }
    }

    /// The holder that the lock names, while a run is active. `None` if no lock is visible, as from another container or
    /// machine, or if it cannot be read: taking the lock gives certainty.
    pub fn visible_holder(&self) -> Option<String> {
        let path = self.root().join(LOCK_FILE);
        let lock = fs::metadata(&path).ok()?;
        let held = fs::read_to_string(HELD_LOCKS).ok()?;
        if !is_listed(&held, major(lock.dev()), minor(lock.dev()), lock.ino()) {
            return None;
        }
        let holder = fs::read_to_string(&path).unwrap_or_default();
        Some(if holder.is_empty() { "holder unknown".to_owned() } else { holder })
    }
}

/// What a lock says about this process.
pub fn this_process() -> String {
    let since = rfc3339_seconds(Timestamp::now());
    format!("process {} on {} since {since}", std::process::id(), host_name())
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Whether a line such as `1: FLOCK  ADVISORY  WRITE 25771 fe:00:10700090 0 EOF` names the file. The line of a process
/// that waits for a lock has `->` after its number.
fn is_listed(held: &str, major: u32, minor: u32, inode: u64) -> bool {
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    held.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace();
        fields.nth(1) != Some("->") && fields.nth(3) == Some(&file)
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    #[test]
    fn only_held_locks_are_listed() {
        let held = "1: FLOCK  ADVISORY  WRITE 7 fe:00:42 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 8 fe:00:43 0 EOF\n";
        assert!(is_listed(held, 0xfe, 0, 42));
        for (major, inode) in [(0xfe, 4), (0xfe, 43), (0xfd, 42)] {
            assert!(!is_listed(held, major, 0, inode), "{major} {inode}");
        }
    }

    #[test]
    fn an_active_run_is_detected_and_keeps_its_lock() {
        let directory = tempfile::tempdir().unwrap();
        let work = LocalStore::beside(&directory.path().join("out"));
        assert_eq!(work.visible_holder(), None);
        fs::create_dir(work.root()).unwrap();
        let mut lock = File::create(work.root().join(LOCK_FILE)).unwrap();
        lock.write_all(b"process 7 on host a").unwrap();
        assert_eq!(work.visible_holder(), None);
        lock.lock().unwrap();
        assert_eq!(work.visible_holder().as_deref(), Some("process 7 on host a"));
        assert_eq!(work.lock_state(), LockState::Held("process 7 on host a".to_owned()));
        lock.unlock().unwrap();
        assert_eq!(work.visible_holder(), None);
    }

    #[test]
    fn a_free_lock_is_only_known_on_the_host_that_it_names() {
        let directory = tempfile::tempdir().unwrap();
        let work = LocalStore::beside(&directory.path().join("out"));
        assert_eq!(work.lock_state(), LockState::Free);
        fs::create_dir(work.root()).unwrap();
        let elsewhere = format!("process 7 on x{} since 2026-11-22T03:00:00Z", host_name());
        for (holder, state) in [
            (String::new(), LockState::Free),
            (this_process(), LockState::Free),
            (elsewhere.clone(), LockState::Unknown(elsewhere)),
        ] {
            fs::write(work.root().join(LOCK_FILE), holder).unwrap();
            assert_eq!(work.lock_state(), state);
        }
    }
}
