//! Log lines are what `docs/logs.md` says: every line has the run's id, and only documented messages and fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::support::scenario::{JOB, accounts};
use crate::support::stops::WORK_DIRECTORY;
use crate::support::{Output, TestDir};
use serde_json::Value;

const DOCS: &str = include_str!("../../docs/logs.md");

/// Level and fields of each documented message.
fn documented() -> BTreeMap<&'static str, (&'static str, BTreeSet<&'static str>)> {
    let rows = DOCS.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix('|'));
    rows.filter_map(|row| {
        let (message, rest) = row.split_once("` | ")?;
        let (level, fields) = rest.split_once(" | ")?;
        let fields = fields.split(',').map(|field| field.trim().trim_matches('`'));
        Some((message, (level, fields.filter(|field| !field.is_empty()).collect())))
    })
    .collect()
}

/// A log of JSON whose every line is as documented.
struct Log {
    lines: Vec<Value>,
}

impl Log {
    #[track_caller]
    fn of(output: &Output) -> Log {
        let documented = documented();
        assert!(!output.stderr.contains('\u{1b}'), "{output}");
        let lines: Vec<Value> = output
            .stderr
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{line}"))
            })
            .collect();
        assert!(!lines.is_empty(), "{output}");
        for line in &lines {
            let message = line["message"].as_str().unwrap();
            let (level, fields) = documented.get(message).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(line["level"], *level, "{line}");
            line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            let own = ["timestamp", "level", "message", "run_id"];
            for (name, value) in line.as_object().unwrap() {
                assert!(own.contains(&name.as_str()) || fields.contains(name.as_str()), "{line}");
                assert!(!value.is_object() && !value.is_array() && !value.is_null(), "{line}");
                assert!(
                    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                    "{name}"
                );
            }
        }
        Log { lines }
    }

    /// The id that every line has.
    #[track_caller]
    fn run_id(&self) -> String {
        let ids: BTreeSet<&str> =
            self.lines.iter().map(|line| line["run_id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 1, "{:?}", self.lines);
        let id = ids.into_iter().next().unwrap();
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        id.to_owned()
    }

    fn messages(&self) -> BTreeSet<&str> {
        self.lines.iter().map(|line| line["message"].as_str().unwrap()).collect()
    }

    #[track_caller]
    fn line(&self, message: &str) -> &Value {
        let line = self.lines.iter().find(|line| line["message"] == message);
        line.unwrap_or_else(|| panic!("{message:?} is not in {:?}", self.lines))
    }
}

const JSON: [&str; 4] = ["-vv", "--log-format", "json", "--json"];

/// `--set` for each key.
fn set<'k>(keys: &[&'k str]) -> Vec<&'k str> {
    keys.iter().flat_map(|key| ["--set", key]).collect()
}

fn small_parts() -> TestDir {
    let job = JOB.replace("accounts_per_part = 600", "accounts_per_part = 200");
    TestDir::with_job(&job, accounts(1000))
}

/// A run that a crash has stopped after so many parts, of one call at a time.
fn crashed_after(directory: &TestDir, parts: u64, more: &[&str]) -> Output {
    let failpoint = format!("journal:appended#{}", parts + 1);
    let arguments = [&JSON[..], &set(&["api.max_in_flight=1"]), more].concat();
    let output = directory.export_with(&[("IM_PROFILES_FAILPOINT", &failpoint)], &arguments);
    assert_eq!(output.code, None, "{output}");
    output
}

#[test]
fn every_log_line_of_a_resumed_run_is_documented_and_has_the_run_id() {
    let directory = small_parts();
    let faults = set(&[
        "emulator.faults.transient.rate=0.05",
        "emulator.faults.http_error.rate=0.1",
        "emulator.faults.poison.rate=0.002",
        "emulator.faults.invalid_utf8={ rate = 0.3 }",
        "emulator.faults.throttle={ rate = 0.1 }",
        "emulator.faults.usersig_expired_calls=1",
        "emulator.faults.windows=[{ kind = 'outage', from_call = 20, until_call = 40 }]",
        "metrics={ textfile = 'nowhere/im.prom', listen = '127.0.0.1:0' }",
    ]);
    let first = Log::of(&crashed_after(&directory, 2, &faults));
    let output = directory.export(&[&JSON[..], &faults].concat()).expect_code(0);
    let second = Log::of(&output);
    let run_id = first.run_id();
    assert_eq!(second.run_id(), run_id);
    assert_eq!(directory.snapshot("out").manifest()["run"]["id"], run_id);
    assert_eq!(output.summary()["run_id"], run_id);
    assert_eq!(second.line("resuming unfinished run")["parts"], 2);
    let ended = second.line("run finished");
    assert_eq!(ended["summary"], output.stdout.trim_end());
    assert_eq!((&ended["status"], &ended["exit_code"]), (&"published".into(), &0.into()));

    let mut logged = first.messages();
    logged.extend(second.messages());
    for message in [
        "run started",
        "serving metrics",
        "account list read",
        "accounts scheduled for retry",
        "throttled by the service",
        "service unreachable, calls paused",
        "service reachable again",
        "UserSig renewed",
        "responses were not valid UTF-8; accounts with damaged values are retried",
        "the metrics textfile could not be written",
        "part committed",
        "calls failed and will be retried",
        "splitting failed chunk",
    ] {
        assert!(logged.contains(message), "{message:?} was not logged\n{logged:?}");
    }
}

#[test]
fn retries_are_logged_in_few_lines() {
    let directory = small_parts();
    let faults =
        set(&["emulator.faults.transient.rate=0.2", "emulator.faults.http_error={ rate = 0.3 }"]);
    let output = directory.export(&[&JSON[1..], &faults].concat()).expect_code(0);
    let log = Log::of(&output);
    let waves = log.lines.iter().filter(|line| line["message"] == "accounts scheduled for retry");
    let sum_of = |field| waves.clone().map(|wave| wave[field].as_u64().unwrap()).sum::<u64>();
    let calls = &output.summary()["calls"];
    assert_eq!(sum_of("accounts"), calls["account_retries"], "{output}");
    assert_eq!(sum_of("calls_failed"), calls["failed"], "{output}");
    assert!(sum_of("accounts") > 200 && waves.count() <= 2, "{output}");
}

#[test]
fn refused_resume_has_the_id_of_its_run_and_restart_a_new_one() {
    let directory = small_parts();
    let run_id = Log::of(&crashed_after(&directory, 2, &[])).run_id();
    let csv = set(&["output.format=csv"]);
    let refused = directory.export(&[&JSON[..], &csv].concat()).expect_code(2);
    let log = Log::of(&refused);
    assert_eq!(log.run_id(), run_id);
    let failed = log.line("failed");
    assert_eq!(failed["exit_code"], 2);
    assert!(failed["error"].as_str().unwrap().contains("--restart"), "{failed}");
    assert_eq!(refused.summary()["run_id"], run_id);

    let restarted = directory.export(&[&JSON[..], &csv, &["--restart"]].concat()).expect_code(0);
    let new_id = Log::of(&restarted).run_id();
    assert_ne!(new_id, run_id);
    assert_eq!(directory.snapshot("out").manifest()["run"]["id"], new_id);
}

#[test]
fn run_without_durable_parts_keeps_its_id_when_it_starts_over() {
    let directory = small_parts();
    let run_id = Log::of(&crashed_after(&directory, 0, &[])).run_id();
    let corrected =
        directory.export(&[&JSON[..], &set(&["output.format=csv"])].concat()).expect_code(0);
    assert_eq!(Log::of(&corrected).run_id(), run_id);
    assert_eq!(directory.snapshot("out").manifest()["run"]["id"], run_id);
}

#[test]
fn every_run_has_its_own_id_even_with_an_invalid_job() {
    let directory = small_parts();
    let published = Log::of(&directory.export(&JSON).expect_code(0)).run_id();
    let again = Log::of(&directory.export(&JSON).expect_code(0)).run_id();
    let refused = directory.export(&[&JSON[..], &set(&["api.timeout=5"])].concat()).expect_code(2);
    let log = Log::of(&refused);
    assert_eq!(log.messages(), BTreeSet::from(["failed"]));
    assert_eq!(BTreeSet::from([published, again, log.run_id()]).len(), 3);
}

#[test]
fn text_log_lines_have_the_id_in_a_fixed_column() {
    let directory = small_parts();
    let throttle = set(&["emulator.faults.throttle={ rate = 0.1 }"]);
    let output = directory.export(&[&["-v"], &throttle[..]].concat()).expect_code(0);
    let manifest = directory.snapshot("out").manifest();
    let run_id = manifest["run"]["id"].as_str().unwrap();
    let (log, summary) = output.stderr.split_once("Published ").unwrap();
    assert!(log.lines().count() > 5 && !summary.contains(run_id), "{output}");
    for line in log.lines() {
        line[..27].parse::<jiff::Timestamp>().unwrap();
        assert!([" INFO", " WARN", "DEBUG"].contains(&&line[28..33]), "{line}");
        assert_eq!(&line[33..51], format!(" {run_id} "), "{line}");
    }
}

#[test]
fn progress_bar_in_a_file_becomes_plain_lines() {
    let directory = small_parts();
    for more in [&["--progress", "bar"][..], &["--progress", "bar", "--log-format", "json"]] {
        let output = directory.export(more).expect_code(0).expect_stderr(&["account list read"]);
        assert!(!output.stderr.contains(['\u{1b}', '\r']), "{output}");
    }
}

#[test]
fn invalid_log_filter_is_refused() {
    let directory = small_parts().env("RUST_LOG", "im_profiles=loud");
    let output = directory.export(&[]).expect_code(2);
    assert!(output.error().starts_with("RUST_LOG is not a valid filter"), "{output}");
    let log = Log::of(&directory.export(&["--log-format", "json"]).expect_code(2));
    assert_eq!(log.messages(), BTreeSet::from(["failed"]));
    assert!(!directory.path(WORK_DIRECTORY).exists());
}

fn sources(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            let is_source = path.extension().is_some_and(|extension| extension == "rs");
            match path.is_dir() {
                true => sources(&path),
                false if is_source => vec![fs::read_to_string(path).unwrap()],
                false => Vec::new(),
            }
        })
        .collect()
}

#[test]
fn every_documented_message_exists_in_the_code() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).concat();
    let documented = documented();
    assert!(documented.len() > 20, "{documented:?}");
    for message in documented.keys() {
        assert!(sources.contains(&format!("\"{message}\"")), "{message:?}");
    }
}
