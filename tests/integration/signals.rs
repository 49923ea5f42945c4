//! Guarantees 3 and 7 under signals and closed pipes: a run is stopped once or twice, or loses its readers.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::scenario::{JOB, accounts};
use crate::support::stops::{WORK_DIRECTORY, with_faults};
use crate::support::{EmulatorServer, Known, Output, Running, TestDir, wait_until};
use rustix::process::{Pid, Signal, kill_process};

fn as_strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// An export of 40 parts of a chunk each that has come to a stand, since as many calls as may be under way hang.
struct Stuck {
    directory: TestDir,
    overrides: Vec<String>,
    server: Option<EmulatorServer>,
    run: Option<Running>,
}

const STUCK_PARTS: u64 = 40;
const STUCK_CALLS: u64 = 4;

impl Stuck {
    fn new() -> Stuck {
        // Longer than a hanging test is let live.
        let hangs = "hang = { rate = 0.15 }\nhang_ms = 600_000";
        let server = EmulatorServer::start(with_faults(hangs));
        let job = JOB.replace("accounts_per_part = 600", "accounts_per_part = 100");
        let directory = TestDir::with_job(&job, accounts(100 * STUCK_PARTS as usize))
            .env(SECRET_VARIABLE, server.secret_key());
        let mut overrides = server.overrides();
        for key in [format!("api.max_in_flight={STUCK_CALLS}"), "api.timeout=300s".to_owned()] {
            overrides.extend(["--set".to_owned(), key]);
        }
        let mut run = directory.start_export(&as_strs(&overrides), &[]);
        run.wait_for_stderr("account list read");
        wait_until("a stand", || server.emulator.stats().fault_count("hang") == STUCK_CALLS);
        assert!(!run.has_ended());
        let calls = server.calls();
        assert!((STUCK_CALLS + 2..STUCK_PARTS - 2).contains(&calls), "{calls} calls");
        wait_until("the commit", || directory.committed_parts() == calls - STUCK_CALLS);
        Stuck { directory, overrides, server: Some(server), run: Some(run) }
    }

    fn server(&self) -> &EmulatorServer {
        self.server.as_ref().unwrap()
    }

    fn run(&mut self) -> &mut Running {
        self.run.as_mut().unwrap()
    }

    /// Waits for the end of the run.
    fn end(&mut self) -> (Output, ExitStatus) {
        self.run.take().unwrap().end_with_status()
    }

    /// Ends the service, with it the hanging calls, and starts one that works in its place.
    fn replace_server(&mut self) {
        let server = self.server.take().unwrap();
        self.server = Some(server.replaced_by(with_faults("")));
    }

    fn export(&self, more: &[&str]) -> Output {
        self.directory.export(&[&as_strs(&self.overrides), more].concat())
    }

    /// Runs the same command again, with a service in the same place that works.
    #[track_caller]
    fn ensure_goes_on(mut self, committed: u64) {
        let directory = &self.directory;
        assert_eq!(directory.committed_parts(), committed);
        assert!(!directory.path("out").exists());
        let parts = directory.unpublished_parts();
        self.replace_server();
        let output = self.export(&["--json"]).expect_code(0);
        assert_eq!(self.server().calls(), STUCK_PARTS - committed, "{output}");
        let directory = &self.directory;
        let snapshot = directory.snapshot("out");
        Known::of_directory(directory, &[]).ensure_is(&snapshot, &output.to_string());
        assert!(parts.len() as u64 >= committed);
        for (name, bytes) in parts {
            assert!(snapshot.bytes(&name) == bytes, "{name} has changed");
        }
    }
}

#[test]
fn signal_drains_calls_and_starts_none() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut stuck = Stuck::new();
        let (committed, calls) = (stuck.directory.committed_parts(), stuck.server().calls());
        stuck.run().signal(signal);
        stuck.run().wait_for_stderr("stopping");
        assert!(!stuck.run().has_ended(), "calls in flight are let end");
        assert_eq!(stuck.server().calls(), calls);
        stuck.replace_server();
        let output = stuck.end().0.expect_code(code);
        assert!(output.error().starts_with("stopped by SIG"), "{output}");
        let kept = format!("; kept {committed} of 40 parts (");
        assert!(output.error().contains(&kept), "{output}");
        assert_eq!(stuck.server().calls(), 0, "{output}");
        stuck.ensure_goes_on(committed);
    }
}

#[test]
fn signal_stops_a_run_that_reads_its_list() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let directory = TestDir::with_job(JOB, accounts(0));
        let mut run = directory
            .start_export(&["--set", "accounts.path=-", "--set", "accounts.format=txt"], &[]);
        // Until then, the thread that reads may still create its files in the work directory.
        let tasks = format!("/proc/{}/task", run.id());
        wait_until("the list is being read", || {
            let stats = fs::read_dir(&tasks).into_iter().flatten().flatten();
            let mut stats =
                stats.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
            stats.any(|stat| stat.contains("(list-scan) S"))
        });
        run.signal(signal);
        // Waiting for a child closes its standard input, which would end the list.
        wait_until("the end", || run.has_ended());
        let output = run.end().expect_code(code);
        assert!(output.error().contains("; no call was made; resume with: "), "{output}");
        let is_left = directory.path(WORK_DIRECTORY).exists();
        assert!(!is_left, "left: {:?}\n{output}", directory.names(WORK_DIRECTORY));
    }
}

#[test]
fn second_signal_ends_the_run_immediately() {
    for (signals, code) in [
        ([Signal::TERM, Signal::TERM], 143),
        ([Signal::INT, Signal::INT], 130),
        ([Signal::INT, Signal::TERM], 143),
        ([Signal::HUP, Signal::HUP], 129),
    ] {
        let mut stuck = Stuck::new();
        let (committed, calls) = (stuck.directory.committed_parts(), stuck.server().calls());
        stuck.run().signal(signals[0]);
        stuck.run().wait_for_stderr("stopping");
        stuck.run().signal(signals[1]);
        // Its calls would hang on for longer than a test is let live.
        stuck.end().0.expect_code(code);
        assert_eq!(stuck.server().calls(), calls);
        stuck.ensure_goes_on(committed);
    }
}

#[test]
fn run_under_nohup_outlives_its_terminal() {
    let mut list = String::new();
    accounts(1000).for_each(|account| list.push_str(&format!("{account}\n")));
    let directory = TestDir::with_job(JOB, accounts(0));
    // The shell ignores both before it starts the program, as `nohup` and `&` in a script do.
    let script = "trap '' HUP INT; exec \"$0\" export job.toml --set accounts.path=- --set accounts.format=txt";
    let mut shell = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_im-profiles")])
        .current_dir(directory.root())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(shell.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("run started") {
        assert!(stderr.read_line(&mut text).unwrap() > 0, "{text}");
    }
    for signal in [Signal::HUP, Signal::INT] {
        kill_process(Pid::from_child(&shell), signal).unwrap();
    }
    shell.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    stderr.read_to_string(&mut text).unwrap();
    assert_eq!(shell.wait().unwrap().code(), Some(0), "{text}");
    assert!(!text.contains("stopping"), "{text}");
    assert_eq!(directory.snapshot("out").table().rows.len(), 1000);
}

#[test]
fn second_run_is_refused_and_changes_nothing() {
    let mut stuck = Stuck::new();
    let committed = stuck.directory.committed_parts();
    let (calls, before) = (stuck.server().calls(), stuck.directory.work());
    for more in [&[][..], &["--restart"]] {
        let output = stuck.export(more).expect_code(75);
        let holder = format!("another run is writing out: process {} on ", stuck.run().id());
        assert!(output.error().contains(&holder), "{output}");
        let since = output.error().split_once(" since ").unwrap().1.split_once(';').unwrap().0;
        assert!(since.parse::<jiff::Timestamp>().is_ok(), "{output}");
    }
    assert_eq!(stuck.server().calls(), calls);
    assert!(stuck.directory.work() == before);
    stuck.run().signal(Signal::KILL);
    assert_eq!(stuck.end().1.signal(), Some(Signal::KILL.as_raw()));
    stuck.ensure_goes_on(committed);
}

#[test]
fn closed_output_pipes_do_not_affect_the_run() {
    for more in [&["--json", "-vv"][..], &["--log-format", "json"], &["--progress", "bar"]] {
        let directory = TestDir::with_job(JOB, accounts(1000));
        // Throttled midway, so that there is something to log.
        let throttled = "emulator.faults.throttle={ rate = 0.2 }";
        let mut run = directory.start_export(&[more, &["--set", throttled]].concat(), &[]);
        run.close_pipes();
        run.end().expect_code(0);
        Known::of_directory(&directory, &[])
            .ensure_is(&directory.snapshot("out"), &format!("{more:?}"));
        assert!(!directory.path(WORK_DIRECTORY).exists());
    }
}
