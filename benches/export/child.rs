//! Runs a process and measures its CPU time, wall time and peak memory.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage as ResourceUsage, UsageWho, getrusage};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::cores::Cores;

/// Interval at which the peak memory is read; growth within the last interval is missed.
const MEMORY_INTERVAL: Duration = Duration::from_millis(20);

/// The resources that a process used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// User and system time of all threads.
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
    let before = finished_children();
    let started_at = Instant::now();
    let mut child = cores.spawn_measured(command).unwrap();
    let pid = Pid::from_child(&child);
    let (finished, until_finished) = mpsc::channel::<()>();
    let memory = thread::spawn(move || peak_rss_bytes(pid, &until_finished));
    // It stays a zombie until its memory has been read.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
    let wall_seconds = started_at.elapsed().as_secs_f64();
    drop(finished);
    let peak_rss_bytes = memory.join().unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{command:?} finished with {status}");
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let after = finished_children();
    let usage = Usage {
        cpu_seconds: cpu_seconds(&after) - cpu_seconds(&before),
        voluntary_switches: (after.voluntary_context_switches()
            - before.voluntary_context_switches()) as u64,
        wall_seconds,
        peak_rss_bytes,
    };
    FinishedProcess { usage, stdout, started_at }
}

/// What all children that were waited for used, with all their threads.
fn finished_children() -> ResourceUsage {
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap()
}

fn cpu_seconds(usage: &ResourceUsage) -> f64 {
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// `VmHWM` of proc(5) `status`, read until the sender is dropped.
fn peak_rss_bytes(pid: Pid, until_finished: &Receiver<()>) -> u64 {
    let mut peak_kib = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid())).unwrap();
        if let Some((_, after)) = status.split_once("VmHWM:") {
            let kib = after.split_ascii_whitespace().next().unwrap();
            peak_kib = peak_kib.max(kib.parse::<u64>().unwrap());
        }
        match until_finished.recv_timeout(MEMORY_INTERVAL) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return peak_kib * 1024,
        }
    }
}
