//! What a failed attempt means.

use std::time::Duration;

use super::attempt::{Attempt, ErrorResponse, RequestFailure, RequestFailureKind};
use super::error::{BucketError, Operation};
use super::response_text::sanitize;

/// What follows from a failed attempt.
#[derive(Debug)]
pub enum StoreFault {
    /// The object does not exist.
    Missing,
    /// The condition of the request does not hold.
    Conflict,
    Transient(Transient),
    /// No retry helps.
    Permanent(BucketError),
}

/// A failure that may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transient {
    pub reason: String,
    pub is_throttled: bool,
    pub retry_after: Option<Duration>,
}

impl Transient {
    pub fn new(reason: impl Into<String>) -> Transient {
        Transient { reason: reason.into(), is_throttled: false, retry_after: None }
    }
}

/// Codes of throttled requests, with any status.
const THROTTLED: [&str; 6] = [
    "SlowDown",
    "ServerBusy",
    "TooManyRequests",
    "RequestLimitExceeded",
    "ThrottlingException",
    "rateLimitExceeded",
];

/// Codes of other failures that pass, with any status.
const TRANSIENT: [&str; 12] = [
    "InternalError",
    "RequestTimeout",
    "ServiceUnavailable",
    "OperationTimedOut",
    "ConditionalRequestConflict",
    "OperationAborted",
    "PathLock",
    "PendingCopyOperation",
    // The body was damaged on its way.
    "BadDigest",
    "IncompleteBody",
    "Md5Mismatch",
    "XAmzContentSHA256Mismatch",
];

/// Codes of credentials that are not accepted, with any status.
const DENIED: [&str; 5] = [
    "AccessDenied",
    "AuthenticationFailed",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
];

const EXPIRED: [&str; 4] =
    ["ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException", "RequestExpired"];

const NO_BUCKET: [&str; 2] = ["NoSuchBucket", "ContainerNotFound"];

const REGION: [&str; 4] = [
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "TemporaryRedirect",
];

/// Whether a code of a store means that its failure may pass.
pub fn is_transient_code(code: &str) -> bool {
    THROTTLED.contains(&code) || TRANSIENT.contains(&code)
}

/// What an error of the client library means, by the notes of the attempt.
pub fn classify(
    error: &object_store::Error,
    attempt: &Attempt,
    operation: &Operation,
) -> StoreFault {
    let refused = |reason: String, fix| {
        StoreFault::Permanent(BucketError::Refused {
            operation: operation.clone(),
            code: String::new(),
            reason,
            fix,
        })
    };
    match attempt.failure() {
        Some(failure) => of_request(failure, operation),
        None if matches!(error, object_store::Error::InvalidPath { .. }) => refused(
            format!(
                "the bucket has an object whose name cannot be used: {}",
                sanitize(&error.to_string())
            ),
            "rename or remove it, or use another prefix",
        ),
        None if matches!(error, object_store::Error::NotFound { .. }) => StoreFault::Missing,
        // Nothing was sent: a file with credentials is missing or not valid.
        None if !attempt.made_requests() => refused(
            sanitize(&error.to_string()),
            "check the environment variables and files of the credentials",
        ),
        None => match key_error(&error.to_string()) {
            Some(response) => of_response(response, false, operation),
            None => StoreFault::Transient(Transient::new(format!(
                "the response is not one of an object store ({})",
                sanitize(&error.to_string())
            ))),
        },
    }
}

/// The error of one key in a successful response to the deletion of many. The client library has it only as text:
/// "... failed for key KEY: MESSAGE (code: CODE)".
fn key_error(text: &str) -> Option<ErrorResponse> {
    let (head, code) = text.strip_suffix(')')?.rsplit_once(" (code: ")?;
    let (_, message) = head.split_once(" failed for key ")?.1.rsplit_once(": ")?;
    Some(ErrorResponse {
        status: code.parse().unwrap_or(400),
        code: code.to_owned(),
        text: sanitize(&format!("{code}: {message}")),
        ..ErrorResponse::default()
    })
}

fn of_request(failure: RequestFailure, operation: &Operation) -> StoreFault {
    let host = &failure.host;
    let prefix = match failure.is_for_credentials {
        true => format!("no credentials from {host}: "),
        false => String::new(),
    };
    match failure.kind {
        RequestFailureKind::Connection(reason) => {
            StoreFault::Transient(Transient::new(prefix + &reason))
        }
        RequestFailureKind::Untrusted(reason) => StoreFault::Permanent(BucketError::Refused {
            operation: operation.clone(),
            code: String::new(),
            reason: prefix + &reason,
            fix: "check store.endpoint, and the certificates of this machine (SSL_CERT_FILE)",
        }),
        RequestFailureKind::Response(response) => {
            let response = ErrorResponse { text: prefix + &response.text, ..response };
            of_response(response, failure.is_for_credentials, operation)
        }
    }
}

fn of_response(
    response: ErrorResponse,
    is_for_credentials: bool,
    operation: &Operation,
) -> StoreFault {
    let ErrorResponse { status, code, text: reason, retry_after, region } = response;
    let code = code.as_str();
    let operation = operation.clone();
    if status >= 500 && status != 501 || [408, 429].contains(&status) || is_transient_code(code) {
        let is_throttled = status == 429 || THROTTLED.contains(&code);
        return StoreFault::Transient(Transient { reason, is_throttled, retry_after });
    }
    StoreFault::Permanent(match status {
        _ if EXPIRED.contains(&code) => BucketError::ExpiredCredentials { operation, reason },
        _ if is_for_credentials => BucketError::Denied { operation, reason },
        _ if NO_BUCKET.contains(&code) => BucketError::NoBucket { operation, reason },
        _ if REGION.contains(&code) => BucketError::WrongRegion { operation, region },
        301 | 302 | 307 | 308 => BucketError::WrongRegion { operation, region },
        404 => return StoreFault::Missing,
        304 | 409 | 412 => return StoreFault::Conflict,
        _ if code == "RequestTimeTooSkewed" => BucketError::Refused {
            operation,
            code: code.to_owned(),
            reason,
            fix: "set the clock of this machine",
        },
        _ if DENIED.contains(&code) => BucketError::Denied { operation, reason },
        401 | 403 => BucketError::Denied { operation, reason },
        _ => BucketError::Refused {
            operation,
            code: code.to_owned(),
            reason,
            fix: "check the URL and the settings of [store]",
        },
    })
}
