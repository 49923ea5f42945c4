//! Events of a run become a bar, plain lines or nothing, and log lines for what is worth one.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing::{debug, info, warn};
use tracing_subscriber::fmt::MakeWriter;

use crate::cli::ProgressChoice;
use crate::run::event::{Event, Progress};

/// How often a plain line is written.
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(5);

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

/// What there is to know of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalFacts {
    /// Whether stderr is one.
    pub stderr_is_terminal: bool,
    /// Whether it calls itself dumb (`TERM=dumb`), so that a bar cannot be drawn.
    pub is_dumb: bool,
}

impl TerminalFacts {
    /// The facts of this process.
    pub fn of_process() -> TerminalFacts {
        TerminalFacts {
            stderr_is_terminal: io::stderr().is_terminal(),
            is_dumb: std::env::var_os("TERM").is_none_or(|term| term == "dumb"),
        }
    }
}

/// What to show, decided by nothing but the arguments.
pub fn resolve(choice: ProgressChoice, is_quiet: bool, terminal: TerminalFacts) -> Style {
    match choice {
        ProgressChoice::None => Style::None,
        ProgressChoice::Bar => Style::Bar,
        ProgressChoice::Plain => Style::Plain,
        ProgressChoice::Auto if is_quiet => Style::None,
        ProgressChoice::Auto if terminal.stderr_is_terminal && !terminal.is_dumb => Style::Bar,
        ProgressChoice::Auto => Style::Plain,
    }
}

/// Shows how a run goes on.
#[derive(Debug)]
pub struct Reporter {
    style: Style,
    bar: ProgressBar,
    last_line_at: Duration,
}

impl Reporter {
    /// A reporter in a style.
    pub fn new(style: Style) -> Reporter {
        let target = match style {
            Style::Bar => ProgressDrawTarget::stderr_with_hz(10),
            Style::Plain | Style::None => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        Reporter { style, bar, last_line_at: Duration::ZERO }
    }

    /// A writer of log lines that keeps out of the bar's way.
    pub fn log_writer(&self) -> LogWriter {
        LogWriter { bar: self.bar.clone() }
    }

    /// The list is being read; so many entries so far.
    pub fn scanning(&mut self, entries: u64) {
        if self.style == Style::Bar {
            self.bar.set_style(style_of("{spinner} reading the account list: {msg}"));
            self.bar.set_message(format!("{} entries", HumanCount(entries)));
            self.bar.tick();
        }
    }

    /// Something happened.
    pub fn on(&mut self, event: Event<'_>) {
        match event {
            Event::CallEnded { .. } => {}
            Event::Progress(progress) => self.progress(&progress),
            Event::PartCommitted(part) => {
                debug!(
                    file = part.file,
                    rows = part.rows,
                    bytes = part.facts.bytes,
                    "part committed"
                );
            }
            Event::SlowedDown { share, because } => {
                warn!(rate_percent = (share * 100.0).round(), "slowing down: {because}");
            }
            Event::BackToFullSpeed => info!("back at the full rate"),
            Event::Bisecting { accounts, because } => {
                debug!(accounts, "asking in halves: {because}");
            }
            Event::CallsFailed { calls, because } => {
                debug!(calls, "calls failed and will be made again: {because}");
            }
            Event::OutageBegan { because } => {
                warn!("nothing gets through to the service, calls are paused: {because}");
            }
            Event::OutageEnded { lasted } => {
                warn!(seconds = lasted.as_secs(), "calls get through to the service again");
            }
            Event::SignedAnew { because } => warn!("signed the UserSig anew: {because}"),
            Event::Stopping { in_flight } => {
                warn!(
                    in_flight,
                    "stopping: calls in flight are let end; stop again to leave at once"
                );
            }
            Event::AnswerNotUtf8 => {
                warn!("an answer was not UTF-8; characters that could not be read became U+FFFD");
            }
        }
    }

    /// The run has ended: leaves nothing of the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn progress(&mut self, progress: &Progress) {
        match self.style {
            Style::None => {}
            Style::Plain => {
                if progress.elapsed >= self.last_line_at + PLAIN_LINE_EVERY {
                    self.last_line_at = progress.elapsed;
                    info!(
                        accounts = progress.settled,
                        of = progress.accounts_to_ask,
                        calls_per_second = progress.calls_in_last_second,
                        failed = progress.failed,
                        waiting = progress.waiting,
                        eta_seconds = eta(progress).map(|eta| eta.as_secs()),
                        "progress"
                    );
                }
            }
            Style::Bar => {
                self.bar.set_style(style_of(
                    "{bar:20} {human_pos}/{human_len} accounts ({percent}%) {wide_msg}",
                ));
                self.bar.set_length(progress.accounts_to_ask);
                self.bar.set_position(progress.settled);
                self.bar.set_message(bar_message(progress));
            }
        }
    }
}

fn bar_message(progress: &Progress) -> String {
    let mut message = format!(
        "{} calls/s, {} failed",
        progress.calls_in_last_second,
        HumanCount(progress.failed)
    );
    if progress.waiting > 0 {
        message.push_str(&format!(", {} to ask again", HumanCount(progress.waiting)));
    }
    if let Some(eta) = eta(progress) {
        message.push_str(&format!(", {:#} left", HumanDuration(eta)));
    }
    message
}

/// How long the rest will take at the average speed so far.
fn eta(progress: &Progress) -> Option<Duration> {
    if progress.settled == 0 {
        return None;
    }
    let left = progress.accounts_to_ask.saturating_sub(progress.settled) as f64;
    let seconds = progress.elapsed.as_secs_f64() * left / progress.settled as f64;
    Duration::try_from_secs_f64(seconds).ok()
}

fn style_of(template: &str) -> ProgressStyle {
    // Without a style of its own a bar still shows position and length.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Writes log lines to stderr, above the bar where there is one.
#[derive(Debug, Clone)]
pub struct LogWriter {
    bar: ProgressBar,
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Whoever has closed stderr does not want to know; the run goes on.
        let _ = self.bar.suspend(|| io::stderr().write_all(line));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LogWriter;

    fn make_writer(&'a self) -> LogWriter {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMINAL: TerminalFacts = TerminalFacts { stderr_is_terminal: true, is_dumb: false };
    const FILE: TerminalFacts = TerminalFacts { stderr_is_terminal: false, is_dumb: false };

    #[test]
    fn a_bar_is_only_for_terminals_that_can_draw_one() {
        let auto = |terminal| resolve(ProgressChoice::Auto, false, terminal);
        assert_eq!(auto(TERMINAL), Style::Bar);
        assert_eq!(auto(FILE), Style::Plain);
        assert_eq!(auto(TerminalFacts { is_dumb: true, ..TERMINAL }), Style::Plain);
        assert_eq!(resolve(ProgressChoice::Auto, true, TERMINAL), Style::None);
    }

    #[test]
    fn a_choice_is_a_choice() {
        for (choice, style) in [
            (ProgressChoice::Bar, Style::Bar),
            (ProgressChoice::Plain, Style::Plain),
            (ProgressChoice::None, Style::None),
        ] {
            for terminal in [TERMINAL, FILE] {
                for is_quiet in [false, true] {
                    assert_eq!(resolve(choice, is_quiet, terminal), style);
                }
            }
        }
    }

    #[test]
    fn the_bar_says_what_is_left() {
        let progress = Progress {
            accounts_to_ask: 40_000,
            settled: 10_000,
            failed: 12,
            calls: 101,
            calls_in_last_second: 199,
            waiting: 3,
            elapsed: Duration::from_secs(10),
        };
        assert_eq!(bar_message(&progress), "199 calls/s, 12 failed, 3 to ask again, 30s left");
    }
}
