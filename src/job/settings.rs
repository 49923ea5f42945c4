//! The typed settings of a validated job that no other module defines.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::limit::Limit;
use crate::api::endpoint::Endpoint;

/// The service and how to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Where calls are sent.
    pub target: Target,
    /// SDKAppID of the app, assigned by the console.
    pub sdkappid: u64,
    /// The app administrator on whose behalf calls are made.
    pub identifier: String,
    /// Where to read the secret when the run starts.
    pub secret: SecretSource,
    /// Maximum number of calls in any second. 0 means no limit and is only valid for a target on this machine.
    pub calls_per_second: u32,
    /// Maximum number of concurrent calls.
    pub max_in_flight: usize,
    /// Maximum duration of a call. Longer than the service's own 3 s unless the target is on this machine.
    pub timeout: Duration,
}

/// Where calls are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An emulator that the run starts in its own process.
    Emulator,
    /// The service, or any server at a base URL.
    Endpoint(Endpoint),
}

impl Target {
    /// Whether both ends of each connection are in this process.
    pub fn is_emulator(&self) -> bool {
        matches!(self, Target::Emulator)
    }

    /// Whether calls stay on this machine, so that the limits of the real service do not apply.
    pub fn is_on_this_machine(&self) -> bool {
        match self {
            Target::Emulator => true,
            Target::Endpoint(endpoint) => endpoint.is_loopback(),
        }
    }
}

/// Where to read the secret. Holds names, never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The environment variable that holds the secret key.
    KeyEnv(String),
    /// The file that holds the secret key.
    KeyFile(PathBuf),
    /// The environment variable that holds a UserSig generated elsewhere.
    UserSigEnv(String),
    /// The key that the emulator in the process generates.
    EmulatorKey,
}

/// When and how long to retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySettings {
    /// Attempts per account, the first included, before it counts as failed.
    pub max_attempts: u32,
    /// Maximum wait before the second attempt; doubles with every attempt.
    pub initial_backoff: Duration,
    /// Upper bound of the doubling.
    pub max_backoff: Duration,
    /// How long every call may fail before the run stops, to be resumed.
    pub outage_patience: Duration,
}

/// When not to publish, and when to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Failed accounts, of those requested; not-found and invalid accounts do not count.
    pub max_failed: Limit,
    /// Records of the list that are not valid accounts, of all its records.
    pub max_invalid: Limit,
    /// Accounts unknown to the service, of those requested.
    pub max_not_found: Limit,
    /// Rows that the snapshot may have fewer than the one before it, of the rows of that one.
    pub max_shrink: Limit,
    /// Whether a list without a valid account and a snapshot without rows are acceptable.
    pub allow_empty: bool,
    /// Maximum duration of one run, which then stops, to be resumed; `None` for no limit.
    pub deadline: Option<Duration>,
}

/// Where the metrics of a run are exposed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The file for node_exporter's textfile collector, written at the end of each run.
    pub textfile: Option<PathBuf>,
    /// Where `GET /metrics` is served during a run.
    pub listen: Option<SocketAddr>,
}
