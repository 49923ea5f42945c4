//! The job file: what to export, from where, to where and how.
//!
//! A job is written as `JobFile` (TOML, unknown keys refused) and used as [`Job`] (checked, typed).
//! [`Job::load`] is the one way from the first to the second. It reads no secret and opens no list: it decides by
//! the job file, the overrides and the date alone, so that the same three always give the same job.
//!
//! Promise: a job that cannot work is refused with one [`JobError`] that names the file, the line, the key, what is
//! wrong and how to mend it, and that never repeats the value of a key that may hold a secret.

mod accounts;
mod api;
mod check;
mod columns;
mod dated_path;
mod emulator_file;
mod error;
mod explain;
mod file;
mod limit;
mod limits;
mod locate;
mod metrics;
mod output;
mod overrides;
mod retry;
mod schema;
mod secret;
mod source;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Date;

pub use api::DEFAULT_IDENTIFIER;
pub use dated_path::DatedPath;
pub use emulator_file::load_emulator_settings;
pub use error::JobError;
pub use limit::Limit;
pub use schema::json_schema;
pub use secret::looks_like_one as looks_like_a_secret;

use crate::accounts::ListSource;
use crate::api::endpoint::Endpoint;
use crate::emulator;
use crate::snapshot::OutputSettings;
use crate::table::Column;

/// A checked job: every value is present, in range and at peace with the others.
#[derive(Debug, Clone)]
pub struct Job {
    /// What the run is called in reports, manifest and metrics.
    pub name: String,
    /// The account list.
    pub accounts: ListSource,
    /// The service and how to call it.
    pub api: ApiSettings,
    /// The columns of the table after `account`, in order; 1 to 32.
    pub columns: Vec<Column>,
    /// The snapshot.
    pub output: OutputSettings,
    /// The output path with `{date}` not filled in; none when it has no placeholder.
    pub dated_output: Option<DatedPath>,
    /// When and how long to try again.
    pub retry: RetrySettings,
    /// When not to publish.
    pub limits: Limits,
    /// Where the figures of the run can be read.
    pub metrics: MetricsSettings,
    /// The emulator that the run starts when the target is [`Target::Emulator`]; unused otherwise.
    pub emulator: emulator::Settings,
}

/// The service and how to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Where calls go.
    pub target: Target,
    /// SDKAppID of the app, given by the console.
    pub sdkappid: u64,
    /// The app administrator in whose name calls are made.
    pub identifier: String,
    /// Where the secret is to be read when the run starts.
    pub secret: SecretSource,
    /// Most calls in any second. 0 means no limit, which only a target on this machine may have.
    pub calls_per_second: u32,
    /// Most calls under way at once.
    pub max_in_flight: usize,
    /// How long a call may take. Longer than the service's own 3 s unless the target is on this machine.
    pub timeout: Duration,
}

/// Where calls go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An emulator that the run starts in its own process.
    Emulator,
    /// The service, or whatever answers at a base URL.
    Endpoint(Endpoint),
}

impl Target {
    /// Whether calls stay on this machine, so that the limits of the real service need not be kept.
    pub fn is_on_this_machine(&self) -> bool {
        match self {
            Target::Emulator => true,
            Target::Endpoint(endpoint) => endpoint.is_loopback(),
        }
    }
}

/// Where the secret is to be read. Holds names, never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The secret key is in this environment variable.
    KeyEnv(String),
    /// The secret key is the content of this file.
    KeyFile(PathBuf),
    /// A UserSig made elsewhere is in this environment variable.
    UserSigEnv(String),
    /// The key that the emulator in the process makes for itself.
    EmulatorKey,
}

/// When and how long to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrySettings {
    /// Times an account is asked before it counts as failed, the first included.
    pub max_attempts: u32,
    /// The most to wait before the second attempt; doubles from attempt to attempt.
    pub initial_backoff: Duration,
    /// Where the doubling ends.
    pub max_backoff: Duration,
    /// How long nothing may get through before the run stops, to be resumed.
    pub outage_patience: Duration,
}

/// When not to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most accounts that may fail, of those requested; not-found and invalid accounts do not count.
    pub max_failed: Limit,
    /// The most records of the list that may not be valid accounts.
    pub max_invalid: Limit,
    /// The most accounts that the service may not know, of those requested.
    pub max_not_found: Limit,
    /// The most rows that the snapshot may have fewer than the one before it, of the rows of that one.
    pub max_shrink: Limit,
    /// Whether a list without a valid account, and a snapshot without rows, are as they should be.
    pub allow_empty: bool,
    /// How long one run may take before it stops, to be resumed; `None` for as long as it takes.
    pub deadline: Option<Duration>,
}

/// Where the figures of a run can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The file that the end of each run writes, for node_exporter's textfile collector.
    pub textfile: Option<PathBuf>,
    /// Where a run serves `GET /metrics` for as long as it goes on.
    pub listen: Option<SocketAddr>,
}

impl Job {
    /// Reads and checks the job at `path`. `overrides` are `key.path=value` and win over the file; `date` fills
    /// `{date}`. Paths in the job, overridden ones too, are relative to the job file's directory.
    ///
    /// # Errors
    /// The first thing that is wrong with the file or with an override.
    pub fn load(path: &Path, overrides: &[String], date: Date) -> Result<Job, JobError> {
        let text = source::read(path)?;
        Job::from_text(path, &text, overrides, date)
    }

    /// [`Job::load`] with the text at hand; `path` is for messages and relative paths.
    ///
    /// # Errors
    /// As [`Job::load`].
    pub fn from_text(
        path: &Path,
        text: &str,
        overrides: &[String],
        date: Date,
    ) -> Result<Job, JobError> {
        let mut table = source::parse(path, text)?;
        let overrides = overrides::parse(overrides)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        overrides::apply(&overrides, &mut table)
            .and_then(|()| secret::reject_inline_secrets(&table))
            .and_then(|()| values::ensure_texts_are_one_line(&table))
            .and_then(|()| file::JobFile::from_table(table))
            .and_then(|file| check::job(&file, &check::Context { directory, date }))
            .map_err(|refusal| {
                JobError::at(locate::place(path, text, &overrides, &refusal.key), refusal)
            })
    }
}

#[cfg(test)]
mod tests;
