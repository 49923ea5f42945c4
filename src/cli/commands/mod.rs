//! The commands, one file for each: arguments in, a service called, its result printed.

mod check;
mod completions;
mod emulate;
mod export;
mod man;
mod plan;
mod preview;
mod print;
mod schema;
mod stream;
mod usersig;

use std::io::{self, IsTerminal, Write};

use tracing::error;
use tracing::level_filters::LevelFilter;

use crate::cli::{Cli, Command, Flags};
use crate::observability::LogFormat;
use crate::observability::log_line::LineFormat;
use crate::observability::logging::{self, LogRunId};
use crate::observability::progress::{OutputStyle, Reporter, TerminalInfo, resolve};
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;
use crate::util::file_size_limit;

/// Runs a command; returns the exit code of the process.
pub fn run(cli: &Cli) -> ExitCode {
    // Without the handler the signal kills the process, which is the default.
    let _ = file_size_limit::report_as_error();
    let terminal = TerminalInfo::detect();
    let flags = &cli.flags;
    let output = resolve(flags.progress, flags.quiet > 0, flags.log_format, terminal);
    let mut reporter = Reporter::new(output.progress);
    let run_id = LogRunId::default();
    let line_format = LineFormat {
        format: flags.log_format,
        // Lines on a terminal need no time.
        with_time: !io::stderr().is_terminal(),
        has_color: output.has_color,
        run_id: run_id.clone(),
    };
    let result = logging::start(log_level(flags), reporter.log_writer(), line_format)
        .map_err(Failure::from)
        .and_then(|()| match &cli.command {
            Command::Export(args) => export::export(args, flags, &mut reporter, &run_id),
            Command::Plan(args) => plan::plan(args, flags, &mut reporter),
            Command::Check(args) => check::check(args, flags, &mut reporter),
            Command::Preview(args) => preview::preview(args, flags, &mut reporter),
            Command::Stream(args) => stream::stream(args, flags, &mut reporter),
            Command::Emulate(args) => emulate::emulate(args),
            Command::Usersig(args) => usersig::usersig(args, flags),
            Command::Schema => schema::schema(),
            Command::Completions(args) => completions::completions(args),
            Command::Man => man::man(),
        });
    match result {
        Ok(()) => ExitCode::Published,
        Err(failure) => {
            report_failure(&failure, flags.log_format, output);
            failure.code
        }
    }
}

fn log_level(flags: &Flags) -> LevelFilter {
    match (flags.quiet, flags.verbose) {
        (0, 0) => LevelFilter::INFO,
        (0, 1) => LevelFilter::DEBUG,
        (0, _) => LevelFilter::TRACE,
        (1, _) => LevelFilter::WARN,
        (_, _) => LevelFilter::ERROR,
    }
}

/// Prints an error once, followed by its causes.
fn report_failure(failure: &Failure, format: LogFormat, output: OutputStyle) {
    let text = failure.text();
    let head = if output.has_color { "\x1b[1;31merror:\x1b[0m" } else { "error:" };
    match format {
        LogFormat::Json => error!(exit_code = failure.code.number(), error = text, "failed"),
        // A closed stderr leaves nowhere to report to.
        LogFormat::Text => drop(writeln!(io::stderr(), "{head} {text}")),
    }
}
