//! Log lines on stderr, as text or JSON, from this program alone.

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::{Flags, LogFormat};
use crate::progress::LogWriter;

/// Turns log lines on. `RUST_LOG` wins over `-q` and `-v`.
///
/// Only this program's own lines are ever written, whatever `RUST_LOG` says: those of the libraries below may show
/// the URL of a call, and the URL carries the UserSig.
pub fn start(flags: &Flags, writer: LogWriter, with_time: bool) {
    let level = match (flags.quiet, flags.verbose) {
        (0, 0) => LevelFilter::INFO,
        (0, 1) => LevelFilter::DEBUG,
        (0, _) => LevelFilter::TRACE,
        (1, _) => LevelFilter::WARN,
        (_, _) => LevelFilter::ERROR,
    };
    let by_level = EnvFilter::builder().with_default_directive(level.into()).from_env_lossy();
    let filter = by_level.and(filter_fn(is_ours));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_target(false)
        .log_internal_errors(false);
    let layer = match (flags.log_format, with_time) {
        (LogFormat::Json, _) => layer.json().flatten_event(true).with_filter(filter).boxed(),
        (LogFormat::Text, true) => layer.with_ansi(false).with_filter(filter).boxed(),
        (LogFormat::Text, false) => {
            layer.with_ansi(false).without_time().with_filter(filter).boxed()
        }
    };
    // Only a test that runs verbs in one process could have set one before.
    let _ = tracing_subscriber::registry().with(layer).try_init();
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with(env!("CARGO_CRATE_NAME"))
}
