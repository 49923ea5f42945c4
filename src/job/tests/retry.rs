//! `[retry]`.

use super::*;

#[test]
fn retry_refused() {
    let first = "initial_backoff = \"100ms\"";
    insta::assert_snapshot!(errors_after(&[
        ("max_attempts = 3", "max_attempts = 0"),
        ("max_attempts = 3", "max_attempts = 101"),
        (first, "initial_backoff = \"0s\""),
        (first, "initial_backoff = \"-1s\""),
        (first, "initial_backoff = \"1s ago\""),
        (first, "initial_backoff = \"1ns\""),
        (first, "initial_backoff = \"fast\""),
        (first, "initial_backoff = \"1 day\""),
        (first, "initial_backoff = \"99999999999999999999h\""),
        (first, "initial_backoff = 100"),
        (first, "initial_backoff = true"),
        (first, "initial_backoff = \"2m\""),
        ("max_backoff = \"1m\"", "max_backoff = \"61m\""),
        ("outage_patience = \"2h\"", "outage_patience = \"169h\""),
    ]), @r#"
    jobs/n.toml:35: retry.max_attempts: is 0, which is out of range; write a whole number from 1 to 100
    jobs/n.toml:35: retry.max_attempts: is 101, which is out of range; write a whole number from 1 to 100
    jobs/n.toml:36: retry.initial_backoff: is "0s", which is out of range; write a duration from 1ms to 1h
    jobs/n.toml:36: retry.initial_backoff: is "-1s", which is not a duration; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:36: retry.initial_backoff: is "1s ago", which is not a duration; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:36: retry.initial_backoff: is "1ns", which is out of range; write a duration from 1ms to 1h
    jobs/n.toml:36: retry.initial_backoff: is "fast", which is not a duration; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:36: retry.initial_backoff: is "1 day", which is not a duration; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:36: retry.initial_backoff: is "99999999999999999999h", which is not a duration; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:36: retry.initial_backoff: is 100 without a unit; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:36: retry.initial_backoff: is not a duration; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:37: retry.max_backoff: is "1m", which is shorter than retry.initial_backoff ("2m"); write a duration at least as long
    jobs/n.toml:37: retry.max_backoff: is "61m", which is out of range; write a duration from 1ms to 1h
    jobs/n.toml:38: retry.outage_patience: is "169h", which is out of range; write a duration from 1ms to 168h
    "#);
}

#[test]
fn constant_backoff_is_accepted() {
    let job = load(FULL, &["retry.initial_backoff=1m"]).unwrap();
    assert_eq!(job.retry.initial_backoff, job.retry.max_backoff);
}
