//! The door of the library: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use im_profiles::{cli::Cli, commands};

fn main() -> ExitCode {
    commands::run(&Cli::parse()).into()
}
