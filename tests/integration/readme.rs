//! The README says what is true: its job loads, its exit codes are the program's, its flags and files exist.

use std::path::Path;

use clap::CommandFactory;
use im_profiles::internals::Cli;
use im_profiles::internals::ExitCode;
use im_profiles::internals::{Category, FAILED_ACCOUNTS_HEADER, REJECTED_VALUES_HEADER};
use im_profiles::job::Job;
use jiff::civil::date;

const README: &str = include_str!("../../README.md");

/// The blocks of a language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    README
        .split(&format!("```{language}\n"))
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect()
}

#[test]
fn readme_job_is_valid_and_shows_the_common_keys() {
    let blocks = blocks("toml");
    assert_eq!(blocks.len(), 1);
    let job = Job::from_text(Path::new("job.toml"), blocks[0], &[], date(2026, 11, 22)).unwrap();
    let nightly = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs/nightly.toml");
    let nightly = Job::load(&nightly, &[], date(2026, 11, 22)).unwrap();
    // The README shows the defaults, as the commented job does.
    assert_eq!(job.retry, nightly.retry);
    assert_eq!(job.limits, nightly.limits);
    assert_eq!(job.api.timeout, nightly.api.timeout);
    assert_eq!(job.output.accounts_per_part, nightly.output.accounts_per_part);
}

#[test]
fn first_two_commands_are_those_of_ci() {
    let ci = include_str!("../../.ci/run");
    let commands: Vec<&str> =
        blocks("sh")[0].lines().map(|line| line.split('#').next().unwrap().trim()).collect();
    assert_eq!(commands, ["cargo run --release -- export jobs/sample.toml", "cargo test"]);
    for command in commands {
        let in_ci = command.replacen("cargo run", "cargo run --locked", 1);
        let in_ci = in_ci.replacen("cargo test", "cargo test --locked", 1);
        assert!(ci.lines().any(|line| line == in_ci), "{in_ci}");
    }
}

#[test]
fn exit_codes_match_the_program() {
    for code in ExitCode::ALL {
        let line = format!("| {} | {} |", code.number(), code.meaning());
        assert!(README.contains(&line), "{line}");
    }
    let rows =
        README.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit());
    assert_eq!(rows.count(), ExitCode::ALL.len());
}

#[test]
fn flags_exist() {
    let mut command = Cli::command();
    command.build();
    let known: Vec<String> = command
        .get_subcommands()
        .flat_map(|command| command.get_arguments().filter_map(|argument| argument.get_long()))
        .map(|long| format!("--{long}"))
        .collect();
    let flags: Vec<&str> = README
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| {
            word.strip_prefix("--").is_some_and(|name| name.starts_with(char::is_alphabetic))
        })
        // Those of cargo.
        .filter(|word| !["--release", "--bench", "--locked", "--path"].contains(word))
        .collect();
    assert!(flags.len() >= 5, "{flags:?}");
    for flag in flags {
        assert!(known.iter().any(|known| known == flag), "{flag}");
    }
}

#[test]
fn sidecar_files_and_categories_match_the_program() {
    assert!(README.contains(&FAILED_ACCOUNTS_HEADER.join(",")));
    assert!(README.contains(&REJECTED_VALUES_HEADER.join(",")));
    for category in Category::ALL {
        assert!(README.contains(&format!("| `{}` |", category.name())), "{}", category.name());
    }
}
