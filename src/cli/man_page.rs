//! The man page: commands, flags, exit codes, environment variables, files and examples, generated from the types of the
//! command line.

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory};
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use crate::cli::Cli;
use crate::util::exit_code::ExitCode;

const DESCRIPTION: [&str; 3] = [
    "Reads a list of accounts, up to 100 million of them, fetches their profiles from Tencent Cloud IM, and publishes one \
     table as Parquet or CSV: a row per account, a column per profile tag, and a report of every account that could not \
     be exported.",
    "A job file (TOML) defines what to export, from where, to where and how; README and jobs/nightly.toml explain its \
     keys, and the command schema prints their JSON Schema for editors.",
    "A run that was interrupted, for any reason, is resumed by the same command.",
];

const ENVIRONMENT: [(&str, &str); 5] = [
    (
        "IM_SECRET_KEY",
        "The app's secret key, if the job has secret_key_env = \"IM_SECRET_KEY\"; the job chooses the name. A secret is \
         never passed on the command line.",
    ),
    ("RUST_LOG", "The log filter, such as debug; it overrides -q and -v."),
    ("NO_COLOR", "When set, output has no colors."),
    ("COLUMNS", "Width of the table that preview prints; it overrides the width of the terminal."),
    ("HTTPS_PROXY, NO_PROXY", "The proxy for calls, and the hosts that are called without it."),
];

const FILES: [(&str, &str); 9] = [
    ("JOB", "The job file; relative paths in it are relative to its directory."),
    (
        "PATH/part-00000.parquet",
        "The rows of the snapshot that output.path names; or .csv, .csv.gz, .csv.zst.",
    ),
    (
        "PATH/_failed_accounts.tsv",
        "The accounts without a row, with the reason; itself a valid account list.",
    ),
    ("PATH/_rejected_values.tsv", "The values that do not fit the type of their column."),
    (
        "PATH/_manifest.json",
        "The description of the run for programs: counts, columns, parts with checksums, calls.",
    ),
    ("PATH/_report.html", "The report of the run for people, with charts."),
    ("PATH/_SUCCESS", "The marker of a complete snapshot: empty, written last."),
    (
        "metrics.textfile",
        "Metrics for the textfile collector of Prometheus, if the job names such a file.",
    ),
    (
        ".TABLE.partial/",
        "The work directory beside the table, which is output.path up to its first component with the date or key=value. \
         An interrupted run is resumed from it.",
    ),
];

/// The date of the last change to the content of the page.
const PAGE_DATE: &str = "2026-11-26";

/// Shorter than the 80 columns of roff tools, because escaped dashes take more.
const MAX_LINE_BYTES: usize = 70;

/// Renders the page as roff.
pub fn man_page() -> String {
    let mut command = Cli::command();
    command.build();
    let name = command.get_name().to_owned();
    let version = command.get_version().unwrap_or_default();
    let mut page = Roff::new();
    let source = format!("{name} {version}");
    page.control("TH", [name.to_uppercase().as_str(), "1", PAGE_DATE, &source, r#""""#]);
    page.control("SH", ["NAME"]);
    page.text([prose(&format!("{name} - {}", plain(command.get_about())))]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([
        bold(name.as_str()),
        roman(" "),
        italic("COMMAND"),
        roman(" ["),
        italic("FLAGS"),
        roman("]"),
    ]);
    page.control("SH", ["DESCRIPTION"]);
    paragraphs(&mut page, &DESCRIPTION);
    page.control("SH", ["COMMANDS"]);
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        describe_command(&mut page, &name, command);
    }
    page.control("SH", ["GLOBAL FLAGS"]);
    describe_arguments(&mut page, command.get_arguments());
    page.control("SH", ["EXIT STATUS"]);
    let codes = ExitCode::ALL.map(|code| (code.number().to_string(), code.meaning()));
    describe(&mut page, codes.iter().map(|(code, meaning)| (code.as_str(), *meaning)));
    page.control("SH", ["ENVIRONMENT"]);
    describe(&mut page, ENVIRONMENT);
    page.control("SH", ["FILES"]);
    describe(&mut page, FILES);
    page.render()
}

fn paragraphs(page: &mut Roff, texts: &[&str]) {
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            page.control("PP", []);
        }
        page.text([prose(text)]);
    }
}

/// A command: its usage, purpose, own arguments and examples.
fn describe_command(page: &mut Roff, program: &str, command: &Command) {
    page.control("SS", [command.get_name()]);
    let positionals = command.get_positionals().map(|argument| {
        let name = argument.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
        if argument.is_required_set() { format!(" {name}") } else { format!(" [{name}]") }
    });
    let positionals: String = positionals.collect();
    page.text([bold(format!("{program} {}", command.get_name())), italic(positionals)]);
    page.control("PP", []);
    page.text([prose(&format!("{}.", plain(command.get_about())))]);
    describe_arguments(page, command.get_arguments().filter(|argument| !argument.is_global_set()));
    page.control("PP", []);
    page.control("nf", []);
    for line in plain(command.get_after_help()).lines() {
        page.text([roman(line)]);
    }
    page.control("fi", []);
}

/// Arguments, without those that clap adds.
fn describe_arguments<'a>(page: &mut Roff, arguments: impl Iterator<Item = &'a Arg>) {
    for argument in
        arguments.filter(|argument| !["help", "version"].contains(&argument.get_id().as_str()))
    {
        page.control("TP", []);
        page.text([bold(header_of(argument))]);
        page.text([prose(&help_of(argument))]);
    }
}

fn header_of(argument: &Arg) -> String {
    let value_names = argument.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
    if argument.is_positional() {
        return value_names;
    }
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let names = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    match argument.get_action().takes_values() {
        true => format!("{names} {value_names}"),
        false => names,
    }
}

fn help_of(argument: &Arg) -> String {
    let mut help = format!("{}.", plain(argument.get_help()));
    let choices = argument.get_possible_values();
    if argument.get_action().takes_values() && !choices.is_empty() {
        let names: Vec<&str> = choices.iter().map(|choice| choice.get_name()).collect();
        help.push_str(&format!(" One of: {}.", names.join(", ")));
    }
    let defaults: Vec<_> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if argument.get_action().takes_values() && !defaults.is_empty() {
        help.push_str(&format!(" Default: {}.", defaults.join(", ")));
    }
    help
}

fn describe<'a>(page: &mut Roff, items: impl IntoIterator<Item = (&'a str, &'a str)>) {
    for (term, text) in items {
        page.control("TP", []);
        page.text([bold(term)]);
        page.text([prose(text)]);
    }
}

/// A paragraph in short ASCII lines, which all roff tools can read.
fn prose(text: &str) -> Inline {
    let mut lines = vec![String::new()];
    for word in text.replace('…', "...").split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < MAX_LINE_BYTES => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    roman(lines.join("\n"))
}

fn plain(text: Option<&StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}
