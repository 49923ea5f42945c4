//! Promises 2, 3 and 7 at every durable step there is: the process ends there, or the disk has no room left.
//!
//! A reader finds the earlier snapshot or the new one, and the same command again publishes what an undisturbed run
//! would have published.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::scenario::{JOB, accounts};
use crate::support::stops::WORK_DIRECTORY;
use crate::support::{Found, Known, Output, TestDir};
use im_profiles::internals::failpoint;

/// Three parts of two chunks each, the last one short; with accounts that end in every way.
const ACCOUNTS: usize = 520;
const PARTS: u64 = 3;
const FAILPOINT: &str = "IM_PROFILES_FAILPOINT";
const FAULTS: &str = "
[emulator.faults]
unknown = { rate = 0.05 }
permanent = { rate = 0.02 }
poison = { rate = 0.01 }
";

/// The occurrences of a point to stop at. A run makes a file for the list's invalid accounts, one for each part and two
/// for its sidecar lines, and then five more of the snapshot; it writes an entry at its start, for each part, and at the end of the round.
pub fn occurrences(point: &str) -> &'static [u32] {
    match point.split_once(':').unwrap().0 {
        "file" => &[1, 2, 6, 11, 15],
        "journal" if point.starts_with("journal:append") => &[1, 3, 5],
        _ => &[1],
    }
}

/// Points after the exchange: the new snapshot is there.
pub fn is_published(point: &str) -> bool {
    ["publish:exchanged", "publish:cleared", "publish:removed", "publish:unlocked"].contains(&point)
}

/// A job that publishes in a format, and the list of a run.
fn directory(format: &str) -> TestDir {
    let output =
        format!("output = {{ path = \"out\", accounts_per_part = 200, format = \"{format}\" }}");
    let job = JOB.replace("output = { path = \"out\", accounts_per_part = 600 }", &output) + FAULTS;
    assert!(job.contains(&output));
    TestDir::with_job(&job, accounts(ACCOUNTS))
}

/// What an undisturbed run publishes.
fn undisturbed(format: &str) -> Found {
    let directory = directory(format);
    let known = Known::of_directory(&directory, &[]);
    directory.export(&[]).expect_code(0);
    known.ensure_is(&directory.snapshot("out"), format);
    for category in ["not_found", "internal_error", "rejected"] {
        assert!(known.failing(category) > 0, "no account ends as {category}");
    }
    assert!(known.rows_and_rejected_values().1 > 0);
    let found = directory.found();
    let Found::Complete { parts, .. } = &found else { panic!("nothing was published") };
    assert_eq!(parts.len() as u64, PARTS);
    found
}

/// The directory with an earlier snapshot, of another list.
fn directory_with_earlier(format: &str) -> TestDir {
    let directory = directory(format);
    directory.accounts("accounts.txt", (0..50).map(|n| format!("earlier-{n}")));
    directory.export(&[]).expect_code(0);
    directory.accounts("accounts.txt", accounts(ACCOUNTS));
    directory
}

#[track_caller]
fn ensure_nothing_else_is_left(directory: &TestDir, about: &str) {
    let names = directory.names(".");
    assert!(names.iter().eq(["accounts.txt", "job.toml", "out/"]), "{about}: {names:?}");
}

/// Stops a run at every point, in one way, and runs the same command again.
fn stop_at_every_point(format: &str, replaces: bool, is_crash: bool) {
    let new = undisturbed(format);
    for &point in failpoint::ALL {
        for occurrence in occurrences(point) {
            let directory =
                if replaces { directory_with_earlier(format) } else { directory(format) };
            let earlier = directory.found();
            let failpoint =
                format!("{point}#{occurrence}{}", if is_crash { "" } else { "=enospc" });
            let about = format!("{format}, {failpoint}, replaces {replaces}");
            let output = directory.export_with(&[(FAILPOINT, &failpoint)], &[]);
            if is_crash {
                assert_eq!(output.code, None, "{about}\n{output}");
            } else {
                let output = output.expect_code(1);
                ensure_told_of_the_full_disk(&output, &about);
                let says_published = output.error().contains("snapshot was published in out");
                assert_eq!(says_published, is_published(point), "{about}\n{output}");
            }
            let expected = if is_published(point) { &new } else { &earlier };
            directory.found().ensure_is(expected, &about);
            let parts = directory.unpublished_parts();
            let committed = directory.committed_parts();

            let output = directory.export(&["--json"]).expect_code(0);
            let Found::Complete { parts: published, .. } = directory.found() else {
                panic!("{about}")
            };
            assert!(parts.len() as u64 >= committed || is_published(point), "{about}\n{output}");
            directory.found().ensure_is(&new, &format!("{about}, run again"));
            assert!(
                is_published(point) || parts.iter().all(|(name, bytes)| published[name] == *bytes)
            );
            ensure_nothing_else_is_left(&directory, &about);
        }
    }
}

/// One message, which names what was tried and where.
#[track_caller]
fn ensure_told_of_the_full_disk(output: &Output, about: &str) {
    let error = output.error();
    assert_eq!(output.stderr.matches("error: ").count(), 1, "{about}\n{output}");
    assert!(error.starts_with("could not "), "{about}\n{output}");
    assert_eq!(error.matches("No space left on device").count(), 1, "{about}\n{output}");
    assert!(error.contains("out"), "{about}: the path is not named\n{output}");
    assert!(error.contains("make room"), "{about}: no fix is named\n{output}");
}

#[test]
fn first_snapshot_survives_a_crash_at_every_point() {
    stop_at_every_point("parquet", false, true);
}

#[test]
fn first_csv_snapshot_survives_a_crash_at_every_point() {
    stop_at_every_point("csv", false, true);
}

#[test]
fn replacement_survives_a_crash_at_every_point() {
    stop_at_every_point("parquet", true, true);
}

#[test]
fn csv_replacement_survives_a_crash_at_every_point() {
    stop_at_every_point("csv", true, true);
}

#[test]
fn first_snapshot_survives_a_full_disk_at_every_point() {
    stop_at_every_point("parquet", false, false);
}

#[test]
fn csv_replacement_survives_a_full_disk_at_every_point() {
    stop_at_every_point("csv", true, false);
}

#[test]
fn every_failpoint_is_hit_the_expected_number_of_times() {
    for (point, most) in [("file:durable", 15), ("journal:appended", 5), ("publish:removed", 1)] {
        let at = |occurrence: u32| {
            let failpoint = format!("{point}#{occurrence}");
            directory("csv").export_with(&[(FAILPOINT, &failpoint)], &[])
        };
        assert_eq!(at(most).code, None, "{point}");
        at(most + 1).expect_code(0);
    }
}

/// With `if_exists = "fail"`, a run does not refuse what it published itself, as far as it can know.
#[test]
fn crash_after_the_exchange_counts_as_published() {
    const FAIL: [&str; 2] = ["--set", "output.if_exists=fail"];
    let new = undisturbed("parquet");
    for point in ["publish:exchanged", "publish:cleared"] {
        let directory = directory("parquet");
        assert_eq!(directory.export_with(&[(FAILPOINT, point)], &FAIL).code, None);
        let published = fs::read(directory.path("out/_manifest.json")).unwrap();
        let output = directory.export(&[&FAIL[..], &["--json"]].concat()).expect_code(0);
        assert_eq!(output.summary()["status"], "published");
        directory.found().ensure_is(&new, point);
        // It was published once.
        assert_eq!(fs::read(directory.path("out/_manifest.json")).unwrap(), published, "{point}");
        ensure_nothing_else_is_left(&directory, point);
        directory.export(&FAIL).expect_code(2).expect_stderr(&["out exists already"]);
    }
}

/// A resumed run requests only the accounts of parts that were not committed.
#[test]
fn accounts_of_committed_parts_are_not_requested_again() {
    const CHUNKS_PER_PART: u64 = 2;
    const PARTS: u64 = 6;
    for (committed, max_in_flight) in [(0, 1), (1, 1), (3, 1), (6, 1), (1, 16), (4, 16)] {
        let directory = TestDir::with_job(JOB, accounts(1200));
        let in_flight = format!("api.max_in_flight={max_in_flight}");
        let keys = ["--set", "output.accounts_per_part=200", "--set", &in_flight];
        // The first entry is not of a part.
        let failpoint = format!("journal:appended#{}", committed + 1);
        assert_eq!(directory.export_with(&[(FAILPOINT, &failpoint)], &keys).code, None);
        assert_eq!(directory.committed_parts(), committed);
        let before = directory.recorded_calls();
        let output = directory.export(&[&keys[..], &["--json"]].concat()).expect_code(0);
        let expected = before + (PARTS - committed) * CHUNKS_PER_PART;
        assert_eq!(output.summary()["calls"]["made"], expected, "{committed} parts\n{output}");
        assert_eq!(output.summary()["counts"]["rows"], 1200, "{output}");
    }
}

/// The last line of the checkpoint may be cut anywhere by a crash: the part is asked for again.
#[test]
fn truncated_journal_entry_is_ignored() {
    let new = undisturbed("csv");
    for bytes_left in [0, 1, 40] {
        let directory = directory("csv");
        let at_part_2 = [(FAILPOINT, "journal:appended#3")];
        assert_eq!(directory.export_with(&at_part_2, &[]).code, None);
        let path = directory.path(WORK_DIRECTORY).join("checkpoint.ndjson");
        let text = fs::read_to_string(&path).unwrap();
        let last_line = text.trim_end().rfind('\n').unwrap() + 1;
        fs::write(&path, &text[..last_line + bytes_left]).unwrap();
        directory.export(&[]).expect_code(0);
        directory.found().ensure_is(&new, &format!("{bytes_left} bytes of the entry"));
    }
}

/// Failed accounts are retried in their own round, which can crash too.
#[test]
fn retry_round_survives_a_crash_at_every_point() {
    const NONE_MAY_FAIL: [&str; 2] = ["--set", "limits.max_failed=0"];
    let after_one_round = || {
        let directory = directory("parquet");
        directory.export(&NONE_MAY_FAIL).expect_code(3);
        assert_eq!(directory.committed_parts(), PARTS);
        directory
    };
    let undisturbed = after_one_round();
    undisturbed.export(&NONE_MAY_FAIL).expect_code(3);
    let before = undisturbed.recorded_calls();
    let output = undisturbed.export(&["--json"]).expect_code(0);
    assert_eq!(output.summary()["calls"]["made"], before, "{output}");
    let new = undisturbed.found();
    let known = Known::of_directory(&undisturbed, &[]);
    known.ensure_accounts_are(&undisturbed.snapshot("out"), "two rounds");
    let of_runs_begin_or_publication = ["lock:", "output:", "journal:create", "publish:"];
    let points = failpoint::ALL.iter().filter(|point| {
        !of_runs_begin_or_publication.iter().any(|prefix| point.starts_with(prefix))
    });
    for point in points {
        // The last file of the part, and the end of the round.
        for occurrence in if point.starts_with("file:") { [2, 4] } else { [1, 2] } {
            let directory = after_one_round();
            let failpoint = format!("{point}#{occurrence}");
            let output = directory.export_with(&[(FAILPOINT, &failpoint)], &NONE_MAY_FAIL);
            assert_eq!(output.code, None, "{failpoint}\n{output}");
            if directory.committed_parts() == PARTS {
                // Nothing of the round is left, so all of it is repeated.
                directory.export(&NONE_MAY_FAIL).expect_code(3);
            }
            directory.export(&[]).expect_code(0);
            directory.found().ensure_is(&new, &failpoint);
            ensure_nothing_else_is_left(&directory, &failpoint);
        }
    }
}

/// The exchange is one step: a reader never finds the path missing or a snapshot that is not complete.
#[test]
fn readers_see_a_complete_snapshot_during_replacement() {
    const REPLACEMENTS: usize = 15;
    let directory = directory_with_earlier("csv");
    let has_ended = AtomicBool::new(false);
    let snapshots = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let success = directory.path("out/_SUCCESS");
            let mut snapshots = BTreeSet::new();
            // Nothing else, so that it looks between any two steps.
            while !has_ended.load(Ordering::Relaxed) {
                snapshots.insert(fs::metadata(&success).map(|file| file.ino()).unwrap());
            }
            snapshots
        });
        let ended: Vec<Output> = (0..REPLACEMENTS).map(|_| directory.export(&[])).collect();
        has_ended.store(true, Ordering::Relaxed);
        ended.into_iter().for_each(|output| drop(output.expect_code(0)));
        reader.join().unwrap()
    });
    assert!(snapshots.len() > 1, "no replacement was seen");
}
