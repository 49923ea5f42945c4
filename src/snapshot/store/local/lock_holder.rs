//! Whether a run is at work, told without touching its lock: Linux lists the locks that are held in `/proc/locks`.

use std::fs;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{major, minor};

use crate::snapshot::layout::LOCK_FILE;
use crate::snapshot::work_directory::WorkPaths;

/// What the lock says of its holder while a run works in the directory. None where no lock is seen; a run in another
/// container or on another machine may not be. An error is no answer here either: the lock itself decides, when it is taken.
pub fn holder_of(work: &WorkPaths) -> Option<String> {
    let path = work.root().join(LOCK_FILE);
    let lock = fs::metadata(&path).ok()?;
    let held = fs::read_to_string("/proc/locks").ok()?;
    if !is_listed(&held, major(lock.dev()), minor(lock.dev()), lock.ino()) {
        return None;
    }
    let holder = fs::read_to_string(&path).unwrap_or_default();
    Some(if holder.is_empty() { "holder unknown".to_owned() } else { holder })
}

/// Whether a line such as `1: FLOCK  ADVISORY  WRITE 25771 fe:00:10700090 0 EOF` names the file. A line of one that
/// only waits for a lock has `->` behind its number.
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
    fn only_a_lock_that_is_held_is_listed() {
        let held = "1: FLOCK  ADVISORY  WRITE 7 fe:00:42 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 8 fe:00:43 0 EOF\n";
        assert!(is_listed(held, 0xfe, 0, 42));
        for (major, inode) in [(0xfe, 4), (0xfe, 43), (0xfd, 42)] {
            assert!(!is_listed(held, major, 0, inode), "{major} {inode}");
        }
    }

    #[test]
    fn a_run_at_work_is_seen_and_its_lock_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let work = WorkPaths::of(&directory.path().join("out")).unwrap();
        assert_eq!(holder_of(&work), None);
        fs::create_dir(work.root()).unwrap();
        let mut lock = File::create(work.root().join(LOCK_FILE)).unwrap();
        lock.write_all(b"process 7 on host a").unwrap();
        assert_eq!(holder_of(&work), None);
        lock.lock().unwrap();
        assert_eq!(holder_of(&work).as_deref(), Some("process 7 on host a"));
        lock.unlock().unwrap();
        assert_eq!(holder_of(&work), None);
    }
}
