//! The contract with schedulers: every way a run can end, and the number it leaves behind.
//!
//! Never 99: Airflow's BashOperator reads it as "skipped".

use std::io::{self, ErrorKind};

use rustix::io::Errno;

/// How the process ended, as a scheduler sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// The snapshot is published (or the verb did what it says).
    Published,
    /// A bug in this program, or the disk refused.
    InternalOrDisk,
    /// Wrong usage, job file or account list; running it again unchanged cannot help.
    BadUsage,
    /// A limit of the job was exceeded, such as `max_failed`, or no row came; nothing was published.
    TooManyFailed,
    /// The service refused: signature, permission, plan or tag.
    RefusedByService,
    /// Stopped by an outage or a deadline; running it again resumes.
    TryAgainLater,
    /// Stopped by SIGINT; running it again resumes.
    Interrupted,
    /// Stopped by SIGTERM; running it again resumes.
    Terminated,
}

impl ExitCode {
    /// Every exit code, in ascending order of its number.
    pub const ALL: [ExitCode; 8] = [
        ExitCode::Published,
        ExitCode::InternalOrDisk,
        ExitCode::BadUsage,
        ExitCode::TooManyFailed,
        ExitCode::RefusedByService,
        ExitCode::TryAgainLater,
        ExitCode::Interrupted,
        ExitCode::Terminated,
    ];

    /// The number given to the operating system.
    pub const fn number(self) -> u8 {
        match self {
            ExitCode::Published => 0,
            ExitCode::InternalOrDisk => 1,
            ExitCode::BadUsage => 2,
            ExitCode::TooManyFailed => 3,
            ExitCode::RefusedByService => 4,
            ExitCode::TryAgainLater => 75,
            ExitCode::Interrupted => 130,
            ExitCode::Terminated => 143,
        }
    }

    /// What the number means, in the words of the README and of `--help`.
    pub const fn meaning(self) -> &'static str {
        match self {
            ExitCode::Published => "published",
            ExitCode::InternalOrDisk => "internal or disk error",
            ExitCode::BadUsage => "bad usage, job or account list",
            ExitCode::TooManyFailed => "too many accounts failed or no rows, not published",
            ExitCode::RefusedByService => {
                "refused by the service (signature, permission, plan, tag)"
            }
            ExitCode::TryAgainLater => "stopped by an outage or a deadline, run again to resume",
            ExitCode::Interrupted => "stopped by SIGINT, run again to resume",
            ExitCode::Terminated => "stopped by SIGTERM, run again to resume",
        }
    }
}

impl ExitCode {
    /// For an input (job file, account list) that the operating system could not read: what is missing, forbidden or of
    /// the wrong kind stays so until a person changes it; anything else (EIO, EMFILE, ENOMEM, a lost network share) may
    /// be gone when a scheduler retries.
    pub fn of_input_error(error: &io::Error) -> ExitCode {
        match error.kind() {
            ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::IsADirectory
            | ErrorKind::NotADirectory
            | ErrorKind::InvalidData
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidFilename
            | ErrorKind::UnexpectedEof => ExitCode::BadUsage,
            // ELOOP has no stable kind of its own.
            _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => ExitCode::BadUsage,
            _ => ExitCode::InternalOrDisk,
        }
    }
}

/// An error that decides how the process ends. It is implemented beside each error type, and nowhere else is an error
/// turned into an exit code.
pub trait HasExitCode {
    /// The exit code of a process that ends with this error.
    fn exit_code(&self) -> ExitCode;
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        std::process::ExitCode::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_published_contract() {
        let numbers: Vec<u8> = ExitCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 75, 130, 143]);
    }

    #[test]
    fn only_errors_that_may_pass_are_worth_a_retry() {
        let code = |errno: Errno| {
            ExitCode::of_input_error(&io::Error::from_raw_os_error(errno.raw_os_error()))
        };
        for errno in [
            Errno::IO,
            Errno::MFILE,
            Errno::NFILE,
            Errno::AGAIN,
            Errno::NOMEM,
            Errno::STALE,
            Errno::TIMEDOUT,
        ] {
            assert_eq!(code(errno), ExitCode::InternalOrDisk, "{errno:?}");
        }
        for errno in [
            Errno::NOENT,
            Errno::ACCESS,
            Errno::PERM,
            Errno::ISDIR,
            Errno::NOTDIR,
            Errno::NAMETOOLONG,
            Errno::LOOP,
        ] {
            assert_eq!(code(errno), ExitCode::BadUsage, "{errno:?}");
        }
    }

    #[test]
    fn no_code_is_the_one_that_airflow_reads_as_skipped() {
        assert!(ExitCode::ALL.iter().all(|code| code.number() != 99));
    }
}
