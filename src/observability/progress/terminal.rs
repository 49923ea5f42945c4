//! Properties of the terminal, and the output style that follows from them.

use std::env;
use std::io::{self, IsTerminal};

use clap::ValueEnum;

use crate::observability::LogFormat;

/// A narrower terminal gets plain lines by default.
const MIN_COLUMNS_FOR_BAR: usize = 10;

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

/// A resolved [`ProgressChoice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressStyle {
    Bar,
    Plain,
    None,
}

/// The style of everything written to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputStyle {
    pub progress: ProgressStyle,
    /// Whether log levels and `error:` are colored.
    pub has_color: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalInfo {
    pub stderr_is_terminal: bool,
    /// Whether it can only print (`TERM=dumb`), or does not declare its abilities (no `TERM`).
    pub is_dumb: bool,
    /// Whether a CI service runs the program (`CI`), whose terminal is recorded to a file.
    pub is_ci: bool,
    /// Whether colors are disabled (`NO_COLOR`).
    pub no_color: bool,
    /// Its width; `None` if it does not report one.
    pub columns: Option<usize>,
}

impl TerminalInfo {
    /// The properties of this process's stderr and environment.
    pub fn detect() -> TerminalInfo {
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

/// The current width of the terminal; `None` if stderr is not a terminal or does not report one.
pub fn columns_of_stderr() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Decides the output style (pure).
///
/// If a bar cannot be drawn, or each line must be JSON, plain lines replace a requested bar: cursor movements never get into
/// a file.
pub fn resolve(
    choice: ProgressChoice,
    is_quiet: bool,
    log_format: LogFormat,
    terminal: TerminalInfo,
) -> OutputStyle {
    let is_text = log_format == LogFormat::Text;
    let can_draw = is_text && terminal.stderr_is_terminal && !terminal.is_dumb;
    let is_wide = terminal.columns.is_none_or(|columns| columns >= MIN_COLUMNS_FOR_BAR);
    let progress = match choice {
        ProgressChoice::None => ProgressStyle::None,
        ProgressChoice::Plain => ProgressStyle::Plain,
        ProgressChoice::Bar if can_draw => ProgressStyle::Bar,
        ProgressChoice::Bar => ProgressStyle::Plain,
        ProgressChoice::Auto if is_quiet => ProgressStyle::None,
        ProgressChoice::Auto if can_draw && is_wide && !terminal.is_ci => ProgressStyle::Bar,
        ProgressChoice::Auto => ProgressStyle::Plain,
    };
    OutputStyle { progress, has_color: can_draw && !terminal.no_color }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProgressChoice::{Auto, Bar, None as Nothing, Plain};

    /// Every combination of properties; each bit of the number is one of them.
    fn all_combinations() -> impl Iterator<Item = (bool, LogFormat, TerminalInfo)> {
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

    /// The table of all combinations, the most specific row first; `None` is any.
    #[test]
    fn every_combination_has_its_style() {
        type Any<T> = Option<T>;
        // choice, quiet, text, terminal, dumb, ci, narrow -> style
        type Row = (ProgressChoice, [Any<bool>; 6], ProgressStyle);
        const YES: Any<bool> = Some(true);
        const NO: Any<bool> = Some(false);
        const ANY: Any<bool> = None;
        let table: [Row; 11] = [
            (Nothing, [ANY; 6], ProgressStyle::None),
            (Plain, [ANY; 6], ProgressStyle::Plain),
            (Bar, [ANY, YES, YES, NO, ANY, ANY], ProgressStyle::Bar),
            (Bar, [ANY; 6], ProgressStyle::Plain),
            (Auto, [YES, ANY, ANY, ANY, ANY, ANY], ProgressStyle::None),
            (Auto, [NO, YES, YES, NO, NO, NO], ProgressStyle::Bar),
            (Auto, [NO, NO, ANY, ANY, ANY, ANY], ProgressStyle::Plain),
            (Auto, [NO, ANY, NO, ANY, ANY, ANY], ProgressStyle::Plain),
            (Auto, [NO, ANY, ANY, YES, ANY, ANY], ProgressStyle::Plain),
            (Auto, [NO, ANY, ANY, ANY, YES, ANY], ProgressStyle::Plain),
            (Auto, [NO, ANY, ANY, ANY, ANY, YES], ProgressStyle::Plain),
        ];
        let mut is_used = [false; 11];
        for (is_quiet, format, terminal) in all_combinations() {
            let properties = [
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
                    *of == choice && wanted.iter().zip(properties).all(fits)
                });
                let row = row.expect("the table covers every combination");
                is_used[row] = true;
                let output = resolve(choice, is_quiet, format, terminal);
                assert_eq!(
                    output.progress, table[row].2,
                    "{choice:?} {is_quiet} {format:?} {terminal:?}"
                );
            }
        }
        assert_eq!(is_used, [true; 11]);
    }

    #[test]
    fn colors_are_used_on_capable_terminals_unless_disabled() {
        for (is_quiet, format, terminal) in all_combinations() {
            for choice in [Auto, Bar, Plain, Nothing] {
                let wanted = terminal.stderr_is_terminal
                    && !terminal.is_dumb
                    && !terminal.no_color
                    && format == LogFormat::Text;
                let output = resolve(choice, is_quiet, format, terminal);
                assert_eq!(output.has_color, wanted, "{choice:?} {format:?} {terminal:?}");
            }
        }
    }
}
