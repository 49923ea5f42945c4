//! What a run leaves to read besides the snapshot.

pub mod cells;
pub mod html;
pub mod latency;
pub mod metrics;
pub mod summary;
pub mod table;
pub mod timeline;
