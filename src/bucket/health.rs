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

    pub fn state(&self) -> BucketState {
        self.with(|status| BucketState {
            unavailable_since: status.failing_since.map(Instant::into_std),
            ..status.state.clone()
        })
    }

    /// Since when every attempt fails; `None` after a success.
    pub fn failing_since(&self) -> Option<Instant> {
        self.with(|status| status.failing_since)
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

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Arc;

    use tokio::time::advance;

    use super::*;

    /// What is logged.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_logged_at_most_every_30_seconds() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let health = Health::new("s3://lake".to_owned());
        health.note_success();
        for _ in 0..40 {
            health.note_failure("connection reset", false);
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(health.state().reason.as_deref(), Some("connection reset"));
        health.note_success();
        health.note_success();
        // A single failure soon after is not worth a line.
        health.note_failure("connection reset", false);
        health.note_success();
        advance(MIN_LOG_INTERVAL).await;
        health.note_failure("status 503 SlowDown", true);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(text, @r#"
        WARN object store unavailable, retrying store="s3://lake" reason="connection reset"
        WARN object store unavailable, retrying store="s3://lake" reason="connection reset"
        INFO object store reachable again store="s3://lake"
        WARN object store throttles requests, retrying store="s3://lake" reason="status 503 SlowDown"
        "#);
    }
}
