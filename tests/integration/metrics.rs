//! The metrics of a run: the textfile and the listener.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::exposition::Exposition;
use crate::support::scenario::{JOB, accounts};
use crate::support::stops::{WORK_DIRECTORY, with_faults};
use crate::support::{EmulatorServer, Output, TestDir, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const TEXTFILE: &str = "prom/im.prom";
const TO_TEXTFILE: [&str; 2] = ["--set", "metrics.textfile=prom/im.prom"];

fn directory_with_prom() -> TestDir {
    let directory = TestDir::with_job(JOB, accounts(1000));
    fs::create_dir(directory.path("prom")).unwrap();
    directory
}

/// Exports with keys changed and a textfile; reads it.
#[track_caller]
fn export(directory: &TestDir, keys: &[&str], code: i32) -> (Exposition, Output) {
    let keys: Vec<&str> = keys.iter().flat_map(|key| ["--set", key]).collect();
    let output =
        directory.export(&[&TO_TEXTFILE[..], &["--json"], &keys].concat()).expect_code(code);
    (textfile(directory), output)
}

#[track_caller]
fn textfile(directory: &TestDir) -> Exposition {
    let names = directory.names("prom");
    assert_eq!(names, BTreeSet::from(["im.prom".to_owned()]), "something else is left");
    Exposition::parse(&fs::read_to_string(directory.path(TEXTFILE)).unwrap())
}

const LAST_SUCCESS: &str = "im_profiles_last_success_timestamp_seconds";
const EXIT_CODE: &str = "im_profiles_last_run_exit_code";

/// Checks that a metrics text matches a manifest or a summary, which share these keys.
#[track_caller]
fn ensure_tells_the_same(metrics: &Exposition, facts: &Value) {
    let (counts, calls) = (&facts["counts"], &facts["calls"]);
    let of_category = |category: &str| {
        let failures = facts["failures"].as_array().unwrap().iter();
        let of_it = failures.filter(|failure| failure["category"] == category);
        of_it.map(|failure| failure["accounts"].as_u64().unwrap()).sum::<u64>()
    };
    let mut list = 0;
    for (outcome, accounts) in [
        ("exported", counts["rows"].as_u64().unwrap()),
        ("duplicate", counts["duplicates"].as_u64().unwrap()),
        ("invalid", counts["invalid"].as_u64().unwrap()),
        ("not_found", of_category("not_found")),
        ("internal_error", of_category("internal_error")),
        ("rejected", of_category("rejected")),
        ("no_answer", of_category("no_answer")),
    ] {
        let reported = metrics.value("im_profiles_accounts", &[("outcome", outcome)]);
        assert_eq!(reported, accounts as f64, "{outcome}");
        list += accounts;
    }
    assert_eq!(counts["accounts_in_list"], list);
    let value = |name: &str| metrics.value(&format!("im_profiles_{name}"), &[]);
    for (reported, fact) in [
        (value("rejected_values"), &counts["rejected_values"]),
        (value("calls_per_second_limit"), &calls["calls_per_second"]),
        (value("calls_peak_per_second"), &calls["peak_calls_per_second"]),
    ] {
        assert_eq!(reported, fact.as_f64().unwrap(), "{facts:#}");
    }
    let rate_used = calls["rate_utilization_percent"].as_f64().map(|percent| percent / 100.0);
    assert_eq!(metrics.find("im_profiles_rate_utilization_ratio", &[]), rate_used);
}

/// That the counters, which start at 0 with each process, are those of a run in one process.
#[track_caller]
fn ensure_counts_the_same(metrics: &Exposition, facts: &Value) {
    let calls = &facts["calls"];
    let value = |name: &str| metrics.value(&format!("im_profiles_{name}"), &[]);
    let calls_of = |outcome| metrics.value("im_profiles_calls_total", &[("outcome", outcome)]);
    for (reported, fact) in [
        (value("account_retries_total"), &calls["account_retries"]),
        (value("call_duration_seconds_count"), &calls["made"]),
        (calls_of("succeeded") + calls_of("failed") + calls_of("throttled"), &calls["made"]),
        (calls_of("throttled"), &calls["throttled"]),
    ] {
        assert_eq!(reported, fact.as_f64().unwrap(), "{facts:#}");
    }
}

#[test]
fn textfile_matches_the_manifest_and_the_summary() {
    let directory = directory_with_prom();
    directory.write("accounts.txt", {
        let twice = accounts(1000).chain(accounts(30)).collect::<Vec<_>>().join("\n");
        format!("{twice}\n{}\n", "x".repeat(33))
    });
    let (metrics, output) = export(
        &directory,
        &[
            "name=\"a \\\"b\\\" \\\\ 用户\"",
            "emulator.faults.unknown.rate=0.02",
            "emulator.faults.transient.rate=0.05",
            "emulator.faults.permanent.rate=0.01",
            "emulator.faults.poison.rate=0.002",
            "emulator.faults.http_error.rate=0.1",
            "emulator.faults.throttle={ rate = 0.1, limit = 3 }",
            "retry.max_attempts=3",
        ],
        0,
    );
    let manifest = directory.snapshot("out").manifest();
    for facts in [manifest.clone(), output.summary()] {
        ensure_tells_the_same(&metrics, &facts);
        ensure_counts_the_same(&metrics, &facts);
    }
    let parts = manifest["parts"].as_array().unwrap();
    let bytes: u64 = parts.iter().map(|part| part["bytes"].as_u64().unwrap()).sum();
    assert_eq!(metrics.value("im_profiles_output_parts", &[]), parts.len() as f64);
    assert_eq!(metrics.value("im_profiles_output_bytes", &[]), bytes as f64);
    let run = &manifest["run"];
    let labels = [("run_id", run["id"].as_str().unwrap()), ("date", run["date"].as_str().unwrap())];
    assert_eq!(metrics.value("im_profiles_run_info", &labels), 1.0);
    assert_eq!(metrics.value(EXIT_CODE, &[]), 0.0);
    let ended_at = metrics.value("im_profiles_last_run_timestamp_seconds", &[]);
    assert_eq!(metrics.value(LAST_SUCCESS, &[]), ended_at);
    let finished_at: jiff::Timestamp = run["finished_at"].as_str().unwrap().parse().unwrap();
    assert!((finished_at.as_second() as f64..).contains(&ended_at));
    let duration = metrics.value("im_profiles_last_run_duration_seconds", &[]);
    assert_eq!(output.summary()["duration_seconds"], duration);
    assert!(metrics.samples.keys().all(|(_, labels)| labels["job"] == "a \"b\" \\ 用户"));
    assert!(metrics.value("im_profiles_calls_failed_total", &[("class", "no_code")]) > 0.0);
    assert!(metrics.value("im_profiles_throttle_events_total", &[]) > 0.0);
}

#[test]
fn documented_metrics_are_the_exported_ones() {
    let docs = include_str!("../../docs/metrics.md");
    let mut documented: BTreeSet<(String, String)> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter_map(|(name, rest)| Some((name, rest.split_once(" | ")?.0)))
        .map(|(name, kind)| (format!("im_profiles_{name}"), kind.to_owned()))
        .collect();
    // Absent from a run that was not throttled for some seconds.
    let learned = ("im_profiles_calls_accepted_per_second".to_owned(), "gauge".to_owned());
    assert!(documented.remove(&learned));
    // Absent from a run whose snapshot is on this machine.
    let documented_count = documented.len();
    documented.retain(|(name, _)| !name.starts_with("im_profiles_store_"));
    assert_eq!(documented.len(), documented_count - 5);
    let (metrics, _) = export(&directory_with_prom(), &[], 0);
    assert_eq!(metrics.types.into_iter().collect::<BTreeSet<_>>(), documented);
}

#[test]
fn failed_run_keeps_the_time_of_the_last_success() {
    let directory = directory_with_prom();
    let refused = ["emulator.faults.redirect.rate=1.0"];
    let (metrics, _) = export(&directory, &refused, 4);
    assert_eq!((metrics.value(LAST_SUCCESS, &[]), metrics.value(EXIT_CODE, &[])), (0.0, 4.0));
    assert_eq!(metrics.find("im_profiles_accounts", &[("outcome", "exported")]), None);

    let (metrics, _) = export(&directory, &[], 0);
    let success = metrics.value(LAST_SUCCESS, &[]);
    assert!(success > 1.7e9, "{success}");
    let too_many = ["emulator.faults.permanent.rate=0.5", "limits.max_failed=0"];
    for (keys, code) in [
        (&refused[..], 4),
        // Before the first call, and before the list is read.
        (&["output.if_exists=fail"], 2),
        (&["accounts.path=none.txt"], 2),
        (
            &[
                "api.emulator=false",
                "api.base_url=http://127.0.0.1:1",
                "api.sdkappid=1",
                "api.secret_key_env=NONE",
            ],
            2,
        ),
        (&too_many, 3),
    ] {
        let (metrics, output) = export(&directory, keys, code);
        let reported = (metrics.value(LAST_SUCCESS, &[]), metrics.value(EXIT_CODE, &[]));
        assert_eq!(reported, (success, f64::from(code)), "{output}");
        let run_id = output.summary()["run_id"].as_str().unwrap().to_owned();
        let date = output.summary()["date"].as_str().unwrap().to_owned();
        let labels = [("run_id", run_id.as_str()), ("date", date.as_str())];
        assert_eq!(metrics.value("im_profiles_run_info", &labels), 1.0, "{output}");
    }
}

#[test]
fn damaged_textfile_is_replaced() {
    for damage in [&b"\xff\xfe\0 half a li"[..], b"", &[b'x'; 3_000_000]] {
        let directory = directory_with_prom();
        directory.write(TEXTFILE, damage);
        // What a stopped run may have left of a file of its own.
        directory.write("prom/im.prom.staged", "half");
        let (metrics, _) = export(&directory, &["emulator.faults.redirect.rate=1.0"], 4);
        assert_eq!(metrics.value(LAST_SUCCESS, &[]), 0.0);
    }
}

#[test]
fn unwritable_textfile_is_a_warning() {
    for (keys, code) in [(vec![], 0), (vec!["--set", "emulator.faults.redirect.rate=1.0"], 4)] {
        let directory = TestDir::with_job(JOB, accounts(1000));
        let output = directory.export(&[&TO_TEXTFILE[..], &keys].concat()).expect_code(code);
        output.expect_stderr(&[
            "WARN",
            "the metrics textfile could not be written",
            "the directory prom of",
        ]);
        assert!(!directory.path("prom").exists());
    }
}

#[test]
fn textfile_is_world_readable_with_any_umask() {
    let directory = directory_with_prom();
    let binary = env!("CARGO_BIN_EXE_im-profiles");
    let status = Command::new("sh")
        .args(["-c", "umask 077; exec \"$@\"", "sh", binary, "export", "job.toml", "-qq"])
        .args(TO_TEXTFILE)
        .current_dir(directory.root())
        .status()
        .unwrap();
    assert!(status.success());
    let mode = fs::metadata(directory.path(TEXTFILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
}

#[test]
fn resumed_run_counts_the_earlier_parts() {
    let job = JOB.replace("accounts_per_part = 600", "accounts_per_part = 200");
    let directory = TestDir::with_job(&job, accounts(1000));
    fs::create_dir(directory.path("prom")).unwrap();
    let crash = [("IM_PROFILES_FAILPOINT", "journal:appended#3")];
    let crashed = directory.export_with(&crash, &["--set", "api.max_in_flight=1"]);
    assert_eq!(crashed.code, None, "{crashed}");
    // So slow that it cannot end before the signal comes.
    let slowly = ["--set", "api.calls_per_second=1"];
    let mut run = directory.start_export(&[&TO_TEXTFILE[..], &slowly].concat(), &[]);
    run.wait_for_stderr("resuming unfinished run");
    run.signal(Signal::TERM);
    run.end().expect_code(143);
    let metrics = textfile(&directory);
    // The calls in flight were let end, so there may be more than before.
    let parts = directory.committed_parts();
    assert!(parts >= 2, "{parts}");
    assert_eq!(metrics.value("im_profiles_output_parts", &[]), parts as f64);
    assert!(metrics.value("im_profiles_output_bytes", &[]) > 0.0);
    let (metrics, output) = export(&directory, &[], 0);
    assert_eq!(metrics.value("im_profiles_output_parts", &[]), 5.0);
    ensure_tells_the_same(&metrics, &output.summary());
}

/// The answer to a request, head and body.
fn ask(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[test]
fn metrics_are_served_only_during_the_run() {
    const CALLS_AT_ONCE: u64 = 4;
    // Longer than a hanging test is let live: the run comes to a stand once as many calls hang as may be under way.
    let server = EmulatorServer::start(with_faults("hang = { rate = 0.15 }\nhang_ms = 600_000"));
    let directory = directory_with_prom().env(SECRET_VARIABLE, server.secret_key());
    directory.accounts("accounts.txt", accounts(4000));
    let mut arguments = server.overrides();
    for key in ["api.max_in_flight=4", "api.timeout=300s", "metrics.listen=127.0.0.1:0"] {
        arguments.extend(["--set".to_owned(), key.to_owned()]);
    }
    arguments.extend(TO_TEXTFILE.map(str::to_owned));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut run = directory.start_export(&arguments, &[]);
    let line = run.wait_for_stderr("serving metrics");
    let address =
        line.split_once("http://").unwrap().1.split_once("/metrics").unwrap().0.to_owned();

    let get = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    let scrape = || {
        let (head, body) = ask(&address, get);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4"), "{head}");
        Exposition::parse(&body)
    };
    let succeeded = |metrics: &Exposition| {
        metrics.value("im_profiles_calls_total", &[("outcome", "succeeded")])
    };
    let processed = |metrics: &Exposition| metrics.find("im_profiles_accounts_processed", &[]);
    let mut scraped = None;
    wait_until("a stand", || {
        let metrics = scrape();
        let ended = succeeded(&metrics);
        let is_one = server.calls() as f64 == ended + CALLS_AT_ONCE as f64
            && processed(&metrics) == Some(100.0 * ended);
        scraped = is_one.then_some(metrics);
        is_one
    });
    let metrics = scraped.unwrap();
    assert_eq!(metrics.value("im_profiles_accounts_to_request", &[]), 4000.0);
    assert_eq!(metrics.value("im_profiles_call_duration_seconds_count", &[]), succeeded(&metrics));
    assert_eq!(metrics.find(EXIT_CODE, &[]), None);
    assert_eq!(metrics.find(LAST_SUCCESS, &[]), None);
    let header: Value = serde_json::from_str(&directory.checkpoint()[0]).unwrap();
    let labels = [
        ("run_id", header["run_id"].as_str().unwrap()),
        ("date", header["date"].as_str().unwrap()),
    ];
    assert_eq!(metrics.value("im_profiles_run_info", &labels), 1.0);

    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 404),
        ("POST /metrics HTTP/1.1\r\n\r\n", 405),
        ("x\r\n\r\n", 400),
    ] {
        let head = ask(&address, request).0;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
    }
    // Neither who says nothing nor who does not stop talking keeps others out.
    let silent = TcpStream::connect(&address).unwrap();
    let mut talker = TcpStream::connect(&address).unwrap();
    talker.write_all(&[b'x'; 6000]).unwrap();
    assert!(succeeded(&scrape()) >= succeeded(&metrics));
    drop((silent, talker));

    run.signal(Signal::TERM);
    run.wait_for_stderr("stopping");
    run.signal(Signal::TERM);
    let output = run.end().expect_code(143);
    assert!(TcpStream::connect(&address).is_err(), "{output}");
    let left = textfile(&directory);
    assert_eq!(left.value(EXIT_CODE, &[]), 143.0);
    assert!(succeeded(&left) >= succeeded(&metrics));
}

#[test]
fn address_in_use_is_refused_before_the_first_call() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let server = EmulatorServer::start(with_faults(""));
    let directory = directory_with_prom().env(SECRET_VARIABLE, server.secret_key());
    let mut keys = server.overrides();
    keys.retain(|key| key != "--set");
    keys.push(format!("metrics.listen={address}"));
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (metrics, output) = export(&directory, &keys, 2);
    let wanted =
        format!("cannot listen on {address}, which metrics.listen names: Address already in use");
    assert!(output.error().starts_with(&wanted), "{output}");
    assert_eq!(metrics.value(EXIT_CODE, &[]), 2.0);
    assert_eq!(server.calls(), 0);
    assert!(!directory.path(WORK_DIRECTORY).exists());
}
