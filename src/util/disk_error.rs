//! Errors of the operating system or of an object store, with the action, the path and the fix.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::disk_space::{free_bytes, has_no_inodes};
use super::exit_code::{ExitCode, HasExitCode};
use super::failure::chain;

/// The action of locking a file. Some of its errors have a specific fix.
pub const LOCK: &str = "lock";

/// Why an object store refused an action: the whole message, with the object and the fix.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct RemoteError {
    text: String,
    code: ExitCode,
}

impl RemoteError {
    /// An error with this text.
    pub fn with_code(text: String, code: ExitCode) -> RemoteError {
        RemoteError { text, code }
    }

    pub fn new(error: &(impl Error + HasExitCode + 'static)) -> RemoteError {
        RemoteError { text: chain(error), code: error.exit_code() }
    }
}

/// The operating system or an object store refused an action on a path.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct DiskError {
    action: &'static str,
    path: PathBuf,
    /// In the text itself, since the advice follows from it.
    cause: io::Error,
    /// The bytes free when it happened, if there was too little room.
    free_bytes: Option<u64>,
}

impl DiskError {
    /// An error of an object store.
    pub fn remote(error: RemoteError) -> DiskError {
        DiskError::on("use", Path::new(""))(io::Error::other(error))
    }

    /// For `map_err`: an error of `action` on `path`.
    pub fn on(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
        let path = path.to_owned();
        move |cause| {
            let free_bytes = is_about_room(&cause).then(|| free_bytes(&path)).flatten();
            DiskError { action, path, cause, free_bytes }
        }
    }

    fn text(&self) -> String {
        if let Some(remote) = self.remote_cause() {
            return remote.text.clone();
        }
        let DiskError { action, path, cause, .. } = self;
        format!("could not {action} {}: {cause}; {}", path.display(), self.advice())
    }

    fn remote_cause(&self) -> Option<&RemoteError> {
        self.cause.get_ref()?.downcast_ref()
    }

    fn advice(&self) -> Cow<'static, str> {
        let errno = Errno::from_io_error(&self.cause);
        let is_unsupported = matches!(errno, Some(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP));
        if self.action != LOCK || !is_unsupported {
            let advice = advice(&self.cause);
            let Some(free) = self.free_bytes else { return advice };
            let is_full = self.cause.kind() == ErrorKind::StorageFull;
            return match advice.split_once("; ") {
                _ if is_full && free > 0 && has_no_inodes(&self.path) => {
                    format!("the file system has no inodes left; remove files there{RUN_AGAIN}")
                        .into()
                }
                Some((problem, fix)) => {
                    format!("{problem} ({} free); {fix}", HumanBytes(free)).into()
                }
                None => advice,
            };
        }
        let directory = self.path.parent().unwrap_or(&self.path).display();
        format!("the file system of {directory} does not support locks; put output.path on one that does").into()
    }

    /// The error of the operating system.
    pub fn io(&self) -> &io::Error {
        &self.cause
    }

    /// Whether the same command fails again until the path or its content is changed.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self.cause.kind(),
            ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::InvalidData
        )
    }
}

impl HasExitCode for DiskError {
    fn exit_code(&self) -> ExitCode {
        self.remote_cause().map_or(ExitCode::InternalOrDisk, |remote| remote.code)
    }
}

/// The operating system refused an action that has no path, such as binding a socket.
#[derive(Debug, thiserror::Error)]
#[error("could not {action}: {cause}; {}", advice(.cause))]
pub struct SystemError {
    action: &'static str,
    cause: io::Error,
}

impl SystemError {
    /// For `map_err`: an error of `action`.
    pub fn on(action: &'static str) -> impl FnOnce(io::Error) -> SystemError {
        move |cause| SystemError { action, cause }
    }
}

impl HasExitCode for SystemError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::InternalOrDisk
    }
}

/// Whether an error means that there is too little room.
fn is_about_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

/// Whether an error means that the path does not exist. Any other error leaves that open.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The end of an advice after which the same command succeeds. A message that names that command leaves it out.
pub const RUN_AGAIN: &str = ", then run the same command again";

/// How to fix an error of the operating system.
pub fn advice(error: &io::Error) -> Cow<'static, str> {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => return open_files_advice().into(),
        Some(Errno::NFILE) => {
            return "the machine has no file handles left; close other programs or raise fs.file-max, then run the same command again".into();
        }
        Some(Errno::IO) => {
            return "the disk or network storage failed; check it and the kernel's log, then run the same command again".into();
        }
        Some(Errno::LOOP) => {
            return "a symbolic link there points back to itself; correct it".into();
        }
        _ => {}
    }
    match error.kind() {
        ErrorKind::StorageFull => {
            "the disk is full; make room on it, then run the same command again".into()
        }
        ErrorKind::QuotaExceeded => {
            "the disk quota of this user is used up; remove files or raise it, then run the same command again".into()
        }
        ErrorKind::FileTooLarge => file_size_advice().into(),
        ErrorKind::ReadOnlyFilesystem => {
            "the file system is read-only; mount it writable, or choose another path".into()
        }
        ErrorKind::PermissionDenied => {
            "give this user the permission for it, or choose another path".into()
        }
        ErrorKind::OutOfMemory => {
            "the machine is out of memory; run the same command again when more is free".into()
        }
        ErrorKind::NotFound => "see that the path is right".into(),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "see that the path is right and that no file is in its way".into()
        }
        ErrorKind::CrossesDevices | ErrorKind::ResourceBusy => {
            "a mount point cannot be moved; choose a path inside it".into()
        }
        ErrorKind::WouldBlock | ErrorKind::StaleNetworkFileHandle | ErrorKind::TimedOut => {
            "see that the storage is reachable, then run the same command again".into()
        }
        _ => "see the kernel's log for the cause".into(),
    }
}

fn open_files_advice() -> String {
    let limit = getrlimit(Resource::Nofile).current;
    let limit = limit.map_or_else(String::new, |limit| format!(" {limit}"));
    format!(
        "this process may have no more than{limit} files open; raise the limit with `ulimit -n`, then run the same command again"
    )
}

fn file_size_advice() -> String {
    match getrlimit(Resource::Fsize).current {
        Some(limit) => format!(
            "no file of this process may grow beyond {limit} bytes; raise the limit with `ulimit -f`, then run the same command again"
        ),
        None => "the file system holds no file that large; choose a path on another one".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(errno: Errno) -> DiskError {
        DiskError::on("write", Path::new("out/part"))(errno.into())
    }

    #[test]
    fn the_advice_matches_the_error() {
        for (errno, advice) in [
            (Errno::NOSPC, "make room"),
            (Errno::DQUOT, "quota"),
            (Errno::FBIG, "file system holds no file that large"),
            (Errno::MFILE, "ulimit -n"),
            (Errno::NFILE, "fs.file-max"),
            (Errno::ROFS, "read-only"),
            (Errno::ACCESS, "permission"),
            (Errno::PERM, "permission"),
            (Errno::IO, "storage failed"),
            (Errno::AGAIN, "run the same command again"),
            (Errno::XDEV, "mount point"),
            (Errno::BUSY, "mount point"),
            (Errno::NOMEM, "out of memory"),
            (Errno::NOENT, "path is right"),
            (Errno::LOOP, "symbolic link"),
            (Errno::BADMSG, "kernel's log"),
        ] {
            let text = error(errno).to_string();
            let head = format!("could not write out/part: {}; ", io::Error::from(errno));
            assert!(text.starts_with(&head), "{text}");
            let says_free = text.contains(" free); ");
            assert_eq!(
                says_free,
                [Errno::NOSPC, Errno::DQUOT, Errno::FBIG].contains(&errno),
                "{text}"
            );
            assert!(text.contains(advice), "{errno}: {text}");
            let is_about_room = text.contains("room") || text.contains("disk is full");
            assert_eq!(is_about_room, errno == Errno::NOSPC, "{errno}: {text}");
        }
    }

    #[test]
    fn a_file_system_without_locks_is_named() {
        for errno in [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP] {
            let text =
                DiskError::on(LOCK, Path::new(".out.partial/lock"))(errno.into()).to_string();
            assert_eq!(
                text,
                format!(
                    "could not lock .out.partial/lock: {}; the file system of .out.partial does not support locks; put output.path on one that does",
                    io::Error::from(errno)
                )
            );
            assert!(!error(errno).to_string().contains("support locks"), "{errno}");
        }
        let text = DiskError::on(LOCK, Path::new("lock"))(Errno::IO.into()).to_string();
        assert!(text.contains("storage failed"), "{text}");
    }

    #[test]
    fn the_open_file_limit_is_named() {
        let limit = getrlimit(Resource::Nofile).current.unwrap();
        let text = error(Errno::MFILE).to_string();
        assert!(text.contains(&format!("more than {limit} files")), "{text}");
    }

    #[test]
    fn a_full_disk_is_reported_with_the_bytes_that_were_free() {
        let directory = tempfile::tempdir().unwrap();
        let text = DiskError::on("write", directory.path())(Errno::NOSPC.into()).to_string();
        let (head, tail) = text.split_once(" (os error 28); the disk is full (").unwrap();
        assert_eq!(
            head,
            format!("could not write {}: No space left on device", directory.path().display())
        );
        let (free, fix) = tail.split_once(" free); ").unwrap();
        assert!(free.ends_with('B'), "{free}");
        assert_eq!(fix, "make room on it, then run the same command again");
    }

    #[test]
    fn only_errors_of_the_path_are_permanent() {
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::PERM] {
            assert!(error(errno).is_permanent(), "{errno}");
        }
        for errno in [Errno::IO, Errno::MFILE, Errno::AGAIN, Errno::NOSPC, Errno::ROFS] {
            assert!(!error(errno).is_permanent(), "{errno}");
        }
    }
}
