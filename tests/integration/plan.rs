//! `plan`: its numbers are those of the export that follows, and it touches neither service nor disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::scenario::{JOB, accounts};
use crate::support::stops::WORK_DIRECTORY;
use crate::support::{EmulatorServer, Output, QUICK_JOB, TestDir, settings_of};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// Runs `plan job.toml` with these keys.
fn plan(directory: &TestDir, keys: &[&str]) -> Output {
    let keys: Vec<&str> = keys.iter().flat_map(|key| ["--set", key]).collect();
    directory.run(&[&["plan", "job.toml", "--json"], &keys[..]].concat())
}

/// The plan with these keys; nothing in the directory is touched by it.
#[track_caller]
fn planned(directory: &TestDir, keys: &[&str]) -> Value {
    let before = contents(directory.root());
    let output = plan(directory, keys);
    assert!(contents(directory.root()) == before, "plan has left something\n{output}");
    let planned = output.summary();
    assert_eq!(output.code.map(Value::from), Some(planned["exit_code"].clone()), "{output}");
    assert_eq!(output.code == Some(0), planned["refusal"].is_null(), "{output}");
    planned
}

/// Every file and directory below, with its content and the time of its last change.
fn contents(directory: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        if path.is_dir() {
            found.extend(contents(&path));
            found.insert(path, (Vec::new(), changed));
        } else {
            found.insert(path.clone(), (fs::read(&path).unwrap(), changed));
        }
    }
    found
}

fn part_of(value: &Value, keys: &[&str]) -> Value {
    keys.iter().map(|key| ((*key).to_owned(), value[*key].clone())).collect()
}

const LIST_KEYS: [&str; 6] =
    ["accounts_in_list", "distinct_accounts", "duplicates", "invalid", "calls", "parts"];
const LEFT_KEYS: [&str; 5] =
    ["state", "parts_committed", "accounts_left", "calls_left", "parts_left"];

#[test]
fn plan_of_the_sample_matches_the_readme() {
    let job = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs/sample.toml");
    let directory = TestDir::new();
    let output = format!("output.path={}/dt={{date}}", directory.root().display());
    let job = job.to_str().unwrap();
    let arguments = ["plan", job, "--date", "2026-11-22", "--set", &output];
    let output = directory.run(&arguments).expect_code(0);
    let lines = output.stdout.lines().filter(|line| !line.starts_with("  free "));
    let root = directory.root().canonicalize().unwrap();
    let text = lines.collect::<Vec<_>>().join("\n").replace(root.to_str().unwrap(), "[directory]");
    assert_snapshot!(text, @r#"
Plan of sample, to dt=2026-11-22
  accounts      12,000 in the list
  distinct      11,979
  duplicates    20
  invalid       1
                on line 7347, "legacy-import-2019-carla.rodriguez@shop.example" has 47 bytes, but the service allows 32
  calls         120
  parts         3 of up to 5,000 accounts
  minimum time  600 ms at 200 calls per second
  size          about 666.80 KiB, 57 bytes per row, estimated from the types of the columns
  snapshot      does not exist yet
  resume        no unfinished run; a new run starts
"#);
    let in_readme = |line: &&str| include_str!("../../README.md").contains(line);
    let not_in_readme: Vec<&str> = text.lines().skip(1).filter(|line| !in_readme(line)).collect();
    assert!(not_in_readme.is_empty(), "{not_in_readme:?}");
    assert!(directory.names("").is_empty());
}

#[test]
fn planned_counts_calls_and_parts_match_the_export() {
    let list: Vec<String> = (0..1_300)
        .map(|number| match number % 13 {
            0 => "x".repeat(33),
            1 => "user1".to_owned(),
            _ => format!("user{number}"),
        })
        .collect();
    for count in [0, 1, 100, 101, 600, 1_300] {
        let directory = TestDir::with_job(QUICK_JOB, &list[..count]);
        let keys =
            ["output.accounts_per_part=300", "limits.allow_empty=true", "limits.max_invalid=off"];
        let planned = planned(&directory, &keys);
        let sets: Vec<&str> = keys.iter().flat_map(|key| ["--set", key]).collect();
        let exported =
            directory.export(&[&["--json"], &sets[..]].concat()).expect_code(0).summary();
        let counts = &exported["counts"];
        let expected = json!({
            "accounts_in_list": counts["accounts_in_list"],
            "distinct_accounts": counts["rows"].as_u64().unwrap() + counts["failed"].as_u64().unwrap(),
            "duplicates": counts["duplicates"],
            "invalid": counts["invalid"],
            "calls": exported["calls"]["made"],
            "parts": exported["parts"],
        });
        assert_eq!(part_of(&planned, &LIST_KEYS), expected, "{count}");
        assert_eq!(planned["snapshot"], exported["snapshot"]);
    }
}

#[test]
fn plan_makes_no_call() {
    let server = EmulatorServer::start(settings_of(""));
    let directory = TestDir::with_job(QUICK_JOB, ["a", "b"]);
    let overrides = server.overrides();
    let keys: Vec<&str> =
        overrides.iter().map(String::as_str).filter(|word| *word != "--set").collect();
    // Without the secret, an export would not start.
    let without_secret = planned(&directory, &keys);
    assert_eq!((&without_secret["exit_code"], &without_secret["calls"]), (&2.into(), &1.into()));
    let directory = directory.env(SECRET_VARIABLE, server.secret_key());
    let planned_calls = planned(&directory, &keys);
    assert_eq!((planned_calls["exit_code"].as_u64(), server.calls()), (Some(0), 0));
    // Not even a connection: no server listens on this address.
    let keys = ["api.emulator=false", "api.base_url=http://127.0.0.1:9", "api.sdkappid=1"];
    let secret = format!("api.secret_key_env={SECRET_VARIABLE}");
    plan(&directory, &[&keys[..], &[&secret]].concat()).expect_code(0);
}

#[test]
fn first_five_invalid_accounts_are_shown_with_their_lines() {
    let list = ["a", "@TLS#x", "b", &"y".repeat(40), "@TIM#1", "@TIM#2", "@TIM#3", "@TIM#4"];
    let directory = TestDir::with_job(QUICK_JOB, list);
    let planned = planned(&directory, &["limits.max_invalid=off"]);
    assert_eq!(planned["invalid"], 6);
    let first: Vec<String> = planned["first_invalid"]
        .as_array()
        .unwrap()
        .iter()
        .map(|invalid| {
            let text = |key: &str| invalid[key].as_str().unwrap();
            format!("{}: {} {}", invalid["line"], text("account"), text("reason"))
        })
        .collect();
    assert_snapshot!(first.join("\n"), @"
2: @TLS#x starts with a prefix reserved by the service (@TLS#, @TGS# or @TIM#)
4: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy has 40 bytes, but the service allows 32
5: @TIM#1 starts with a prefix reserved by the service (@TLS#, @TGS# or @TIM#)
6: @TIM#2 starts with a prefix reserved by the service (@TLS#, @TGS# or @TIM#)
7: @TIM#3 starts with a prefix reserved by the service (@TLS#, @TGS# or @TIM#)
");
}

#[test]
fn standard_input_is_read_completely_and_its_copy_removed() {
    let directory = TestDir::with_job(QUICK_JOB, [""; 0]);
    fs::create_dir(directory.path("tmp")).unwrap();
    let temporary = directory.path("tmp").display().to_string();
    let directory = directory.env("TMPDIR", &temporary);
    let keys = ["--set", "accounts.path=-", "--set", "accounts.format=txt"];
    let arguments = [&["plan", "job.toml", "--json"], &keys[..]].concat();
    let planned = directory.run_with_input(&arguments, b"a\nb\na\n").expect_code(0).summary();
    assert_eq!((&planned["distinct_accounts"], &planned["duplicates"]), (&2.into(), &1.into()));
    assert!(directory.names("tmp").is_empty());
    fs::remove_dir(directory.path("tmp")).unwrap();
    let output = directory.run_with_input(&arguments, b"a\n").expect_code(1);
    assert!(output.error().contains("cannot spool standard input"), "{output}");
}

#[test]
fn job_and_list_errors_exit_like_an_export() {
    let directory = TestDir::with_job(QUICK_JOB, ["a"]);
    for key in ["accounts.path=gone.csv", "api.timeuot=5s", "output.path=/"] {
        let (planned, exported) = (plan(&directory, &[key]), directory.export(&["--set", key]));
        assert_eq!((planned.code, planned.error()), (exported.code, exported.error()), "{planned}");
        assert_eq!((planned.code, planned.stdout.as_str()), (Some(2), ""), "{planned}");
    }
}

#[test]
fn output_path_is_refused_after_the_plan_is_printed() {
    let directory = TestDir::with_job(QUICK_JOB, ["a", "b"]);
    directory.export(&[]).expect_code(0);
    assert_eq!(planned(&directory, &[])["snapshot_exists"], true);
    directory.write("home/thesis.txt", "years of work");
    for keys in [&["output.if_exists=fail"][..], &["output.path=home"]] {
        let sets: Vec<&str> = keys.iter().flat_map(|key| ["--set", key]).collect();
        let exported = directory.export(&sets).expect_code(2);
        let planned = planned(&directory, keys);
        assert_eq!((&planned["calls"], &planned["exit_code"]), (&1.into(), &2.into()));
        assert_eq!(planned["refusal"], exported.error());
        assert_eq!(plan(&directory, keys).error(), exported.error());
    }
}

/// A run that was stopped by a crash at a failpoint. One call at a time, so that it is the first parts that are complete.
fn stopped_at(failpoint: &str, more: &[&str]) -> TestDir {
    let job = JOB.replace("accounts_per_part = 600", "accounts_per_part = 300");
    let directory = TestDir::with_job(&job, accounts(1_000));
    let keys = [&["--set", "api.max_in_flight=1"], more].concat();
    let output = directory.export_with(&[("IM_PROFILES_FAILPOINT", failpoint)], &keys);
    assert_eq!(output.code, None, "{output}");
    directory
}

#[test]
fn resume_follows_the_plan() {
    let directory = stopped_at("journal:appended#3", &[]);
    let planned = planned(&directory, &[]);
    let expected = json!({
        "state": "resumes",
        "parts_committed": 2,
        "accounts_left": 400,
        "calls_left": 4,
        "parts_left": 2,
    });
    assert_eq!(part_of(&planned["resume"], &LEFT_KEYS), expected);
    let bytes: usize = directory.unpublished_parts().values().map(Vec::len).sum();
    assert_eq!(planned["resume"]["bytes_committed"], bytes);
    assert_eq!(planned["calls"], 10);
    let before = directory.recorded_calls();
    let resumed = directory.export(&["--json"]).expect_code(0).summary();
    assert_eq!(resumed["calls"]["made"], before + 4);
}

#[test]
fn run_that_cannot_be_resumed_is_refused_like_by_an_export() {
    let directory = stopped_at("journal:appended#3", &[]);
    let refused_alike = |keys: &[&str], code: u64| {
        let planned = planned(&directory, keys);
        assert_eq!(
            (&planned["exit_code"], &planned["resume"]["state"]),
            (&code.into(), &"refused".into())
        );
        assert_eq!(planned["resume"]["calls_left"], Value::Null);
        let sets: Vec<&str> = keys.iter().flat_map(|key| ["--set", key]).collect();
        let exported = directory.export(&sets).expect_code(code as i32);
        assert_eq!(planned["refusal"], exported.error());
    };
    refused_alike(&["columns.0.name=other", "output.format=csv"], 2);
    let part = directory.path(WORK_DIRECTORY).join("snapshot/.part-00001~parquet.unpublished");
    let mut bytes = fs::read(&part).unwrap();
    bytes[100] ^= 1;
    fs::write(&part, bytes).unwrap();
    refused_alike(&[], 2);
    let journal = directory.path(WORK_DIRECTORY).join("checkpoint.ndjson");
    fs::write(&journal, fs::read_to_string(&journal).unwrap().replacen("300", "301", 1)).unwrap();
    refused_alike(&[], 2);
}

#[test]
fn run_without_parts_starts_over_with_other_content() {
    let directory = stopped_at("journal:appended#1", &[]);
    assert_eq!(planned(&directory, &["columns.0.name=other"])["resume"]["state"], "new_run");
    assert_eq!(planned(&directory, &[])["resume"]["state"], "resumes");
}

#[test]
fn remaining_work_after_the_last_response_is_shown() {
    let directory = stopped_at("publish:start", &[]);
    let left = planned(&directory, &[])["resume"].clone();
    let expected = json!({
        "state": "publishes",
        "parts_committed": 4,
        "accounts_left": 0,
        "calls_left": 0,
        "parts_left": 0,
    });
    assert_eq!(part_of(&left, &LEFT_KEYS), expected);
    let directory = stopped_at("publish:exchanged", &["--date", "2026-11-22"]);
    let of_day = |day: &str| {
        let arguments = ["plan", "job.toml", "--json", "--date", day];
        directory.run(&arguments).expect_code(0).summary()["resume"]["state"].clone()
    };
    assert_eq!(of_day("2026-11-22"), "has_published");
    assert_eq!(of_day("2026-11-23"), "new_run");
}

#[test]
fn failed_accounts_to_retry_are_counted() {
    let directory = TestDir::with_job(QUICK_JOB, accounts(500));
    let fails = "emulator.faults={ transient = { rate = 0.4 }, transient_requests = 9 }";
    let keys =
        [fails, "retry.max_attempts=2", "limits.max_failed=1", "output.accounts_per_part=100"];
    let sets: Vec<&str> = keys.iter().flat_map(|key| ["--set", key]).collect();
    let failed = directory.export(&[&["--json"], &sets[..]].concat()).expect_code(3).summary();
    let failed = failed["counts"]["failed"].as_u64().unwrap();
    assert!((101..400).contains(&failed), "{failed}");
    let left = planned(&directory, &keys)["resume"].clone();
    let expected = json!({
        "state": "retries_failed",
        "parts_committed": 5,
        "accounts_left": failed,
        "calls_left": failed.div_ceil(100),
        "parts_left": failed.div_ceil(100),
    });
    assert_eq!(part_of(&left, &LEFT_KEYS), expected);
}

#[test]
fn active_run_is_reported_and_left_alone() {
    let directory = stopped_at("journal:appended#3", &[]);
    assert_eq!(planned(&directory, &[])["run_at_work"], Value::Null);
    let holder = "process 7 on host etl-3 since 2026-11-22T03:00:00Z";
    let lock = File::open(directory.write(&format!("{WORK_DIRECTORY}/lock"), holder)).unwrap();
    lock.lock().unwrap();
    let planned = planned(&directory, &[]);
    assert_eq!((&planned["run_at_work"], &planned["exit_code"]), (&holder.into(), &75.into()));
    assert_eq!(planned["resume"]["parts_committed"], 2);
    directory.export(&[]).expect_code(75);
    drop(lock);
    directory.export(&[]).expect_code(0);
}

#[test]
fn size_is_estimated_from_the_closest_existing_rows() {
    let basis = |planned: &Value| planned["size_basis"].as_str().unwrap().to_owned();
    let directory = stopped_at("journal:appended#3", &[]);
    let unfinished = planned(&directory, &[]);
    assert_eq!(basis(&unfinished), "unfinished_run");
    let exported = directory.export(&["--json"]).expect_code(0).summary();
    let (bytes, rows) = (&exported["bytes"], &exported["counts"]["rows"]);
    let (bytes, rows) = (bytes.as_u64().unwrap(), rows.as_u64().unwrap());

    let published = planned(&directory, &[]);
    assert_eq!(basis(&published), "snapshot");
    assert_eq!(published["expected_bytes"], 1_000 * bytes / rows);
    assert_eq!(published["size_basis_snapshot"], exported["snapshot"]);
    // Told from two parts of four, it was near.
    let guessed = unfinished["expected_bytes"].as_f64().unwrap() / bytes as f64;
    assert!((0.8..1.25).contains(&guessed), "{guessed}");

    let beside = planned(&directory, &["output.path=out-of-the-next-day"]);
    assert_eq!(beside["size_basis_snapshot"], exported["snapshot"]);
    for key in ["columns.0.name=other", "output.format=csv", "name=other"] {
        let other = planned(&directory, &[key, "output.path=elsewhere"]);
        assert_eq!(
            (basis(&other).as_str(), &other["size_basis_snapshot"]),
            ("column_types", &Value::Null)
        );
        assert!(other["expected_bytes"].as_u64().unwrap() > 10_000, "{other}");
    }
}

#[test]
fn minimum_time_is_calls_divided_by_rate() {
    let directory = TestDir::with_job(QUICK_JOB, accounts(950));
    assert_eq!(planned(&directory, &[])["minimum_seconds"], Value::Null);
    let limited = planned(&directory, &["api.calls_per_second=4"]);
    assert_eq!(
        (&limited["minimum_seconds"], &limited["calls_per_second"]),
        (&2.5.into(), &4.into())
    );
    assert_eq!(limited["resume"]["minimum_seconds_left"], 2.5);
    assert!(limited["free_bytes"].as_u64().unwrap() > 0);
}
