//! The loop of a run: picks what to ask next, keeps to the pace, and hands ended calls to `response_handler`.
//!
//! Queues and their capacities:
//!
//! | queue                       | holds up to                                                    |
//! |-----------------------------|----------------------------------------------------------------|
//! | blocks of chunks read prefetched | [`BLOCKS_READ_AHEAD`], and one that is being used up           |
//! | calls in flight             | `max_in_flight`                                                |
//! | chunks to ask once more     | calls in flight, and the halves of one bisection of each       |
//! | accounts backing off        | [`ACCOUNTS_BACKING_OFF`], and the calls in flight              |
//! | answers to hand over        | [`ANSWERS_IN_BLOCK`], and the calls in flight                  |
//! | answers on their way to disk| [`ANSWERS_TO_WRITE`]                                           |
//! | committed parts             | [`OPEN_PARTS`]                                                 |

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::chunk::{Account, Chunk};
use super::events::{Event, Observer, Progress};
use super::rate::limiter::RateLimiter;
use super::rate::outage::Outage;
use super::rate::throttle::Throttle;
use super::response_processor::ResponseProcessor;
use super::retry_queue::RetryQueue;
use super::source::SourceError;
use super::writer_channel::{WriterSender, kib, writer_channel};
use super::{RunError, RunSettings, Service, ToWriter};
use crate::api::client::CallResult;
use crate::snapshot::journal::RoundEnd;
use crate::snapshot::manifest::CallStats;
use crate::snapshot::snapshot_writer::CommittedPart;
use crate::util::exit_code::ExitCode;

/// Blocks of chunks that the list's reader may be prefetched.
pub const BLOCKS_READ_AHEAD: usize = 2;

/// Answers that go to the writer together where more are to come: to wake its thread costs as much as to read an answer.
const ANSWERS_IN_BLOCK: usize = 16;

/// Answers go earlier when their rows hold so much, in KiB.
const BLOCK_KIB: u32 = 2 * 1024;

/// Answers that may wait for the writer, if their rows are not wide.
pub const ANSWERS_TO_WRITE: usize = 256;

/// Accounts that may back off before no fresh ones are asked.
pub(super) const ACCOUNTS_BACKING_OFF: usize = 50_000;

/// Parts that may be begun and incomplete: each holds open files and a few rows.
pub const OPEN_PARTS: usize = 64;

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// The state of a run.
pub(super) struct Dispatcher<'o, S> {
    pub(super) service: Arc<S>,
    pub(super) settings: RunSettings,
    pub(super) observer: &'o mut Observer<'o>,
    pub(super) started: Instant,
    pub(super) random: fastrand::Rng,
    pub(super) wall_clock: fn() -> Timestamp,

    pub(super) blocks: mpsc::Receiver<Vec<Chunk>>,
    reader: Option<JoinHandle<Result<RoundEnd, SourceError>>>,
    /// First chunks, the next one at the front.
    pub(super) prefetched: VecDeque<Chunk>,
    pub(super) round_end: Option<RoundEnd>,

    writer: WriterSender,
    committed: mpsc::Receiver<CommittedPart>,
    pub(super) to_write: Vec<ToWriter>,
    pub(super) parts: Vec<CommittedPart>,
    pub(super) parts_begun: usize,

    pub(super) stopping: Option<ExitCode>,
    pub(super) calls: JoinSet<EndedCall>,
    pub(super) requeued: VecDeque<Chunk>,
    pub(super) retry: RetryQueue,
    pub(super) pace: RateLimiter,
    pub(super) throttle: Throttle,
    pub(super) outage: Outage,
    pub(super) processor: ResponseProcessor,

    pub(super) facts: CallStats,
    pub(super) settled: u64,
    pub(super) failed: u64,
    pub(super) first_call_at: Option<Duration>,
    pub(super) last_call_at: Duration,
    /// When a call got through last.
    pub(super) got_through_at: Option<Duration>,
    /// An account that has been answered: a probe that asks it can fail only by the service.
    pub(super) answered_account: Option<Account>,
    pub(super) renewal_failed: bool,
    pub(super) paused_by_code: bool,
    pub(super) rejected_in_a_row: u32,
}

/// A call that has ended.
pub(super) struct EndedCall {
    pub(super) chunk: Chunk,
    pub(super) reply: CallResult,
    pub(super) called_at: Duration,
    pub(super) is_probe: bool,
}

/// The ends of the channels and threads a run is connected to.
pub(super) struct WorkerChannels {
    pub(super) blocks: mpsc::Receiver<Vec<Chunk>>,
    pub(super) reader: JoinHandle<Result<RoundEnd, SourceError>>,
    pub(super) writer: WriterSender,
    pub(super) committed: mpsc::Receiver<CommittedPart>,
}

impl<'o, S: Service> Dispatcher<'o, S> {
    pub(super) fn new(
        service: Arc<S>,
        settings: RunSettings,
        processor: ResponseProcessor,
        connections: WorkerChannels,
        random: fastrand::Rng,
        wall_clock: fn() -> Timestamp,
        observer: &'o mut Observer<'o>,
    ) -> Self {
        let started = Instant::now();
        Dispatcher {
            service,
            observer,
            started,
            random,
            wall_clock,
            blocks: connections.blocks,
            reader: Some(connections.reader),
            prefetched: VecDeque::new(),
            round_end: None,
            writer: connections.writer,
            committed: connections.committed,
            to_write: Vec::new(),
            parts: Vec::new(),
            parts_begun: 0,
            stopping: None,
            calls: JoinSet::new(),
            requeued: VecDeque::new(),
            retry: RetryQueue::default(),
            pace: RateLimiter::new(settings.calls_per_second, move || started.elapsed()),
            throttle: Throttle::starting_at(settings.first_call_delay),
            outage: Outage::new(&settings.retry),
            processor,
            facts: CallStats {
                calls_per_second: settings.calls_per_second,
                ..CallStats::default()
            },
            settled: 0,
            failed: 0,
            first_call_at: None,
            last_call_at: Duration::ZERO,
            got_through_at: None,
            answered_account: None,
            renewal_failed: false,
            paused_by_code: false,
            rejected_in_a_row: 0,
            settings,
        }
    }

    /// Runs until every account is settled and every part is committed.
    ///
    /// The first reason to stop lets the calls in flight end and what is complete be committed; the second one ends the
    /// run at once.
    pub(super) async fn run(
        &mut self,
        stop: &mut mpsc::Receiver<ExitCode>,
    ) -> Result<(), RunError> {
        let mut progress = interval(PROGRESS_EVERY);
        progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut have_waited = false;
        loop {
            let wake_at = self.start_calls()?;
            let is_block = self.to_write.len() >= ANSWERS_IN_BLOCK
                || self.to_write.iter().map(kib).sum::<u32>() >= BLOCK_KIB;
            if is_block || self.calls.is_empty() || std::mem::take(&mut have_waited) {
                for message in std::mem::take(&mut self.to_write) {
                    if !self.writer.send(message).await {
                        return Err(RunError::WriterStopped);
                    }
                }
            }
            if self.is_done() {
                return Ok(());
            }
            if let Some(code) = self.stopping
                && self.calls.is_empty()
            {
                return Err(RunError::Stopped(code));
            }
            let wake_at = self.started + wake_at.unwrap_or(Duration::from_secs(3600));
            let wants_block = self.prefetched.is_empty() && self.round_end.is_none();
            tokio::select! {
                Some(ended) = self.calls.join_next() => {
                    self.call_ended(ended.map_err(|_| RunError::Panicked)?)?;
                    while let Some(ended) = self.calls.try_join_next() {
                        self.call_ended(ended.map_err(|_| RunError::Panicked)?)?;
                    }
                }
                block = self.blocks.recv(), if wants_block => self.block_came(block)?,
                part = self.committed.recv() => {
                    self.part_committed(part.ok_or(RunError::WriterStopped)?);
                }
                _ = progress.tick() => {
                    let progress = self.progress();
                    (self.observer)(Event::Progress(progress));
                    have_waited = true;
                }
                Some(code) = stop.recv() => self.stop(code)?,
                () = sleep_until(wake_at) => {}
            }
        }
    }

    /// What the run has done.
    pub(super) fn call_facts(&mut self) -> CallStats {
        let mut facts =
            CallStats { peak_calls_per_second: self.pace.peak_calls_per_second(), ..self.facts };
        if facts.calls_per_second > 0 && facts.made > 1 {
            // From the first call to the last there are as many spaces as calls but one.
            let first_call_at = self.first_call_at.unwrap_or_default();
            let seconds = (self.last_call_at - first_call_at).as_secs_f64();
            let spaces = facts.made as f64 - 1.0;
            let share = spaces / (seconds * f64::from(facts.calls_per_second));
            facts.rate_utilization_percent = Some((share.min(1.0) * 1000.0).round() / 10.0);
        }
        facts
    }

    /// Lets the writer end: nothing more comes.
    pub(super) fn close_writer(&mut self) {
        (self.writer, _) = writer_channel(1);
    }

    /// Tells how far the run has come, and that it ends there. The writer has ended.
    pub(super) fn emit_final_events(&mut self) {
        while let Ok(part) = self.committed.try_recv() {
            self.part_committed(part);
        }
        let (progress, calls) = (self.progress(), self.call_facts());
        (self.observer)(Event::Progress(progress));
        (self.observer)(Event::RoundEnded(calls));
    }

    pub(super) fn progress(&mut self) -> Progress {
        let now = self.now();
        Progress {
            accounts_to_ask: self
                .round_end
                .map_or(self.settings.accounts_to_ask, |end| end.accounts),
            settled: self.settings.settled_before + self.settled,
            failed: self.failed,
            calls: self.facts.made,
            calls_in_last_second: self.pace.calls_in_last_second(now),
            waiting: self.retry.len() as u64,
            retried_ordinals: self.facts.account_retries,
            elapsed: now,
        }
    }

    /// Goes on at a share of the limit.
    pub(super) fn set_share(&mut self, share: f64) {
        self.pace.set_share(share);
    }

    /// Time since the run began.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn is_done(&self) -> bool {
        self.round_end.is_some()
            && self.is_idle()
            && self.retry.is_empty()
            && !self.outage.holds_back()
            && self.parts_begun == self.parts.len()
    }

    /// Whether no call is in flight and no chunk is at hand.
    pub(super) fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.requeued.is_empty() && self.prefetched.is_empty()
    }

    fn stop(&mut self, code: ExitCode) -> Result<(), RunError> {
        if self.stopping.is_some() {
            return Err(RunError::Stopped(code));
        }
        self.stopping = Some(code);
        let in_flight = self.calls.len();
        (self.observer)(Event::Stopping { in_flight });
        Ok(())
    }

    fn block_came(&mut self, block: Option<Vec<Chunk>>) -> Result<(), RunError> {
        if let Some(block) = block {
            self.prefetched.extend(block);
            return Ok(());
        }
        let Some(reader) = self.reader.take() else { return Ok(()) };
        let end = reader.join().map_err(|_| RunError::Panicked)??;
        self.round_end = Some(end);
        if end.accounts == 0 && self.settings.committed.is_empty() {
            self.parts_begun = 1;
        }
        self.to_write.push(ToWriter::EndOfRound(end.accounts));
        Ok(())
    }

    fn part_committed(&mut self, part: CommittedPart) {
        (self.observer)(Event::PartCommitted(&part));
        self.parts.push(part);
    }
}
