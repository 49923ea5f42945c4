//! Log lines, progress on the terminal, metrics.

pub mod log_line;
pub mod logging;
pub mod metrics;
pub mod metrics_listener;
pub mod progress;

pub use self::log_line::LogFormat;
pub use self::progress::ProgressChoice;
