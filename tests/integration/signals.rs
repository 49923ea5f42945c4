//! Guarantees 3 and 7 under signals and closed pipes: a run is stopped once or twice, or loses its readers.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::scenario::{JOB, accounts};
use crate::support::stops::{WORK_DIRECTORY, with_faults};
use crate::support::{EmulatorServer, Known, Output, Running, TestDir, wait_until};
use rustix::process::Signal;

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
        assert!(output.error().contains("run again to resume"), "{output}");
        assert_eq!(stuck.server().calls(), 0, "{output}");
        stuck.ensure_goes_on(committed);
    }
}

#[test]
fn signal_stops_a_run_that_reads_its_list() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let directory = TestDir::with_job(JOB, accounts(0));
        let mut run = directory
            .start_export(&["--set", "accounts.path=-", "--set", "accounts.format=txt"], &[]);
        run.wait_for_stderr("run started");
        run.signal(signal);
        // Waiting for a child closes its standard input, which would end the list.
        wait_until("the end", || run.has_ended());
        let output = run.end().expect_code(code);
        assert!(output.error().contains("resume with: "), "{output}");
        assert!(!directory.path(WORK_DIRECTORY).exists(), "there is nothing to resume");
    }
}

#[test]
fn second_signal_ends_the_run_immediately() {
    for (signals, code) in [
        ([Signal::TERM, Signal::TERM], 143),
        ([Signal::INT, Signal::INT], 130),
        ([Signal::INT, Signal::TERM], 143),
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
fn lost_terminal_keeps_committed_parts() {
    let mut stuck = Stuck::new();
    let committed = stuck.directory.committed_parts();
    stuck.run().signal(Signal::HUP);
    let (output, status) = stuck.end();
    assert_eq!(status.signal(), Some(Signal::HUP.as_raw()), "{output}");
    stuck.ensure_goes_on(committed);
}

#[test]
fn second_run_is_refused_and_changes_nothing() {
    let mut stuck = Stuck::new();
    let committed = stuck.directory.committed_parts();
    let (calls, before) = (stuck.server().calls(), stuck.directory.work());
    for more in [&[][..], &["--restart"]] {
        let output = stuck.export(more).expect_code(2);
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
