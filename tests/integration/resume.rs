//! Promises 3 and 7 between two runs: what is asked again, what may change, and what is refused.

use std::fs;

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::scenario::{JOB, accounts};
use crate::support::stops::{Pause, WORK_DIRECTORY, with_faults};
use crate::support::{EmulatorServer, Known, TestDir};

/// `--set` for each key.
fn set<'k>(keys: &[&'k str]) -> Vec<&'k str> {
    keys.iter().flat_map(|key| ["--set", key]).collect()
}

/// A run that was stopped by a crash after so many of its 5 parts of 2 chunks each were committed.
fn stopped_after(parts: u64) -> TestDir {
    let directory = TestDir::with_job(
        &JOB.replace("accounts_per_part = 600", "accounts_per_part = 200"),
        accounts(1000),
    );
    let failpoint = format!("journal:appended#{}", parts + 1);
    // One call at a time, so that it is the first parts that are complete.
    let one_by_one = set(&["api.max_in_flight=1"]);
    let output = directory.export_with(&[("IM_PROFILES_FAILPOINT", &failpoint)], &one_by_one);
    assert_eq!((output.code, directory.committed_parts()), (None, parts), "{output}");
    directory
}

/// Runs again what [`stopped_after`] began, and makes sure that it goes on and publishes all.
#[track_caller]
fn ensure_goes_on(directory: &TestDir, more: &[&str], parts_left: u64) {
    let known = Known::of_directory(directory, &[]);
    let before = if more.contains(&"--restart") { 0 } else { directory.recorded_calls() };
    let output = directory.export(&[&["--json"], more].concat()).expect_code(0);
    assert_eq!(output.summary()["calls"]["made"], before + parts_left * 2, "{output}");
    known.ensure_is(&directory.snapshot("out"), &output.to_string());
    assert!(!directory.path(WORK_DIRECTORY).exists(), "{output}");
}

#[test]
fn only_failed_accounts_are_retried_by_the_next_run() {
    let server = EmulatorServer::start(with_faults(
        "transient = { rate = 0.1 }\ntransient_requests = 5\nunknown = { rate = 0.05 }",
    ));
    let directory =
        TestDir::with_job(JOB, accounts(1000)).env(SECRET_VARIABLE, server.secret_key());
    let mut overrides = server.overrides();
    for key in ["limits.max_failed=0", "retry.max_attempts=2"] {
        overrides.extend(["--set".to_owned(), key.to_owned()]);
    }
    let mut arguments: Vec<&str> = overrides.iter().map(String::as_str).collect();
    arguments.push("--json");

    let asked = || server.emulator.stats().requested_accounts();
    let output = directory.export(&arguments).expect_code(3);
    let summary = output.summary();
    assert_eq!(summary["status"], "too_many_failed");
    let failures = summary["failures"].as_array().unwrap();
    let failing = failures.iter().find(|failure| failure["category"] == "internal_error").unwrap();
    let failing = failing["accounts"].as_u64().unwrap();
    assert!((50..150).contains(&failing), "{output}");
    assert_eq!(asked(), 1000 + failing, "{output}");
    assert!(!directory.path("out").exists());
    let parts = directory.unpublished_parts();
    assert_eq!(parts.len(), 2);

    // Each further run has two more attempts; the sixth gets through.
    directory
        .export(&arguments)
        .expect_code(3)
        .expect_stderr(&["retry them with the same command"]);
    assert_eq!(asked(), 1000 + 3 * failing);
    assert!(!directory.path("out").exists());
    let output = directory.export(&arguments).expect_code(0);
    assert_eq!(asked(), 1000 + 5 * failing, "{output}");

    let snapshot = directory.snapshot("out");
    let unknown = "emulator.faults.unknown.rate=0.05".to_owned();
    Known::of_directory(&directory, &[unknown]).ensure_accounts_are(&snapshot, &output.to_string());
    let rows: Vec<usize> =
        snapshot.parts().iter().map(|file| snapshot.part(file).rows.len()).collect();
    assert_eq!(rows[2..], [0, failing as usize], "{rows:?}");
    for (name, bytes) in parts {
        assert!(snapshot.bytes(&name) == bytes, "{name} has changed");
    }
}

#[test]
fn content_settings_cannot_change_on_resume() {
    let column = "columns=[{ tag = 'Tag_Profile_IM_Nick', name = 'nick' }]";
    for (keys, named) in [
        (&["output.format=csv"][..], &["output.format"][..]),
        (&["output.accounts_per_part=300"], &["output.accounts_per_part"]),
        (&["output.compression=none"], &["output.compression"]),
        (&[column], &["columns has no column"]),
        (&["emulator.seed=2"], &["emulator.seed is 2 and was"]),
        (&["api.sdkappid=1400000001", column], &["api.sdkappid is 1400000001", "columns has no"]),
    ] {
        let directory = stopped_after(2);
        let before = directory.work();
        let refused = directory.export(&set(keys)).expect_code(2).expect_stderr(named);
        refused.expect_stderr(&["does not fit this job: ", "--restart", WORK_DIRECTORY]);
        assert!(directory.work() == before, "{keys:?}: the work directory was touched");
        assert!(!directory.path("out").exists());
        ensure_goes_on(&directory, &[], 3);
    }
}

#[test]
fn other_list_is_refused_and_restart_starts_over() {
    let directory = stopped_after(2);
    let before = directory.work();
    directory.accounts("accounts.txt", accounts(1001));
    directory.export(&[]).expect_code(2).expect_stderr(&["account list", "--restart"]);
    assert!(directory.work() == before);
    let output = directory.export(&["--restart", "--json"]).expect_code(0);
    assert_eq!(output.summary()["calls"]["made"], 11, "{output}");
    Known::of_directory(&directory, &[]).ensure_is(&directory.snapshot("out"), "another list");

    let directory = stopped_after(3);
    let keys = set(&["output.format=csv"]);
    directory.export(&[&["--restart"], &keys[..]].concat()).expect_code(0);
    assert!(directory.snapshot("out").parts().iter().all(|part| part.contains(".csv")));
}

/// What a run has brought is given up only for another one that may start.
#[test]
fn refused_restart_keeps_the_committed_parts() {
    let cases: [(&[&str], &str, i32); 5] = [
        (&["accounts.path=missing.txt"], "", 2),
        (&["accounts.path=empty.txt", "limits.allow_empty=false"], "", 2),
        (&["accounts.path=invalid.txt", "limits.max_invalid=1"], "", 3),
        (&["output.if_exists=fail"], "out/_SUCCESS", 2),
        (&[], "out/thesis.txt", 2),
    ];
    for (keys, in_the_way, code) in cases {
        let directory = stopped_after(2);
        directory.write("empty.txt", "");
        directory.write("invalid.txt", format!("a\n{0}\n{0}\n", "x".repeat(40)));
        let before = directory.work();
        if !in_the_way.is_empty() {
            directory.write(in_the_way, "");
        }
        directory.export(&[&["--restart"], &set(keys)[..]].concat()).expect_code(code);
        assert!(directory.work() == before, "{keys:?}: the work directory was touched");
        if !in_the_way.is_empty() {
            fs::remove_dir_all(directory.path("out")).unwrap();
        }
        ensure_goes_on(&directory, &[], 3);
    }
}

/// Also where the journal of the earlier run cannot be used, or has published.
#[test]
fn restart_starts_over_in_any_state() {
    let directory = stopped_after(2);
    fs::write(directory.path(WORK_DIRECTORY).join("checkpoint.ndjson"), "{}\n").unwrap();
    directory.export(&["--restart"]).expect_code(0);
    Known::of_directory(&directory, &[]).ensure_is(&directory.snapshot("out"), "a damaged journal");

    let failpoint = [("IM_PROFILES_FAILPOINT", "publish:exchanged")];
    assert_eq!(directory.export_with(&failpoint, &[]).code, None);
    let output = directory.export(&["--restart", "--json"]).expect_code(0);
    assert_eq!(output.summary()["calls"]["made"], 10, "{output}");
    assert!(!directory.path(WORK_DIRECTORY).exists());
}

#[test]
fn rate_can_change_on_resume() {
    for key in [
        "api.calls_per_second=5000",
        "api.max_in_flight=1",
        "api.timeout=20s",
        "retry.max_attempts=2",
        "limits.max_failed=3",
        "name=another",
    ] {
        ensure_goes_on(&stopped_after(4), &set(&[key]), 1);
    }
}

#[test]
fn damaged_or_missing_file_is_named() {
    for file in
        ["snapshot/.part-00001~parquet.unpublished", "failed-00000.tsv", "rejected-00001.tsv"]
    {
        for is_missing in [true, false] {
            let directory = stopped_after(2);
            let path = directory.path(WORK_DIRECTORY).join(file);
            if is_missing {
                fs::remove_file(&path).unwrap();
            } else {
                let mut bytes = fs::read(&path).unwrap();
                match bytes.last_mut() {
                    Some(byte) => *byte ^= 1,
                    None => bytes.push(b'x'),
                }
                fs::write(&path, bytes).unwrap();
            }
            let before = directory.work();
            let output = directory.export(&[]).expect_code(2);
            assert!(output.error().contains(file), "{output}");
            assert!(output.error().contains("--restart"), "{output}");
            assert!(directory.work() == before, "{file}");
            ensure_goes_on(&directory, &["--restart"], 5);
        }
    }
}

#[test]
fn unusable_journal_is_left_unchanged() {
    let journal = stopped_after(2).checkpoint();
    let newer = "{\"entry\":\"begin\",\"version\":3}";
    for (lines, message) in [
        (vec![newer], &["has version 3", "--restart"][..]),
        (vec![&journal[0], "{}", &journal[2]], &["line 2", "damaged", "--restart"]),
        (vec![&journal[0], &journal[1], &journal[1]], &["line 3", "damaged"]),
        (vec!["<html>"], &["line 1", "damaged"]),
        (vec!["\0\0\0\0"], &["line 1", "damaged"]),
    ] {
        let directory = stopped_after(2);
        let path = directory.path(WORK_DIRECTORY).join("checkpoint.ndjson");
        fs::write(&path, format!("{}\n", lines.join("\n"))).unwrap();
        let before = directory.work();
        directory
            .export(&[])
            .expect_code(2)
            .expect_stderr(message)
            .expect_stderr(&["checkpoint.ndjson"]);
        assert!(directory.work() == before, "{message:?}: the work directory was touched");
        ensure_goes_on(&directory, &["--restart"], 5);
    }
}

#[test]
fn stale_files_are_not_published() {
    let directory = stopped_after(2);
    for file in [
        "snapshot/part-00003.parquet",
        "snapshot/part-00017.parquet",
        "snapshot/part-00003.parquet.staged",
        "snapshot/.part-00017~parquet.unpublished",
        "snapshot/.part-00003~parquet.unpublished.staged",
        "snapshot/_manifest.json",
        "snapshot/_SUCCESS",
        "failed-00003.csv",
        "failed-00003.tsv",
        "rejected-00003.tsv.staged",
        "waiting-rows",
    ] {
        directory.write(&format!("{WORK_DIRECTORY}/{file}"), "left over");
    }
    ensure_goes_on(&directory, &[], 3);
    assert_eq!(directory.snapshot("out").parts().len(), 5);
}

#[test]
fn lock_of_a_dead_process_is_taken_over() {
    let directory = stopped_after(2);
    let lock = fs::read_to_string(directory.path(WORK_DIRECTORY).join("lock")).unwrap();
    assert!(lock.contains("process "), "{lock}");
    ensure_goes_on(&directory, &[], 3);
    let directory = TestDir::with_job(JOB, ["a"]);
    directory
        .write(&format!("{WORK_DIRECTORY}/lock"), "process 1 on another since long ago, and more");
    directory.export(&[]).expect_code(0);
}

#[test]
fn deadline_stops_the_run_resumable() {
    let directory = TestDir::with_job(JOB, accounts(1000));
    // No call is answered, so that the run cannot end before its deadline does.
    let keys = ["limits.deadline=1ms", "emulator.faults.hang.rate=1.0", "api.timeout=200ms"];
    let output = directory.export(&set(&keys)).expect_code(75);
    let output = output.expect_stderr(&["deadline", "resume with: ", "--date="]);
    assert!(!directory.path("out").exists(), "{output}");
    directory.export(&[]).expect_code(0);
}

#[test]
fn older_unfinished_run_is_reported() {
    let directory = TestDir::with_job(JOB, accounts(1000));
    let day = |date| ["--set", "output.path=out/dt={date}", "--date", date];
    let crash = [("IM_PROFILES_FAILPOINT", "journal:appended#2")];
    let yesterday = directory.export_with(&crash, &day("2026-11-21"));
    assert_eq!(yesterday.code, None, "{yesterday}");

    let other = ["--set", "output.path=out/other", "--date", "2026-11-22"];
    let other = directory.export(&other).expect_code(0);
    assert!(!other.stderr.contains("unfinished"), "of another output: {other}");
    let today = directory.export(&day("2026-11-22")).expect_code(0);
    today.expect_stderr(&["unfinished run of another date", "--date=2026-11-21"]);
    assert!(!directory.path("out/dt=2026-11-21").exists());

    directory
        .export(&day("2026-11-21"))
        .expect_code(0)
        .expect_stderr(&["resuming unfinished run parts=1"]);
    assert!(directory.path("out/dt=2026-11-21/_SUCCESS").exists());
    let quiet = directory.export(&day("2026-11-22")).expect_code(0);
    assert!(!quiet.stderr.contains("unfinished"), "{quiet}");
}

#[test]
fn a_run_that_is_older_than_the_snapshot_is_never_resumed() {
    let directory = stopped_after(2);
    let kept = directory.path("kept");
    fs::rename(directory.path(WORK_DIRECTORY), &kept).unwrap();
    let job = ["--set", "output.accounts_per_part=200"];
    directory.export(&job).expect_code(0);
    fs::rename(&kept, directory.path(WORK_DIRECTORY)).unwrap();
    // The two may have started in the same second.
    let manifest = directory.path("out/_manifest.json");
    let mut published = directory.snapshot("out").manifest();
    published["run"]["started_at"] = "2099-01-01T00:00:00Z".into();
    fs::write(manifest, published.to_string()).unwrap();

    let words = ["whose rows are newer; discard it and start over with --restart"];
    for command in ["plan", "check", "export"] {
        let output = directory.run(&[command, "job.toml"]).expect_code(2);
        assert!(output.to_string().contains(words[0]), "{command}: {output}");
    }
    directory.export(&["--repair"]).expect_code(2).expect_stderr(&words);
    assert_eq!(directory.committed_parts(), 2);
    directory.export(&["--restart"]).expect_code(0);
    assert!(!directory.path(WORK_DIRECTORY).exists());
}

/// More accounts than the reader is ahead of the calls, so that parts are committed before the end of the list is read.
#[test]
fn part_of_a_list_that_was_changed_while_it_was_read_is_not_published() {
    let list: Vec<String> = (0..12_000).map(|number| format!("user{number}")).collect();
    let job = JOB.replace("accounts_per_part = 600", "accounts_per_part = 1000");
    let directory = TestDir::with_job(&job, list.iter().map(String::as_str));
    let changed = list.join("\n").replace("user2500\n", "zzzz\n") + "\n";
    let pause = Pause::at(&directory, "journal:created");
    let mut run = directory.start_export(&[], &[("IM_PROFILES_FAILPOINT", &pause.failpoint)]);
    pause.meanwhile(&mut run, || {
        directory.write("accounts.txt", &changed);
    });
    run.end().expect_code(2).expect_stderr(&["accounts.txt changed while it was being read"]);
    assert!(directory.committed_parts() > 3, "no part of the changed list was committed");

    directory.accounts("accounts.txt", list.iter().map(String::as_str));
    let refused = directory.export(&[]).expect_code(2);
    refused.expect_stderr(&["the part that starts with account 2001 of the list", "--restart"]);
    assert!(!directory.path("out").exists());
    let known = Known::of_directory(&directory, &[]);
    let output = directory.export(&["--restart"]).expect_code(0);
    known.ensure_is(&directory.snapshot("out"), &output.to_string());
}

/// Which duplicates are removed decides which accounts a part has.
#[test]
fn a_run_is_resumed_only_with_the_same_removal_of_duplicates() {
    let directory = stopped_after(2);
    let output = directory.export(&set(&["accounts.duplicates=none"])).expect_code(2);
    output.expect_stderr(&[
        r#"accounts.duplicates is "none" and was not set; change that back and run the same command again"#,
    ]);
    ensure_goes_on(&directory, &set(&["accounts.duplicates=exact"]), 3);
}
