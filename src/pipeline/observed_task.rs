//! The task of a dispatcher, and the observer beside it.
//!
//! tokio polls the sockets and timers once more each time it is about to poll the future that it blocks on, but not for a
//! task. The dispatcher is woken several times per call, so it is a task; its observer is woken a few times a second.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::interval;

use super::events::{Event, EventSender};
use super::{RunContext, RunError, StopCause};
use crate::snapshot::store::{LeaseState, Store};

/// How often a store is observed.
const STORE_INTERVAL: Duration = Duration::from_secs(1);

/// What a dispatcher gets from outside; see [`RunContext`].
pub struct DispatcherContext {
    pub random: fastrand::Rng,
    pub wall_clock: fn() -> Timestamp,
    pub events: EventSender,
    pub stop: mpsc::Receiver<StopCause>,
}

/// Runs `work` as a task, passes its events to the observer of `context`, and its requests to stop to the task. `store`
/// is interrupted at once, and observed, also while the task waits for it.
pub async fn run_observed<W: Future<Output: Send> + Send + 'static>(
    context: RunContext<'_>,
    store: Option<Arc<dyn Store>>,
    work: impl FnOnce(DispatcherContext) -> W,
) -> Result<W::Output, RunError> {
    let RunContext { random, wall_clock, observer, stop: stop_requests } = context;
    // Not bounded: the observer takes whatever is there as soon as the task waits.
    let (batch_sender, mut batches) = mpsc::unbounded_channel::<Vec<Event>>();
    // A third request is not received.
    let (stop_sender, stop) = mpsc::channel(2);
    let events = EventSender::new(batch_sender);
    let mut task = tokio::spawn(work(DispatcherContext { random, wall_clock, events, stop }));
    let observed = store.as_ref().filter(|store| store.activity().is_some());
    let mut look = interval(STORE_INTERVAL);
    let ended = loop {
        tokio::select! {
            Some(batch) = batches.recv() => batch.into_iter().for_each(&mut *observer),
            Some(cause) = stop_requests.recv() => {
                if let Some(store) = &store {
                    store.interrupt();
                }
                let _ = stop_sender.try_send(cause);
            }
            _ = look.tick(), if observed.is_some() => {
                let activity = observed.and_then(|store| store.activity());
                if activity.is_some_and(|activity| activity.lease == LeaseState::Lost) {
                    let _ = stop_sender.try_send(StopCause::TakenOver);
                }
                activity.into_iter().map(Event::Store).for_each(&mut *observer);
            }
            ended = &mut task => break ended,
        }
    };
    while let Ok(batch) = batches.try_recv() {
        batch.into_iter().for_each(&mut *observer);
    }
    observed
        .and_then(|store| store.activity())
        .into_iter()
        .map(Event::Store)
        .for_each(&mut *observer);
    ended.map_err(|_| RunError::Panicked)
}
