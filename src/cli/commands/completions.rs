//! `completions`: what a shell needs to complete verbs, flags and their values.

use clap::CommandFactory;
use clap_complete::Shell;

use super::print::print;
use crate::cli::{Cli, CompletionsArgs, ShellChoice};
use crate::util::failure::Failure;

/// Prints the completions of a shell.
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
    print(with_one_name_for_each_state(&String::from_utf8_lossy(&script), &name))
}

/// clap_complete 4.6 writes the states of its bash script in two ways where the program's name has a hyphen, so that
/// nothing behind the verb would be completed. Once it does so no more, this changes nothing.
fn with_one_name_for_each_state(script: &str, program: &str) -> String {
    script.replace(&program.replace('-', "__subcmd__"), &program.replace('-', "__"))
}
