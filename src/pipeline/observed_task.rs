//! The task of a dispatcher, and the observer beside it.
//!
//! tokio polls the sockets and timers once more each time it is about to poll the future that it blocks on, but not for a
//! task. The dispatcher is woken several times per call, so it is a task; its observer is woken a few times a second.

use std::future::Future;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::events::{Event, EventSender};
use super::{RunContext, RunError, StopCause};

/// What a dispatcher gets from outside; see [`RunContext`].
pub struct DispatcherContext {
    pub random: fastrand::Rng,
    pub wall_clock: fn() -> Timestamp,
    pub events: EventSender,
    pub stop: mpsc::Receiver<StopCause>,
}

/// Runs `work` as a task, passes its events to the observer of `context`, and its requests to stop to the task. `on_stop` is
/// called at once, also while the task waits.
pub async fn run_observed<W: Future<Output: Send> + Send + 'static>(
    context: RunContext<'_>,
    on_stop: impl Fn(),
    work: impl FnOnce(DispatcherContext) -> W,
) -> Result<W::Output, RunError> {
    let RunContext { random, wall_clock, observer, stop: stop_requests } = context;
    // Not bounded: the observer takes whatever is there as soon as the task waits.
    let (batch_sender, mut batches) = mpsc::unbounded_channel::<Vec<Event>>();
    // A third request is not received.
    let (stop_sender, stop) = mpsc::channel(2);
    let events = EventSender::new(batch_sender);
    let mut task = tokio::spawn(work(DispatcherContext { random, wall_clock, events, stop }));
    let ended = loop {
        tokio::select! {
            Some(batch) = batches.recv() => batch.into_iter().for_each(&mut *observer),
            Some(cause) = stop_requests.recv() => {
                on_stop();
                let _ = stop_sender.try_send(cause);
            }
            ended = &mut task => break ended,
        }
    };
    while let Ok(batch) = batches.try_recv() {
        batch.into_iter().for_each(&mut *observer);
    }
    ended.map_err(|_| RunError::Panicked)
}
