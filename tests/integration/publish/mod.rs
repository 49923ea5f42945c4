//! Promises 2 and 3 where a snapshot is published: two runs in one place, a file system that cannot exchange directories,
//! unexpected files, and limits of the process.

mod limits;

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::scenario::{JOB, accounts};
use crate::support::stops::{Pause, WORK_DIRECTORY};
use crate::support::{Found, Known, Output, TestDir};

const FAILPOINT: &str = "IM_PROFILES_FAILPOINT";
const ACCOUNTS: usize = 520;

/// A job of three parts in a directory that holds an earlier snapshot, of another list.
fn directory_with_earlier() -> TestDir {
    let directory = TestDir::with_job(
        &JOB.replace("accounts_per_part = 600", "accounts_per_part = 200"),
        (0..50).map(|n| format!("earlier-{n}")),
    );
    directory.export(&[]).expect_code(0);
    directory.accounts("accounts.txt", accounts(ACCOUNTS));
    directory
}

/// Makes sure that the snapshot of the whole list is published, and nothing else is left.
#[track_caller]
fn ensure_published(directory: &TestDir, about: &str) {
    Known::of_directory(directory, &[]).ensure_is(&directory.snapshot("out"), about);
    directory.found();
    ensure_nothing_is_left(directory, about);
}

#[track_caller]
fn ensure_nothing_is_left(directory: &TestDir, about: &str) {
    let names = directory.names(".");
    assert!(names.iter().eq(["accounts.txt", "job.toml", "out/"]), "{about}: {names:?}");
}

/// An export where directories cannot be exchanged, with more failpoints.
fn export_without_exchange(
    directory: &TestDir,
    errno: &str,
    more: &str,
    arguments: &[&str],
) -> Output {
    let failpoints = format!("publish:exchange={errno},{more}");
    directory.export_with(&[(FAILPOINT, &failpoints)], arguments)
}

/// A directory in which a run ended after it had moved the earlier snapshot aside, and that snapshot.
fn moved_aside() -> (TestDir, Found) {
    let directory = directory_with_earlier();
    let earlier = directory.found();
    let output = export_without_exchange(&directory, "enosys", "replace:moved_aside", &[]);
    assert_eq!(output.code, None, "{output}");
    directory.found().ensure_is(&Found::Nothing, "moved aside");
    assert!(directory.path(WORK_DIRECTORY).join("replaced/_SUCCESS").is_file());
    (directory, earlier)
}

#[test]
fn snapshot_is_replaced_without_directory_exchange() {
    for errno in ["enosys", "einval", "enotsup"] {
        let directory = directory_with_earlier();
        export_without_exchange(&directory, errno, "", &[]).expect_code(0);
        ensure_published(&directory, errno);
    }
    // Any other error is an error.
    let directory = directory_with_earlier();
    let earlier = directory.found();
    export_without_exchange(&directory, "eio", "", &[])
        .expect_code(1)
        .expect_stderr(&["exchange with the new snapshot out", "storage failed"]);
    directory.found().ensure_is(&earlier, "eio");
}

#[test]
fn crash_while_a_snapshot_is_moved_aside_loses_neither() {
    for point in ["replace:move_aside", "replace:moved_aside", "replace:rename"] {
        let directory = directory_with_earlier();
        let earlier = directory.found();
        assert_eq!(export_without_exchange(&directory, "enosys", point, &[]).code, None, "{point}");
        // The next run crashes as well, just before or after it puts the earlier one back.
        for point in ["restore:rename", "restore:renamed"] {
            directory.export_with(&[(FAILPOINT, point)], &["--set", "output.if_exists=fail"]);
        }
        directory.found().ensure_is(&earlier, point);
        export_without_exchange(&directory, "enosys", "", &[]).expect_code(0);
        ensure_published(&directory, point);
    }
}

#[test]
fn earlier_snapshot_is_restored_if_the_rename_fails() {
    for failing in ["replace:moved_aside=enospc", "replace:rename=eio", "replace:rename=emfile"] {
        let directory = directory_with_earlier();
        let earlier = directory.found();
        let output = export_without_exchange(&directory, "enosys", failing, &[]).expect_code(1);
        assert!(output.error().contains("could not publish out"), "{output}");
        directory.found().ensure_is(&earlier, failing);
        let before = directory.recorded_calls();
        let output = directory.export(&["--json"]).expect_code(0);
        assert_eq!(output.summary()["calls"]["made"], before, "{output}");
        ensure_published(&directory, failing);
    }
}

#[test]
fn unrestored_snapshot_is_named_and_restored_by_the_next_run() {
    let directory = directory_with_earlier();
    let earlier = directory.found();
    let failing = "replace:rename=eio,replace:restore=eio";
    let output = export_without_exchange(&directory, "enosys", failing, &[]).expect_code(1);
    assert!(output.error().contains(".out.partial/replaced"), "{output}");
    assert!(output.error().contains("run the same command again to restore it"), "{output}");
    directory.found().ensure_is(&Found::Nothing, "both failed");
    directory.export(&["--set", "output.if_exists=fail"]).expect_code(2);
    directory.found().ensure_is(&earlier, "put back");
}

/// Before anything else: whatever the next run does or refuses, the earlier snapshot is there again.
#[test]
fn next_run_restores_the_earlier_snapshot_first() {
    const FAIL: &str = "output.if_exists=fail";
    let no_list = "accounts.path=none.txt";
    let keys = [
        "api.emulator=false",
        "api.region=singapore",
        "api.sdkappid=1400000000",
        "api.secret_key_env=ABSENT",
    ];
    let no_secret = keys.map(|key| ["--set", key]).concat();
    for (arguments, code) in [
        (&["--set", FAIL][..], 2),
        (&["--set", FAIL, "--restart"], 2),
        (&["--set", no_list], 2),
        (&["--set", no_list, "--restart"], 2),
        (&no_secret, 2),
    ] {
        let (directory, earlier) = moved_aside();
        let output = directory.export(arguments).expect_code(code);
        directory.found().ensure_is(&earlier, &output.to_string());
        // A refusal that comes before the start of the run stands alone.
        if output.stderr.contains("run started") {
            let output = output.clone();
            output.expect_stderr(&["had moved the previous snapshot aside; it was restored"]);
        }
        directory.export(&[]).expect_code(0);
        ensure_published(&directory, &output.to_string());
    }
    // Nothing is published in place of it when the run that starts over is stopped at once.
    for point in ["lock:opened", "restore:rename", "restore:renamed", "journal:create"] {
        let (directory, earlier) = moved_aside();
        assert_eq!(directory.export_with(&[(FAILPOINT, point)], &["--restart"]).code, None);
        directory.export(&["--set", FAIL, "--restart"]).expect_code(2);
        directory.found().ensure_is(&earlier, point);
        directory.export(&["--restart"]).expect_code(0);
        ensure_published(&directory, point);
    }
}

#[test]
fn moved_snapshot_stays_if_the_output_path_is_taken() {
    let (directory, earlier) = moved_aside();
    directory.write("out/thesis.txt", "years of work");
    for arguments in [&[][..], &["--restart"]] {
        directory.export(arguments).expect_code(2).expect_stderr(&["out is not a snapshot"]);
        assert_eq!(fs::read(directory.path("out/thesis.txt")).unwrap(), b"years of work");
        let replaced = directory.path(WORK_DIRECTORY).join("replaced");
        Found::at(&replaced).ensure_is(&earlier, "something else is there");
    }
    fs::remove_dir_all(directory.path("out")).unwrap();
    directory.export(&["--set", "output.if_exists=fail"]).expect_code(2);
    directory.found().ensure_is(&earlier, "the way is free");
}

#[test]
fn incomplete_moved_snapshot_is_named_and_not_restored() {
    let (directory, _) = moved_aside();
    let replaced = directory.path(WORK_DIRECTORY).join("replaced");
    fs::remove_file(replaced.join("_SUCCESS")).unwrap();
    let output = directory.export(&["--set", "accounts.path=none.txt"]).expect_code(2);
    let reported = [".out.partial/replaced", "is not a complete snapshot", "is not restored"];
    output.expect_stderr(&reported);
    assert!(!directory.path("out").exists() && replaced.join("_manifest.json").exists());
    directory.export(&[]).expect_code(0);
    ensure_published(&directory, "not a whole snapshot");
}

#[test]
fn plan_and_check_report_a_moved_snapshot_without_changes() {
    let (directory, _) = moved_aside();
    let before = (directory.names("."), directory.names(WORK_DIRECTORY), directory.work());
    let plan = directory.run(&["plan", "job.toml", "--json"]).expect_code(0);
    let problem = plan.summary()["problems"][0]["text"].to_string();
    assert!(
        problem.contains("moved the previous snapshot aside to .out.partial/replaced"),
        "{plan}"
    );
    assert_eq!(plan.summary()["snapshot_exists"], true, "{plan}");
    let check = directory.run(&["check", "job.toml"]).expect_code(0);
    assert!(
        check.stdout.contains("moved the previous snapshot aside to .out.partial/replaced"),
        "{check}"
    );
    // An export refuses as well, once it has put the snapshot back.
    let fail = ["--set", "output.if_exists=fail"];
    directory.run(&[&["plan", "job.toml"], &fail[..]].concat()).expect_code(2);
    directory.run(&[&["check", "job.toml"], &fail[..]].concat()).expect_code(2);
    assert!((directory.names("."), directory.names(WORK_DIRECTORY), directory.work()) == before);
}

/// A run opens the lock of a run that publishes and removes the work directory before it is locked.
#[test]
fn lock_removed_before_locking_is_recreated() {
    let directory = directory_with_earlier();
    let crash = [(FAILPOINT, "journal:appended#2")];
    assert_eq!(directory.export_with(&crash, &[]).code, None);
    let pause = Pause::at(&directory, "lock:opened");
    let mut late = directory.start_export(&["--json"], &[(FAILPOINT, &pause.failpoint)]);
    let mut first = None;
    let second = Pause::at(&directory, "publish:start");
    pause.meanwhile(&mut late, || {
        directory.export(&[]).expect_code(0);
        ensure_published(&directory, "the first run");
        // A third run makes the directory again and is at work while the late one locks what it has opened.
        first = Some(directory.start_export(&[], &[(FAILPOINT, &second.failpoint)]));
        first.as_mut().unwrap().wait_for_stderr("account list read");
    });
    let late = late.end().expect_code(75);
    late.expect_stderr(&["another run is writing out", "process "]);
    let mut third = first.unwrap();
    second.meanwhile(&mut third, || {});
    third.end().expect_code(0);
    ensure_published(&directory, "the third run");

    // The same without another active run: it starts over in a new directory.
    let pause = Pause::at(&directory, "lock:opened");
    let mut late = directory.start_export(&["--json"], &[(FAILPOINT, &pause.failpoint)]);
    pause.meanwhile(&mut late, || fs::remove_dir_all(directory.path(WORK_DIRECTORY)).unwrap());
    let late = late.end().expect_code(0);
    assert_eq!(late.summary()["counts"]["rows"], ACCOUNTS, "{late}");
    ensure_published(&directory, "the late run");
}

/// The run that has published removes its own lock, and not the directory that another run has made its own since.
#[test]
fn run_started_during_removal_keeps_the_work_directory() {
    let directory = directory_with_earlier();
    let unlocked = Pause::at(&directory, "publish:unlocked");
    let publishing = Pause::at(&directory, "publish:start");
    let mut first = directory.start_export(&[], &[(FAILPOINT, &unlocked.failpoint)]);
    let mut second = None;
    unlocked.meanwhile(&mut first, || {
        let second =
            second.insert(directory.start_export(&[], &[(FAILPOINT, &publishing.failpoint)]));
        second.wait_for_stderr("account list read");
    });
    first.end().expect_code(0);
    let mut second = second.unwrap();
    publishing.meanwhile(&mut second, || {
        directory.export(&[]).expect_code(75).expect_stderr(&["another run is writing out"]);
    });
    second.end().expect_code(0);
    ensure_published(&directory, "the second run");
}

/// Pauses an export that is about to publish, does something, and gives back how it ended.
#[track_caller]
fn export_with_a_pause(directory: &TestDir, act: impl FnOnce()) -> Output {
    let pause = Pause::at(directory, "publish:start");
    let mut run = directory.start_export(&[], &[(FAILPOINT, &pause.failpoint)]);
    pause.meanwhile(&mut run, act);
    run.end()
}

#[test]
fn run_without_its_lock_does_not_publish() {
    let directory = directory_with_earlier();
    let earlier = directory.found();
    let lock = directory.path(WORK_DIRECTORY).join("lock");
    let output = export_with_a_pause(&directory, || fs::remove_file(&lock).unwrap()).expect_code(1);
    assert!(output.error().contains("the lock in .out.partial was removed"), "{output}");
    directory.found().ensure_is(&earlier, "lock removed");
    directory.export(&[]).expect_code(0);
    ensure_published(&directory, "run again");
}

/// The files of this very process are verified as well, and those of sidecar lines.
#[test]
fn damaged_files_are_not_published() {
    for file in
        ["snapshot/.part-00001~parquet.unpublished", "failed-00002.tsv", "rejected-00000.tsv"]
    {
        for damage in ["flip", "cut", "grow", "remove", "link"] {
            let directory = directory_with_earlier();
            let earlier = directory.found();
            let path = directory.path(WORK_DIRECTORY).join(file);
            let mut is_damaged = true;
            let output = export_with_a_pause(&directory, || {
                let mut bytes = fs::read(&path).unwrap();
                let whole = bytes.clone();
                match damage {
                    "flip" => bytes.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1),
                    "cut" => drop(bytes.pop()),
                    "grow" => bytes.push(b'x'),
                    _ => fs::remove_file(&path).unwrap(),
                }
                is_damaged = bytes != whole || !path.exists();
                match damage {
                    "remove" => {}
                    "link" => {
                        fs::write(directory.path("elsewhere"), &bytes).unwrap();
                        symlink(directory.path("elsewhere"), &path).unwrap();
                    }
                    _ => fs::write(&path, bytes).unwrap(),
                }
            });
            if !is_damaged {
                // There is nothing in the file to flip or cut.
                output.expect_code(0);
                continue;
            }
            let output = output.expect_code(2);
            assert!(output.error().contains(file), "{damage}: {output}");
            assert!(
                output.error().contains("missing or damaged; run the same command with --repair")
            );
            directory.found().ensure_is(&earlier, file);
        }
    }
}

/// A job whose list has two records that are not accounts.
fn directory_with_invalid_accounts() -> TestDir {
    let directory = directory_with_earlier();
    let invalid = ["x".repeat(40), "y".repeat(40)];
    directory.accounts("accounts.txt", accounts(ACCOUNTS).chain(invalid));
    directory
}

#[test]
fn changed_invalid_account_lines_are_not_published() {
    for damage in ["cut", "remove", "link"] {
        let directory = directory_with_invalid_accounts();
        let earlier = directory.found();
        let lines = directory.path(WORK_DIRECTORY).join("invalid.tsv");
        let output = export_with_a_pause(&directory, || {
            let content = fs::read(&lines).unwrap();
            fs::remove_file(&lines).unwrap();
            match damage {
                "cut" => fs::write(&lines, "").unwrap(),
                "link" => {
                    fs::write(directory.path("elsewhere"), content).unwrap();
                    symlink(directory.path("elsewhere"), &lines).unwrap();
                }
                _ => {}
            }
        });
        let output = output.expect_code(1);
        assert!(output.error().contains(".out.partial/invalid.tsv was changed"), "{output}");
        directory.found().ensure_is(&earlier, damage);
        directory.export(&[]).expect_code(0);
        let failed = directory.snapshot("out").failed();
        let invalid = failed.iter().filter(|failed| failed.category == "invalid_account");
        assert_eq!(invalid.count(), 2, "{damage}");
    }
}

#[test]
fn invalid_account_lines_are_not_written_through_a_link() {
    for name in ["invalid.tsv", "invalid.tsv.staged"] {
        let directory = directory_with_invalid_accounts();
        let thesis = directory.write("thesis.txt", "years of work");
        fs::create_dir(directory.path(WORK_DIRECTORY)).unwrap();
        symlink(&thesis, directory.path(WORK_DIRECTORY).join(name)).unwrap();
        directory.export(&[]).expect_code(0);
        assert_eq!(fs::read(&thesis).unwrap(), b"years of work", "{name}");
    }
}

#[test]
fn unwritable_invalid_account_lines_are_named() {
    let directory = directory_with_invalid_accounts();
    let earlier = directory.found();
    for point in ["file:create", "file:sync"] {
        let failpoint = format!("{point}=enospc");
        let output = directory.export_with(&[(FAILPOINT, &failpoint)], &[]).expect_code(1);
        assert!(output.error().contains(".out.partial/invalid.tsv"), "{point}: {output}");
        assert!(output.error().contains("make room"), "{point}: {output}");
        directory.found().ensure_is(&earlier, point);
        ensure_nothing_is_left(&directory, point);
    }
}

#[test]
fn foreign_file_is_named_and_not_published() {
    let directory = directory_with_earlier();
    directory.write("elsewhere/thesis.txt", "years of work");
    let staged = directory.path(WORK_DIRECTORY).join("snapshot");
    let output = export_with_a_pause(&directory, || {
        fs::write(staged.join("notes.txt"), "foreign").unwrap();
        fs::write(staged.join("part-00003.parquet"), "foreign").unwrap();
        fs::write(staged.join("_SUCCESS"), "foreign").unwrap();
        symlink(directory.path("elsewhere"), staged.join("link")).unwrap();
    });
    let names = ["snapshot/notes.txt", "snapshot/part-00003.parquet", "snapshot/link"];
    output.expect_code(0).expect_stderr(&names).expect_stderr(&[
        "removed a file that does not belong to this run from the staged snapshot",
    ]);
    assert_eq!(fs::read(directory.path("elsewhere/thesis.txt")).unwrap(), b"years of work");
    fs::remove_dir_all(directory.path("elsewhere")).unwrap();
    ensure_published(&directory, "a foreign file");
    assert!(directory.snapshot("out").bytes("_SUCCESS").is_empty());
}

#[test]
fn foreign_directory_is_refused_and_kept() {
    let directory = directory_with_earlier();
    let earlier = directory.found();
    let foreign = directory.path(WORK_DIRECTORY).join("snapshot/notes");
    let output = export_with_a_pause(&directory, || {
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("thesis.txt"), "years of work").unwrap();
    });
    for output in [output, directory.export(&[])] {
        let output = output.expect_code(2);
        assert!(output.error().contains("snapshot/notes is not a file of this run"), "{output}");
        directory.found().ensure_is(&earlier, "a foreign directory");
        assert!(foreign.join("thesis.txt").exists());
    }
    fs::rename(&foreign, directory.path("notes")).unwrap();
    let before = directory.recorded_calls();
    let output = directory.export(&["--json"]).expect_code(0);
    assert_eq!(output.summary()["calls"]["made"], before, "{output}");
    fs::remove_dir_all(directory.path("notes")).unwrap();
    ensure_published(&directory, "moved away");
}

#[test]
fn entry_created_at_the_output_path_is_not_replaced() {
    let directory = directory_with_earlier();
    fs::remove_dir_all(directory.path("out")).unwrap();
    let output = export_with_a_pause(&directory, || {
        directory.write("out/thesis.txt", "years of work");
    });
    output.expect_code(2).expect_stderr(&["out is not a snapshot"]);
    assert_eq!(fs::read(directory.path("out/thesis.txt")).unwrap(), b"years of work");
    fs::remove_dir_all(directory.path("out")).unwrap();
    directory.export(&[]).expect_code(0);
    ensure_published(&directory, "the way is free");
}
