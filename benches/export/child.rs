//! Runs a process and measures its CPU time, wall time and peak memory.

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::cores::Cores;

/// Interval at which memory and context switches are read.
const WATCH_INTERVAL: Duration = Duration::from_millis(20);

/// The resources that a process used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// User and system time of all threads, to 10 ms.
    pub cpu_seconds: f64,
    /// How often a thread waited for something.
    pub voluntary_switches: u64,
    /// Wall time.
    pub wall_seconds: f64,
    /// Peak resident memory.
    pub peak_rss_bytes: u64,
}

/// A process that exited successfully.
#[derive(Debug)]
pub struct FinishedProcess {
    pub usage: Usage,
    pub stdout: String,
    /// Start time.
    pub started_at: Instant,
}

/// Runs a command on the measured core until it exits; a failure ends the benchmark. Its output must be small, because it is read
/// at the end.
pub fn run(cores: Cores, command: &mut Command) -> FinishedProcess {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let (mut process, mut child) = run_attended(cores, command, |_| {});
    child.stdout.take().unwrap().read_to_string(&mut process.stdout).unwrap();
    process
}

/// Runs a command on the measured core until it exits; `attend` takes its output meanwhile. A failure ends the benchmark.
pub fn run_attended(
    cores: Cores,
    command: &mut Command,
    attend: impl FnOnce(&mut Child),
) -> (FinishedProcess, Child) {
    let started_at = Instant::now();
    let mut child = cores.spawn_measured(command).unwrap();
    let pid = Pid::from_child(&child);
    let (finished, until_finished) = mpsc::channel::<()>();
    let watched = thread::spawn(move || watch(pid, &until_finished));
    attend(&mut child);
    // It stays a zombie until its CPU time has been read.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
    let wall_seconds = started_at.elapsed().as_secs_f64();
    let cpu_seconds = cpu_seconds(pid);
    drop(finished);
    let (peak_rss_bytes, voluntary_switches) = watched.join().unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{command:?} finished with {status}");
    let usage = Usage { cpu_seconds, voluntary_switches, wall_seconds, peak_rss_bytes };
    (FinishedProcess { usage, stdout: String::new(), started_at }, child)
}

/// Fields 14 and 15 of proc(5) `stat`, in ticks. The second field may contain any text, up to the last parenthesis.
fn cpu_seconds(pid: Pid) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).unwrap();
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = after_name
        .split_ascii_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// Peak memory and context switches, read until the sender is dropped. What happens between the last reading and the end of
/// a thread is missed.
fn watch(pid: Pid, until_finished: &Receiver<()>) -> (u64, u64) {
    let directory = format!("/proc/{}", pid.as_raw_pid());
    let mut peak_kib = 0;
    let mut switches_by_thread = HashMap::new();
    loop {
        let memory = number_in(&format!("{directory}/status"), "VmHWM:");
        peak_kib = peak_kib.max(memory.unwrap_or_default());
        for thread in fs::read_dir(format!("{directory}/task")).into_iter().flatten().flatten() {
            let status = thread.path().join("status");
            let switches = number_in(&status.to_string_lossy(), "\nvoluntary_ctxt_switches:");
            switches_by_thread.extend(switches.map(|switches| (thread.file_name(), switches)));
        }
        match until_finished.recv_timeout(WATCH_INTERVAL) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return (peak_kib * 1024, switches_by_thread.values().sum()),
        }
    }
}

/// The number after a key of proc(5) `status`.
fn number_in(status: &str, key: &str) -> Option<u64> {
    let status = fs::read_to_string(status).ok()?;
    status.split_once(key)?.1.split_ascii_whitespace().next()?.parse().ok()
}
