//! What a person sees: the bar on terminals of all widths, colors, and neither where they are not wanted.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;

use crate::support::TestDir;
use crate::support::scenario::{JOB, accounts};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use unicode_width::UnicodeWidthStr;

/// The start of the bar each time it is drawn: move to the start of the line and clear it.
const CLEAR: &str = "\r\x1b[J";

/// Runs `export job.toml` with stderr on a terminal of this width; gives back all that was written to it.
#[track_caller]
fn shown_on(columns: u16, environment: &[(&str, &str)], more: &[&str], code: i32) -> String {
    let directory = TestDir::with_job(JOB, accounts(1000));
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&near).unwrap();
    unlockpt(&near).unwrap();
    let size = Winsize { ws_row: 15, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&near, size).unwrap();
    let name = ptsname(&near, Vec::new()).unwrap().into_string().unwrap();
    let far = OpenOptions::new().read(true).write(true).open(name).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_im-profiles"))
        .args(["export", "job.toml"])
        .args(more)
        .current_dir(directory.root())
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(far))
        .spawn()
        .unwrap();
    let reader = thread::spawn(move || {
        let (mut near, mut seen, mut buffer) = (File::from(near), Vec::new(), [0; 4096]);
        // Reading a terminal after its other end was closed is an error.
        while let Ok(length @ 1..) = near.read(&mut buffer) {
            seen.extend_from_slice(&buffer[..length]);
        }
        String::from_utf8(seen).unwrap()
    });
    let status = child.wait().unwrap();
    let seen = reader.join().unwrap();
    assert_eq!(status.code(), Some(code), "{seen}");
    seen
}

const XTERM: [(&str, &str); 1] = [("TERM", "xterm-256color")];

/// The lines of the bar, in the order in which they were drawn.
fn bars(seen: &str) -> Vec<&str> {
    let drawn = seen.split(CLEAR).skip(1).filter_map(|after| after.strip_suffix('\r'));
    drawn.filter(|line| !line.is_empty()).collect()
}

#[test]
fn progress_bar_fits_the_window_and_is_erased() {
    for columns in [200, 80, 40, 20, 10] {
        let seen = shown_on(columns, &XTERM, &["-q", "--progress", "bar"], 0);
        let bars = bars(&seen);
        assert!(bars.iter().any(|bar| bar.contains('%')), "{columns}: {seen:?}");
        for bar in bars {
            assert!(bar.width() < usize::from(columns), "{columns}: {bar:?}");
            assert!(!bar.contains(char::is_control), "{columns}: {bar:?}");
        }
        assert!(seen.ends_with(CLEAR), "{columns}: {seen:?}");
    }
}

#[test]
fn log_lines_are_printed_above_the_bar() {
    let seen = shown_on(80, &XTERM, &["--set", "emulator.faults.throttle.rate=0.2"], 0);
    let (before, after) = seen.split_once(" throttled by the service ").unwrap();
    // The bar is cleared before the line and drawn again behind its end.
    let line_start = before.rfind(CLEAR).unwrap() + CLEAR.len();
    assert!(before[line_start..].starts_with("\x1b[33m WARN\x1b[0m "), "{seen:?}");
    let (_, redrawn) = after.split_once("\r\n").unwrap();
    let redrawn = redrawn.strip_prefix(CLEAR).unwrap_or_else(|| panic!("{seen:?}"));
    assert!(redrawn.starts_with(|first: char| !first.is_control()), "{seen:?}");
}

#[test]
fn error_is_red_if_colors_are_enabled() {
    let refused = ["--set", "emulator.faults.redirect.rate=1.0"];
    let seen = shown_on(80, &XTERM, &refused, 4);
    assert!(seen.contains("\n\x1b[1;31merror:\x1b[0m the service refused"), "{seen:?}");
    let seen = shown_on(80, &[XTERM[0], ("NO_COLOR", "1")], &refused, 4);
    assert!(seen.contains("\nerror: the service refused"), "{seen:?}");
    assert!(!bars(&seen).is_empty(), "the bar is no color: {seen:?}");
    assert!(!seen.replace(CLEAR, "").contains('\x1b'), "{seen:?}");
}

#[test]
fn dumb_terminal_gets_plain_text() {
    for environment in [&[("TERM", "dumb")][..], &[], &[("TERM", "")]] {
        let seen = shown_on(80, environment, &["--progress", "bar"], 0);
        assert!(seen.contains("account list read"), "{seen:?}");
        assert!(!seen.contains('\x1b'), "{environment:?}: {seen:?}");
        assert_eq!(seen.matches('\r').count(), seen.matches("\r\n").count(), "{seen:?}");
    }
}

#[test]
fn ci_and_json_get_no_bar() {
    let seen = shown_on(80, &[XTERM[0], ("CI", "true")], &[], 0);
    assert!(seen.contains("account list read") && !seen.contains(CLEAR), "{seen:?}");
    let seen = shown_on(80, &XTERM, &["--log-format", "json", "--progress", "bar"], 0);
    assert!(seen.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{seen:?}");
    assert!(!seen.contains('\x1b'), "{seen:?}");
}
