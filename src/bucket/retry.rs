//! Repeats an operation until it succeeds, cannot succeed, or patience ends.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::attempt::Attempt;
use super::error::{BucketError, Operation};
use super::fault::{StoreFault, Transient, classify};
use super::health::Health;
use super::settings::Patience;

/// How an operation ended that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted<T> {
    Done(T),
    /// The object does not exist.
    Missing,
    /// The condition of the request does not hold.
    Conflict,
}

/// When an operation is repeated.
#[derive(Debug)]
pub struct Retries {
    pub health: Arc<Health>,
    pub patience: Patience,
    /// When the run was interrupted.
    pub interrupted: watch::Sender<Option<Instant>>,
    /// Where credentials were searched before those of the machine itself, if these remain.
    pub searched: Option<String>,
}

/// How long the machine may take to respond to the first request for its credentials: where it has none, nothing responds.
const METADATA_PATIENCE: Duration = Duration::from_secs(10);

/// How long a request may take whatever is left of the patience.
const LAST_CHANCE: Duration = Duration::from_secs(5);

/// How long the requests that an interruption meets may take, all together.
const GRACE: Duration = Duration::from_secs(8);

/// How long a request may take that starts later.
const LATE_GRACE: Duration = Duration::from_secs(2);

/// Longest time that an operation is repeated while others succeed, in units of the patience.
const MAX_PATIENCE_FACTOR: u32 = 3;

impl Retries {
    /// Repeats `attempt` while it fails in a way that may pass.
    pub async fn run<T, F>(
        &self,
        operation: &Operation,
        mut attempt: impl FnMut() -> F,
    ) -> Result<Attempted<T>, BucketError>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let mut failures = Failures::default();
        loop {
            let notes = Attempt::default();
            let attempted = tokio::select! {
                biased;
                attempted = notes.observe(attempt()) => attempted,
                () = self.patience_ends() => {
                    let reason = "no response in time".to_owned();
                    let after = self.patience.outage_patience;
                    return Err(BucketError::Unavailable { operation: operation.clone(), reason, after });
                }
                () = self.grace_ends(Instant::now()) => {
                    let reason = "no response before the run stopped".to_owned();
                    return Err(BucketError::Interrupted { operation: operation.clone(), reason });
                }
            };
            let fault = match attempted {
                Ok(done) => {
                    self.health.note_success();
                    return Ok(Attempted::Done(done));
                }
                Err(error) => classify(&error, &notes, operation),
            };
            let fault = self.without_credentials(fault, &notes, &failures, operation);
            match fault {
                StoreFault::Missing => {
                    self.health.note_success();
                    return Ok(Attempted::Missing);
                }
                StoreFault::Conflict => {
                    self.health.note_success();
                    return Ok(Attempted::Conflict);
                }
                StoreFault::Permanent(error) => return Err(error),
                StoreFault::Transient(transient) => {
                    self.wait(&mut failures, transient, operation).await?;
                }
            }
        }
    }

    /// Waits until a request that starts now has had its time while all before it failed; for ever where none did.
    async fn patience_ends(&self) {
        match self.health.failing_since() {
            Some(since) => {
                let end = since + self.patience.outage_patience;
                sleep_until(end.max(Instant::now() + LAST_CHANCE)).await;
            }
            None => pending().await,
        }
    }

    /// Waits until a request that starts now has had its time after an interruption.
    async fn grace_ends(&self, started: Instant) {
        let mut interrupted = self.interrupted.subscribe();
        let interrupted = interrupted.wait_for(Option::is_some).await.map(|at| *at);
        match interrupted {
            Ok(Some(at)) => sleep_until((at + GRACE).max(started + LATE_GRACE)).await,
            _ => pending().await,
        }
    }

    /// The fault of a machine that has no credentials, and where none are configured either.
    fn without_credentials(
        &self,
        fault: StoreFault,
        notes: &Attempt,
        failures: &Failures,
        operation: &Operation,
    ) -> StoreFault {
        let is_for_credentials = notes.failure().is_some_and(|failure| failure.is_for_credentials);
        let Some(searched) = &self.searched else { return fault };
        if !is_for_credentials || self.health.last_success().is_some() {
            return fault;
        }
        let is_early = failures.first.is_none_or(|first| first.elapsed() < METADATA_PATIENCE);
        let reason = match fault {
            StoreFault::Transient(Transient { reason, .. }) if !is_early => reason,
            StoreFault::Permanent(BucketError::Denied { reason, .. }) => reason,
            other => return other,
        };
        StoreFault::Permanent(BucketError::NoCredentials {
            url: Box::new(operation.url.with_key("")),
            looked_for: format!("{searched}, and this machine has none ({reason})"),
            fix: "set the variables of one of them (docs/object-stores.md)".to_owned(),
        })
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// When patience has ended or the run was interrupted.
    pub async fn wait(
        &self,
        failures: &mut Failures,
        transient: Transient,
        operation: &Operation,
    ) -> Result<(), BucketError> {
        self.health.note_failure(&transient.reason, transient.is_throttled);
        self.wait_for(failures, transient, operation).await?;
        self.health.note_retry();
        Ok(())
    }

    /// The same for what is not a failure of the store.
    pub async fn wait_for(
        &self,
        failures: &mut Failures,
        transient: Transient,
        operation: &Operation,
    ) -> Result<(), BucketError> {
        let now = Instant::now();
        let Transient { reason, is_throttled, retry_after } = transient;
        let first = *failures.first.get_or_insert(now);
        failures.count += 1;
        let operation = || operation.clone();
        let mut interrupted = self.interrupted.subscribe();
        if interrupted.borrow().is_some() {
            return Err(BucketError::Interrupted { operation: operation(), reason });
        }
        // An operation that follows one whose patience has ended does not begin to wait again.
        let silent_since = self.health.failing_since().unwrap_or(first);
        let patience = self.patience.outage_patience;
        let end = (silent_since + patience).min(first + patience * MAX_PATIENCE_FACTOR);
        let remaining = end.saturating_duration_since(now);
        if remaining.is_zero() || retry_after.is_some_and(|wait| wait > remaining) {
            let after = now - silent_since.min(first);
            return Err(match is_throttled {
                true => BucketError::Throttled { operation: operation(), reason, after },
                false => BucketError::Unavailable { operation: operation(), reason, after },
            });
        }
        let wait = self.backoff(failures.count).max(retry_after.unwrap_or_default()).min(remaining);
        tokio::select! {
            () = sleep(wait) => {}
            _ = interrupted.wait_for(Option::is_some) => {
                return Err(BucketError::Interrupted { operation: operation(), reason });
            }
        }
        Ok(())
    }

    /// The wait after a number of failures: a random half to all of a bound that doubles.
    fn backoff(&self, failures: u32) -> Duration {
        let doubled = self.patience.initial_backoff * 2_u32.saturating_pow(failures.min(20) - 1);
        doubled.min(self.patience.max_backoff).mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

/// The failures of one operation.
#[derive(Debug, Default)]
pub struct Failures {
    first: Option<Instant>,
    count: u32,
}
