//! A run: the only place with tasks, threads and channels.
//!
//! ```text
//!  list reader (thread) ──chunks──► dispatcher (async) ──answers──► writer (thread)
//!                        BLOCKS_READ_AHEAD    │ ▲        ANSWERS_TO_WRITE   │
//!                                             ▼ │                           │
//!                              calls, up to max_in_flight   ◄──committed parts, up to OPEN_PARTS
//! ```
//!
//! The dispatcher owns all that decides: pace, retries, throttling, outage. The writer owns all that touches the disk.

pub mod call_stats;
mod capacities;
pub mod chunk;
pub mod collect_in_memory;
mod dispatch;
mod error;
pub mod events;
pub mod rate;
mod requeue;
mod response_handler;
pub mod response_processor;
pub mod retry_queue;
pub mod source;
mod start_calls;
mod writer_channel;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;

pub use self::capacities::OPEN_PARTS;
use self::capacities::QueueCapacities;
use self::chunk::{Chunk, send_chunks};
use self::dispatch::{Dispatcher, WorkerChannels};
pub use self::error::RunError;
use self::events::Observer;
use self::rate::limiter::Departure;
use self::response_processor::ResponseProcessor;
use self::source::AccountSource;
use self::writer_channel::{QueuedMessage, writer_channel};
use crate::api::client::{CallResult, Client};
use crate::api::signer::SigGeneration;
use crate::job::RetrySettings;
use crate::pipeline::call_stats::CallStats;
use crate::snapshot::journal::Journal;
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::sidecars::FailedAccount;
use crate::snapshot::snapshot_writer::{ChunkResult, RetryResult, SnapshotWriter};
use crate::table::Column;
use crate::util::exit_code::ExitCode;

/// What a run needs of the service.
pub trait Service: Send + Sync + 'static {
    /// Makes one call; drops `departure` when the request leaves.
    fn call(
        &self,
        request: String,
        random: u32,
        departure: Departure,
    ) -> impl Future<Output = CallResult> + Send;
    /// Which UserSig calls are made with.
    fn sig_generation(&self) -> SigGeneration;
    /// Signs anew; `false` where that cannot be done.
    fn resign(&self) -> bool;
}

impl Service for Client {
    async fn call(&self, request: String, random: u32, departure: Departure) -> CallResult {
        self.fetch(request, random, departure).await
    }

    fn sig_generation(&self) -> SigGeneration {
        self.signer().generation()
    }

    fn resign(&self) -> bool {
        self.signer().renew()
    }
}

/// What a run goes by.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// The tags asked for, as in a request.
    pub tag_list: String,
    /// Limit, calls a second; 0 is none.
    pub calls_per_second: u32,
    /// How long the first call waits, because an earlier process or round may have made calls in that second.
    pub first_call_delay: Duration,
    /// Calls that may be under way at once.
    pub max_in_flight: usize,
    /// Attempts, backoff and patience.
    pub retry: RetrySettings,
    /// Ordinals in a part.
    pub accounts_per_part: u64,
    /// Valid entries of the list, duplicates included; for the progress only.
    pub accounts_to_request: u64,
    /// First ordinals of the parts that an earlier run has committed.
    pub committed: BTreeSet<u64>,
    /// Whether an earlier process or round had a row for any account.
    pub has_rows: bool,
    /// Accounts in those parts; for the progress only.
    pub processed_before: u64,
}

/// What comes from outside the run's own logic: chance, the calendar, and the wish to stop.
pub struct RunContext<'s> {
    /// Jitter and the `random` of each call.
    pub random: fastrand::Rng,
    /// Time stamps of failed accounts.
    pub wall_clock: fn() -> Timestamp,
    /// Gets the events.
    pub observer: &'s mut Observer<'s>,
    /// Gets the exit code to stop with: the first lets calls in flight end, the second does not.
    pub stop: &'s mut mpsc::Receiver<ExitCode>,
}

/// What a round has done.
#[derive(Debug)]
pub struct RunResult {
    /// The checkpoint, with all parts of the round and its end.
    pub journal: Journal,
    /// The calls.
    pub calls: CallStats,
}

/// What goes to the writer's thread.
enum ToWriter {
    First(ChunkResult),
    Late(RetryResult),
    LateFailure(FailedAccount),
    EndOfRound(u64),
}

/// The threads of a run, at work, and the ends of the channels to them.
struct Threads {
    connections: WorkerChannels,
    writer: JoinHandle<Result<Journal, RunError>>,
}

impl Threads {
    fn start(
        accounts: AccountSource,
        settings: &RunSettings,
        writer: SnapshotWriter,
        journal: Journal,
        capacities: QueueCapacities,
    ) -> Result<Threads, RunError> {
        let (block_sender, blocks) = mpsc::channel::<Vec<Chunk>>(capacities.prefetched_blocks);
        let (answer_sender, answers) = writer_channel(capacities.writer_messages);
        // No more parts are open at any time, so the writer never waits here for the dispatcher that may wait for it.
        let (committed_sender, committed) = mpsc::channel(OPEN_PARTS);
        let accounts_per_part = settings.accounts_per_part;
        let done = settings.committed.clone();
        let reader = spawn_named("list-reader", move || {
            send_chunks(accounts, accounts_per_part, &done, &block_sender)
        })?;
        let writer = spawn_named("writer", move || {
            write_parts(writer, journal, answers, &committed_sender)
        })?;
        let connections = WorkerChannels { blocks, reader, writer: answer_sender, committed };
        Ok(Threads { connections, writer })
    }

    #[cfg(test)]
    fn has_read_all(&self) -> bool {
        self.connections.reader.is_finished()
    }
}

/// A thread that profilers and `top` show by its work.
fn spawn_named<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, RunError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(RunError::Thread)
}

/// Asks for every account of the list and writes the parts.
pub async fn run<S: Service>(
    service: Arc<S>,
    settings: RunSettings,
    columns: &[Column],
    accounts: AccountSource,
    writer: SnapshotWriter,
    journal: Journal,
    run_context: RunContext<'_>,
) -> Result<RunResult, RunError> {
    let capacities = QueueCapacities::default();
    let threads = Threads::start(accounts, &settings, writer, journal, capacities)?;
    run_with(threads, service, settings, columns, run_context).await
}

async fn run_with<S: Service>(
    threads: Threads,
    service: Arc<S>,
    settings: RunSettings,
    columns: &[Column],
    run_context: RunContext<'_>,
) -> Result<RunResult, RunError> {
    let Threads { connections, writer } = threads;
    let RunContext { random, wall_clock, observer, stop } = run_context;
    let processor = ResponseProcessor::new(columns, settings.retry.max_attempts, settings.has_rows);
    let mut dispatcher =
        Dispatcher::new(service, settings, processor, connections, random, wall_clock, observer);
    let ended = dispatcher.run(stop).await;
    dispatcher.close_writer();
    let written = writer.join().map_err(|_| RunError::Panicked)?;
    dispatcher.emit_final_events();
    let calls = dispatcher.call_facts();
    let round_end = dispatcher.round_end;
    drop(dispatcher);
    // When the writer has stopped by itself, its own error tells why.
    let mut journal = match ended {
        Ok(()) | Err(RunError::WriterStopped) => written?,
        Err(error) => return Err(error),
    };
    journal.end_round(round_end.ok_or(RunError::WriterStopped)?)?;
    Ok(RunResult { journal, calls })
}

/// Writes what comes until nothing comes any more. A part counts once its entry is in the journal.
fn write_parts(
    mut writer: SnapshotWriter,
    mut journal: Journal,
    mut answers: mpsc::Receiver<QueuedMessage>,
    committed: &mpsc::Sender<CommittedPart>,
) -> Result<Journal, RunError> {
    while let Some(handed) = answers.blocking_recv() {
        let parts = match handed.message {
            ToWriter::First(answer) => Vec::from_iter(writer.add_chunk(answer)?),
            ToWriter::Late(answer) => writer.add_retry(answer)?,
            ToWriter::LateFailure(failed) => Vec::from_iter(writer.add_late_failure(failed)?),
            ToWriter::EndOfRound(accounts) => Vec::from_iter(writer.end_of_list(accounts)?),
        };
        for part in parts {
            journal.add_part(&part)?;
            // Nobody listens only when the run has stopped, which then has its own reason.
            let _ = committed.blocking_send(part);
        }
    }
    Ok(journal)
}

#[cfg(test)]
mod tests;
