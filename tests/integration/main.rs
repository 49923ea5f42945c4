//! Tests of the built binary and of what it writes, a module for each behavior.

#![allow(clippy::unwrap_used)] // A panic in a test is the failure report.
#![allow(clippy::too_many_lines)] // A scenario reads best in one piece.

mod allocations;
mod check;
mod codes;
mod column_types;
mod command_line;
mod crash;
mod emulate;
mod faults;
mod hostile_texts;
mod jobs;
mod kill;
mod limits;
mod list_directories;
mod lists;
mod logs;
mod messages;
mod metrics;
mod object_store;
mod parity;
mod plan;
mod preview;
mod publish;
mod rate;
mod readers;
mod readme;
mod refusals;
mod repair;
mod report;
mod responses;
mod resume;
mod sample;
mod schedulers;
mod schema;
mod secrets;
mod signals;
mod stops;
mod stream;
mod structure;
mod support;
mod syscalls;
mod terminal;
mod usersig;
mod wire;
