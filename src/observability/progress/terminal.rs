//! What there is to know of the terminal, and what is shown on it for that (pure).

use std::env;
use std::io::{self, IsTerminal};

use clap::ValueEnum;

use crate::observability::LogFormat;

/// Below this a bar would have no room for more than its own brackets.
const NARROWEST_BAR_COLUMNS: usize = 10;

/// How progress is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressChoice {
    /// A bar on a terminal, plain lines elsewhere
    Auto,
    /// A bar
    Bar,
    /// A line every few seconds
    Plain,
    /// Nothing
    None,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A bar.
    Bar,
    /// A line every few seconds.
    Plain,
    /// Nothing.
    None,
}

/// How all that goes to stderr looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputStyle {
    /// How progress is shown.
    pub style: Style,
    /// Whether levels and `error:` are coloured.
    pub has_colour: bool,
}

/// What there is to know of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalInfo {
    /// Whether stderr is one.
    pub stderr_is_terminal: bool,
    /// Whether it can do no more than print (`TERM=dumb`), or does not say what it can (no `TERM`).
    pub is_dumb: bool,
    /// Whether a CI service runs the program (`CI`): its terminal is a file that someone reads later.
    pub is_ci: bool,
    /// Whether the user wants no colours (`NO_COLOR`).
    pub no_color: bool,
    /// Its width; `None` when it does not tell.
    pub columns: Option<usize>,
}

impl TerminalInfo {
    /// The facts of this process.
    pub fn of_process() -> TerminalInfo {
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        TerminalInfo {
            stderr_is_terminal: io::stderr().is_terminal(),
            is_dumb: env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb"),
            is_ci: is_set("CI") && env::var_os("CI").is_some_and(|value| value != "false"),
            no_color: is_set("NO_COLOR"),
            columns: columns_of_stderr(),
        }
    }
}

/// The width of the terminal at this moment; `None` when stderr is none or does not tell.
pub fn columns_of_stderr() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// What to show, decided by nothing but the arguments.
///
/// Where no bar can be drawn, or each line has to be JSON, a bar that was asked for becomes plain lines: what moves
/// the cursor never gets into a file.
pub fn resolve(
    choice: ProgressChoice,
    is_quiet: bool,
    log_format: LogFormat,
    terminal: TerminalInfo,
) -> OutputStyle {
    let is_text = log_format == LogFormat::Text;
    let can_draw = is_text && terminal.stderr_is_terminal && !terminal.is_dumb;
    let is_wide = terminal.columns.is_none_or(|columns| columns >= NARROWEST_BAR_COLUMNS);
    let style = match choice {
        ProgressChoice::None => Style::None,
        ProgressChoice::Plain => Style::Plain,
        ProgressChoice::Bar if can_draw => Style::Bar,
        ProgressChoice::Bar => Style::Plain,
        ProgressChoice::Auto if is_quiet => Style::None,
        ProgressChoice::Auto if can_draw && is_wide && !terminal.is_ci => Style::Bar,
        ProgressChoice::Auto => Style::Plain,
    };
    OutputStyle { style, has_colour: can_draw && !terminal.no_color }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProgressChoice::{Auto, Bar, None as Nothing, Plain};

    /// Every combination of facts; each bit of the number is one of them.
    fn all_facts() -> impl Iterator<Item = (bool, LogFormat, TerminalInfo)> {
        (0..64u32).flat_map(|bits| {
            let bit = |place: u32| bits & (1 << place) != 0;
            let format = if bit(5) { LogFormat::Json } else { LogFormat::Text };
            [None, Some(1), Some(9), Some(10), Some(40), Some(200)].map(|columns| {
                let terminal = TerminalInfo {
                    stderr_is_terminal: bit(0),
                    is_dumb: bit(1),
                    is_ci: bit(2),
                    no_color: bit(3),
                    columns,
                };
                (bit(4), format, terminal)
            })
        })
    }

    /// The table of all combinations, most special line first; `None` is any.
    #[test]
    fn every_combination_of_facts_has_its_style() {
        type Any<T> = Option<T>;
        // choice, quiet, text, terminal, dumb, ci, narrow -> style
        type Row = (ProgressChoice, [Any<bool>; 6], Style);
        const YES: Any<bool> = Some(true);
        const NO: Any<bool> = Some(false);
        const ANY: Any<bool> = None;
        let table: [Row; 11] = [
            (Nothing, [ANY; 6], Style::None),
            (Plain, [ANY; 6], Style::Plain),
            (Bar, [ANY, YES, YES, NO, ANY, ANY], Style::Bar),
            (Bar, [ANY; 6], Style::Plain),
            (Auto, [YES, ANY, ANY, ANY, ANY, ANY], Style::None),
            (Auto, [NO, YES, YES, NO, NO, NO], Style::Bar),
            (Auto, [NO, NO, ANY, ANY, ANY, ANY], Style::Plain),
            (Auto, [NO, ANY, NO, ANY, ANY, ANY], Style::Plain),
            (Auto, [NO, ANY, ANY, YES, ANY, ANY], Style::Plain),
            (Auto, [NO, ANY, ANY, ANY, YES, ANY], Style::Plain),
            (Auto, [NO, ANY, ANY, ANY, ANY, YES], Style::Plain),
        ];
        let mut is_used = [false; 11];
        for (is_quiet, format, terminal) in all_facts() {
            let facts = [
                is_quiet,
                format == LogFormat::Text,
                terminal.stderr_is_terminal,
                terminal.is_dumb,
                terminal.is_ci,
                terminal.columns.is_some_and(|columns| columns < 10),
            ];
            for choice in [Auto, Bar, Plain, Nothing] {
                let row = table.iter().position(|(of, wanted, _)| {
                    let fits = |(wanted, is): (&Any<bool>, bool)| wanted.is_none_or(|it| it == is);
                    *of == choice && wanted.iter().zip(facts).all(fits)
                });
                let row = row.expect("the table has a line for all");
                is_used[row] = true;
                let look = resolve(choice, is_quiet, format, terminal);
                assert_eq!(
                    look.style, table[row].2,
                    "{choice:?} {is_quiet} {format:?} {terminal:?}"
                );
            }
        }
        assert_eq!(is_used, [true; 11]);
    }

    #[test]
    fn colours_are_for_terminals_whose_user_did_not_refuse_them() {
        for (is_quiet, format, terminal) in all_facts() {
            for choice in [Auto, Bar, Plain, Nothing] {
                let wanted = terminal.stderr_is_terminal
                    && !terminal.is_dumb
                    && !terminal.no_color
                    && format == LogFormat::Text;
                let look = resolve(choice, is_quiet, format, terminal);
                assert_eq!(look.has_colour, wanted, "{choice:?} {format:?} {terminal:?}");
            }
        }
    }
}
