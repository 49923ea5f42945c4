//! Why an operation on a bucket failed.

use std::io;
use std::time::Duration;

use super::url::BucketUrl;
use crate::util::disk_error::{DiskError, SystemError};
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::human::duration_text;

/// What an operation was doing, and with which object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// A verb, such as "read".
    pub action: &'static str,
    /// Boxed, since errors are returned by value.
    pub url: Box<BucketUrl>,
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.action, self.url)
    }
}

/// Why an operation on a bucket failed. No text contains a credential, or a query of a URL, which may hold one.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// Every attempt failed for as long as patience allows.
    #[error(
        "could not {operation}: the object store has been unavailable for {}: {reason}; run the same command again when it \
         is reachable, or raise retry.outage_patience", duration_text(.after.as_secs_f64())
    )]
    Unavailable { operation: Operation, reason: String, after: Duration },
    /// The same, while the store refused requests because there were too many.
    #[error(
        "could not {operation}: the object store has throttled its requests for {}: {reason}; run the same command again \
         later, or raise retry.outage_patience", duration_text(.after.as_secs_f64())
    )]
    Throttled { operation: Operation, reason: String, after: Duration },
    #[error(
        "could not {operation}: the credentials have expired ({reason}); renew them, then run the same command again"
    )]
    ExpiredCredentials { operation: Operation, reason: String },
    #[error("there are no credentials for {url}: {looked_for}; {fix}")]
    NoCredentials { url: Box<BucketUrl>, looked_for: String, fix: String },
    /// Nothing but a change of permissions or credentials helps.
    #[error(
        "the object store does not allow to {operation}: {reason}; check the credentials and their policy \
         (docs/object-stores.md lists the permissions)"
    )]
    Denied { operation: Operation, reason: String },
    #[error(
        "could not {operation}: the bucket does not exist ({reason}); check its name, or create it"
    )]
    NoBucket { operation: Operation, reason: String },
    #[error("could not {operation}: the bucket is in another region{}; set store.region to the region of the bucket",
        .region.as_ref().map(|region| format!(" ({region})")).unwrap_or_default())]
    WrongRegion { operation: Operation, region: Option<String> },
    /// The store does not accept a request, and will not accept it the next time either.
    #[error("could not {operation}: {reason}; {fix}")]
    Refused { operation: Operation, code: String, reason: String, fix: &'static str },
    /// A setting or URL that this store does not support.
    #[error("{problem}; {fix}")]
    Unsupported { problem: String, fix: String },
    #[error("{url} does not exist; check that its name is right")]
    Missing { url: BucketUrl },
    #[error(
        "{url} was replaced or removed while it was read; run the same command again when nothing writes it"
    )]
    Changed { url: BucketUrl },
    #[error("{url} has {bytes} bytes, more than such an object can have; see what wrote it")]
    TooLarge { url: BucketUrl, bytes: u64 },
    /// Resumable, as after any signal.
    #[error("could not {operation}: {reason}; the run was interrupted, so it was not retried")]
    Interrupted { operation: Operation, reason: String },
    #[error(transparent)]
    File(#[from] DiskError),
    #[error(transparent)]
    System(#[from] SystemError),
    /// A bug in this program or in a library.
    #[error("could not {operation}: the request ended unexpectedly; run the same command again")]
    Aborted { operation: Operation },
}

impl HasExitCode for BucketError {
    fn exit_code(&self) -> ExitCode {
        match self {
            BucketError::Unavailable { .. }
            | BucketError::Throttled { .. }
            | BucketError::ExpiredCredentials { .. }
            | BucketError::Changed { .. }
            | BucketError::Interrupted { .. } => ExitCode::TryAgainLater,
            BucketError::NoCredentials { .. }
            | BucketError::Denied { .. }
            | BucketError::NoBucket { .. }
            | BucketError::WrongRegion { .. }
            | BucketError::Refused { .. }
            | BucketError::Unsupported { .. }
            | BucketError::Missing { .. }
            | BucketError::TooLarge { .. } => ExitCode::BadUsage,
            BucketError::File(error) => error.exit_code(),
            BucketError::System(error) => error.exit_code(),
            BucketError::Aborted { .. } => ExitCode::InternalOrDisk,
        }
    }
}

impl From<BucketError> for io::Error {
    fn from(error: BucketError) -> io::Error {
        io::Error::other(error)
    }
}
