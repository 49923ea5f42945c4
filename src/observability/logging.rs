//! Log lines on stderr as text or JSON, from this program only. `docs/logs.md` lists them.

use std::env;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::log_line::LineFormat;
use super::progress::LogWriter;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// The run id of log lines, shared with the code that determines it; none until it is set.
#[derive(Debug, Clone, Default)]
pub struct LogRunId(Arc<Mutex<Option<Arc<str>>>>);

impl LogRunId {
    pub fn set(&self, run_id: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(run_id.into());
    }

    pub fn get(&self) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// `RUST_LOG` is not a valid filter.
#[derive(Debug, thiserror::Error)]
#[error(
    "RUST_LOG is not a valid filter of log lines ({problem}); set it to one such as debug, or unset it"
)]
pub struct FilterError {
    problem: String,
}

impl HasExitCode for FilterError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::BadUsage
    }
}

/// Starts logging at this level; `RUST_LOG` takes precedence.
///
/// Only this program's own lines are written, whatever `RUST_LOG` says: those of the libraries below may contain the URL
/// of a call, and the URL carries the UserSig.
///
/// # Errors
/// If `RUST_LOG` is not a valid filter; logging is on all the same, at `level`.
pub fn start(level: LevelFilter, writer: LogWriter, format: LineFormat) -> Result<(), FilterError> {
    let directives = env::var("RUST_LOG").unwrap_or_default();
    let builder = || EnvFilter::builder().with_default_directive(level.into());
    let (by_level, problem) = match builder().parse(&directives) {
        Ok(filter) => (filter, None),
        Err(error) => (builder().parse_lossy(""), Some(error.to_string())),
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .log_internal_errors(false)
        .event_format(format)
        .with_filter(by_level.and(filter_fn(is_ours)));
    // Only a test that runs several commands in one process can have set one before.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    problem.map_or(Ok(()), |problem| Err(FilterError { problem }))
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
}
