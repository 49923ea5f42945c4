//! A progress bar on the last line of the terminal, below the log lines. indicatif draws it; this module decides what that
//! means for the terminal.
//!
//! The cursor rests at the start of the line. If the window gets narrower and the terminal wraps the line, clearing from the
//! cursor to the end of the screen still removes all of it, and a `^C` that the terminal echoes does not move it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use tracing_subscriber::fmt::MakeWriter;

use super::bar::BarLine;
use super::terminal::columns_of_stderr;
use crate::util::text_width::truncate;

/// Moves to the start of the line, and clears from there to the end of the screen.
const CLEAR: &str = "\r\x1b[J";

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
        draw(bar.get_or_insert_with(|| new_bar(OneLineTerminal::stderr())), line);
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

/// A terminal of which indicatif draws on one line only. What it draws is written at once by `flush`, cut to the width of the
/// terminal and without padding.
#[derive(Debug)]
struct OneLineTerminal {
    drawn: Mutex<String>,
    columns: fn() -> usize,
    write: fn(&[u8]),
}

impl OneLineTerminal {
    fn stderr() -> OneLineTerminal {
        OneLineTerminal { drawn: Mutex::default(), columns: usable_columns, write: write_to_stderr }
    }

    fn drawn(&self) -> MutexGuard<'_, String> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for OneLineTerminal {
    fn width(&self) -> u16 {
        u16::try_from((self.columns)()).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, _lines: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _lines: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _columns: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _columns: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.drawn().push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.drawn().clear();
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let drawn = std::mem::take(&mut *self.drawn());
        (self.write)(screen_text(drawn.trim_end(), (self.columns)()).as_bytes());
        Ok(())
    }
}

/// The text that replaces the line on the screen.
fn screen_text(line: &str, columns: usize) -> String {
    match line {
        "" => CLEAR.to_owned(),
        line => format!("{CLEAR}{}\r", truncate(line, columns, "")),
    }
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

    use super::*;

    thread_local! {
        static COLUMNS: Cell<usize> = const { Cell::new(80) };
        static SCREEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }

    fn test_bar(columns: usize) -> ProgressBar {
        COLUMNS.set(columns);
        SCREEN.take();
        new_bar(OneLineTerminal {
            drawn: Mutex::default(),
            columns: || COLUMNS.get(),
            write: |bytes| SCREEN.with_borrow_mut(|screen| screen.extend_from_slice(bytes)),
        })
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
    fn a_line_is_cut_to_the_window_and_the_cursor_returns_to_its_start() {
        assert_eq!(screen_text("25%, 30 s left", 80), "\r\x1b[J25%, 30 s left\r");
        assert_eq!(screen_text("25%, 30 s left", 7), "\r\x1b[J25%, 30\r");
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
