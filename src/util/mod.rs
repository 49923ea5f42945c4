//! Shared helpers without a domain of their own.

pub mod background_server;
pub mod disk_error;
pub mod exit_code;
pub mod failpoint;
pub mod failure;
pub mod human;
pub mod nearest;
pub mod runtime;
pub mod swar;
pub mod text_width;
