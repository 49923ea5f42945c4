//! A run: the only place with tasks, threads and channels.
//!
//! ```text
//!  list reader (thread) ──chunks──► dispatcher (async) ──answers──► writer (thread)
//!                        CHUNKS_READ_AHEAD    │ ▲        ANSWERS_TO_WRITE   │
//!                                             ▼ │                           │
//!                              calls, up to max_in_flight   ◄──committed parts, up to OPEN_PARTS
//! ```
//!
//! The dispatcher owns all that decides: pace, retries, throttling, outage. The writer owns all that touches the disk.

pub mod chunk;
mod dispatch;
pub mod event;
pub mod outage;
pub mod pace;
pub mod retry;
pub mod settle;
pub mod throttle;
mod verdict;

use std::future::Future;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use arrow::error::ArrowError;
use jiff::Timestamp;
use tokio::sync::mpsc;

use self::chunk::{Chunk, ListEnd, send_chunks};
use self::dispatch::{ANSWERS_TO_WRITE, CHUNKS_READ_AHEAD, Connections, Dispatcher, OPEN_PARTS};
use self::event::Observer;
use self::settle::Settler;
use crate::accounts::{DistinctAccounts, ListError};
use crate::api::client::{Client, Reply};
use crate::api::outcome::CallFailure;
use crate::api::signer::SigGeneration;
use crate::columns::Column;
use crate::exit_code::ExitCode;
use crate::job::RetrySettings;
use crate::output::failed::FailedAccount;
use crate::output::manifest::CallFacts;
use crate::output::part_writer::PartError;
use crate::output::snapshot_writer::{CommittedPart, FirstAnswer, LateAnswer, SnapshotWriter};

/// What a run needs of the service.
pub trait Service: Send + Sync + 'static {
    /// Makes one call.
    fn call(&self, request: String, random: u32) -> impl Future<Output = Reply> + Send;
    /// Which UserSig calls are made with.
    fn sig_generation(&self) -> SigGeneration;
    /// Signs anew; `false` where that cannot be done.
    fn resign(&self) -> bool;
}

impl Service for Client {
    async fn call(&self, request: String, random: u32) -> Reply {
        self.portrait_get(request, random).await
    }

    fn sig_generation(&self) -> SigGeneration {
        self.signer().generation()
    }

    fn resign(&self) -> bool {
        self.signer().resign()
    }
}

/// What a run goes by.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// The tags asked for, as in a request.
    pub tag_list: String,
    /// Limit, calls a second; 0 is none.
    pub calls_per_second: u32,
    /// Calls that may be under way at once.
    pub max_in_flight: usize,
    /// Attempts, backoff and patience.
    pub retry: RetrySettings,
    /// Ordinals in a part.
    pub accounts_per_part: u64,
    /// Valid entries of the list, duplicates included; for the progress only.
    pub accounts_to_ask: u64,
}

/// What comes from outside the run's own logic: chance, the calendar, and the wish to stop.
pub struct Surroundings<'s, Stop> {
    /// Jitter and the `random` of each call.
    pub random: fastrand::Rng,
    /// Time stamps of failed accounts.
    pub wall_clock: fn() -> Timestamp,
    /// Gets the events.
    pub observer: &'s mut Observer<'s>,
    /// Ends when the run is to stop, with the exit code to stop with.
    pub stop: Stop,
}

/// What a run has done.
#[derive(Debug)]
pub struct RunResult {
    /// The parts, by index.
    pub parts: Vec<CommittedPart>,
    /// What the list held.
    pub list_end: ListEnd,
    /// The calls.
    pub calls: CallFacts,
}

/// Why a run did not complete.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The list could not be read.
    #[error(transparent)]
    List(#[from] ListError),
    /// A part could not be written.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The service refused what no retry can mend.
    #[error("the service refused the call: {0}; {mend}", mend = mend_of(.0))]
    Refused(CallFailure),
    /// No account is accepted.
    #[error("the service rejects every account it is asked for: {0}; {mend}", mend = mend_of(.0))]
    RejectsEverything(CallFailure),
    /// Nothing got through for as long as the job has patience.
    #[error(
        "nothing got through to the service for retry.outage_patience; the last failure: {last_failure}"
    )]
    Outage {
        /// How the last call failed.
        last_failure: String,
    },
    /// A signal.
    #[error("{}", .0.meaning())]
    Stopped(ExitCode),
    /// Rows could not be put together.
    #[error("rows could not be put together, which is a bug")]
    Rows(#[source] ArrowError),
    /// The writer's thread ended; its own error takes the place of this one.
    #[error("the writer stopped early, which is a bug")]
    WriterStopped,
    /// A thread or task panicked.
    #[error("a part of the program panicked, which is a bug")]
    Panicked,
}

/// A list that cannot be used is the user's to mend; a disk that cannot take our own files is not.
pub fn exit_code_of_list_error(error: &ListError) -> ExitCode {
    match error {
        ListError::Spool { .. } | ListError::Report { .. } => ExitCode::InternalOrDisk,
        _ => ExitCode::BadUsage,
    }
}

fn mend_of(failure: &CallFailure) -> &'static str {
    match failure {
        CallFailure::Refused { rule, .. } => rule.mend,
        CallFailure::Transport { .. } => {
            "check api.region or api.base_url, and proxies or gateways on the way"
        }
    }
}

impl RunError {
    /// How the process ends for it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            RunError::List(error) => exit_code_of_list_error(error),
            RunError::Refused(_) | RunError::RejectsEverything(_) => ExitCode::RefusedByService,
            RunError::Outage { .. } => ExitCode::TryAgainLater,
            RunError::Stopped(code) => *code,
            RunError::Part(_)
            | RunError::Rows(_)
            | RunError::WriterStopped
            | RunError::Panicked => ExitCode::InternalOrDisk,
        }
    }
}

/// What goes to the writer's thread.
enum ToWriter {
    First(FirstAnswer),
    Late(LateAnswer),
    LateFailure(FailedAccount),
    EndOfList(u64),
}

/// Capacities of the queues between the threads of a run.
struct Room {
    chunks_read_ahead: usize,
    answers_to_write: usize,
}

/// The threads of a run, at work, and the ends of the channels to them.
struct Threads {
    connections: Connections,
    writer: JoinHandle<Result<(), PartError>>,
}

impl Threads {
    fn start(
        list: DistinctAccounts,
        accounts_per_part: u64,
        writer: SnapshotWriter,
        room: Room,
    ) -> Threads {
        let (chunk_sender, chunks) = mpsc::channel::<Chunk>(room.chunks_read_ahead);
        let (answer_sender, answers) = mpsc::channel(room.answers_to_write);
        // No more parts are open at any time, so the writer never waits here for the dispatcher that may wait for it.
        let (committed_sender, committed) = mpsc::channel(OPEN_PARTS);
        let reader = thread::spawn(move || send_chunks(list, accounts_per_part, &chunk_sender));
        let writer = thread::spawn(move || write_parts(writer, answers, &committed_sender));
        let connections = Connections { chunks, reader, writer: answer_sender, committed };
        Threads { connections, writer }
    }

    #[cfg(test)]
    fn has_read_all(&self) -> bool {
        self.connections.reader.is_finished()
    }
}

/// Asks for every account of the list and writes the parts.
pub async fn run<S: Service>(
    service: Arc<S>,
    settings: RunSettings,
    columns: &[Column],
    list: DistinctAccounts,
    writer: SnapshotWriter,
    surroundings: Surroundings<'_, impl Future<Output = ExitCode>>,
) -> Result<RunResult, RunError> {
    let room = Room { chunks_read_ahead: CHUNKS_READ_AHEAD, answers_to_write: ANSWERS_TO_WRITE };
    let threads = Threads::start(list, settings.accounts_per_part, writer, room);
    run_with(threads, service, settings, columns, surroundings).await
}

async fn run_with<S: Service>(
    threads: Threads,
    service: Arc<S>,
    settings: RunSettings,
    columns: &[Column],
    surroundings: Surroundings<'_, impl Future<Output = ExitCode>>,
) -> Result<RunResult, RunError> {
    let Threads { connections, writer } = threads;
    let Surroundings { random, wall_clock, observer, stop } = surroundings;
    let settler = Settler::new(columns);
    let mut dispatcher =
        Dispatcher::new(service, settings, settler, connections, random, wall_clock, observer);
    let ended = tokio::select! {
        ended = dispatcher.run() => ended,
        code = stop => Err(RunError::Stopped(code)),
    };
    let calls = dispatcher.call_facts();
    let mut parts = std::mem::take(&mut dispatcher.parts);
    let list_end = dispatcher.list_end;
    drop(dispatcher);
    let written = writer.join().map_err(|_| RunError::Panicked)?;
    match ended {
        Err(RunError::WriterStopped) => written?,
        other => other.and(written.map_err(RunError::from))?,
    }
    parts.sort_unstable_by_key(|part| part.index);
    let list_end = list_end.ok_or(RunError::WriterStopped)?;
    Ok(RunResult { parts, list_end, calls })
}

/// Writes what comes until nothing comes any more.
fn write_parts(
    mut writer: SnapshotWriter,
    mut answers: mpsc::Receiver<ToWriter>,
    committed: &mpsc::Sender<CommittedPart>,
) -> Result<(), PartError> {
    while let Some(message) = answers.blocking_recv() {
        let parts = match message {
            ToWriter::First(answer) => Vec::from_iter(writer.first_answer(answer)?),
            ToWriter::Late(answer) => writer.late_answer(answer)?,
            ToWriter::LateFailure(failed) => Vec::from_iter(writer.late_failure(failed)?),
            ToWriter::EndOfList(accounts) => Vec::from_iter(writer.end_of_list(accounts)?),
        };
        for part in parts {
            // Nobody listens only when the run has stopped, which then has its own reason.
            let _ = committed.blocking_send(part);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
