//! How much room there is for a snapshot.

use std::path::Path;

use super::staged_file::parent_directory;

/// Bytes that this user may still write where `path` is or will be; none where the system does not tell.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(nearest_that_exists(path)).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The path itself, or the nearest directory above it that is there.
fn nearest_that_exists(path: &Path) -> &Path {
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
    fn a_path_that_is_not_there_yet_is_as_free_as_the_directory_above_it() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(nearest_that_exists(&directory.path().join("a/b/c")), directory.path());
        assert_eq!(nearest_that_exists(Path::new("surely-not-here/x")), Path::new("."));
        assert!(free_bytes(&directory.path().join("a/b")).is_some_and(|bytes| bytes > 0));
    }
}
