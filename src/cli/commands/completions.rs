//! `completions`: the script with which a shell completes commands, flags and their values.

use clap::CommandFactory;
use clap_complete::Shell;

use super::print::print;
use crate::cli::{Cli, CompletionsArgs, ShellChoice};
use crate::util::failure::Failure;

/// Prints the script of a shell.
pub fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let shell = match args.shell {
        ShellChoice::Bash => Shell::Bash,
        ShellChoice::Zsh => Shell::Zsh,
        ShellChoice::Fish => Shell::Fish,
        ShellChoice::Powershell => Shell::PowerShell,
    };
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, &name, &mut script);
    print(with_consistent_state_names(&String::from_utf8_lossy(&script), &name))
}

/// clap_complete 4.6 spells the states of its bash script in two ways if the program's name has a hyphen, so that nothing
/// after the command is completed. This has no effect once clap_complete is fixed.
fn with_consistent_state_names(script: &str, program: &str) -> String {
    script.replace(&program.replace('-', "__subcmd__"), &program.replace('-', "__"))
}
