//! The events of a run, for progress, logs, metrics and the report. The run itself prints nothing.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::pipeline::StopCause;
use crate::pipeline::call_stats::CallStats;
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::store::StoreActivity;

/// The number of accounts to come in a stream.
pub const UNKNOWN_ACCOUNTS: u64 = u64::MAX;

/// The progress of a round.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Accounts of the round; until the list has been read, duplicates are included. [`UNKNOWN_ACCOUNTS`] until a stream
    /// has been read.
    pub accounts_to_request: u64,
    /// Accounts that have a row or have failed for good.
    pub processed: u64,
    /// Accounts that have failed for good.
    pub failed: u64,
    /// Calls made.
    pub calls: u64,
    /// Calls made in the last second.
    pub calls_in_last_second: u64,
    /// Accounts that wait for their next attempt.
    pub awaiting_retry: u64,
    /// How many times an account was scheduled for a retry.
    pub account_retries: u64,
    /// Time since the start of the round in this process.
    pub elapsed: Duration,
    /// Those of `processed` that an earlier process has committed.
    pub processed_before: u64,
    /// Whether no call succeeds, so that calls are paused.
    pub is_outage: bool,
    /// Whether no request to the object store of the snapshot succeeds.
    pub is_store_unavailable: bool,
}

impl Progress {
    /// Whether accounts are still read of which nobody knows how many will come, as in a stream.
    pub fn is_open_ended(&self) -> bool {
        self.accounts_to_request == UNKNOWN_ACCOUNTS
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// With a response for its accounts.
    Success,
    /// Throttled by the service.
    Throttled,
    /// In any other way; with the code of the service, if there is one.
    Failed(Option<i64>),
}

/// An event of a run.
#[derive(Debug)]
pub enum Event {
    /// A call has ended, retries and probes included.
    CallEnded {
        /// When it was made, since the start of the round.
        called_at: Duration,
        /// From then until its response was read or it failed.
        latency: Duration,
        /// How it ended.
        outcome: CallOutcome,
    },
    /// Emitted several times a second.
    Progress(Progress),
    /// Emitted every second while parts are written to an object store, also while that is all that the run waits for.
    Store(StoreActivity),
    /// A part is complete and durable.
    PartCommitted(Box<CommittedPart>),
    /// The service throttles and accepts this share of the limit: the first time, or a considerably different share.
    Throttled {
        /// In 0..=1, 0 excluded.
        share: f64,
        /// The response of the service.
        reason: String,
    },
    /// The service requested a pause with `Retry-After`.
    PausedByService {
        /// How long no call is made.
        pause: Duration,
        /// How the call failed.
        reason: String,
    },
    /// The run is at about its full limit again.
    FullRateRestored,
    /// A chunk failed and is bisected to find the account that causes it.
    Bisecting {
        /// Accounts in the chunk.
        accounts: usize,
        /// How it failed.
        reason: String,
    },
    /// Accounts were scheduled for a retry because a response reported their failure or did not mention them.
    AccountsFailed {
        /// How many accounts.
        accounts: usize,
        /// Why one of them is retried.
        reason: String,
    },
    /// Accounts were scheduled for a retry because whole calls failed.
    CallsFailed {
        /// How many calls.
        calls: usize,
        /// How many of their accounts have attempts left and are retried.
        accounts: usize,
        /// How the last one failed.
        reason: String,
    },
    /// No call succeeds; calls are paused.
    OutageStarted {
        /// How the last call failed.
        reason: String,
        /// Whether a server responded, though not to the purpose.
        has_response: bool,
    },
    /// Calls succeed again.
    OutageEnded {
        /// How long none did.
        duration: Duration,
    },
    /// The UserSig was refused and has been renewed.
    UserSigRenewed {
        /// The response of the service.
        reason: String,
    },
    /// The run was requested to stop and waits for its calls in flight.
    Stopping {
        /// What requested it.
        cause: StopCause,
        /// How many calls are in flight.
        in_flight: usize,
    },
    /// A response was not UTF-8: accounts with damaged values are retried while they have attempts left.
    ResponseNotUtf8,
    /// The last event: the round has ended or was stopped, with these calls.
    RoundEnded(CallStats),
}

/// Receives the events of a run.
pub type Observer<'o> = dyn FnMut(Event) + 'o;

/// Collects the events of a run for its observer.
pub struct EventSender {
    collected: Vec<Event>,
    batches: mpsc::UnboundedSender<Vec<Event>>,
}

impl EventSender {
    pub fn new(batches: mpsc::UnboundedSender<Vec<Event>>) -> EventSender {
        EventSender { collected: Vec::new(), batches }
    }

    /// Ends of calls wait for the next event of another kind, progress at the latest: they are many.
    pub fn emit(&mut self, event: Event) {
        let can_wait = matches!(event, Event::CallEnded { .. });
        self.collected.push(event);
        if !can_wait {
            // Without a receiver, nobody observes the run.
            let _ = self.batches.send(std::mem::take(&mut self.collected));
        }
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        let _ = self.batches.send(std::mem::take(&mut self.collected));
    }
}
