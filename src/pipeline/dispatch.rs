//! The loop of a run: starts calls, handles those that end, and passes rows to the sink.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::alarm::Alarm;
use super::calls::CallPool;
use super::events::{Event, Progress};
use super::list_reader::ListReader;
use super::observed_task::DispatcherContext;
use super::rate::RateControl;
use super::response_processor::ResponseProcessor;
use super::service_history::ServiceHistory;
use super::sink::{Sink, SinkMessage};
use super::stats::RunStats;
use super::work_queue::WorkQueue;
use super::{RunError, RunSettings, Service, StopCause};
use crate::pipeline::call_stats::CallStats;
use crate::snapshot::run_totals::RunTotals;

/// The interval between progress events.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// The state of a run.
pub struct Dispatcher<S, K> {
    pub settings: RunSettings,
    pub context: DispatcherContext,
    pub started: Instant,
    pub reader: ListReader,
    pub work: WorkQueue,
    pub calls: CallPool<S>,
    pub rate: RateControl,
    pub processor: ResponseProcessor,
    pub history: ServiceHistory,
    pub stats: RunStats,
    pub sink: K,
    pub stopping: Option<StopCause>,
}

impl<S: Service, K: Sink> Dispatcher<S, K> {
    /// A run that requests the accounts of `reader` and passes their rows to `sink`.
    pub fn new(
        service: Arc<S>,
        settings: RunSettings,
        reader: ListReader,
        sink: K,
        context: DispatcherContext,
    ) -> Self {
        let started = Instant::now();
        let RunSettings { calls_per_second, first_call_delay, retry, .. } = &settings;
        let now = move || started.elapsed();
        Dispatcher {
            context,
            started,
            reader,
            work: WorkQueue::default(),
            calls: CallPool::new(service, settings.tag_list.clone()),
            rate: RateControl::new(*calls_per_second, *first_call_delay, retry, now),
            processor: ResponseProcessor::new(
                &settings.columns,
                retry.max_attempts,
                settings.has_rows,
            ),
            history: ServiceHistory::default(),
            stats: RunStats::new(*calls_per_second, settings.totals_before),
            sink,
            stopping: None,
            settings,
        }
    }

    /// Runs until every account is processed and the sink is complete.
    ///
    /// The first stop request waits for the calls in flight and lets complete parts be committed; the second one ends the
    /// run at once.
    pub async fn run(&mut self) -> Result<(), RunError> {
        let mut progress = interval(PROGRESS_INTERVAL);
        progress.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut has_ticked = false;
        let mut alarm = Alarm::new();
        loop {
            let wake_at = self.start_calls()?;
            if self.sink.is_flush_due() || self.calls.is_empty() || std::mem::take(&mut has_ticked)
            {
                let totals = self.run_totals();
                self.stats.shared.set(totals);
                self.sink.flush().await?;
            }
            if self.is_done() {
                return Ok(());
            }
            if let Some(cause) = self.stopping
                && self.calls.is_empty()
            {
                return Err(self.stopped(cause));
            }
            alarm.set(wake_at.map(|wake_at| self.started + wake_at));
            let wants_block = self.work.needs_prefetch() && self.reader.end().is_none();
            tokio::select! {
                Some(ended) = self.calls.next_ended() => {
                    self.call_ended(ended?)?;
                    while let Some(ended) = self.calls.try_next_ended() {
                        self.call_ended(ended?)?;
                    }
                }
                block = self.reader.next_block(), if wants_block => match block? {
                    Some(block) => self.work.prefetch(block),
                    None => self.list_ended(),
                },
                part = self.sink.next_progress() => {
                    if let Some(part) = part? {
                        self.emit(Event::PartCommitted(Box::new(part)));
                    }
                }
                _ = progress.tick() => {
                    self.emit_progress();
                    self.sink.tick();
                    has_ticked = true;
                }
                Some(cause) = self.context.stop.recv() => self.stop(cause)?,
                () = alarm.rings() => {}
            }
        }
    }

    /// Emits the last events.
    pub fn emit_final_events(&mut self) {
        self.emit_progress();
        let calls = self.call_stats();
        self.emit(Event::RoundEnded(calls));
    }

    /// The statistics of the calls so far.
    pub fn call_stats(&mut self) -> CallStats {
        CallStats::new(&self.run_totals(), self.settings.calls_per_second)
    }

    /// The totals of the run so far.
    pub fn run_totals(&mut self) -> RunTotals {
        self.stats.totals(self.rate.call_rates(), self.now())
    }

    /// Passes rows and failed accounts on.
    pub fn push(&mut self, message: SinkMessage) {
        self.stats.record_output(&message);
        self.sink.push(message);
    }

    pub fn emit(&mut self, event: Event) {
        self.context.events.emit(event);
    }

    /// Time since the start of the run.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether no call is in flight and no chunk is ready.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty() && self.work.has_no_chunk()
    }

    fn is_done(&self) -> bool {
        self.reader.end().is_some()
            && self.is_idle()
            && !self.work.has_retries()
            && !self.rate.outage.holds_back()
            && self.sink.is_complete()
    }

    fn emit_progress(&mut self) {
        let now = self.now();
        let settings = &self.settings;
        let progress = Progress {
            accounts_to_request: self
                .reader
                .end()
                .map_or(settings.accounts_to_request, |end| end.accounts),
            processed: settings.processed_before + self.stats.processed(),
            failed: self.stats.failed(),
            calls: self.stats.calls(),
            calls_in_last_second: self.rate.calls_in_last_second(now),
            awaiting_retry: self.work.awaiting_retry() as u64,
            account_retries: self.stats.account_retries(),
            elapsed: now,
            processed_before: settings.processed_before,
            is_outage: self.rate.outage.is_declared(),
            // The observer knows it from events of the store.
            is_store_unavailable: false,
        };
        self.emit(Event::Progress(progress));
    }

    fn stop(&mut self, cause: StopCause) -> Result<(), RunError> {
        // Nobody would receive the rows of the calls in flight.
        if self.stopping.replace(cause).is_some() || cause == StopCause::OutputClosed {
            return Err(RunError::Stopped(cause));
        }
        let in_flight = self.calls.len();
        self.emit(Event::Stopping { cause, in_flight });
        Ok(())
    }

    fn list_ended(&mut self) {
        if let Some(end) = self.reader.end() {
            self.sink.end_round(end.accounts);
        }
    }
}
