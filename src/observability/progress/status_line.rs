//! A progress bar on the last line of the terminal, drawn by indicatif, and log lines above it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::fmt::MakeWriter;

use super::bar::BarLine;
use super::one_line_terminal::OneLineTerminal;
use super::terminal::columns_of_stderr;

/// The width of a terminal that does not report one.
const DEFAULT_COLUMNS: usize = 80;

/// The bar, shared by everything that writes to the terminal.
#[derive(Debug, Clone, Default)]
pub struct StatusLine {
    /// `None` while no bar is shown.
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl StatusLine {
    /// Shows the line that `line_for` gives for the width of the terminal.
    pub fn show(&self, line_for: impl FnOnce(usize) -> BarLine) {
        let line = line_for(usable_columns());
        let mut bar = self.bar();
        draw(
            bar.get_or_insert_with(|| {
                new_bar(OneLineTerminal::new(usable_columns, write_to_stderr))
            }),
            line,
        );
    }

    /// Removes the bar.
    pub fn clear(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    /// Writes whole lines above the bar.
    fn write_above(&self, lines: &[u8]) {
        match &*self.bar() {
            None => write_to_stderr(lines),
            Some(bar) => bar.suspend(|| write_to_stderr(lines)),
        }
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_bar(terminal: OneLineTerminal) -> ProgressBar {
    let target = ProgressDrawTarget::term_like(Box::new(terminal));
    ProgressBar::with_draw_target(Some(100), target)
}

fn draw(bar: &ProgressBar, line: BarLine) {
    let template = match line.bar_columns {
        0 => "{msg}".to_owned(),
        columns => format!("[{{bar:{}}}] {{msg}}", columns - 2),
    };
    // The template is valid for any width. Without it the bar keeps its earlier look.
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("#-"));
    }
    if bar.position() != line.percent {
        bar.set_position(line.percent);
    }
    bar.set_message(line.text);
}

/// Columns that the bar may take. The last one stays free, because many terminals start a new line once it is filled.
fn usable_columns() -> usize {
    columns_of_stderr().unwrap_or(DEFAULT_COLUMNS).saturating_sub(1)
}

fn write_to_stderr(bytes: &[u8]) {
    // A closed stderr does not stop the run.
    let _ = io::stderr().write_all(bytes);
}

/// Writes log lines to stderr, above the bar if one is shown.
#[derive(Debug, Clone)]
pub struct LogWriter {
    pub status: StatusLine,
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.status.write_above(line);
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
pub mod tests {
    use std::cell::{Cell, RefCell};

    use super::super::one_line_terminal::CLEAR;
    use super::*;

    thread_local! {
        static COLUMNS: Cell<usize> = const { Cell::new(80) };
        static SCREEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }

    fn test_bar(columns: usize) -> ProgressBar {
        COLUMNS.set(columns);
        SCREEN.take();
        let write = |bytes: &[u8]| SCREEN.with_borrow_mut(|screen| screen.extend_from_slice(bytes));
        new_bar(OneLineTerminal::new(|| COLUMNS.get(), write))
    }

    fn screen() -> String {
        String::from_utf8(SCREEN.take()).unwrap()
    }

    /// The line as it appears on a terminal with this many usable columns.
    pub fn shown(line: BarLine, columns: usize) -> String {
        let bar = test_bar(columns);
        draw(&bar, line);
        let screen = screen();
        let shown = screen.rsplit_once(CLEAR).unwrap().1;
        shown.strip_suffix('\r').unwrap_or(shown).to_owned()
    }

    #[test]
    fn a_suspended_bar_is_cleared_and_drawn_again_and_a_finished_one_is_not() {
        let bar = test_bar(80);
        draw(&bar, BarLine { bar_columns: 0, percent: 0, text: "x".to_owned() });
        assert_eq!(screen(), "\r\x1b[Jx\r");
        bar.suspend(|| SCREEN.with_borrow_mut(|screen| screen.extend_from_slice(b"log\n")));
        assert_eq!(screen(), "\r\x1b[Jlog\n\r\x1b[Jx\r");
        bar.finish_and_clear();
        assert_eq!(screen(), "\r\x1b[J");
        drop(bar);
        assert_eq!(screen(), "");
    }
}
