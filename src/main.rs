//! The door of the library: arguments in, exit code out.

use std::process::ExitCode;

use im_profiles::{commands, synonyms};

fn main() -> ExitCode {
    commands::run(&synonyms::parse_command_line()).into()
}
