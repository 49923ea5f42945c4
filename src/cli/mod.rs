//! The command line: arguments, and a file for each command.

mod arguments;
mod commands;
mod synonyms;

pub use self::arguments::*;

/// Runs the command of this process's command line.
pub fn run() -> std::process::ExitCode {
    commands::run(&synonyms::parse_command_line()).into()
}
