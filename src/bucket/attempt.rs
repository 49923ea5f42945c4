//! What the requests of one attempt of an operation met, noted by the transport below the client library: its errors
//! have neither the headers of a response nor a kind for every fault.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

tokio::task_local! {
    static CURRENT: Attempt;
}

/// The notes of one attempt.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    notes: Arc<Mutex<Notes>>,
}

#[derive(Debug, Default)]
struct Notes {
    requests: u32,
    failure: Option<RequestFailure>,
    copy_is_pending: bool,
}

/// How the last request of an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFailure {
    pub kind: RequestFailureKind,
    /// The host of the request.
    pub host: String,
    /// Whether the request was for credentials.
    pub is_for_credentials: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestFailureKind {
    /// A response with an error.
    Response(ErrorResponse),
    /// No response, or only a part of one.
    Connection(String),
    /// A certificate or a peer that no retry makes acceptable.
    Untrusted(String),
}

/// A response that is not a success.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorResponse {
    pub status: u16,
    /// The code of the store, such as `SlowDown`; empty if there is none.
    pub code: String,
    /// Code and message, safe to show.
    pub text: String,
    pub retry_after: Option<Duration>,
    /// The region of the bucket, if the store names it.
    pub region: Option<String>,
}

impl Attempt {
    /// Runs an attempt that takes notes.
    pub async fn observe<T>(&self, attempt: impl Future<Output = T>) -> T {
        CURRENT.scope(self.clone(), attempt).await
    }

    /// The attempt of this task.
    pub fn current() -> Option<Attempt> {
        CURRENT.try_with(Attempt::clone).ok()
    }

    fn with<T>(&self, change: impl FnOnce(&mut Notes) -> T) -> T {
        change(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn note_request(&self) {
        self.with(|notes| {
            notes.requests += 1;
            notes.failure = None;
            notes.copy_is_pending = false;
        });
    }

    pub fn note_failure(&self, failure: RequestFailure) {
        self.with(|notes| notes.failure = Some(failure));
    }

    pub fn note_pending_copy(&self) {
        self.with(|notes| notes.copy_is_pending = true);
    }

    pub fn failure(&self) -> Option<RequestFailure> {
        self.with(|notes| notes.failure.clone())
    }

    pub fn made_requests(&self) -> bool {
        self.with(|notes| notes.requests > 0)
    }

    /// Whether the store accepted a copy but has not finished it.
    pub fn copy_is_pending(&self) -> bool {
        self.with(|notes| notes.copy_is_pending)
    }
}
