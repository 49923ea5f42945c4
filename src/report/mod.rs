//! What a run leaves to read besides the snapshot.

pub mod cells;
pub mod summary;
pub mod table;
