//! The command line: arguments, suggestions, and a file for each command.

mod arguments;
mod commands;
mod man_page;
mod suggestions;

pub use self::arguments::*;

/// Runs the command of this process's command line.
pub fn run() -> std::process::ExitCode {
    commands::run(&suggestions::parse_command_line()).into()
}
