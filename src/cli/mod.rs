//! The command line: arguments, and a file for each command.

mod arguments;
mod commands;
mod suggestions;

pub use self::arguments::*;

/// Runs the command of this process's command line.
pub fn run() -> std::process::ExitCode {
    commands::run(&suggestions::parse_command_line()).into()
}
