//! Detects an active run without touching its lock: Linux lists held locks in `/proc/locks`.

use std::fs;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{major, minor};

use super::LocalStore;
use crate::snapshot::layout::LOCK_FILE;

impl LocalStore {
    /// The holder that the lock names, while a run is active. `None` if no lock is visible, as from another container or
    /// machine, or if it cannot be read: taking the lock gives certainty.
    pub fn active_run(&self) -> Option<String> {
        let path = self.root().join(LOCK_FILE);
        let lock = fs::metadata(&path).ok()?;
        let held = fs::read_to_string("/proc/locks").ok()?;
        if !is_listed(&held, major(lock.dev()), minor(lock.dev()), lock.ino()) {
            return None;
        }
        let holder = fs::read_to_string(&path).unwrap_or_default();
        Some(if holder.is_empty() { "holder unknown".to_owned() } else { holder })
    }
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
        let work = LocalStore::new(&directory.path().join("out")).unwrap();
        assert_eq!(work.active_run(), None);
        fs::create_dir(work.root()).unwrap();
        let mut lock = File::create(work.root().join(LOCK_FILE)).unwrap();
        lock.write_all(b"process 7 on host a").unwrap();
        assert_eq!(work.active_run(), None);
        lock.lock().unwrap();
        assert_eq!(work.active_run().as_deref(), Some("process 7 on host a"));
        lock.unlock().unwrap();
        assert_eq!(work.active_run(), None);
    }
}
