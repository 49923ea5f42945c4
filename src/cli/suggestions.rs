//! Suggestions for unknown commands.
//!
//! A clap alias would run the command at once; a word of another tool is only answered with the command to type.

use clap::Parser;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use crate::cli::Cli;
use crate::util::nearest::nearest;
use crate::util::visible::{is_invisible, visible};

/// Each command with the names that other tools give to it.
const SYNONYMS: [(&str, &[&str]); 7] = [
    ("export", &["run", "start", "sync", "extract", "resume", "publish"]),
    ("plan", &["dry-run", "dryrun", "estimate", "explain"]),
    ("check", &["validate", "test", "test-connection", "doctor", "lint", "verify"]),
    ("preview", &["show", "head", "sample", "peek", "show-rows"]),
    ("stream", &["pipe", "filter", "stdin", "map"]),
    ("emulate", &["serve", "server", "mock", "simulate"]),
    ("usersig", &["sign", "sig", "token", "inspect"]),
];

/// Parses the command line of this process. Exits the process when it is wrong or requests help or the version.
pub fn parse_command_line() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| with_visible_values(with_suggestion(error)).exit())
}

/// Spells out what a terminal would obey in the words that an error repeats.
fn with_visible_values(mut error: Error) -> Error {
    let context: Vec<(ContextKind, ContextValue)> =
        error.context().map(|(kind, value)| (kind, value.clone())).collect();
    for (kind, value) in context {
        let value = match value {
            ContextValue::String(word) => ContextValue::String(visible(&word).into_owned()),
            ContextValue::Strings(words) => {
                ContextValue::Strings(words.iter().map(|word| visible(word).into_owned()).collect())
            }
            // A tip is styled already. None is better than one that repeats such a word.
            ContextValue::StyledStrs(tips) => ContextValue::StyledStrs(
                tips.into_iter().filter(|tip| !tip.to_string().contains(is_invisible)).collect(),
            ),
            value => value,
        };
        error.insert(kind, value);
    }
    error
}

/// Adds the suggestion to an error about an unknown command. It replaces that of clap, which compares spellings only.
fn with_suggestion(mut error: Error) -> Error {
    let suggested = match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) => suggestion(word),
        _ => None,
    };
    if let Some(command) = suggested {
        let commands = ContextValue::Strings(vec![command.to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, commands);
    }
    error
}

fn suggestion(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let synonym = SYNONYMS.iter().find(|(_, words)| words.contains(&word.as_str()));
    // clap suggests nothing for the argument of `help`.
    synonym
        .map(|(command, _)| *command)
        .or_else(|| nearest(&word, SYNONYMS.map(|(command, _)| command)))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn refusal(arguments: &[&str]) -> String {
        let arguments = std::iter::once(&"im-profiles").chain(arguments);
        let error = Cli::try_parse_from(arguments).unwrap_err();
        with_visible_values(with_suggestion(error)).to_string()
    }

    #[test]
    fn command_of_another_tool_is_answered_with_ours() {
        for (word, command) in [("run", "export"), ("Show", "preview"), ("serve", "emulate")] {
            let text = refusal(&[word]);
            assert!(text.contains(&format!("'{command}'")), "{text}");
        }
    }

    #[test]
    fn misspelled_command_has_a_suggestion_and_an_unrelated_word_has_none() {
        assert!(refusal(&["exprot"]).contains("'export'"));
        let text = refusal(&["frobnicate"]);
        assert!(text.contains("'frobnicate'") && !text.contains("tip"), "{text}");
    }

    #[test]
    fn help_of_a_misspelled_command_has_a_suggestion() {
        assert!(refusal(&["help", "prevew"]).contains("'preview'"));
    }

    #[test]
    fn words_of_the_command_line_cannot_command_the_terminal() {
        let hostile = "x\u{1b}[2J\nerror: forged\u{202e}\u{9b}";
        let flag = format!("--{hostile}");
        let date = format!("--date={hostile}");
        let progress = format!("--progress={hostile}");
        for arguments in [
            [hostile].as_slice(),
            &["help", hostile],
            &["plan", "j", hostile],
            &["plan", "j", &flag],
            &["plan", "j", &date],
            &["plan", "j", &progress],
            &["emulate", "--listen", hostile],
            &["completions", hostile],
        ] {
            let text = refusal(arguments);
            assert!(text.contains(r"x\u{1b}[2J\nerror: forged\u{202e}\u{9b}"), "{text}");
            assert!(!text.contains(|c| c != '\n' && is_invisible(c)), "{text}");
        }
    }

    #[test]
    fn synonyms_lead_to_commands_and_are_not_commands() {
        let cli = Cli::command();
        for (command, words) in SYNONYMS {
            assert!(cli.find_subcommand(command).is_some(), "{command}");
            for word in words {
                assert!(cli.find_subcommand(word).is_none(), "{word}");
            }
        }
    }
}
