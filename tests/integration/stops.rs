//! Runs that do not publish: the exit code, the message, and the unchanged earlier snapshot.

use std::collections::BTreeMap;
use std::fs;

use crate::support::scenario::{directory, run};
use crate::support::{Output, TestDir};

const ACCOUNTS: usize = 1_000;

/// Everything in the published directory, by name.
fn content(directory: &TestDir) -> BTreeMap<String, Vec<u8>> {
    let names = directory.names("out");
    names
        .into_iter()
        .map(|name| (name.clone(), fs::read(directory.path("out").join(name)).unwrap()))
        .collect()
}

/// Publishes without faults, then runs again under some: nothing of the first may change.
#[track_caller]
fn ensure_not_published(keys: &[&str], exit_code: i32) -> Output {
    let directory = directory(ACCOUNTS);
    run(&directory, &[]).expect_code(0);
    let before = content(&directory);
    let output = run(&directory, keys).expect_code(exit_code);
    assert!(content(&directory) == before, "the earlier snapshot was changed\n{output}");
    assert_eq!(output.summary()["exit_code"], exit_code, "{output}");
    assert_eq!(output.summary()["error"], output.error(), "{output}");
    let absolute = directory.path("out").canonicalize().unwrap();
    assert_eq!(output.summary()["output_path"], absolute.to_str().unwrap(), "{output}");
    assert_eq!(output.summary().get("snapshot"), None, "{output}");
    output
}

#[test]
fn too_many_failed_accounts_prevent_publishing() {
    let ten =
        "faults.permanent.accounts=['1', '6', '11', '16', '21', '26', '31', '36', '41', '46']";
    let output = ensure_not_published(&[ten, ".limits.max_failed=9"], 3);
    assert!(output.error().starts_with("10 of 1,000 accounts failed"), "{output}");
    assert!(output.error().contains("limits.max_failed"), "{output}");
    assert_eq!(output.summary()["status"], "too_many_failed");
    assert_eq!(output.summary()["counts"]["failed"], 10);
    ensure_not_published(&[ten, ".limits.max_failed=0.99%"], 3);
    ensure_not_published(&[ten, ".limits.max_failed=0"], 3);
    for just_enough in [".limits.max_failed=10", ".limits.max_failed=1%"] {
        run(&directory(ACCOUNTS), &[ten, just_enough]).expect_code(0);
    }
}

#[test]
fn accounts_not_found_do_not_count_as_failed() {
    let directory = directory(ACCOUNTS);
    run(&directory, &["faults.unknown.rate=0.9", ".limits.max_failed=0"]).expect_code(0);
    let failed = directory.snapshot("out").manifest()["counts"]["failed"].as_u64().unwrap();
    assert!((850..950).contains(&failed), "{failed}");
}

#[test]
fn output_path_without_a_snapshot_is_reported_in_full() {
    let directory = directory(ACCOUNTS);
    let output = run(&directory, &["faults.redirect.rate=1.0"]).expect_code(4);
    let absolute = directory.root().canonicalize().unwrap().join("out");
    assert_eq!(output.summary()["output_path"], absolute.to_str().unwrap(), "{output}");
    assert_eq!(output.summary().get("snapshot"), None, "{output}");
}

#[test]
fn endless_outage_stops_the_run_resumable() {
    for fault in ["faults.reset.rate=1.0", "faults.http_error.rate=1.0", "faults.garbage.rate=1.0"]
    {
        let output = ensure_not_published(&[fault, ".retry.outage_patience=50ms"], 75);
        assert!(output.error().contains("no call succeeded for "), "{output}");
        assert!(output.error().contains("retry.outage_patience"), "{output}");
        assert_eq!(output.summary()["status"], "try_again_later");
    }
    let hanging = ["faults.hang.rate=1.0", ".api.timeout=200ms", ".retry.outage_patience=300ms"];
    let output = ensure_not_published(&hanging, 75);
    assert!(output.error().contains("no response within 200 ms"), "{output}");
}

#[test]
fn outage_during_a_run_stops_it_resumable() {
    let window = "faults.windows=[{ kind = 'outage', from_call = 5, until_call = 1000000 }]";
    let output = ensure_not_published(&[window, ".retry.outage_patience=50ms"], 75);
    output.expect_stderr(&["service unreachable, calls paused", "kept "]);
}

#[test]
fn endless_throttling_stops_the_run_resumable() {
    for keys in [
        ["faults.throttle.rate=1.0", "faults.retry_after_seconds=0"],
        ["faults.http_429.rate=1.0", "faults.retry_after_seconds=0"],
    ] {
        let output =
            ensure_not_published(&[&keys[..], &[".retry.outage_patience=50ms"]].concat(), 75);
        output.expect_stderr(&["throttled by the service"]);
    }
}

#[test]
fn single_foreign_response_stops_nothing() {
    for fault in
        ["faults.redirect={ rate = 1.0, limit = 1 }", "faults.http_error={ rate = 1.0, limit = 1 }"]
    {
        let keys = [fault, "faults.http_statuses=[404]"];
        let directory = directory(ACCOUNTS);
        let output = run(&directory, &keys).expect_code(0);
        assert_eq!(output.summary()["counts"]["rows"], ACCOUNTS, "{output}");
    }
}

#[test]
fn foreign_responses_stop_the_run() {
    for (keys, reported) in [
        (vec!["faults.redirect.rate=1.0"], "HTTP status 302"),
        (vec!["faults.http_error.rate=1.0", "faults.http_statuses=[403]"], "HTTP status 403"),
        (
            vec!["faults.http_error.rate=1.0", "faults.http_statuses=[404, 405, 413]"],
            "HTTP status 4",
        ),
    ] {
        let output = ensure_not_published(&keys, 4);
        assert!(output.error().contains(reported), "{output}");
        assert!(output.error().contains("check api.region or api.base_url"), "{output}");
    }
}

#[test]
fn oversized_response_for_every_account_stops_the_run() {
    let output = ensure_not_published(&["faults.oversized.rate=1.0"], 4);
    assert!(output.error().contains("larger than 16 MiB"), "{output}");
}

#[test]
fn unknown_or_unreadable_tag_stops_the_run() {
    let unreadable = "population.unreadable_tags=['Tag_Profile_Custom_Coins']";
    let missing = ".columns.5.tag=Tag_Profile_Custom_None";
    for tag_errors in ["open_questions.tag_errors=call", "open_questions.tag_errors=account"] {
        let output = ensure_not_published(&[unreadable, tag_errors], 4);
        assert!(output.error().contains("code 40007"), "{output}");
        let output = ensure_not_published(&[missing, tag_errors], 4);
        assert!(output.error().contains("code 40009"), "{output}");
        assert!(output.error().contains("check the tags in [[columns]]"), "{output}");
    }
}

#[test]
fn tag_ignored_by_the_service_is_null_everywhere() {
    let directory = directory(ACCOUNTS);
    let missing = ".columns.5.tag=Tag_Profile_Custom_None";
    run(&directory, &[missing, "open_questions.tag_errors=ignored"]).expect_code(0);
    let table = directory.snapshot("out").table();
    assert_eq!((table.rows.len(), table.columns[6].as_str()), (ACCOUNTS, "coins"));
    assert!(table.rows.iter().all(|row| row[6].is_none()));
}

#[test]
fn exhausted_daily_quota_stops_the_run() {
    let output = ensure_not_published(&["rate.calls_per_day=5"], 4);
    assert!(output.error().contains("code 60028"), "{output}");
    assert!(output.error().contains("run again tomorrow, or change the plan"), "{output}");
}

#[test]
fn usersig_that_stays_expired_stops_the_run() {
    let keys = ["faults.usersig_expired_calls=1000000"];
    let output = ensure_not_published(&keys, 4);
    assert!(output.error().contains("code 70001"), "{output}");
    assert!(output.error().contains("check this machine's clock"), "{output}");
    let once_too_often = ["faults.usersig_expired_calls=2", ".api.max_in_flight=1"];
    ensure_not_published(&once_too_often, 4);
}
