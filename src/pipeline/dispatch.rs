//! The loop of a run: picks what to ask next, keeps to the pace, and hands ended calls to `response_handler`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::capacities::{MESSAGES_PER_FLUSH, ROWS_PER_FLUSH_KIB};
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
use crate::pipeline::call_stats::CallStats;
use crate::snapshot::journal::RoundEnd;
use crate::snapshot::parts::CommittedPart;
use crate::util::exit_code::ExitCode;

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// The state of a run.
pub struct Dispatcher<'o, S> {
    pub service: Arc<S>,
    pub settings: RunSettings,
    pub observer: &'o mut Observer<'o>,
    pub started: Instant,
    pub random: fastrand::Rng,
    pub wall_clock: fn() -> Timestamp,

    pub blocks: mpsc::Receiver<Vec<Chunk>>,
    reader: Option<JoinHandle<Result<RoundEnd, SourceError>>>,
    /// First chunks, the next one at the front.
    pub prefetched: VecDeque<Chunk>,
    pub round_end: Option<RoundEnd>,

    writer: WriterSender,
    committed: mpsc::Receiver<CommittedPart>,
    pub to_write: Vec<ToWriter>,
    pub parts: Vec<CommittedPart>,
    pub parts_begun: usize,

    pub stopping: Option<ExitCode>,
    pub calls: JoinSet<EndedCall>,
    pub requeued: VecDeque<Chunk>,
    pub retry: RetryQueue,
    pub limiter: RateLimiter,
    pub throttle: Throttle,
    pub outage: Outage,
    pub processor: ResponseProcessor,

    pub facts: CallStats,
    pub settled: u64,
    pub failed: u64,
    pub first_call_at: Option<Duration>,
    pub last_call_at: Duration,
    /// When a call got through last.
    pub got_through_at: Option<Duration>,
    /// An account that has been answered: a probe that asks it can fail only by the service.
    pub answered_account: Option<Account>,
    pub renewal_failed: bool,
    pub paused_by_code: bool,
    pub rejected_in_a_row: u32,
}

/// A call that has ended.
pub struct EndedCall {
    pub chunk: Chunk,
    pub reply: CallResult,
    pub called_at: Duration,
    pub is_probe: bool,
}

/// The ends of the channels and threads a run is connected to.
pub struct WorkerChannels {
    pub blocks: mpsc::Receiver<Vec<Chunk>>,
    pub reader: JoinHandle<Result<RoundEnd, SourceError>>,
    pub writer: WriterSender,
    pub committed: mpsc::Receiver<CommittedPart>,
}

impl<'o, S: Service> Dispatcher<'o, S> {
    pub fn new(
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
            limiter: RateLimiter::new(settings.calls_per_second, move || started.elapsed()),
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
    pub async fn run(&mut self, stop: &mut mpsc::Receiver<ExitCode>) -> Result<(), RunError> {
        let mut progress = interval(PROGRESS_EVERY);
        progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut have_waited = false;
        loop {
            let wake_at = self.start_calls()?;
            let is_block = self.to_write.len() >= MESSAGES_PER_FLUSH
                || self.to_write.iter().map(kib).sum::<u32>() >= ROWS_PER_FLUSH_KIB;
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
    pub fn call_facts(&mut self) -> CallStats {
        let mut facts =
            CallStats { peak_calls_per_second: self.limiter.peak_calls_per_second(), ..self.facts };
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
    pub fn close_writer(&mut self) {
        (self.writer, _) = writer_channel(1);
    }

    /// Tells how far the run has come, and that it ends there. The writer has ended.
    pub fn emit_final_events(&mut self) {
        while let Ok(part) = self.committed.try_recv() {
            self.part_committed(part);
        }
        let (progress, calls) = (self.progress(), self.call_facts());
        (self.observer)(Event::Progress(progress));
        (self.observer)(Event::RoundEnded(calls));
    }

    pub fn progress(&mut self) -> Progress {
        let now = self.now();
        Progress {
            accounts_to_request: self
                .round_end
                .map_or(self.settings.accounts_to_request, |end| end.accounts),
            processed: self.settings.processed_before + self.settled,
            failed: self.failed,
            calls: self.facts.made,
            calls_in_last_second: self.limiter.calls_in_last_second(now),
            awaiting_retry: self.retry.len() as u64,
            account_retries: self.facts.account_retries,
            elapsed: now,
        }
    }

    /// Goes on at a share of the limit.
    pub fn set_share(&mut self, share: f64) {
        self.limiter.set_share(share);
    }

    /// Time since the run began.
    pub fn now(&self) -> Duration {
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
    pub fn is_idle(&self) -> bool {
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
