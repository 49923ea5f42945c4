//! The command that resumes a stopped run, as messages show it.

use std::fmt;

use crate::accounts::ListPath;
use crate::util::visible::is_invisible;

/// The command line of this process that resumes its run; on another day it must name the date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumeCommand {
    date: String,
    reads_stdin: bool,
}

impl ResumeCommand {
    pub fn new(date: &str, list: &ListPath) -> ResumeCommand {
        ResumeCommand { date: date.to_owned(), reads_stdin: matches!(list, ListPath::Stdin) }
    }
}

impl fmt::Display for ResumeCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&command_line(arguments(), &self.date))?;
        if self.reads_stdin {
            f.write_str(", with the same list on standard input")
        } else {
            Ok(())
        }
    }
}

/// The command line that resumes the run of another date than that of this process, which may be a plan.
pub fn resume_command_of_other_date(date: &str) -> String {
    command_line(with_export_of_any_date(arguments()), date)
}

/// Whether `--set` names the account list, which may then be that of one date only.
pub fn overrides_list() -> bool {
    let is_list =
        |word: &String| word.trim_start_matches("--set=").trim_start().starts_with("accounts.path");
    arguments().iter().any(is_list)
}

/// Secrets are never among them.
fn arguments() -> Vec<String> {
    std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

fn with_export_of_any_date(mut command: Vec<String>) -> Vec<String> {
    let is_command =
        |argument: &&mut String| matches!(argument.as_str(), "plan" | "check" | "export");
    if let Some(plan) = command.iter_mut().skip(1).find(is_command) {
        "export".clone_into(plan);
    }
    let mut is_value = false;
    command.retain(|argument| {
        let is_date = is_value || argument == "--date" || argument.starts_with("--date=");
        is_value = !is_value && argument == "--date";
        !is_date
    });
    command
}

/// The command in the syntax of a shell.
fn command_line(mut command: Vec<String>, date: &str) -> String {
    // The one would start over instead of resuming, the other has been done.
    command.retain(|argument| argument != "--restart" && argument != "--repair");
    if !command.iter().any(|argument| argument == "--date" || argument.starts_with("--date=")) {
        command.push(format!("--date={date}"));
    }
    shell_words(&command)
}

fn shell_words(words: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:%@+".contains(c);
    let quoted = |word: &String| match word {
        _ if word.contains(is_invisible) => format!("$'{}'", shell_escapes(word)),
        _ if word.chars().all(is_plain) && !word.is_empty() => word.clone(),
        _ => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// The inside of `$'…'`, which shells of today take literally except for the escapes.
fn shell_escapes(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    for character in word.chars() {
        match character {
            '\'' | '\\' => escaped.extend(['\\', character]),
            _ if is_invisible(character) => {
                let mut utf8 = [0; 4];
                for byte in character.encode_utf8(&mut utf8).bytes() {
                    escaped.push_str(&format!("\\{byte:03o}"));
                }
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resume_command_names_the_date_and_never_restarts() {
        let resume = |words: &[&str]| {
            let command = words.iter().map(|word| (*word).to_owned()).collect();
            command_line(command, "2026-11-22")
        };
        assert_eq!(resume(&["x", "export", "j.toml"]), "x export j.toml --date=2026-11-22");
        assert_eq!(resume(&["x", "--repair", "j.toml"]), "x j.toml --date=2026-11-22");
        let restart = ["x", "export", "j.toml", "--restart", "--date", "2026-11-21"];
        assert_eq!(resume(&restart), "x export j.toml --date 2026-11-21");
        assert_eq!(resume(&["x", "--date=2026-11-21", "-q"]), "x --date=2026-11-21 -q");
    }

    #[test]
    fn a_list_on_standard_input_is_part_of_the_command() {
        let text = |list| ResumeCommand::new("2026-11-22", &list).to_string();
        assert!(text(ListPath::Stdin).ends_with(", with the same list on standard input"));
        assert!(!text(ListPath::File("list.txt".into())).contains("standard input"));
    }

    #[test]
    fn a_run_of_another_date_is_resumed_by_an_export_of_that_date() {
        let resume = |words: &str| {
            let command = words.split(' ').map(str::to_owned).collect();
            command_line(with_export_of_any_date(command), "2026-11-21")
        };
        for (given, expected) in [
            ("x export j.toml", "x export j.toml --date=2026-11-21"),
            (
                "x -q plan j.toml --date 2026-11-22 --json",
                "x -q export j.toml --json --date=2026-11-21",
            ),
            ("x export plan --date=2026-11-22 --restart", "x export plan --date=2026-11-21"),
            ("x --date 2026-11-22 export j.toml", "x export j.toml --date=2026-11-21"),
        ] {
            assert_eq!(resume(given), expected);
        }
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        let words = ["im-profiles", "a b", "it's", "", "--set=x.y=1"].map(str::to_owned);
        assert_eq!(shell_words(&words), r"im-profiles 'a b' 'it'\''s' '' --set=x.y=1");
    }
}
