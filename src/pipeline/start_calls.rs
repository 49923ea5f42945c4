//! Which call is made next, and when.

use std::time::Duration;

use super::RunError;
use super::Service;
use super::calls::NewCall;
use super::chunk::Chunk;
use super::dispatch::Dispatcher;
use super::events::Event;
use super::rate::Gate;
use super::rate::limiter::Departure;
use super::sink::Sink;

/// How often the sink is looked at again that allows no calls.
const LEASE_INTERVAL: Duration = Duration::from_secs(1);

impl<S: Service, K: Sink> Dispatcher<S, K> {
    /// Starts every call that may be made now; returns when to try again if only time decides that.
    pub fn start_calls(&mut self) -> Result<Option<Duration>, RunError> {
        loop {
            let now = self.now();
            if self.rate.recover(now) {
                self.emit(Event::FullRateRestored);
            }
            if self.stopping.is_some() || self.calls.len() >= self.settings.max_in_flight {
                return Ok(None);
            }
            if !self.sink.may_call() {
                return Ok(Some(now + LEASE_INTERVAL));
            }
            let gate = self.rate.gate(now, self.calls.len());
            match gate {
                Gate::Closed(until) => return Ok(until),
                Gate::Open if !self.has_work(now) => {
                    if !self.retry_last_held_back(now)? {
                        return Ok(self.work.next_retry_at());
                    }
                    continue;
                }
                Gate::Open | Gate::Probe => {}
            }
            let departure = match self.rate.permit(now) {
                Ok(departure) => departure,
                Err(try_again_at) => return Ok(Some(try_again_at)),
            };
            if gate == Gate::Probe {
                let probe = self.probe();
                self.start_call(probe, departure, now, true);
                return Ok(None);
            }
            if let Some(chunk) = self.take_work() {
                self.start_call(chunk, departure, now, false);
            }
        }
    }

    /// If no other work is left, counts an attempt for the calls held back; returns whether there were any.
    fn retry_last_held_back(&mut self, now: Duration) -> Result<bool, RunError> {
        if !self.reader.may_pause() || !self.is_idle() || self.work.has_retries() {
            return Ok(false);
        }
        let calls = self.rate.outage.take_held_back();
        let has_calls = !calls.is_empty();
        self.record_attempts(calls, now)?;
        Ok(has_calls)
    }

    /// Whether a chunk can be requested now.
    fn has_work(&mut self, now: Duration) -> bool {
        let is_draining =
            self.reader.end().is_some() && self.is_idle() && !self.rate.outage.holds_back();
        if self.work.has_requeued(now, is_draining) {
            return true;
        }
        if self.work.needs_prefetch()
            && let Some(block) = self.reader.try_next_block()
        {
            self.work.prefetch(block);
        }
        let next = self.work.next_prefetched();
        next.is_some_and(|chunk| self.sink.can_start(chunk.ordinals().start))
    }

    fn take_work(&mut self) -> Option<Chunk> {
        if let Some(chunk) = self.work.take_requeued() {
            return Some(chunk);
        }
        let chunk = self.work.take_prefetched()?;
        self.sink.start(chunk.ordinals().start);
        Some(chunk)
    }

    fn start_call(&mut self, chunk: Chunk, departure: Departure, now: Duration, is_probe: bool) {
        self.stats.record_call(now);
        let random = self.context.random.u32(..);
        self.calls.start(NewCall { chunk, departure, called_at: now, is_probe }, random);
    }

    /// One account that is known to have a row, or else the first one that is held back or requeued.
    fn probe(&self) -> Chunk {
        let held_back = || self.rate.outage.first_held_back().or(self.work.next_requeued());
        let responsive = self.history.responsive_account.as_ref();
        let account = responsive.or_else(|| held_back()?.accounts.first());
        Chunk::retry(account.cloned().into_iter().collect())
    }
}
