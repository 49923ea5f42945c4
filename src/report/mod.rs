//! What a run leaves to read besides the snapshot.

pub mod summary;
