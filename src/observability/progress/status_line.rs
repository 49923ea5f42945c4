//! A line at the bottom of the terminal that stays while log lines go by above it.
//!
//! The cursor rests at the line's beginning. So a window that gets narrower, and breaks the line in two, is cleaned by
//! clearing from the cursor on, and a `^C` that the terminal shows does not push the line into the next.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

use super::terminal::columns_of_stderr;
use crate::util::text_width::truncate;

/// To the beginning of the line, and clear from there to the end of the screen.
const CLEAR: &str = "\r\x1b[J";

/// The width that is taken for that of a terminal that does not tell.
const USUAL_COLUMNS: usize = 80;

/// The line, to be shared by all who write to the terminal.
#[derive(Debug, Clone, Default)]
pub struct StatusLine {
    /// What stands there now, if anything does.
    text: Arc<Mutex<Option<String>>>,
}

impl StatusLine {
    /// Shows what `line_of` makes for the columns there are.
    pub fn show(&self, line_of: impl FnOnce(usize) -> String) {
        let columns = columns();
        let mut text = self.text();
        let line = text.insert(line_of(columns));
        to_stderr(drawn(line, columns).as_bytes());
    }

    /// Leaves nothing of the line.
    pub fn clear(&self) {
        if self.text().take().is_some() {
            to_stderr(CLEAR.as_bytes());
        }
    }

    /// Writes whole lines where the line is, and the line below them.
    fn write_above(&self, lines: &[u8]) {
        match &*self.text() {
            None => to_stderr(lines),
            Some(text) => {
                let line = drawn(text, columns());
                to_stderr(&[CLEAR.as_bytes(), lines, line.as_bytes()].concat());
            }
        }
    }

    fn text(&self) -> MutexGuard<'_, Option<String>> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text that draws a line in place of what stands there. The last column stays free: many terminals begin a new
/// line once it is filled.
fn drawn(line: &str, columns: usize) -> String {
    format!("{CLEAR}{}\r", truncate(line, columns, ""))
}

fn columns() -> usize {
    columns_of_stderr().unwrap_or(USUAL_COLUMNS).saturating_sub(1)
}

fn to_stderr(bytes: &[u8]) {
    // Whoever has closed stderr does not want to know; the run goes on.
    let _ = io::stderr().write_all(bytes);
}

/// Writes log lines to stderr, above the status line where there is one.
#[derive(Debug, Clone)]
pub struct LogWriter {
    pub(super) status: StatusLine,
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
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_the_window_and_the_cursor_goes_back() {
        assert_eq!(drawn("25%, 30s left", 80), "\r\x1b[J25%, 30s left\r");
        assert_eq!(drawn("25%, 30s left", 7), "\r\x1b[J25%, 30\r");
    }

    #[test]
    fn what_is_cleared_is_not_drawn_again() {
        let status = StatusLine::default();
        *status.text() = Some("x".to_owned());
        status.clear();
        assert_eq!(*status.text(), None);
    }
}
