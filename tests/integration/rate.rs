//! Promise 4 through the built binary: what the receiver's own meter says, and that the summary says the same.
//!
//! Only counts are asserted, never how long anything took: how close together calls arrive that left in time is the
//! machine's to decide.

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::scenario::accounts;
use crate::support::{EmulatorServer, Output, QUICK_JOB, TestDir, settings_of};

/// Exports from a server; the summary must count exactly the calls that the server received.
#[track_caller]
fn export_to(server: &EmulatorServer, count: usize, keys: &[&str]) -> Output {
    let directory =
        TestDir::with_job(QUICK_JOB, accounts(count)).env(SECRET_VARIABLE, server.secret_key());
    let mut arguments = vec!["--json".to_owned()];
    arguments.extend(server.overrides());
    arguments.extend(keys.iter().flat_map(|key| ["--set".to_owned(), (*key).to_owned()]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = directory.export(&arguments).expect_code(0);
    assert_eq!(output.summary()["counts"]["rows"], count, "{output}");
    assert_eq!(directory.snapshot("out").table().rows.len(), count);
    let made = server.emulator.stats().portrait_get().calls();
    assert_eq!(output.summary()["calls"]["made"], made, "the receiver counted {made}\n{output}");
    output
}

fn number(output: &Output, key: &str) -> u64 {
    output.summary()["calls"][key].as_u64().unwrap_or_else(|| panic!("no calls.{key}\n{output}"))
}

/// Fails the test unless the sender kept the limit and reported its utilization.
#[track_caller]
fn ensure_limit_kept(output: &Output, limit: u64) {
    let (made, peak_calls_per_second) =
        (number(output, "made"), number(output, "peak_calls_per_second"));
    assert!(peak_calls_per_second <= limit, "{output}");
    // All calls lie within the run, so one of its seconds holds at least its share of them.
    let seconds = output.summary()["duration_seconds"].as_f64().unwrap().ceil();
    assert!(peak_calls_per_second as f64 >= made as f64 / seconds, "{output}");
    assert_eq!(number(output, "calls_per_second"), limit, "{output}");
    let percent = output.summary()["calls"]["rate_utilization_percent"].as_f64();
    assert!(percent.is_some_and(|percent| percent > 0.0 && percent <= 100.0), "{output}");
}

#[test]
fn no_second_exceeds_the_limit() {
    // The receiver refuses what is above 200 in any sliding second.
    let server = EmulatorServer::start(settings_of(""));
    let output = export_to(&server, 70_000, &["api.calls_per_second=200"]);
    assert!(number(&output, "made") >= 700, "{output}");
    ensure_limit_kept(&output, 200);
    let refused = server.emulator.stats().responses_with_code(60007);
    assert_eq!(number(&output, "throttled"), refused, "{output}");
    assert!(server.emulator.peak_calls_per_second() as u64 <= 200 + refused, "{output}");
}

#[test]
fn a_lower_limit_of_the_service_is_learned_and_suggested() {
    let server = EmulatorServer::start(settings_of("rate.portrait_get = 20"));
    let output = export_to(&server, 14_000, &["api.calls_per_second=60"]);
    ensure_limit_kept(&output, 60);
    let learned = number(&output, "learned_calls_per_second");
    assert!((15..=24).contains(&learned), "{output}");
    let suggested = output.summary()["suggested_calls_per_second"].as_u64().unwrap();
    assert_eq!(suggested, learned * 98 / 100, "{output}");
    let advice = output.stderr.lines().last().unwrap();
    let accepted =
        format!("  advice      the service accepted about {learned} calls/s and throttled ");
    assert!(advice.starts_with(&accepted), "{output}");
    let setting = format!("set api.calls_per_second = {suggested}, or raise the app's limit");
    assert!(advice.contains(&setting), "{output}");
}

#[test]
fn first_calls_are_paced() {
    let server = EmulatorServer::start(settings_of("rate.portrait_get = 0"));
    let output = export_to(&server, 800, &["api.calls_per_second=5"]);
    assert_eq!(number(&output, "made"), 8, "{output}");
    ensure_limit_kept(&output, 5);
}

#[test]
fn retried_calls_keep_the_limit() {
    let server = EmulatorServer::start(settings_of(
        "rate.portrait_get = 0\nfaults.transient.rate = 1.0\nfaults.reset.rate = 0.2\n\
         faults.http_error.rate = 0.2\nfaults.truncated.rate = 0.2\n",
    ));
    let keys = ["api.calls_per_second=60", "retry.max_attempts=30"];
    let output = export_to(&server, 3_000, &keys);
    assert!(number(&output, "made") >= 60, "{output}");
    assert!(number(&output, "failed") > 0, "{output}");
    ensure_limit_kept(&output, 60);
}
