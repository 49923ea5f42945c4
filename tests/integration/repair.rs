//! `export --repair`: what is damaged in an unfinished run is dropped, and just that is requested again.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::scenario::{JOB, accounts};
use crate::support::stops::WORK_DIRECTORY;
use crate::support::{EmulatorServer, Found, Known, Output, TestDir};

const FAILPOINT: &str = "IM_PROFILES_FAILPOINT";
/// The file of part 1 in the work directory.
const PART_1: &str = "snapshot/.part-00001~parquet.unpublished";

const JOURNAL: &str = "checkpoint.ndjson";

const FAULTS: &str = "
[emulator.faults]
unknown = { rate = 0.05 }
";

/// A job of 5 parts of 2 chunks each.
fn directory() -> TestDir {
    let job = JOB.replace("accounts_per_part = 600", "accounts_per_part = 200") + FAULTS;
    TestDir::with_job(&job, accounts(1000))
}

/// A run that ended once so many parts were committed, by a crash.
fn stopped_after(parts: u64) -> TestDir {
    let directory = directory();
    let failpoint = format!("journal:appended#{}", parts + 1);
    let one_by_one = ["--set", "api.max_in_flight=1"];
    let output = directory.export_with(&[(FAILPOINT, &failpoint)], &one_by_one);
    assert_eq!((output.code, directory.committed_parts()), (None, parts), "{output}");
    directory
}

fn undisturbed() -> Found {
    let directory = directory();
    directory.export(&[]).expect_code(0);
    directory.found()
}

fn work(directory: &TestDir, file: &str) -> PathBuf {
    directory.path(WORK_DIRECTORY).join(file)
}

fn flip_last_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    match bytes.last_mut() {
        Some(byte) => *byte ^= 1,
        None => bytes.push(b'x'),
    }
    fs::write(path, bytes).unwrap();
}

/// Changes a line of the journal, from 1.
fn damage_line(directory: &TestDir, line: usize) {
    let mut lines = directory.checkpoint();
    lines[line - 1] = lines[line - 1].replacen("\"run\"", "\"ran\"", 1);
    fs::write(work(directory, JOURNAL), lines.join("\n") + "\n").unwrap();
}

/// Refuses without `--repair`, without changing anything, and publishes with it what an undisturbed run would publish,
/// after requesting the accounts of `dropped` parts and of the parts that were never committed.
#[track_caller]
fn ensure_repairs(directory: &TestDir, named: &[&str], dropped: u64, left: u64) -> Output {
    let before = directory.work();
    let refused = directory.export(&[]).expect_code(2);
    refused.expect_stderr(named).expect_stderr(&["--repair", "--restart"]);
    let again =
        if dropped == 0 { "no account".to_owned() } else { format!("{} accounts", dropped * 200) };
    let refused = directory.export(&["-q"]).expect_code(2);
    let requests = format!("which requests {again} again and keeps ");
    assert!(refused.error().contains(&requests), "{refused}");
    let planned = directory.run(&["plan", "job.toml"]).expect_code(2);
    assert!(planned.to_string().contains(&requests), "{planned}");
    assert!(directory.work() == before, "{named:?}: the work directory was changed");

    let before = calls_before(directory);
    let output = directory.export(&["--repair", "--json"]).expect_code(0);
    let made = output.summary()["calls"]["made"].as_u64().unwrap();
    assert_eq!(made - before, (dropped + left) * 2, "{output}");
    directory.found().ensure_is(&undisturbed(), &output.to_string());
    assert!(!directory.path(WORK_DIRECTORY).exists(), "{output}");
    output
}

/// The calls that the last intact line of the journal counts.
fn calls_before(directory: &TestDir) -> u64 {
    let lines = directory.checkpoint();
    let intact = lines.iter().rev().find(|line| line.contains("\"run\"")).unwrap();
    let line: serde_json::Value = serde_json::from_str(intact).unwrap();
    line["totals"]["calls"].as_u64().unwrap()
}

#[test]
fn damaged_file_costs_its_part() {
    for file in [PART_1, "failed-00001.tsv", "rejected-00001.tsv"] {
        for is_missing in [true, false] {
            let directory = stopped_after(3);
            let path = work(&directory, file);
            if is_missing {
                fs::remove_file(&path).unwrap()
            } else {
                flip_last_byte(&path)
            }
            let output = ensure_repairs(
                &directory,
                &[file, "part-00001.parquet of the unfinished run is damaged: "],
                1,
                2,
            );
            output.expect_stderr(&[
                "dropped a part of the unfinished run part=\"part-00001.parquet\"",
                "repaired the unfinished run parts_dropped=1 accounts_to_request_again=200 parts_kept=2",
                "resuming unfinished run parts=2",
            ]);
        }
    }
}

#[test]
fn truncated_and_linked_parts_are_damaged() {
    let directory = stopped_after(3);
    let path = work(&directory, "snapshot/.part-00000~parquet.unpublished");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let path = work(&directory, "snapshot/.part-00002~parquet.unpublished");
    let elsewhere = directory.path("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    ensure_repairs(&directory, &["part-00000.parquet", "(and 1 more file)"], 2, 2);
    assert!(elsewhere.exists());
}

#[test]
fn damaged_line_costs_its_part() {
    for (line, dropped) in [(1, 0), (2, 1), (3, 1), (4, 1)] {
        let directory = stopped_after(3);
        damage_line(&directory, line);
        let named = format!("line {line} of the journal ");
        // What is said of the line in front of the damage: the part that it records, if any.
        let recorded = match dropped {
            0 => "checkpoint.ndjson is damaged".to_owned(),
            _ => format!(
                "checkpoint.ndjson, which records part-0000{}.parquet, is damaged",
                line - 2
            ),
        };
        let output = ensure_repairs(&directory, &[named.as_str(), &recorded], dropped, 2);
        output.expect_stderr(&["dropped a damaged line from the journal"]);
    }
}

#[test]
fn unreadable_bytes_and_missing_lines_are_damage() {
    let directory = stopped_after(3);
    let mut journal = fs::read(work(&directory, JOURNAL)).unwrap();
    let first_line = journal.iter().position(|byte| *byte == b'\n').unwrap();
    // A block that was never written, over the first line and the next one.
    journal[..first_line + 40].fill(0);
    fs::write(work(&directory, JOURNAL), journal).unwrap();
    ensure_repairs(&directory, &["line 1 "], 1, 2);

    let directory = stopped_after(3);
    let mut lines = directory.checkpoint();
    lines.remove(2);
    fs::write(work(&directory, JOURNAL), lines.join("\n") + "\n").unwrap();
    ensure_repairs(&directory, &["line 3 of the journal", "the line before it is missing"], 1, 2);
}

#[test]
fn damaged_first_line_needs_the_same_settings() {
    let directory = stopped_after(2);
    damage_line(&directory, 1);
    let before = directory.work();
    for more in [&[][..], &["--repair"]] {
        let other = ["--set", "output.compression=none"];
        let refused = directory.export(&[more, &other].concat()).expect_code(2);
        refused.expect_stderr(&["another list or other settings", "--restart"]);
    }
    assert!(directory.work() == before);
    ensure_repairs(&directory, &["line 1 "], 0, 3);
}

/// The run identifies itself in the new first line as it did in the old one, so that any later command resumes it.
#[test]
fn run_with_repaired_first_line_may_stop_and_be_resumed() {
    for line in [1, 3] {
        for is_missing in [true, false] {
            let directory = stopped_after(3);
            if is_missing {
                let mut lines = directory.checkpoint();
                lines.drain(..line);
                fs::write(work(&directory, JOURNAL), lines.join("\n") + "\n").unwrap();
            } else {
                (1..=line).for_each(|line| damage_line(&directory, line));
            }
            let stopped = directory.export_with(&[(FAILPOINT, "journal:append#1")], &["--repair"]);
            assert_eq!(stopped.code, None, "{stopped}");
            // Settings that differ are still found, by name.
            let other = directory.export(&["--set", "output.compression=none"]).expect_code(2);
            other.expect_stderr(&["output.compression is \"none\" and was "]);
            let output = directory.export(&[]).expect_code(0);
            let output = output.expect_stderr(&["resuming unfinished run parts="]);
            directory.found().ensure_is(&undisturbed(), &output.to_string());
        }
    }
}

#[test]
fn missing_staged_snapshot_costs_the_parts_in_it() {
    let directory = stopped_after(2);
    fs::remove_dir_all(work(&directory, "snapshot")).unwrap();
    ensure_repairs(&directory, &["part-00000.parquet", "(and 1 more file)"], 2, 3);

    let directory = stopped_after(0);
    fs::remove_dir_all(work(&directory, "snapshot")).unwrap();
    for command in ["plan", "check", "export"] {
        directory.run(&[command, "job.toml"]).expect_code(0);
    }
    directory.found().ensure_is(&undisturbed(), "no part");
}

#[test]
fn anything_of_another_kind_in_the_work_directory_is_refused() {
    for (name, expected) in [
        ("lock", "lock is a directory, not a regular file; move it away"),
        ("failed-00000.tsv", "failed-00000.tsv is a directory, not a regular file; move it away"),
        ("rejected-00003.tsv", "rejected-00003.tsv is a directory, not a regular file; move it"),
        ("invalid.tsv", "invalid.tsv is a directory, not a regular file; move it away"),
        ("snapshot", "snapshot is a file, not a directory; move it away"),
        ("trial", "trial is a file, not a directory; move it away"),
        ("snapshot", "snapshot is a symbolic link, not a directory; move it away"),
    ] {
        let directory = stopped_after(1);
        let path = work(&directory, name);
        let aside = directory.path("aside");
        let _ = fs::rename(&path, &aside);
        match expected {
            _ if expected.contains("is a directory") => fs::create_dir(&path).unwrap(),
            _ if expected.contains("is a file") => fs::write(&path, "").unwrap(),
            _ => std::os::unix::fs::symlink(&aside, &path).unwrap(),
        }
        for arguments in [
            &["plan", "job.toml"][..],
            &["check", "job.toml"],
            &["export", "job.toml"],
            &["export", "job.toml", "--repair"],
            &["export", "job.toml", "--restart"],
        ] {
            let refused = directory.run(arguments).expect_code(2);
            assert!(refused.to_string().contains(expected), "{arguments:?}: {refused}");
        }
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            fs::remove_dir(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let _ = fs::rename(&aside, &path);
        let output = directory.export(&[]).expect_code(0);
        directory.found().ensure_is(&undisturbed(), &output.to_string());
    }
}

#[test]
fn nothing_can_be_kept_of_a_journal_without_an_intact_line() {
    let directory = stopped_after(2);
    fs::write(work(&directory, JOURNAL), "<html>\n").unwrap();
    let before = directory.work();
    for more in [&[][..], &["--repair"]] {
        let refused = directory.export(more).expect_code(2);
        refused.expect_stderr(&[
            "line 1",
            "nothing of the unfinished run can be kept",
            "--restart",
        ]);
    }
    assert!(directory.work() == before);
    directory.export(&["--restart"]).expect_code(0);
    directory.found().ensure_is(&undisturbed(), "restarted");
}

#[test]
fn repair_of_an_intact_run_resumes_it_and_without_one_starts_it() {
    let directory = stopped_after(3);
    let output = directory.export(&["--repair"]).expect_code(0);
    assert!(!output.stderr.contains("repaired"), "{output}");
    directory.found().ensure_is(&undisturbed(), "intact");
    let new = self::directory();
    new.export(&["--repair"]).expect_code(0);
    new.found().ensure_is(&undisturbed(), "new");
}

#[test]
fn repair_and_restart_exclude_each_other() {
    let directory = stopped_after(1);
    let before = directory.work();
    directory.export(&["--repair", "--restart"]).expect_code(2).expect_stderr(&["cannot be used"]);
    assert!(directory.work() == before);
}

/// The process ends at any step of the repair; the same command, or one without `--repair`, ends with the same snapshot.
#[test]
fn repair_survives_a_crash() {
    let expected = undisturbed();
    // The first file of a run is that of the invalid accounts, the second one is the journal.
    for point in
        ["file:create#2", "file:sync#2", "file:synced#2", "file:renamed#2", "file:durable#2"]
    {
        for (second, may_refuse) in [(&["--repair"][..], false), (&[], true)] {
            let directory = stopped_after(3);
            flip_last_byte(&work(&directory, PART_1));
            damage_line(&directory, 4);
            let killed = directory.export_with(&[(FAILPOINT, point)], &["--repair"]);
            assert_eq!(killed.code, None, "{point}: {killed}");
            let mut output = directory.export(second);
            if may_refuse && output.code == Some(2) {
                // The repair had not taken effect.
                output.expect_stderr(&["--repair"]);
                output = directory.export(&["--repair"]);
            }
            let output = output.expect_code(0);
            directory.found().ensure_is(&expected, &format!("{point}: {output}"));
            assert!(!directory.path(WORK_DIRECTORY).exists(), "{point}");
        }
    }
}

/// Later rounds requested the accounts that failed in the damaged part, so they are void with it.
#[test]
fn damage_in_an_earlier_round_drops_the_later_ones() {
    let server = EmulatorServer::start(crate::support::stops::with_faults(
        "transient = { rate = 0.1 }\ntransient_requests = 3",
    ));
    let job = JOB.replace("accounts_per_part = 600", "accounts_per_part = 200");
    let directory =
        TestDir::with_job(&job, accounts(1000)).env(SECRET_VARIABLE, server.secret_key());
    let mut overrides = server.overrides();
    for key in ["limits.max_failed=0", "retry.max_attempts=1"] {
        overrides.extend(["--set".to_owned(), key.to_owned()]);
    }
    let arguments: Vec<&str> = overrides.iter().map(String::as_str).collect();
    directory.export(&arguments).expect_code(3);
    directory.export(&arguments).expect_code(3);
    assert!(directory.committed_parts() > 5);
    flip_last_byte(&work(&directory, "snapshot/.part-00002~parquet.unpublished"));
    directory
        .export(&arguments)
        .expect_code(2)
        .expect_stderr(&["part-00002.parquet", "keeps 4 parts"]);
    let repaired = directory.export(&[&arguments[..], &["--repair"]].concat());
    let voided = "dropped a part of the unfinished run part=\"part-00005.parquet\"";
    let mut output = repaired.expect_stderr(&[voided]);
    for _ in 0..4 {
        if output.code == Some(0) {
            break;
        }
        output = directory.export(&arguments);
    }
    let output = output.expect_code(0);
    Known::of_directory(&directory, &[])
        .ensure_accounts_are(&directory.snapshot("out"), &output.to_string());
}

#[test]
fn anything_but_a_file_in_place_of_the_journal_is_refused() {
    for (kind, words) in
        [("pipe", "a named pipe"), ("directory", "a directory"), ("device", "a device")]
    {
        let directory = stopped_after(2);
        let path = work(&directory, JOURNAL);
        fs::remove_file(&path).unwrap();
        match kind {
            "pipe" => mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
            "directory" => fs::create_dir(&path).unwrap(),
            _ => std::os::unix::fs::symlink("/dev/zero", &path).unwrap(),
        }
        for arguments in [
            &["export", "job.toml"][..],
            &["export", "job.toml", "--repair"],
            &["plan", "job.toml"],
            &["check", "job.toml"],
        ] {
            let refused = directory.run(arguments).expect_code(2);
            let expected = format!("{JOURNAL} is {words}, not a regular file");
            assert!(refused.to_string().contains(&expected), "{refused}");
        }
        // Somebody's directory is not removed.
        if kind == "directory" {
            directory.export(&["--restart"]).expect_code(2);
            fs::remove_dir(&path).unwrap();
        }
        directory.export(&["--restart"]).expect_code(0);
        directory.found().ensure_is(&undisturbed(), kind);
    }
}

/// The calls of all processes are counted, whichever way they ended.
#[test]
fn calls_are_those_of_the_whole_run() {
    let directory = directory();
    let one_by_one = ["--set", "api.max_in_flight=1"];
    for point in ["journal:appended#2", "journal:appended#3"] {
        assert_eq!(directory.export_with(&[(FAILPOINT, point)], &one_by_one).code, None);
    }
    let output = directory.export(&["--json"]).expect_code(0);
    let summary = output.summary();
    let manifest = directory.snapshot("out").manifest();
    assert_eq!(summary["calls"], manifest["calls"], "{output}");
    assert!(summary["calls"]["made"].as_u64().unwrap() >= 10, "{output}");
    let [total, process] =
        ["total_duration_seconds", "duration_seconds"].map(|key| summary[key].as_f64().unwrap());
    assert!(total > process, "{output}");
}
