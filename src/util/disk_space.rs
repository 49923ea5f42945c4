//! Free disk space.

use std::path::Path;

use rustix::process::geteuid;

use super::paths::parent_directory;

/// The bytes that this user may still write at `path`, which need not exist; `None` if unknown.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(nearest_existing(path)).ok()?;
    // Only root may use the reserved blocks.
    let blocks = if geteuid().is_root() { disk.f_bfree } else { disk.f_bavail };
    Some(blocks.saturating_mul(disk.f_frsize))
}

/// Whether the file system of `path` has no room for another file, whatever its bytes.
pub fn has_no_inodes(path: &Path) -> bool {
    let disk = rustix::fs::statvfs(nearest_existing(path));
    // Some file systems count none.
    disk.is_ok_and(|disk| disk.f_files > 0 && disk.f_favail == 0)
}

/// The path itself, or the nearest directory above it that exists.
fn nearest_existing(path: &Path) -> &Path {
    let mut nearest = path;
    while !nearest.exists() && parent_directory(nearest) != nearest {
        nearest = parent_directory(nearest);
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_path_has_the_free_space_of_the_directory_above_it() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(nearest_existing(&directory.path().join("a/b/c")), directory.path());
        assert_eq!(nearest_existing(Path::new("surely-not-here/x")), Path::new("."));
        assert!(free_bytes(&directory.path().join("a/b")).is_some_and(|bytes| bytes > 0));
    }
}
