//! The state of a bucket across its operations: what progress and logs say about it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::objects::BucketState;

/// Least time between two log lines about an unavailable store.
const MIN_LOG_INTERVAL: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub struct Health {
    /// For the log: the bucket.
    store: String,
    status: Mutex<HealthStatus>,
}

#[derive(Debug, Default)]
struct HealthStatus {
    state: BucketState,
    failing_since: Option<Instant>,
    last_success: Option<Instant>,
    last_warning: Option<Instant>,
    /// Whether the log says that the store is unavailable.
    was_reported: bool,
}

impl Health {
    pub fn new(store: String) -> Health {
        Health { store, status: Mutex::default() }
    }

    fn with<T>(&self, change: impl FnOnce(&mut HealthStatus) -> T) -> T {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[allow(dead_code, reason = "for progress and metrics")]
    pub fn state(&self) -> BucketState {
        self.with(|status| BucketState {
            unavailable_since: status.failing_since.map(Instant::into_std),
            ..status.state.clone()
        })
    }

    pub fn last_success(&self) -> Option<Instant> {
        self.with(|status| status.last_success)
    }

    pub fn note_request(&self) {
        self.with(|status| status.state.requests += 1);
    }

    pub fn note_retry(&self) {
        self.with(|status| status.state.retries += 1);
    }

    pub fn note_uploaded(&self, bytes: u64) {
        self.with(|status| status.state.uploaded_bytes += bytes);
    }

    /// The store responded as it should.
    pub fn note_success(&self) {
        let now = Instant::now();
        let ended = self.with(|status| {
            status.last_success = Some(now);
            status.failing_since = None;
            status.state.reason = None;
            std::mem::take(&mut status.was_reported)
        });
        if ended {
            info!(store = self.store, "object store reachable again");
        }
    }

    /// An attempt failed and is retried.
    pub fn note_failure(&self, reason: &str, is_throttled: bool) {
        let now = Instant::now();
        let warns = self.with(|status| {
            status.failing_since.get_or_insert(now);
            status.state.reason = Some(reason.to_owned());
            status.state.throttled += u64::from(is_throttled);
            let is_due = status.last_warning.is_none_or(|last| now - last >= MIN_LOG_INTERVAL);
            if is_due {
                status.last_warning = Some(now);
                status.was_reported = true;
            }
            is_due
        });
        if !warns {
            return;
        }
        if is_throttled {
            warn!(store = self.store, reason, "object store throttles requests, retrying");
        } else {
            warn!(store = self.store, reason, "object store unavailable, retrying");
        }
    }
}
