//! The messages with which runs end early, as an engineer on call reads them: what happened, how to fix it, what is kept and
//! how to resume. Each transcript is what the binary writes to standard error with `-q`.

use std::collections::BTreeSet;
use std::io::Write;

use insta::assert_snapshot;
use rustix::process::Signal;

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::scenario::{JOB, accounts};
use crate::support::scripted::{Response, ScriptedServer, item_of};
use crate::support::stops::with_faults;
use crate::support::{EmulatorServer, Output, TestDir};

const DATE: [&str; 2] = ["--date", "2026-11-22"];

/// A job with ten parts of a hundred accounts, requested one after another.
fn ten_parts() -> TestDir {
    let job = JOB
        .replace("accounts_per_part = 600", "accounts_per_part = 100")
        .replace("max_in_flight = 16", "max_in_flight = 1");
    TestDir::with_job(&job, accounts(1000))
}

/// An export of ten parts that has crashed after it had committed two, and its service, which has these faults since.
struct Interrupted {
    directory: TestDir,
    service: Vec<String>,
    _server: EmulatorServer,
}

impl Interrupted {
    fn with_faults(faults: &str) -> Interrupted {
        let server = EmulatorServer::start(with_faults(""));
        let directory = ten_parts().env(SECRET_VARIABLE, server.secret_key());
        let service = server.overrides();
        let crash = [("IM_PROFILES_FAILPOINT", "journal:appended#3")];
        let arguments: Vec<&str> =
            DATE.into_iter().chain(service.iter().map(String::as_str)).collect();
        assert_eq!(directory.export_with(&crash, &arguments).code, None);
        assert_eq!(directory.committed_parts(), 2);
        let server = server.replaced_by(with_faults(faults));
        Interrupted { directory, service, _server: server }
    }

    fn arguments<'a>(&'a self, keys: &[&'a str]) -> Vec<&'a str> {
        let keys = keys.iter().flat_map(|key| ["--set", key]);
        ["-q"]
            .into_iter()
            .chain(DATE)
            .chain(self.service.iter().map(String::as_str))
            .chain(keys)
            .collect()
    }

    /// Runs the same command with these keys, until it ends.
    fn transcript(&self, keys: &[&str]) -> String {
        transcript(&self.directory, &self.directory.export(&self.arguments(keys)))
    }
}

/// Runs the job with these keys.
fn export(directory: &TestDir, keys: &[&str]) -> Output {
    let keys = keys.iter().flat_map(|key| ["--set", key]);
    directory.export(&["-q"].into_iter().chain(DATE).chain(keys).collect::<Vec<_>>())
}

/// Standard error; times, durations, sizes, addresses and the command by their names in brackets.
fn transcript(directory: &TestDir, output: &Output) -> String {
    let lines: Vec<String> =
        output.stderr.lines().map(|line| normalized(directory, line)).collect();
    format!("{}\n(exit code {})", lines.join("\n"), output.code.unwrap())
}

fn normalized(directory: &TestDir, line: &str) -> String {
    // A log line starts with its time, its level and the run id.
    let is_log_line = line.get(..27).is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok());
    let line =
        if is_log_line { format!("{} {}", &line[28..33], &line[51..]) } else { line.to_owned() };
    let line = line.replace(directory.root().to_str().unwrap(), "[directory]");
    let line = match line.split_once("im-profiles export job.toml") {
        Some((head, _)) => {
            let head = head.trim_end_matches(|c: char| !c.is_whitespace());
            format!("{head}[command]")
        }
        None => line,
    };
    let between = |line: String, start: &str, end: &str, name: &str| match line.split_once(start) {
        Some((head, tail)) => match tail.split_once(end) {
            Some((_, tail)) => format!("{head}{start}{name}{end}{tail}"),
            None => line,
        },
        None => line,
    };
    let line = between(line, "no call succeeded for ", ", since ", "[elapsed]");
    let line = between(line, ", since ", " (", "[time]");
    let line = between(line, "[time] (", " failed call", "[n]");
    let line = between(line, "[n] failed call", ", the last one", "s");
    let line = between(line, "is valid until ", ";", "[time]");
    let line = between(line, "the disk is full (", " free)", "[size]");
    between(line, "http://127.0.0.1:", "/", "[port]")
}

#[test]
fn deadline() {
    // No call succeeds, so that the run cannot end before its deadline does.
    let run = Interrupted::with_faults("hang = { rate = 1.0 }");
    assert_snapshot!(run.transcript(&["api.timeout=300ms", "limits.deadline=4s"]), @r#"
     WARN service unreachable, calls paused reason="no response within 300 ms"
     WARN stopping: waiting for in-flight calls; a second signal exits immediately reason="limits.deadline" in_flight=1
    error: limits.deadline (4 s) was reached while no call succeeded, since [time] ([n] failed calls, the last one: no response within 300 ms); check that the service can be reached from this machine, or let later runs complete the export; kept 2 of 10 parts (200 of 1,000 accounts); resume with: [command]
    (exit code 75)
    "#);
}

/// The error of an outage; whether a pause is logged before depends on the time that calls take.
fn outage(faults: &str) -> String {
    let run = Interrupted::with_faults(faults);
    let text = run.transcript(&["retry.outage_patience=50ms"]);
    let (error, code) = text.rsplit_once('\n').unwrap();
    assert_eq!(code, "(exit code 75)", "{text}");
    error.lines().last().unwrap().to_owned()
}

#[test]
fn outages() {
    assert_snapshot!(outage("reset = { rate = 1.0 }"), @"error: no call succeeded for [elapsed], since [time] ([n] failed calls, the last one: the connection was lost: connection reset), and retry.outage_patience is 50 ms; check that the service can be reached from this machine, or raise retry.outage_patience to wait longer; kept 2 of 10 parts (200 of 1,000 accounts); resume with: [command]");
    assert_snapshot!(outage("http_error = { rate = 1.0 }\nhttp_statuses = [503]"), @"error: no call succeeded for [elapsed], since [time] ([n] failed calls, the last one: HTTP status 503), and retry.outage_patience is 50 ms; check api.region or api.base_url, and proxies or gateways on the way, or raise retry.outage_patience to wait longer; kept 2 of 10 parts (200 of 1,000 accounts); resume with: [command]");
    assert_snapshot!(outage("codes = [{ code = 60008, rate = 1.0 }]"), @"error: no call succeeded for [elapsed], since [time] ([n] failed calls, the last one: code 60008, service timeout or request format error (the service says: service timeout or request format error,please check and try again)), and retry.outage_patience is 50 ms; wait until the service has recovered, or raise retry.outage_patience to wait longer; kept 2 of 10 parts (200 of 1,000 accounts); resume with: [command]");
    assert_snapshot!(outage("throttle = { rate = 1.0 }\nretry_after_seconds = 0"), @"error: no call succeeded for [elapsed], since [time] ([n] failed calls, the last one: code 60007, call frequency above the limit (the service says: the frequency of REST API calls exceeds the limit)), and retry.outage_patience is 50 ms; set api.calls_per_second to what the app's limit leaves for this job, or raise the limit in the console, or raise retry.outage_patience to wait longer; kept 2 of 10 parts (200 of 1,000 accounts); resume with: [command]");
}

#[test]
fn service_that_responds_is_not_called_unreachable() {
    // Five failures and the first probe declare the outage; a later probe ends it.
    for (fault, reason) in [
        ("http_error={ rate = 1.0, limit = 8 }", "HTTP status 503"),
        ("codes=[{ code = 60008, rate = 1.0, limit = 8 }]", "code 60008, "),
        ("redirect={ rate = 1.0, limit = 2 }", "HTTP status 302"),
        ("reset={ rate = 1.0, limit = 8 }", "the connection was lost: connection reset"),
    ] {
        let fault = format!("emulator.faults.{fault}");
        let statuses = "emulator.faults.http_statuses=[503]";
        let output = export(&ten_parts(), &[&fault, statuses]).expect_code(0);
        let warnings: Vec<&str> = output.stderr.lines().filter_map(|line| line.get(51..)).collect();
        let (paused, resumed) = match fault.contains("reset") {
            true => ("service unreachable, calls paused", "service reachable again"),
            false => ("all calls fail, calls paused", "calls succeed again"),
        };
        assert!(warnings[0].starts_with(&format!("{paused} reason=\"{reason}")), "{output}");
        assert_eq!(warnings[1], format!("{resumed} outage_seconds=0"), "{output}");
        assert_eq!(warnings.len(), 2, "{output}");
    }
}

#[test]
fn full_disk() {
    let directory = ten_parts();
    let full = [("IM_PROFILES_FAILPOINT", "journal:append#4=enospc")];
    let output = directory.export_with(&full, &[&["-q"], &DATE[..]].concat());
    assert_snapshot!(transcript(&directory, &output), @"
    error: could not write .out.partial/checkpoint.ndjson: No space left on device (os error 28); the disk is full ([size] free); make room on it; kept 2 of 10 parts (200 of 1,000 accounts); resume with: [command]
    (exit code 1)
    ");
    let full = [("IM_PROFILES_FAILPOINT", "publish:complete=enospc")];
    let output = directory.export_with(&full, &[&["-q"], &DATE[..]].concat());
    assert_snapshot!(transcript(&directory, &output), @"
    error: could not publish out: No space left on device (os error 28); the disk is full ([size] free); make room on it; kept all of the run, 10 parts; resume with: [command]
    (exit code 1)
    ");
    directory.export(&DATE).expect_code(0).expect_stderr(&["resuming unfinished run parts=10"]);
}

/// An export of ten parts from a service that refuses the fourth call.
fn refused_in_mid_run(code: i64, more: &[&str]) -> String {
    let server = ScriptedServer::start(move |number, accounts| match number {
        0..3 => {
            Response::of_items(&accounts.iter().map(|name| item_of(name)).collect::<Vec<_>>(), "")
        }
        _ => Response::ok(format!(
            r#"{{"ActionStatus":"FAIL","ErrorCode":{code},"ErrorInfo":"words of the service"}}"#
        )),
    });
    let directory = server.directory((0..1000).map(|n| format!("u{n}")));
    let signed = directory.run(&["usersig", "job.toml", "--expire", "1d"]).expect_code(0);
    let directory = directory.env("IM_USERSIG", signed.stdout.trim());
    let keys = [&["output.accounts_per_part=100", "api.max_in_flight=1"], more].concat();
    transcript(&directory, &export(&directory, &keys).expect_code(4))
}

#[test]
fn refusals_in_mid_run() {
    let usersig = ["api.usersig_env=IM_USERSIG"];
    assert_snapshot!(refused_in_mid_run(70001, &usersig), @"
    error: the service refused the call: code 70001, the UserSig has expired (the service says: words of the service); put a new UserSig into IM_USERSIG (api.usersig_env); the present one is valid until [time]; kept 3 of 10 parts (300 of 1,000 accounts); resume with: [command]
    (exit code 4)
    ");
    assert_snapshot!(refused_in_mid_run(70001, &[]), @r#"
     WARN UserSig renewed reason="code 70001, the UserSig has expired (the service says: words of the service)"
    error: the service refused the call: code 70001, the UserSig has expired (the service says: words of the service); check this machine's clock, and that the secret key is the app's current one, or put a new UserSig into the variable of api.usersig_env; kept 3 of 10 parts (300 of 1,000 accounts); resume with: [command]
    (exit code 4)
    "#);
    assert_snapshot!(refused_in_mid_run(60010, &usersig), @"
    error: the service refused the call: code 60010, administrator account required (the service says: words of the service); set api.identifier to an administrator account of the app; kept 3 of 10 parts (300 of 1,000 accounts); resume with: [command]
    (exit code 4)
    ");
    assert_snapshot!(refused_in_mid_run(60020, &[]), @"
    error: the service refused the call: code 60020, the plan has expired or the service is stopped (the service says: words of the service); check the app's plan and service state in the console; kept 3 of 10 parts (300 of 1,000 accounts); resume with: [command]
    (exit code 4)
    ");
}

/// An export of 1000 accounts, of which 10 do not exist and some fail, beside 2 invalid records.
fn not_published(keys: &[&str]) -> String {
    let directory = ten_parts();
    let mut list = directory.path("accounts.txt").metadata().map(|_| std::fs::OpenOptions::new());
    let mut list =
        list.as_mut().unwrap().append(true).open(directory.path("accounts.txt")).unwrap();
    writeln!(list, "{}\n{}", "x".repeat(33), "y".repeat(40)).unwrap();
    let unknown = "emulator.faults.unknown.accounts=['1', '6', '11']";
    let failing = "emulator.faults.permanent.accounts=['16', '21', '26', '31']";
    let keys = [&[unknown, failing, "limits.allow_empty=false"], keys].concat();
    transcript(&directory, &export(&directory, &keys).expect_code(3))
}

#[test]
fn exceeded_limits() {
    assert_snapshot!(not_published(&["limits.max_failed=0.2%"]), @"
    error: 4 of 1,000 accounts failed (besides 3 not found, which limits.max_not_found counts, and 2 invalid, which limits.max_invalid counts), but limits.max_failed allows 2 (0.2% of 1,000); retry them with the same command, or set limits.max_failed = 4 to publish without them; .out.partial/failed-*.tsv lists the accounts; run again with: [command]
    (exit code 3)
    ");
    assert_snapshot!(not_published(&["limits.max_failed=3"]), @"
    error: 4 of 1,000 accounts failed (besides 3 not found, which limits.max_not_found counts, and 2 invalid, which limits.max_invalid counts), but limits.max_failed allows 3; retry them with the same command, or set limits.max_failed = 4 to publish without them; .out.partial/failed-*.tsv lists the accounts; run again with: [command]
    (exit code 3)
    ");
    assert_snapshot!(not_published(&["limits.max_not_found=0.1%"]), @"
    error: the service does not know 3 of 1,000 accounts, but limits.max_not_found allows 1 (0.1% of 1,000); check that the account list and api.sdkappid belong together, or set limits.max_not_found = 3 to publish without another call; .out.partial/failed-*.tsv lists the accounts
    (exit code 3)
    ");
    assert_snapshot!(not_published(&["limits.max_invalid=0.1%"]), @r#"
    error: 2 of 1,002 records of account list accounts.txt are invalid (the first on line 1001, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" has 33 bytes, but the service allows 32), but limits.max_invalid allows 1 (0.1% of 1,002); correct the list, or set limits.max_invalid = 2 to export it without them
    (exit code 3)
    "#);
    assert_snapshot!(not_published(&["emulator.faults.unknown.rate=1.0"]), @"
    error: no rows for 1,000 accounts (1,000 not found, 0 failed); check that the account list and api.sdkappid belong together, or set limits.allow_empty = true to publish a snapshot without rows; .out.partial/failed-*.tsv lists the accounts
    (exit code 3)
    ");

    let directory = ten_parts();
    export(&directory, &[]).expect_code(0);
    let unknown = ["emulator.faults.unknown.rate=0.9"];
    let output = export(&directory, &unknown).expect_code(3);
    let text = transcript(&directory, &output);
    let (start, rest) = text.split_once(" would have ").unwrap();
    let (_, end) = rest.split_once(" fewer").unwrap();
    assert_snapshot!(format!("{start} would have [n] rows, [n] fewer{end}"), @r#"
    error: the snapshot would have [n] rows, [n] fewer than the 1,000 of the snapshot [directory]/out, but limits.max_shrink allows 500 (50% of 1,000); check that the account list is complete and is of this app, or set limits.max_shrink = "off" to publish without another call; .out.partial/failed-*.tsv lists the accounts
    (exit code 3)
    "#);
}

#[test]
fn signals() {
    let mut texts = BTreeSet::new();
    for (signal, code, name) in
        [(Signal::INT, 130, "SIGINT"), (Signal::TERM, 143, "SIGTERM"), (Signal::HUP, 129, "SIGHUP")]
    {
        let service = Interrupted::with_faults("hang = { rate = 1.0 }");
        let mut run = service.directory.start_export(&service.arguments(&["api.timeout=1s"]), &[]);
        // Calls have failed.
        run.wait_for_stderr("service unreachable");
        run.signal(signal);
        let output = run.end().expect_code(code);
        let text = transcript(&service.directory, &output).replace(name, "[signal]");
        let text = text.replace(&format!("exit code {code}"), "exit code [code]");
        let text =
            text.replace("in_flight=0", "in_flight=[n]").replace("in_flight=1", "in_flight=[n]");
        texts.insert(text);
    }
    assert_snapshot!(Vec::from_iter(texts).join("\n\n"), @r#"
     WARN service unreachable, calls paused reason="no response within 1 s"
     WARN stopping: waiting for in-flight calls; a second signal exits immediately reason="[signal]" in_flight=[n]
    error: stopped by [signal]; kept 2 of 10 parts (200 of 1,000 accounts); resume with: [command]
    (exit code [code])
    "#);
}

#[test]
fn a_short_run_suggests_no_rate() {
    let directory = ten_parts();
    let throttle = ["--json", "--set", "emulator.faults.throttle.rate=0.3"];
    let output = directory.export(&throttle).expect_code(0);
    let calls = &output.summary()["calls"];
    let (made, throttled) = (calls["made"].as_u64().unwrap(), calls["throttled"].as_u64().unwrap());
    assert!(throttled > 0, "{output}");
    let share = format!("{throttled} throttled ({:.1} %)", throttled as f64 / made as f64 * 100.0);
    let output = output.expect_stderr(&[&share]);
    assert_eq!(output.summary().get("suggested_calls_per_second"), None);
    for text in ["advice", "accepted"] {
        assert!(!output.stderr.contains(text), "{output}");
    }
}
