//! Where a snapshot lives.

pub mod local;
