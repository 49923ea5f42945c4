//! Verbs as other tools call them: whoever writes one is told which verb it is here.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{CommandFactory, Parser};

use crate::cli::Cli;
use crate::job::nearest::nearest;

/// What other tools call a verb, and ours.
const SYNONYMS: [(&str, &[&str]); 6] = [
    ("export", &["run", "start", "sync", "extract", "resume", "publish"]),
    ("plan", &["dry-run", "dryrun", "estimate", "explain"]),
    ("check", &["validate", "test", "test-connection", "doctor", "lint", "verify"]),
    ("preview", &["show", "head", "sample", "peek", "show-rows"]),
    ("emulate", &["serve", "server", "mock", "simulate"]),
    ("usersig", &["sign", "sig", "token", "inspect"]),
];

/// Reads the command line of this process; ends the process when it is wrong, or asks for help or version.
pub fn parse_command_line() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| with_verb_meant(error).exit())
}

/// The error with the verb that was meant, where it says that there is no such verb. A verb of another tool goes before
/// what is spelt alike, and only that is what clap itself suggests.
fn with_verb_meant(mut error: Error) -> Error {
    let meant = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) => verb_meant(word),
        _ => None,
    };
    if let Some(command) = meant {
        let verbs = ContextValue::Strings(vec![command.to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, verbs);
    }
    error
}

fn verb_meant(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let command = Cli::command();
    let synonym = SYNONYMS.iter().find(|(_, words)| words.contains(&word.as_str()));
    let is_command = |name: &&str| command.find_subcommand(name).is_some();
    let command = synonym.map(|(command, _)| *command).filter(is_command);
    // `help` suggests nothing by itself.
    command.or_else(|| {
        nearest(&word, SYNONYMS.map(|(command, _)| command).into_iter().filter(is_command))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(command: &str) -> String {
        let error = Cli::try_parse_from(["im-profiles", command]).unwrap_err();
        with_verb_meant(error).to_string()
    }

    #[test]
    fn a_verb_of_other_tools_is_answered_with_ours() {
        for (word, command) in [("run", "export"), ("Show", "preview"), ("serve", "emulate")] {
            let text = told(word);
            assert!(text.contains(&format!("'{command}'")), "{text}");
        }
    }

    #[test]
    fn what_is_spelt_alike_is_answered_and_what_means_nothing_is_not() {
        assert!(told("exprot").contains("'export'"));
        let text = told("frobnicate");
        assert!(text.contains("'frobnicate'") && !text.contains("tip"), "{text}");
    }

    #[test]
    fn help_of_a_misspelt_verb_is_answered_too() {
        let error = Cli::try_parse_from(["im-profiles", "help", "prevew"]).unwrap_err();
        assert!(with_verb_meant(error).to_string().contains("'preview'"));
    }

    #[test]
    fn no_synonym_is_a_verb() {
        for word in SYNONYMS.iter().flat_map(|(_, words)| *words) {
            assert!(Cli::command().find_subcommand(word).is_none(), "{word}");
        }
    }
}
