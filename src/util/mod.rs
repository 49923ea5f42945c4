//! What several modules need and none owns.

pub mod disk_error;
pub mod exit_code;
pub mod failpoint;
pub mod failure;
pub mod swar;
