//! A process from start to end: its CPU time, wall time and peak memory.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::cores::Cores;

/// How often the peak memory is read: what a process gains in its last such moment is missed.
const MEMORY_INTERVAL: Duration = Duration::from_millis(20);

/// What a process took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// User and system time of all threads, to 10 ms.
    pub cpu_seconds: f64,
    /// From start to end.
    pub wall_seconds: f64,
    /// Most memory that was resident.
    pub peak_rss_bytes: u64,
}

/// A process that ended well.
#[derive(Debug)]
pub struct Ended {
    pub usage: Usage,
    pub stdout: String,
    /// When it was started.
    pub started_at: Instant,
}

/// Runs a command to its end on the measured core; one that fails ends the benchmark. What it prints must be little,
/// for it is read at the end.
pub fn run(cores: Cores, command: &mut Command) -> Ended {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let started_at = Instant::now();
    let mut child = cores.spawn_measured(command).unwrap();
    let pid = Pid::from_child(&child);
    let (ended, until_ended) = mpsc::channel::<()>();
    let memory = thread::spawn(move || peak_rss_bytes(pid, &until_ended));
    // It stays a zombie, whose CPU time can still be read.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
    let wall_seconds = started_at.elapsed().as_secs_f64();
    let cpu_seconds = cpu_seconds(pid);
    drop(ended);
    let peak_rss_bytes = memory.join().unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{command:?} ended with {status}");
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let usage = Usage { cpu_seconds, wall_seconds, peak_rss_bytes };
    Ended { usage, stdout, started_at }
}

/// Fields 14 and 15 of proc(5) `stat`, in ticks; the second field may hold anything, up to the last parenthesis.
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

/// `VmHWM` of proc(5) `status`, read until the sender is gone.
fn peak_rss_bytes(pid: Pid, until_ended: &Receiver<()>) -> u64 {
    let mut peak_kib = 0;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid())).unwrap();
        if let Some((_, after)) = status.split_once("VmHWM:") {
            let kib = after.split_ascii_whitespace().next().unwrap();
            peak_kib = peak_kib.max(kib.parse::<u64>().unwrap());
        }
        match until_ended.recv_timeout(MEMORY_INTERVAL) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return peak_kib * 1024,
        }
    }
}
