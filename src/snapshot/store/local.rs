//! The local file system.

pub mod lock;
pub mod lock_holder;
pub mod replace;
pub mod write_check;
