//! What a run tells its observer while it goes on. The run itself prints nothing.

use std::time::Duration;

use crate::snapshot::manifest::CallStats;
use crate::snapshot::snapshot_writer::CommittedPart;

/// How far the run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Accounts in the list that are to be asked, duplicates not yet told apart.
    pub accounts_to_ask: u64,
    /// Accounts that have a row or will have none.
    pub settled: u64,
    /// Accounts that will have no row.
    pub failed: u64,
    /// Calls made.
    pub calls: u64,
    /// Calls made in the last second.
    pub calls_in_last_second: u64,
    /// Accounts that wait to be asked again.
    pub waiting: u64,
    /// How many times an account was left to be asked again.
    pub retried_ordinals: u64,
    /// Time since the first call.
    pub elapsed: Duration,
}

/// How a call ended, as those see it who count calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// With an answer for its accounts.
    Answered,
    /// With "too fast".
    Throttled,
    /// In any other way; with the service's code, if it gave one.
    Failed(Option<i64>),
}

/// Something worth telling.
#[derive(Debug)]
pub enum Event<'a> {
    /// A call has ended, retries and probes included.
    CallEnded {
        /// When it was made, from the begin of the run.
        called_at: Duration,
        /// From then until its answer was at hand, or it was given up.
        latency: Duration,
        /// How it ended.
        outcome: CallOutcome,
    },
    /// Comes several times a second.
    Progress(Progress),
    /// A part is complete and durable.
    PartCommitted(&'a CommittedPart),
    /// The service said "too fast": the run goes at this share of its limit.
    Throttled {
        /// 0 excluded, 1 the whole limit.
        share: f64,
        /// What the service said.
        reason: String,
    },
    /// The service asked for a pause with `Retry-After`.
    PausedByService {
        /// How long no call is made.
        pause: Duration,
        /// How the call failed.
        reason: String,
    },
    /// The run is at its full limit again.
    FullRateRestored,
    /// A chunk failed and is bisected to find the account that is to blame.
    Bisecting {
        /// Accounts in the chunk.
        accounts: usize,
        /// How it failed.
        reason: String,
    },
    /// Accounts will be asked again after an answer said that they failed, or did not mention them.
    AccountsFailed {
        /// How many accounts.
        accounts: usize,
        /// Why one of them has to be asked again.
        reason: String,
    },
    /// Accounts will be asked again after whole calls for them failed.
    CallsFailed {
        /// How many calls.
        calls: usize,
        /// How many accounts those asked for.
        accounts: usize,
        /// How the last one failed.
        reason: String,
    },
    /// Nothing gets through; calls are paused.
    OutageStarted {
        /// How the last call failed.
        reason: String,
    },
    /// Calls get through again.
    OutageEnded {
        /// How long nothing did.
        lasted: Duration,
    },
    /// The UserSig was refused and has been signed anew.
    UserSigRenewed {
        /// What the service said.
        reason: String,
    },
    /// The run was asked to stop and lets its calls in flight end.
    Stopping {
        /// How many those are.
        in_flight: usize,
    },
    /// An answer was not UTF-8: accounts with damaged values are retried while they have attempts left.
    ResponseNotUtf8,
    /// The round has ended or was stopped, with these calls; nothing comes after it.
    RoundEnded(CallStats),
}

/// Gets the events of a run.
pub type Observer<'o> = dyn FnMut(Event<'_>) + 'o;
