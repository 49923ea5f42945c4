//! Mount points, also those that are bound to another directory of the same device.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Lists the mounts of this process; Linux has it.
const MOUNTS: &str = "/proc/self/mountinfo";

/// Whether a file system is mounted at a directory that exists.
pub fn is_mount_point(directory: &Path) -> io::Result<bool> {
    let directory = directory.canonicalize()?;
    let Some(parent) = directory.parent() else { return Ok(true) };
    Ok(fs::metadata(&directory)?.dev() != fs::metadata(parent)?.dev()
        || mount_points(&listed()).any(|point| point == directory))
}

/// Whether an entry can be moved from one directory to the other: both exist, on the same mount of the same device.
pub fn share_a_mount(one: &Path, other: &Path) -> bool {
    let same_device = || Ok(fs::metadata(one)?.dev() == fs::metadata(other)?.dev());
    let same_mount = || {
        let (one, other) = (one.canonicalize()?, other.canonicalize()?);
        let listed = listed();
        Ok(mount_of(&listed, &one) == mount_of(&listed, &other))
    };
    [same_device(), same_mount()].iter().all(|same: &io::Result<bool>| matches!(same, Ok(true)))
}

fn listed() -> Vec<u8> {
    fs::read(MOUNTS).unwrap_or_default()
}

/// The mount point that a path without links is below.
fn mount_of(listed: &[u8], path: &Path) -> Option<PathBuf> {
    let above = mount_points(listed).filter(|point| path.starts_with(point));
    above.max_by_key(|point| point.as_os_str().len())
}

/// The fifth field of each line, such as `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw`.
fn mount_points(listed: &[u8]) -> impl Iterator<Item = PathBuf> {
    let fields = |line: &'_ [u8]| Some(unescape(line.split(|byte| *byte == b' ').nth(4)?));
    listed.split(|byte| *byte == b'\n').filter_map(fields)
}

/// A path in which blanks and backslashes are written as `\040`.
fn unescape(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| byte == b'\\');
        let octal =
            octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        path.push(octal.unwrap_or(byte));
        rest = if octal.is_some() { &after[3..] } else { after };
    }
    OsString::from_vec(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &[u8] = br"21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
22 21 0:5 / /proc rw - proc proc rw
40 21 254:0 /srv/a /data rw,relatime shared:1 - ext4 /dev/vda rw
41 40 254:0 /srv/b /data/my\040exports\134x rw,relatime - ext4 /dev/vda rw
";

    #[test]
    fn mount_points_are_read_with_their_escapes() {
        let points: Vec<PathBuf> = mount_points(LISTED).collect();
        assert_eq!(points, ["/", "/proc", "/data", r"/data/my exports\x"].map(PathBuf::from));
        assert_eq!(mount_points(b"half a line\n\n21 1 254:0 /").count(), 0);
    }

    #[test]
    fn a_path_belongs_to_the_nearest_mount_point_above() {
        for (path, point) in [
            ("/srv/a", "/"),
            ("/database", "/"),
            ("/data", "/data"),
            ("/data/nightly", "/data"),
            (r"/data/my exports\x/nightly", r"/data/my exports\x"),
        ] {
            assert_eq!(mount_of(LISTED, Path::new(path)), Some(point.into()), "{path}");
        }
        assert_eq!(mount_of(b"", Path::new("/data")), None);
    }

    #[test]
    fn directories_of_this_machine() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a")).unwrap();
        assert!(!is_mount_point(&directory.path().join("a")).unwrap());
        assert!(is_mount_point(Path::new("/")).unwrap());
        assert!(share_a_mount(directory.path(), &directory.path().join("a")));
        assert!(!share_a_mount(directory.path(), &directory.path().join("absent")));
        assert!(is_mount_point(&directory.path().join("absent")).is_err());
        if Path::new("/proc/self").exists() {
            assert!(is_mount_point(Path::new("/proc")).unwrap());
            assert!(!share_a_mount(Path::new("/"), Path::new("/proc")));
        }
    }
}
