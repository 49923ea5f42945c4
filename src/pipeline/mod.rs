//! A run: the only place with tasks, threads and channels. `capacities` lists the capacities of all queues.
//!
//! ```text
//!  list reader (thread) ──chunks──► dispatcher (async) ──responses──► writer (thread)
//!                                        │ ▲                              │ complete parts
//!                                        ▼ │                              ▼
//!                             calls, up to max_in_flight  ◄──committed parts── committer (thread)
//! ```
//!
//! The dispatcher decides what is requested and when. The writer owns the files of the open parts, the committer makes
//! complete parts durable, in a bucket by an upload, and owns the journal.

mod account_digests;
mod alarm;
pub mod call_stats;
mod calls;
mod capacities;
pub mod chunk;
pub mod collect_in_memory;
mod dispatch;
mod error;
pub mod events;
mod failure_handler;
mod failure_policy;
mod list_reader;
mod observed_task;
mod part_tracker;
pub mod rate;
mod requeue;
mod response_handler;
pub mod response_processor;
pub mod retry_queue;
mod service_history;
mod shared_totals;
mod sink;
mod snapshot_sink;
pub mod source;
mod start_calls;
mod stats;
mod stop_cause;
pub mod stream;
mod work_queue;
mod writer_channel;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

use self::account_digests::SharedDigests;
use self::capacities::QueueCapacities;
pub use self::capacities::{COMPLETE_PARTS, OPEN_PARTS};
use self::chunk::{Chunk, PartDigests, send_chunks};
use self::dispatch::Dispatcher;
pub use self::error::RunError;
use self::events::{Event, Observer};
use self::list_reader::ListReader;
use self::observed_task::{DispatcherContext, run_observed};
use self::rate::limiter::Departure;
use self::shared_totals::SharedTotals;
use self::sink::Sink;
use self::snapshot_sink::{PartCommitter, PartWriter, SnapshotSink, commit_parts, write_parts};
use self::source::AccountSource;
pub use self::stop_cause::StopCause;
use self::writer_channel::writer_channel;
use crate::api::client::{CallResult, Client};
use crate::api::signer::SigGeneration;
use crate::job::RetrySettings;
use crate::snapshot::journal::Journal;
use crate::snapshot::run_totals::RunTotals;
use crate::snapshot::snapshot_writer::SnapshotWriter;
use crate::snapshot::store::Store;
use crate::table::Column;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// The service, as a run uses it.
pub trait Service: Send + Sync + 'static {
    /// Makes one call; drops `departure` when the request leaves.
    fn call(
        &self,
        request: String,
        random: u32,
        departure: Departure,
    ) -> impl Future<Output = CallResult> + Send;

    /// The UserSig that the next call is made with.
    fn sig_generation(&self) -> SigGeneration;

    /// Renews the UserSig; `false` if that is not possible.
    fn renew_signature(&self) -> bool;
}

impl Service for Client {
    async fn call(&self, request: String, random: u32, departure: Departure) -> CallResult {
        self.fetch(request, random, departure).await
    }

    fn sig_generation(&self) -> SigGeneration {
        self.signer().generation()
    }

    fn renew_signature(&self) -> bool {
        self.signer().renew()
    }
}

/// The settings of a run.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// The requested columns.
    pub columns: Vec<Column>,
    /// Their tags, as in a request.
    pub tag_list: String,
    /// The limit; 0 means unlimited.
    pub calls_per_second: u32,
    /// The delay of the first call, because an earlier process or round may have made calls in the same second.
    pub first_call_delay: Duration,
    /// The most calls in flight at once.
    pub max_in_flight: usize,
    /// Attempts, backoff and patience.
    pub retry: RetrySettings,
    /// Ordinals in a part.
    pub accounts_per_part: u64,
    /// Valid entries of the list, duplicates included; for progress only.
    pub accounts_to_request: u64,
    /// The parts that an earlier process has committed: first ordinals and, if recorded, the digests of their accounts.
    pub committed: BTreeMap<u64, Option<String>>,
    /// Whether an earlier process or round had a row for any account.
    pub has_rows: bool,
    /// Accounts in the committed parts; for progress only.
    pub processed_before: u64,
    /// The totals of earlier processes and rounds, and of this process so far.
    pub totals_before: RunTotals,
}

/// What a run gets from outside: randomness, the calendar, an observer and stop requests.
pub struct RunContext<'s> {
    /// For jitter and the `random` of each call.
    pub random: fastrand::Rng,
    /// For the time stamps of failed accounts.
    pub wall_clock: fn() -> Timestamp,
    /// Receives the events.
    pub observer: &'s mut Observer<'s>,
    /// Receives requests to stop: the first one waits for the calls in flight, the second does not.
    pub stop: &'s mut mpsc::Receiver<StopCause>,
}

/// Where an export writes its parts.
pub struct SnapshotTarget {
    /// Writes the parts.
    pub writer: SnapshotWriter,
    /// Records the committed parts.
    pub journal: Journal,
}

/// The threads of a run and the ends of the channels to them.
struct WorkerChannels {
    reader: ListReader,
    sink: SnapshotSink,
    writer: JoinHandle<Result<(), RunError>>,
    committer: JoinHandle<Result<Journal, RunError>>,
    totals: SharedTotals,
}

impl WorkerChannels {
    /// Starts the threads.
    fn open(
        accounts: AccountSource,
        settings: &RunSettings,
        target: SnapshotTarget,
        capacities: QueueCapacities,
    ) -> Result<WorkerChannels, RunError> {
        let (block_sender, blocks) = mpsc::channel::<Vec<Chunk>>(capacities.prefetched_blocks);
        let (message_sender, messages) = writer_channel(capacities.writer_messages);
        // No more parts are ever open, so the writer never waits here for a dispatcher that waits for it.
        let (committed_sender, committed_parts) = mpsc::channel(OPEN_PARTS);
        let accounts_per_part = settings.accounts_per_part;
        let has_earlier_parts = !settings.committed.is_empty();
        let digests = SharedDigests::default();
        let parts = PartDigests { committed: settings.committed.clone(), new: digests.clone() };
        let reader = spawn_named("list-reader", move || {
            send_chunks(accounts, accounts_per_part, &parts, &block_sender)
        })?;
        let totals = SharedTotals::default();
        let SnapshotTarget { writer, journal } = target;
        let store = Arc::clone(writer.store());
        let (complete, complete_parts) = mpsc::channel(COMPLETE_PARTS);
        let target = PartWriter { writer, digests, complete };
        let writer = spawn_named("writer", move || write_parts(target, messages))?;
        let totals_of_parts = totals.clone();
        let (of_sink, committed) = (Arc::clone(&store), committed_sender);
        let target = PartCommitter { store, journal, totals: totals_of_parts, committed };
        let committer = spawn_named("committer", move || commit_parts(target, complete_parts))?;
        let sink = SnapshotSink::new(
            message_sender,
            committed_parts,
            of_sink,
            accounts_per_part,
            has_earlier_parts,
        );
        let reader = ListReader::new(blocks, reader);
        Ok(WorkerChannels { reader, sink, writer, committer, totals })
    }
}

/// Spawns a thread with a name for profilers and `top`.
fn spawn_named<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, RunError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(RunError::Thread)
}

/// Requests every account of a round and writes the parts. Returns the journal with all parts of the round and its end.
pub async fn run<S: Service>(
    service: Arc<S>,
    settings: RunSettings,
    accounts: AccountSource,
    target: SnapshotTarget,
    context: RunContext<'_>,
) -> Result<Journal, RunError> {
    let store = Arc::clone(target.writer.store());
    let channels = WorkerChannels::open(accounts, &settings, target, QueueCapacities::default())?;
    run_with(channels, service, settings, context, Some(store)).await
}

async fn run_with<S: Service>(
    channels: WorkerChannels,
    service: Arc<S>,
    settings: RunSettings,
    context: RunContext<'_>,
    store: Option<Arc<dyn Store>>,
) -> Result<Journal, RunError> {
    let work = |context| dispatch(channels, service, settings, context);
    run_observed(context, store, work).await?
}

async fn dispatch<S: Service>(
    channels: WorkerChannels,
    service: Arc<S>,
    settings: RunSettings,
    context: DispatcherContext,
) -> Result<Journal, RunError> {
    let WorkerChannels { reader, sink, writer, committer, totals } = channels;
    let mut dispatcher = Dispatcher::new(service, settings, reader, sink, context);
    dispatcher.stats.shared = totals;
    let ended = dispatcher.run().await;
    if ended.is_err() {
        // What has been received may complete parts. A writer that has stopped reports why.
        let _ = dispatcher.sink.flush().await;
    }
    dispatcher.sink.close();
    let (written, committed) = joined(writer, committer).await?;
    // A committer that has stopped reports why, and stops the writer.
    let written = committed.and_then(|journal| written.map(|()| journal));
    while let Some(part) = dispatcher.sink.try_next_committed() {
        dispatcher.emit(Event::PartCommitted(Box::new(part)));
    }
    dispatcher.emit_final_events();
    let totals = dispatcher.run_totals();
    let round_end = dispatcher.reader.end();
    let requested_stop = dispatcher.stopping.or_else(|| dispatcher.context.stop.try_recv().ok());
    drop(dispatcher);
    // If the writer has stopped by itself, its own error is the cause.
    let mut journal = match ended {
        Ok(()) | Err(RunError::WriterStopped) => match (written, requested_stop) {
            // A store that could not be reached was not waited for any longer.
            (Err(error), Some(cause)) if error.exit_code() == ExitCode::TryAgainLater => {
                return Err(RunError::Stopped(cause));
            }
            (written, _) => written?,
        },
        Err(error) => {
            if let Ok(mut journal) = written {
                journal.set_totals(totals);
                // The error that stopped the run is the one to report.
                let _ = journal.stop();
            }
            return Err(error);
        }
    };
    journal.set_totals(totals);
    journal.end_round(round_end.ok_or(RunError::WriterStopped)?)?;
    Ok(journal)
}

/// Waits for both threads, which may take as long as an upload, without keeping events from the observer.
async fn joined<W: Send + 'static, C: Send + 'static>(
    writer: JoinHandle<W>,
    committer: JoinHandle<C>,
) -> Result<(W, C), RunError> {
    let joined = tokio::task::spawn_blocking(|| (writer.join(), committer.join())).await;
    match joined {
        Ok((Ok(written), Ok(committed))) => Ok((written, committed)),
        _ => Err(RunError::Panicked),
    }
}

#[cfg(test)]
mod tests;
