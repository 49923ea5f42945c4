//! What a call costs the operating system: counts of system calls, which a slow machine does not raise.

use std::fs;
use std::io::{Write, stderr};
use std::process::{Command, Stdio};

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::{EmulatorServer, QUICK_JOB, TestDir, settings_of};

/// Those that grow with the calls, by their names on every architecture: waits, wake-ups of other threads, sockets. Locks and
/// the memory of a run vary more between two runs than calls add.
const COUNTED: [&str; 10] = [
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "read",
    "recvfrom",
    "recvmsg",
    "write",
    "writev",
    "sendto",
    "sendmsg",
];

/// System calls of an export of so many full calls at 200 calls per second, or why they cannot be counted.
fn system_calls(calls: usize) -> Result<u64, String> {
    let server = EmulatorServer::start(settings_of(
        "rate.portrait_get = 0\nfaults = { latency_ms = 10, response_jitter_ms = 20 }",
    ));
    let accounts = (0..calls * 100).map(|n| format!("user{n}"));
    let directory = TestDir::with_job(QUICK_JOB, accounts);
    let counts = directory.path("counts");
    let output = Command::new("strace")
        .args(["-c", "-f", "-o"])
        .arg(&counts)
        .args([env!("CARGO_BIN_EXE_im-profiles"), "export", "job.toml", "--progress", "none"])
        .args(server.overrides())
        .args(["--set", "api.calls_per_second=200"])
        .current_dir(directory.root())
        .env(SECRET_VARIABLE, server.secret_key())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("strace cannot be started: {error}"))?;
    let messages = String::from_utf8_lossy(&output.stderr);
    let counts = fs::read_to_string(counts).unwrap_or_default();
    if !counts.contains(" execve") {
        return Err(format!("strace cannot trace: {messages}"));
    }
    assert!(output.status.success(), "{messages}");
    assert_eq!(server.calls(), calls as u64);
    Ok(counts.lines().filter_map(counted).sum())
}

/// From a line of `strace -c`: share, seconds, microseconds per call, calls, errors if any, name.
fn counted(line: &str) -> Option<u64> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let is_counted = COUNTED.contains(fields.last()?);
    is_counted.then(|| fields[3].parse().unwrap())
}

/// Two waits, one write and one read; the rest of a call shares blocks of accounts and rows with others. 4.0 to 5.2 were measured, and
/// 6.3 when each timer made the event loop wake itself. A busy machine makes fewer, as several calls are due when it wakes up.
#[test]
fn a_call_at_a_limited_rate_takes_few_system_calls() {
    // The difference of two runs leaves out what a run costs once.
    let counts = system_calls(300).and_then(|short| Ok((short, system_calls(1100)?)));
    match counts {
        // Not captured like `println!`, so that a skipped guard is visible.
        Err(reason) => writeln!(stderr(), "system calls are not counted: {reason}").unwrap(),
        Ok((short, long)) => {
            let per_call = (long - short) as f64 / 800.0;
            assert!(per_call >= 1.0, "only {per_call} system calls per call were counted");
            assert!(per_call <= 6.0, "{per_call} system calls per call");
        }
    }
}
