//! Which call is made next, and when.

use std::sync::Arc;
use std::time::Duration;

use super::capacities::{ACCOUNTS_BACKING_OFF, OPEN_PARTS};
use super::chunk::Chunk;
use super::dispatch::{Dispatcher, EndedCall};
use super::events::Event;
use super::rate::limiter::Departure;
use super::{RunError, Service};
use crate::api::request::request_body;

impl<S: Service> Dispatcher<'_, S> {
    /// Starts every call that may be made now; gives back when to look again, if time alone decides that.
    pub fn start_calls(&mut self) -> Result<Option<Duration>, RunError> {
        loop {
            let now = self.now();
            if self.throttle.recover(now) {
                self.limiter.set_share(self.throttle.share());
                if self.throttle.share() >= 1.0 {
                    (self.observer)(Event::FullRateRestored);
                }
            }
            if self.stopping.is_some() || self.calls.len() >= self.settings.max_in_flight {
                return Ok(None);
            }
            if now < self.throttle.paused_until() {
                return Ok(Some(self.throttle.paused_until()));
            }
            if let Some(due_at) = self.outage.probe_due_at() {
                if !self.calls.is_empty() {
                    return Ok(None);
                }
                if now < due_at {
                    return Ok(Some(due_at));
                }
                let departure = match self.limiter.take(now) {
                    Ok(departure) => departure,
                    Err(wait) => return Ok(Some(now + wait)),
                };
                let probe = self.probe();
                self.start_call(probe, departure, now, true);
                return Ok(None);
            }
            if !self.has_work(now) {
                if self.round_end.is_some() && self.is_idle() && self.retry.is_empty() {
                    let calls = self.outage.take_held_back();
                    if !calls.is_empty() {
                        self.record_attempts(calls, now)?;
                        continue;
                    }
                }
                return Ok(self.retry.next_at());
            }
            let departure = match self.limiter.take(now) {
                Ok(departure) => departure,
                Err(wait) => return Ok(Some(now + wait)),
            };
            if let Some(chunk) = self.take_work() {
                self.start_call(chunk, departure, now, false);
            }
        }
    }

    /// Makes sure that the next chunk to ask, if there is one, stands in `requeued` or `prefetched`.
    fn has_work(&mut self, now: Duration) -> bool {
        if !self.requeued.is_empty() {
            return true;
        }
        let is_draining = self.round_end.is_some() && self.is_idle() && !self.outage.holds_back();
        if let Some(accounts) = self.retry.take(now, is_draining) {
            self.requeued.push_back(Chunk::retry(accounts));
            return true;
        }
        let has_room = self.retry.len() < ACCOUNTS_BACKING_OFF;
        if self.prefetched.is_empty()
            && let Ok(block) = self.blocks.try_recv()
        {
            self.prefetched.extend(block);
        }
        match self.prefetched.front() {
            Some(chunk) => {
                let begins_part = chunk.ordinals().start % self.settings.accounts_per_part == 0;
                let open_parts = self.parts_begun - self.parts.len();
                has_room && !(begins_part && open_parts >= OPEN_PARTS)
            }
            None => false,
        }
    }

    fn take_work(&mut self) -> Option<Chunk> {
        if let Some(chunk) = self.requeued.pop_front() {
            return Some(chunk);
        }
        let chunk = self.prefetched.pop_front()?;
        if chunk.ordinals().start % self.settings.accounts_per_part == 0 {
            self.parts_begun += 1;
        }
        Some(chunk)
    }

    fn start_call(&mut self, chunk: Chunk, departure: Departure, now: Duration, is_probe: bool) {
        self.facts.made += 1;
        self.first_call_at.get_or_insert(now);
        self.last_call_at = now;
        let names = chunk.accounts.iter().map(|account| account.name.as_str());
        let request = request_body(names, &self.settings.tag_list);
        let random = self.random.u32(..);
        let service = Arc::clone(&self.service);
        self.calls.spawn(async move {
            let reply = service.call(request, random, departure).await;
            EndedCall { chunk, reply, called_at: now, is_probe }
        });
    }

    /// One account that is known to be answered, or else the first of a chunk that was not.
    fn probe(&self) -> Chunk {
        let held_back = || self.outage.first_held_back().or(self.requeued.front());
        let account = self.answered_account.as_ref().or_else(|| held_back()?.accounts.first());
        Chunk::retry(account.cloned().into_iter().collect())
    }
}
