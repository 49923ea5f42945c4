//! A terminal on which indicatif draws on one line only.
//!
//! The cursor rests at the start of the line. If the window gets narrower and the terminal wraps the line, clearing from the
//! cursor to the end of the screen still removes all of it, and a `^C` that the terminal echoes does not move it.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

use crate::util::text_width::truncate;

/// Moves to the start of the line, and clears from there to the end of the screen.
pub const CLEAR: &str = "\r\x1b[J";

/// What is drawn is written at once by `flush`, cut to the width of the terminal and without padding.
#[derive(Debug)]
pub struct OneLineTerminal {
    drawn: Mutex<String>,
    columns: fn() -> usize,
    write: fn(&[u8]),
}

impl OneLineTerminal {
    pub fn new(columns: fn() -> usize, write: fn(&[u8])) -> OneLineTerminal {
        OneLineTerminal { drawn: Mutex::default(), columns, write }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_the_window_and_the_cursor_returns_to_its_start() {
        assert_eq!(screen_text("25%, 30 s left", 80), "\r\x1b[J25%, 30 s left\r");
        assert_eq!(screen_text("25%, 30 s left", 7), "\r\x1b[J25%, 30\r");
    }
}
