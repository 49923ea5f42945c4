//! Shared helpers without a domain of their own.

pub mod access;
pub mod background_server;
pub mod connection_problem;
pub mod disk_error;
pub mod disk_space;
pub mod exit_code;
pub mod failpoint;
pub mod failure;
pub mod file_size_limit;
pub mod hex;
pub mod human;
pub mod mounts;
pub mod nearest;
pub mod paths;
pub mod regular_file;
pub mod runtime;
pub mod staged_file;
pub mod swar;
pub mod text_width;
pub mod timestamp;
pub mod visible;
