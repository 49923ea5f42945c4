//! The command line as people type it: near misses are answered with the nearest right word, and every verb is in the
//! help, the man page and the completions.

use std::process::Command;

use crate::support::{QUICK_JOB, TestDir};
use clap::CommandFactory;
use im_profiles::internals::Cli;
use im_profiles::internals::ExitCode;

fn verbs() -> Vec<String> {
    let command = Cli::command();
    let verbs: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    assert!(verbs.len() >= 7, "{verbs:?}");
    verbs
}

#[test]
fn mistyped_words_get_a_suggestion() {
    let directory = TestDir::with_job(QUICK_JOB, ["a"]);
    for (arguments, reported) in [
        (&["exprot", "job.toml"][..], "'export'"),
        (&["run", "job.toml"][..], "'export'"),
        (&["head", "job.toml"][..], "'preview'"),
        (&["serve"][..], "'emulate'"),
        (&["help", "prevew"][..], "'preview'"),
        (&["preview", "job.toml", "--jsn"][..], "'--json'"),
        (&["export", "job.toml", "--progress", "bars"][..], "'bar'"),
        (&["export", "job.toml", "--log-format", "jsn"][..], "'json'"),
        (&["completions", "bsh"][..], "'bash'"),
        (
            &["preview", "job.toml", "--set", "api.calls_per_secnod=3"][..],
            "did you mean calls_per_second?",
        ),
        (&["preview", "job.toml", "--set", "output.format=parqet"][..], "did you mean parquet?"),
        (&["preview", "job.toml", "-n", "0"][..], "a whole number from 1 to 1000"),
        (&["preview", "job.toml", "-n", "x"][..], "a whole number from 1 to 1000"),
        (&["preview", "job.toml", "-n", "1001"][..], "a whole number from 1 to 1000"),
    ] {
        let output = directory.run(arguments).expect_code(2).expect_stderr(&[reported]);
        assert_eq!(output.stdout, "", "{output}");
    }
}

#[test]
fn help_of_every_command_has_an_example() {
    let directory = TestDir::new();
    for command in verbs() {
        let output = directory.run(&["help", &command]).expect_code(0);
        assert!(output.stdout.contains(&format!("\n  im-profiles {command}")), "{output}");
        assert_eq!(output.stdout, directory.run(&[&command, "--help"]).expect_code(0).stdout);
        // clap's own headings would name what we call verbs otherwise.
        assert!(!output.stdout.contains("COMMAND"), "{output}");
    }
}

#[test]
fn completions_of_every_shell_contain_every_command_and_flag() {
    let directory = TestDir::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = directory.run(&["completions", shell]).expect_code(0);
        assert_eq!(output.stderr, "");
        for command in verbs() {
            assert!(output.stdout.contains(&command), "{shell}: {command}");
        }
        for flag in ["log-format", "restart", "accounts", "inspect", "expire"] {
            assert!(output.stdout.contains(flag), "{shell}: {flag}");
        }
        assert!(output.stdout.contains("im-profiles"));
    }
}

/// What bash offers for the last of these words.
fn offered_by_bash(words: &[&str]) -> Vec<String> {
    let directory = TestDir::new();
    directory.write("script", directory.run(&["completions", "bash"]).expect_code(0).stdout);
    let [.., before, last] = words else { panic!("{words:?}") };
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let ask = format!(
        ". ./script; COMP_WORDS=({}); COMP_CWORD={}; \
         \"$(complete -p im-profiles | sed 's/.*-F \\([^ ]*\\).*/\\1/')\" im-profiles '{last}' '{before}'; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words.len() - 1
    );
    let output = Command::new("bash")
        .args(["--norc", "-c", &ask])
        .current_dir(directory.root())
        .output()
        .unwrap();
    let reported = String::from_utf8(output.stderr).unwrap();
    assert!(reported.is_empty(), "{reported}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    assert_eq!(offered_by_bash(&["im-profiles", "user"]), ["usersig"]);
    assert_eq!(offered_by_bash(&["im-profiles", "preview", "--js"]), ["--json"]);
    assert_eq!(offered_by_bash(&["im-profiles", "usersig", "--insp"]), ["--inspect"]);
    assert_eq!(offered_by_bash(&["im-profiles", "completions", "po"]), ["powershell"]);
    let choices = offered_by_bash(&["im-profiles", "export", "--progress", ""]);
    assert_eq!(choices, ["auto", "bar", "plain", "none"]);
}

#[test]
fn man_page_has_every_command_flag_and_exit_code() {
    let output = TestDir::new().run(&["man"]).expect_code(0);
    assert_eq!(output.stderr, "");
    let page = output.stdout.replace("\\-", "-");
    assert!(page.contains("\n.TH IM-PROFILES 1 2"), "{page}");
    for command in verbs() {
        assert!(page.contains(&format!("\n.SS {command}\n")), "{command}");
        assert!(page.contains(&format!("\n  im-profiles {command}")), "an example of {command}");
    }
    let command = Cli::command();
    let flags = command.get_subcommands().flat_map(|command| command.get_arguments());
    for flag in flags.chain(command.get_arguments()).filter_map(|flag| flag.get_long()) {
        assert!(page.contains(&format!("--{flag}")), "{flag}");
    }
    for code in ExitCode::ALL {
        assert!(page.contains(&format!("\\fB{}\\fR\n", code.number())), "{code:?}");
    }
    for section in ["NAME", "SYNOPSIS", "EXIT STATUS", "ENVIRONMENT", "FILES"] {
        assert!(
            page.contains(&format!(".SH {section}"))
                || page.contains(&format!(".SH \"{section}\"")),
            "{section}"
        );
    }
    // Tools that know no UTF-8 read it too.
    assert!(page.is_ascii(), "{:?}", page.chars().find(|c| !c.is_ascii()));
}

#[test]
fn full_disk_is_not_a_success() {
    let directory = TestDir::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_im-profiles"))
        .arg("schema")
        .current_dir(directory.root())
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(status.status.code(), Some(1));
    assert!(String::from_utf8(status.stderr).unwrap().contains("could not write standard output"));
}
