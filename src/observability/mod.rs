//! What a running process shows of itself: log lines, progress on the terminal, metrics.

pub mod log_line;
pub mod logging;
pub mod metrics;
pub mod metrics_listener;
pub mod progress;
