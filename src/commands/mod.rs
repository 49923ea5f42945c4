//! What each verb does, one file per verb.

mod check;
mod completions;
mod connect;
mod emulate;
mod export;
mod in_process_emulator;
mod man;
mod open_files;
mod plan;
mod preview;
mod print;
mod runtime;
mod schema;
mod secret;
mod usersig;

use std::error::Error;
use std::io::{self, IsTerminal, Write};

use tracing::error;

use crate::cli::{Cli, LogFormat, Verb};
use crate::exit_code::ExitCode;
use crate::log_line::LineFormat;
use crate::logging::{self, RunIdOfLog};
use crate::output::file_size_limit;
use crate::progress::{Look, Reporter, TerminalFacts, resolve};

/// Why a verb did not do what it says: the exit code, and the error to print with all its causes.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub code: ExitCode,
    /// What to tell.
    pub error: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// For `map_err`.
    fn with<E: Into<Box<dyn Error + Send + Sync>>>(code: ExitCode) -> impl FnOnce(E) -> Failure {
        move |error| Failure { code, error: error.into() }
    }
}

/// Runs the verb of the command line; gives back how the process ends.
pub fn run(cli: &Cli) -> ExitCode {
    // Where it is refused, the signal kills as it does by default.
    let _ = file_size_limit::report_as_error();
    let terminal = TerminalFacts::of_process();
    let flags = &cli.flags;
    let look = resolve(flags.progress, flags.quiet > 0, flags.log_format, terminal);
    let mut reporter = Reporter::new(look.style);
    let run_id = RunIdOfLog::default();
    let line_format = LineFormat {
        format: flags.log_format,
        // On a terminal the reader knows what time it is.
        with_time: !io::stderr().is_terminal(),
        has_colour: look.has_colour,
        run_id: run_id.clone(),
    };
    let ended = logging::start(flags, reporter.log_writer(), line_format)
        .map_err(Failure::with(ExitCode::BadUsage))
        .and_then(|()| match &cli.verb {
            Verb::Export(args) => export::export(args, flags, &mut reporter, &run_id),
            Verb::Plan(args) => plan::plan(args, flags, &mut reporter),
            Verb::Check(args) => check::check(args, flags),
            Verb::Preview(args) => preview::preview(args, flags, &mut reporter),
            Verb::Emulate(args) => emulate::emulate(args),
            Verb::Usersig(args) => usersig::usersig(args, flags),
            Verb::Schema => schema::schema(),
            Verb::Completions(args) => completions::completions(args),
            Verb::Man => man::man(),
        });
    match ended {
        Ok(()) => ExitCode::Published,
        Err(failure) => {
            report_failure(&failure, flags.log_format, look);
            failure.code
        }
    }
}

/// Prints an error once, with its causes behind it.
fn report_failure(failure: &Failure, format: LogFormat, look: Look) {
    let text = chain(&*failure.error);
    let head = if look.has_colour { "\x1b[1;31merror:\x1b[0m" } else { "error:" };
    match format {
        LogFormat::Json => error!(exit_code = failure.code.number(), error = text, "failed"),
        // Nothing is left to tell a reader who has closed stderr.
        LogFormat::Text => drop(writeln!(io::stderr(), "{head} {text}")),
    }
}

/// An error and its causes in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
