//! What to do about an error of the operating system, so that the advice fits the error.

use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::io::Errno;

/// What to do when a list at a path of the job cannot be read.
pub(super) fn remedy_of_reading(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => "let this user read it and enter the folders above it",
        ErrorKind::NotFound | ErrorKind::NotADirectory => "correct `accounts.path`",
        ErrorKind::IsADirectory => "name a file in it",
        _ => remedy_of_system(error).unwrap_or(
            "check its disk or network share (the system log may say more), then run again",
        ),
    }
}

/// What to do when a temporary file in `folder` cannot be written or read back.
pub(super) fn remedy_of_temporary_file(error: &io::Error, folder: &Path) -> String {
    let folder = folder.display();
    match error.kind() {
        ErrorKind::StorageFull => format!("make room in {folder}"),
        ErrorKind::QuotaExceeded => format!("raise this user's quota on {folder}, or make room"),
        ErrorKind::FileTooLarge => "raise the limit on file sizes (ulimit -f)".to_owned(),
        ErrorKind::PermissionDenied => format!("let this user write in {folder}"),
        ErrorKind::NotFound | ErrorKind::NotADirectory => format!("create the folder {folder}"),
        ErrorKind::ReadOnlyFilesystem => format!("mount {folder} for writing"),
        _ => remedy_of_system(error).map_or_else(
            || format!("check the disk of {folder} (the system log may say more), then run again"),
            str::to_owned,
        ),
    }
}

fn remedy_of_system(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error().map(Errno::from_raw_os_error)? {
        Errno::MFILE => Some("raise the limit on open files (ulimit -n), then run again"),
        Errno::NFILE => Some("the whole machine has too many open files; run again later"),
        Errno::NOMEM => Some("the machine is out of memory; run again when more is free"),
        Errno::AGAIN => Some("the system is short of resources for now; run again later"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[test]
    fn the_advice_fits_the_error() {
        for (errno, of_reading, of_temporary_file) in [
            (Errno::MFILE, "ulimit -n", "ulimit -n"),
            (Errno::NFILE, "too many open files", "too many open files"),
            (Errno::NOMEM, "memory", "memory"),
            (Errno::IO, "disk", "disk of /spool"),
            (Errno::STALE, "network share", "disk of /spool"),
            (Errno::ACCESS, "let this user read", "let this user write in /spool"),
            (Errno::PERM, "let this user read", "let this user write in /spool"),
            (Errno::NOTDIR, "`accounts.path`", "create the folder /spool"),
            (Errno::NOSPC, "disk", "make room in /spool"),
            (Errno::DQUOT, "disk", "quota on /spool"),
            (Errno::FBIG, "disk", "ulimit -f"),
            (Errno::ROFS, "disk", "mount /spool for writing"),
        ] {
            let remedy = remedy_of_reading(&error(errno));
            assert!(remedy.contains(of_reading), "{errno:?}: {remedy}");
            let remedy = remedy_of_temporary_file(&error(errno), Path::new("/spool"));
            assert!(remedy.contains(of_temporary_file), "{errno:?}: {remedy}");
        }
    }
}
