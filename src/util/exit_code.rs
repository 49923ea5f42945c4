//! The exit codes, which are the contract with schedulers.
//!
//! Never 99: Airflow's BashOperator reads it as "skipped".

use std::io::{self, ErrorKind};

use rustix::io::Errno;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// The snapshot is published, or another command has succeeded.
    Published,
    /// A bug in this program, or an error of the operating system, such as a full disk; it may pass by itself.
    InternalOrDisk,
    /// Invalid usage, job file or account list, or a damaged unfinished run; the same command fails again.
    BadUsage,
    /// A limit of the job is exceeded, such as `max_failed`, or there are no rows; nothing is published.
    TooManyFailed,
    /// The service refused the signature, permission, plan or a tag.
    RefusedByService,
    /// Stopped by an outage or the deadline, or refused because another run is writing; the same command resumes.
    TryAgainLater,
    /// Stopped by SIGHUP, such as of a terminal that was closed; the same command resumes.
    HungUp,
    /// Stopped by SIGINT; the same command resumes.
    Interrupted,
    /// The reader of standard output closed it before all rows were written, as with `head`.
    OutputClosed,
    /// Stopped by SIGTERM; the same command resumes.
    Terminated,
}

impl ExitCode {
    /// All exit codes, by ascending number.
    pub const ALL: [ExitCode; 10] = [
        ExitCode::Published,
        ExitCode::InternalOrDisk,
        ExitCode::BadUsage,
        ExitCode::TooManyFailed,
        ExitCode::RefusedByService,
        ExitCode::TryAgainLater,
        ExitCode::HungUp,
        ExitCode::Interrupted,
        ExitCode::OutputClosed,
        ExitCode::Terminated,
    ];

    /// The number that the process returns to the operating system.
    pub const fn number(self) -> u8 {
        match self {
            ExitCode::Published => 0,
            ExitCode::InternalOrDisk => 1,
            ExitCode::BadUsage => 2,
            ExitCode::TooManyFailed => 3,
            ExitCode::RefusedByService => 4,
            ExitCode::TryAgainLater => 75,
            ExitCode::HungUp => 129,
            ExitCode::Interrupted => 130,
            ExitCode::OutputClosed => 141,
            ExitCode::Terminated => 143,
        }
    }

    /// The meaning of the code, in the words of the README and `--help`.
    pub const fn meaning(self) -> &'static str {
        match self {
            ExitCode::Published => "published",
            ExitCode::InternalOrDisk => "internal or disk error, may pass by itself",
            ExitCode::BadUsage => "bad usage, job or account list, or a damaged unfinished run",
            ExitCode::TooManyFailed => "too many accounts failed or no rows, not published",
            ExitCode::RefusedByService => {
                "refused by the service (signature, permission, plan, tag)"
            }
            ExitCode::TryAgainLater => {
                "stopped by an outage or a deadline, or another run is writing; run again later"
            }
            ExitCode::HungUp => "stopped by SIGHUP, run again to resume",
            ExitCode::Interrupted => "stopped by SIGINT, run again to resume",
            ExitCode::OutputClosed => {
                "the reader of standard output closed it before all rows were written"
            }
            ExitCode::Terminated => "stopped by SIGTERM, run again to resume",
        }
    }
}

impl ExitCode {
    /// Whether the run was stopped, and the same command resumes it.
    pub const fn is_resumable(self) -> bool {
        matches!(
            self,
            ExitCode::TryAgainLater
                | ExitCode::HungUp
                | ExitCode::Interrupted
                | ExitCode::Terminated
        )
    }

    /// The code for an input (job file, account list) that cannot be read. A missing or forbidden path, or one of the
    /// wrong kind, needs a person; any other error (EIO, EMFILE, ENOMEM, a lost network share) may be transient.
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
    fn numbers_are_those_of_the_contract() {
        let numbers: Vec<u8> = ExitCode::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 75, 129, 130, 141, 143]);
    }

    #[test]
    fn transient_input_errors_have_their_own_code() {
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
    fn no_code_is_99_which_airflow_reads_as_skipped() {
        assert!(ExitCode::ALL.iter().all(|code| code.number() != 99));
    }
}
