//! The command line, as clap types. The commands are in `commands/`.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use jiff::SpanRelativeTo;
use jiff::civil::Date;
use jiff::fmt::friendly::SpanParser;

use crate::accounts::RecordFormat;
use crate::export::stream::RateShare;
use crate::observability::{LogFormat, ProgressChoice};
use crate::pipeline::stream::OutputFormat;

/// Turns a list of accounts into one table of Tencent Cloud IM profiles.
#[derive(Debug, Parser)]
#[command(
    name = "im-profiles",
    version,
    long_version = concat!(env!("CARGO_PKG_VERSION"), " (build ", env!("IM_PROFILES_BUILD"), ")"),
    propagate_version = true,
    arg_required_else_help = true,
    subcommand_value_name = "COMMAND",
    subcommand_help_heading = "Commands",
    after_help = "\
Example:
  im-profiles export jobs/sample.toml     (needs no account, no key and no network)

Exit codes:
  0 published · 1 internal or disk error · 2 bad usage, job or list, or a damaged unfinished run
  3 too many accounts failed or no rows, not published · 4 refused by the service
  75 stopped by an outage or a deadline, or another run is writing · 129/130/143 stopped by SIGHUP/SIGINT/SIGTERM
  141 the reader of standard output closed it early"
)]
pub struct Cli {
    #[command(subcommand)]
    /// The command to run.
    pub command: Command,
    #[command(flatten)]
    /// Flags of all commands.
    pub flags: Flags,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Export the profiles of a job's accounts and publish the snapshot
    #[command(
        after_help = "Example:\n  im-profiles export jobs/nightly.toml --set api.calls_per_second=100"
    )]
    Export(ExportArgs),
    /// Report what an export of a job would do, without any call
    #[command(
        long_about = "Report what an export of a job would do, without any call

Reads the job and the whole account list, inspects the output path, and prints accounts, calls, parts, the \
minimum time, the size on disk, and what is left of an unfinished run. Needs no secret of the service, takes no lock \
and changes nothing, so it can run beside an export. A list or a snapshot in a bucket is read from there. Exits with \
the code with which an export would refuse.",
        after_help = "Example:\n  im-profiles plan jobs/nightly.toml --date 2026-11-22"
    )]
    Plan(PlanArgs),
    /// Check everything that an export of a job needs, with one real call
    #[command(
        long_about = "Check everything that an export of a job needs, with one real call

Prints a line for the job, the account list, the secret, the output path, and a call with every tag for the first \
account of the list: passed or failed, with the fix. When the service refuses the tags, requests each of them alone \
to find those at fault. Leaves nothing on disk. Exits with the code that an export would return.",
        after_help = "Example:\n  im-profiles check jobs/nightly.toml"
    )]
    Check(CheckArgs),
    /// Print the first rows of a job as a table; writes no file
    #[command(
        after_help = "Example:\n  im-profiles preview jobs/nightly.toml -n 5 --set api.emulator=true"
    )]
    Preview(PreviewArgs),
    /// Read accounts from standard input and write their rows to standard output
    #[command(
        long_about = "Read accounts from standard input and write their rows to standard output

For engines and pipes: every record comes back exactly once, in any order, as account, the job's columns, outcome \
(exported, not_found, internal_error, rejected, no_answer or invalid_account), error_code, error_info and attempts. \
Memory is bounded, a slow reader slows down the calls, and nothing is written to disk. The job needs neither \
[output] nor accounts.path; its limits on failed accounts and [metrics] are not used.",
        after_help = "Examples:\n  im-profiles stream jobs/nightly.toml --input csv --output csv < accounts.csv > rows.csv\n  \
                      im-profiles stream jobs/nightly.toml --rate-share 1/4 < accounts.arrows > rows.arrows\n  \
                      im-profiles stream jobs/sample.toml --input txt --output ndjson\n\n\
                      Exit code 0 means that every record has a row; 141 that the reader of standard output closed it before."
    )]
    Stream(StreamArgs),
    /// Serve an emulator of the service on this machine
    #[command(
        after_help = "Example:\n  im-profiles emulate --listen 127.0.0.1:8080 --faults faults.toml"
    )]
    Emulate(EmulateArgs),
    /// Sign a UserSig for another tool, or explain one
    #[command(after_help = "Examples:\n  im-profiles usersig jobs/nightly.toml --expire 12h\n  \
                      im-profiles usersig --sdkappid 1400000000 --secret-key-env IM_SECRET_KEY\n  \
                      im-profiles usersig --inspect jobs/nightly.toml < usersig.txt\n\n\
                      With --inspect the exit code is 4 when the service would refuse the UserSig: it cannot be\n\
                      read, has expired, or is not for the app, the account or the key that the job or the flags name.")]
    Usersig(UsersigArgs),
    /// Print the JSON Schema of the job file, for editors
    #[command(after_help = "Example:\n  im-profiles schema > job.schema.json\n\n\
                      Editors with Taplo find it by the first line of a job: #:schema ./job.schema.json")]
    Schema,
    /// Print the completion script of a shell
    #[command(
        after_help = "Examples:\n  im-profiles completions bash > /etc/bash_completion.d/im-profiles\n  \
                      im-profiles completions zsh > \"${fpath[1]}/_im-profiles\"\n  \
                      im-profiles completions fish > ~/.config/fish/completions/im-profiles.fish\n  \
                      im-profiles completions powershell >> $PROFILE"
    )]
    Completions(CompletionsArgs),
    /// Print the man page
    #[command(after_help = "Example:\n  im-profiles man > /usr/local/share/man/man1/im-profiles.1")]
    Man,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The job file (TOML)
    pub job: PathBuf,
    /// Start over instead of resuming an unfinished run
    #[arg(long)]
    pub restart: bool,
    /// Drop what is damaged in an unfinished run, request those accounts again, and resume the rest
    #[arg(long, conflicts_with = "restart")]
    pub repair: bool,
    /// Print the run's summary as one line of JSON on stdout at the end
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The job file (TOML)
    pub job: PathBuf,
    /// Print the plan as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The job file (TOML)
    pub job: PathBuf,
    /// Print the checks as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `preview`.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The job file (TOML)
    pub job: PathBuf,
    /// Number of accounts to request, from the start of the list, 1 to 1000
    #[arg(short = 'n', long, default_value_t = 20, value_name = "N", value_parser = previewed_accounts)]
    pub accounts: u32,
    /// Print one JSON object per row instead of a table
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `stream`.
#[derive(Debug, Args)]
pub struct StreamArgs {
    /// The job file (TOML)
    pub job: PathBuf,
    /// Format of the records; their column or key is accounts.column [default: account]
    #[arg(long, value_enum, default_value_t = RecordFormat::Arrow, value_name = "FORMAT")]
    pub input: RecordFormat,
    /// Format of the rows
    #[arg(long, value_enum, default_value_t = OutputFormat::Arrow, value_name = "FORMAT")]
    pub output: OutputFormat,
    /// Share of api.calls_per_second that this process uses, for several at once or one after the other: it makes its first
    /// call a second after its start [default: all, at once]
    #[arg(long, value_name = "K/N")]
    pub rate_share: Option<RateShare>,
    /// Write the schema of the rows alone, as an Arrow IPC stream, without any call
    #[arg(long)]
    pub print_schema: bool,
}

/// Arguments of `usersig`.
#[derive(Debug, Args)]
pub struct UsersigArgs {
    /// The job file (TOML) with app, administrator and key; the flags replace it
    #[arg(conflicts_with_all = ["sdkappid", "identifier", "secret_key_env"])]
    pub job: Option<PathBuf>,
    /// SDKAppID of the app
    #[arg(long, value_name = "N")]
    pub sdkappid: Option<u64>,
    /// Account that the tool calls as [default: administrator]
    #[arg(long, value_name = "ACCOUNT")]
    pub identifier: Option<String>,
    /// Environment variable that holds the app's secret key
    #[arg(long, value_name = "NAME")]
    pub secret_key_env: Option<String>,
    /// Lifetime of the UserSig, from 1m to 180d
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = lifetime, conflicts_with = "inspect")]
    pub expire: Duration,
    /// Explain the UserSig on standard input instead of signing one
    #[arg(long)]
    pub inspect: bool,
    /// Explain as one line of JSON
    #[arg(long, requires = "inspect")]
    pub json: bool,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: ShellChoice,
}

/// Arguments of `emulate`.
#[derive(Debug, Args)]
pub struct EmulateArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT", value_parser = address)]
    pub listen: SocketAddr,
    /// Profiles to serve, NDJSON with one {"account":…,"Tag_Profile_…":…} per line; generated from the account id without
    /// it. The app has the custom tags that the file names
    #[arg(long, value_name = "FILE")]
    pub profiles: Option<PathBuf>,
    /// Settings and faults (TOML), the same keys as a job's [emulator] table; population.custom_tags lists the custom tags
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
    /// SDKAppID of the emulated app
    #[arg(long, default_value_t = 1_400_000_000)]
    pub sdkappid: u64,
    /// Administrator account of the app; repeatable
    #[arg(long = "admin", default_value = "administrator", value_name = "ACCOUNT")]
    pub admins: Vec<String>,
    /// Environment variable that holds the secret key to verify UserSigs with; the emulator's own public key without it
    #[arg(long, value_name = "NAME")]
    pub secret_key_env: Option<String>,
}

/// Flags of all commands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global flags")]
pub struct Flags {
    /// Override one key of the job; repeatable
    #[arg(long = "set", global = true, value_name = "KEY.PATH=VALUE")]
    pub overrides: Vec<String>,
    /// The run's logical date, for {date} in paths [default: today, UTC]
    #[arg(long, global = true, value_name = "YYYY-MM-DD", value_parser = date)]
    pub date: Option<Date>,
    /// Progress display on stderr
    #[arg(long, global = true, value_enum, default_value_t = ProgressChoice::Auto)]
    pub progress: ProgressChoice,
    /// Format of the log lines on stderr
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Log warnings and errors only; twice: errors only
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "verbose")]
    pub quiet: u8,
    /// Log more; twice: everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:8080")
}

fn previewed_accounts(text: &str) -> Result<u32, &'static str> {
    let count = text.parse().ok().filter(|count| (1..=1000).contains(count));
    count.ok_or("write a whole number from 1 to 1000")
}

fn date(text: &str) -> Result<Date, &'static str> {
    text.parse().map_err(|_| "write a date, such as 2026-11-22")
}

/// A shorter lifetime ends before the UserSig is used; 180 days is the default of the service's own signers.
const LIFETIMES: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(180 * 24);

fn lifetime(text: &str) -> Result<Duration, &'static str> {
    let days = SpanRelativeTo::days_are_24_hours();
    let span = SpanParser::new().parse_span(text.trim()).ok();
    let length = span.and_then(|span| Duration::try_from(span.to_duration(days).ok()?).ok());
    length
        .filter(|length| LIFETIMES.contains(length))
        .ok_or("write a number with its unit, from 1m to 180d, such as 12h or 30d")
}

/// A shell with completions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShellChoice {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_names_every_exit_code() {
        let help = Cli::command().render_long_help().to_string();
        for code in crate::util::exit_code::ExitCode::ALL {
            assert!(help.contains(&code.number().to_string()), "{code:?}");
        }
    }
}
