//! Every code of the service through the built binary: once, and from then on for ever.

use crate::support::Output;
use crate::support::scenario::{directory, ensure_conserved, run};
use im_profiles::internals::{Class, ErrorCodeRule, RULES};

/// Three calls.
const ACCOUNTS: usize = 300;

/// Locks the whole client for a minute, which the run's own tests wait out on a clock that they move.
const LOCK: i64 = 70050;

fn rules() -> impl Iterator<Item = &'static ErrorCodeRule> {
    RULES.iter().filter(|rule| rule.code != LOCK)
}

/// The key that answers calls with a code; `limit` is how many, 0 is all.
fn answering(code: i64, limit: u32) -> String {
    format!("faults.codes=[{{ code = {code}, rate = 1.0, limit = {limit} }}]")
}

/// Runs with every call answered so; nothing may be published.
#[track_caller]
fn ensure_stopped(code: i64, keys: &[&str], exit_code: i32) -> Output {
    let directory = directory(ACCOUNTS);
    let output = run(&directory, &[&[&*answering(code, 0)], keys].concat()).expect_code(exit_code);
    assert!(output.error().contains(&format!("code {code}")), "{output}");
    assert!(!directory.path("out").exists(), "{output}");
    assert_eq!(output.summary()["exit_code"], exit_code, "{output}");
    output
}

/// Whether the run continues after one call fails with the code.
fn passes_once(rule: &ErrorCodeRule) -> bool {
    rule.renews_signature || rule.class != Class::Fatal
}

#[test]
fn transient_code_costs_no_account() {
    let mut codes = 0;
    for rule in rules().filter(|rule| passes_once(rule)) {
        let (known, _) = ensure_conserved(ACCOUNTS, &[&answering(rule.code, 1)]);
        assert_eq!(known.rows_and_rejected_values().0, ACCOUNTS, "{}", rule.code);
        codes += 1;
    }
    assert!(codes > 40, "{codes}");
}

#[test]
fn fatal_code_stops_the_run_immediately() {
    let mut codes = 0;
    for rule in rules().filter(|rule| !passes_once(rule)) {
        let directory = directory(ACCOUNTS);
        let output =
            run(&directory, &[&answering(rule.code, 1), ".api.max_in_flight=1"]).expect_code(4);
        let reported = format!("code {}, {}", rule.code, rule.meaning);
        assert!(output.error().contains(&reported), "{output}");
        assert!(output.error().ends_with(rule.remedy), "{output}");
        assert!(!directory.path("out").exists(), "{output}");
        codes += 1;
    }
    assert!(codes > 25, "{codes}");
}

#[test]
fn signature_code_that_persists_after_renewal_stops_the_run() {
    let mut codes = 0;
    for rule in rules().filter(|rule| rule.renews_signature) {
        let code = if rule.class == Class::Fatal { 4 } else { 75 };
        let output = ensure_stopped(rule.code, &[".retry.outage_patience=50ms"], code);
        // The key may be wrong: a renewal is reported once the new UserSig is accepted.
        assert_eq!(output.stderr.matches("UserSig renewed").count(), 0, "{output}");
        codes += 1;
    }
    assert!(codes > 10, "{codes}");
}

#[test]
fn transient_code_that_persists_is_an_outage() {
    for rule in rules().filter(|rule| {
        matches!(rule.class, Class::Retry | Class::Throttle) && rule.final_class != Class::Fatal
    }) {
        let output = ensure_stopped(rule.code, &[".retry.outage_patience=50ms"], 75);
        assert!(output.error().contains("retry.outage_patience"), "{output}");
    }
}

#[test]
fn code_for_every_account_stops_the_run_early() {
    for rule in rules() {
        let is_for_accounts = matches!(rule.class, Class::BadBatch | Class::Permanent);
        if is_for_accounts && !rule.is_not_found() {
            let output = ensure_stopped(rule.code, &[], 4);
            assert!(output.error().contains("rejects every account"), "{output}");
        }
    }
}

#[test]
fn list_of_unknown_accounts_is_published() {
    for code in [40003, 70107] {
        let directory = directory(ACCOUNTS);
        run(&directory, &[&answering(code, 0)]).expect_code(0);
        let failed = directory.snapshot("out").failed();
        assert_eq!(failed.len(), ACCOUNTS);
        assert!(failed.iter().all(|failed| failed.category == "not_found"));
    }
}

#[test]
fn unknown_codes_are_transient_and_cause_an_outage() {
    for code in [60099, 79999, 1, -10113, 40999] {
        ensure_conserved(ACCOUNTS, &[&answering(code, 1)]);
        ensure_stopped(code, &[".retry.outage_patience=50ms"], 75);
    }
}

#[test]
fn error_info_of_the_service_is_reported() {
    let directory = directory(ACCOUNTS);
    let words = "open_questions.error_info={ 60016 = 'paused by the owner' }";
    let output = run(&directory, &[&answering(60016, 0), words]).expect_code(4);
    assert!(output.error().contains("the service says: paused by the owner"), "{output}");
}
