use super::*;
use crate::accounts::RecordUnit;
use crate::job::Limit;
use crate::pipeline::call_stats::CallStats;
use crate::snapshot::manifest::Counts;
use crate::snapshot::sidecars::Category;
use crate::util::exit_code::ExitCode;

const DEFAULT: Limits = Limits {
    max_failed: Limit::PartsPerMillion(10_000),
    max_invalid: Limit::PartsPerMillion(10_000),
    max_not_found: Limit::Off,
    max_shrink: Limit::PartsPerMillion(500_000),
    allow_empty: false,
    deadline: None,
};

fn earlier(rows: u64) -> Option<PreviousSnapshot> {
    Some(PreviousSnapshot { path: "/out".to_owned(), rows })
}

/// The exit code and the status for `[records, invalid]`.
fn of_list(
    limits: &Limits,
    [records, invalid]: [u64; 2],
    before: Option<u64>,
) -> (u8, &'static str) {
    let (account, reason) = (String::new(), "is empty".to_owned());
    let first = InvalidEntry { file: None, unit: RecordUnit::Line, line: 7, account, reason };
    let totals = ListTotals {
        list: "list.txt".to_owned(),
        records,
        invalid,
        first_invalid: (invalid > 0).then_some(first),
        rows_at_most: records - invalid,
    };
    let decided = ensure_list_is_exportable(limits, &totals, before.and_then(earlier).as_ref());
    decided.map_or_else(
        |error| (error.reason.exit_code().number(), error.reason.status()),
        |()| (0, ""),
    )
}

#[test]
fn list_is_checked_before_the_first_call() {
    let refused = |limits: Limits, counts, before| of_list(&limits, counts, before);
    let empty = Limits { allow_empty: true, ..DEFAULT };
    let tolerant = Limits { max_invalid: Limit::Off, ..DEFAULT };
    let both = Limits { allow_empty: true, ..tolerant };
    let strict = Limits { max_invalid: Limit::Count(0), ..DEFAULT };
    let growing = Limits { max_shrink: Limit::Count(0), ..DEFAULT };
    let any_size = Limits { max_shrink: Limit::Off, ..DEFAULT };
    for (limits, counts, before, expected) in [
        (DEFAULT, [0, 0], None, (2, "bad_usage")),
        (DEFAULT, [0, 0], Some(100), (2, "bad_usage")),
        (empty, [0, 0], None, (0, "")),
        (empty, [0, 0], Some(100), (0, "")),
        (DEFAULT, [16, 16], None, (2, "bad_usage")),
        (tolerant, [16, 16], None, (2, "bad_usage")),
        // That a list may be empty does not make a list of garbage right.
        (empty, [16, 16], Some(100), (3, "too_many_invalid")),
        (both, [16, 16], Some(100), (0, "")),
        (DEFAULT, [100, 1], None, (0, "")),
        (DEFAULT, [99, 1], None, (3, "too_many_invalid")),
        (DEFAULT, [200, 3], None, (3, "too_many_invalid")),
        (strict, [1_000_000, 1], None, (3, "too_many_invalid")),
        (tolerant, [100, 99], None, (0, "")),
        (DEFAULT, [50, 0], Some(100), (0, "")),
        (DEFAULT, [49, 0], Some(100), (3, "too_few_rows")),
        (empty, [49, 0], Some(100), (3, "too_few_rows")),
        (tolerant, [100, 51], Some(100), (3, "too_few_rows")),
        (any_size, [1, 0], Some(u64::MAX), (0, "")),
        (growing, [100, 0], Some(100), (0, "")),
        (growing, [99, 0], Some(100), (3, "too_few_rows")),
        (growing, [1, 0], Some(0), (0, "")),
    ] {
        assert_eq!(refused(limits, counts, before), expected, "{limits:?} {counts:?} {before:?}");
    }
}

/// What is decided of `[rows, failed, not_found]`: the status, and whether failed accounts are retried.
fn of_run(
    limits: &Limits,
    [rows, failed, not_found]: [u64; 3],
    before: Option<u64>,
) -> (&'static str, bool) {
    let facts = |category, accounts| FailureSummary { category, error_code: None, accounts };
    let result = ResultSummary {
        counts: Counts {
            accounts_in_list: rows + failed + not_found + 5,
            rows,
            failed: failed + not_found,
            duplicates: 3,
            invalid: 2,
            rejected_values: 0,
        },
        failures: vec![
            facts(Category::NotFound, not_found),
            facts(Category::InternalError, failed),
            facts(Category::InvalidAccount, 2),
        ],
        parts: 1,
        bytes: 1,
        calls: CallStats::default(),
        seconds_before: 0.0,
        suggested_calls_per_second: None,
    };
    let decided = ensure_publishable(limits, &result, before.and_then(earlier).as_ref());
    decided.map_or_else(|error| (error.reason.status(), error.retry_may_help), |()| ("", false))
}

#[test]
fn totals_decide_whether_a_run_is_published() {
    let empty = Limits { allow_empty: true, ..DEFAULT };
    let found = Limits { max_not_found: Limit::PartsPerMillion(100_000), ..DEFAULT };
    let failing = Limits { max_failed: Limit::Off, ..DEFAULT };
    let any_size = Limits { max_shrink: Limit::Off, ..DEFAULT };
    for (limits, counts, before, expected) in [
        (&DEFAULT, [100, 0, 0], None, ("", false)),
        (&DEFAULT, [99, 1, 0], None, ("", false)),
        (&DEFAULT, [98, 2, 0], None, ("too_many_failed", true)),
        (&DEFAULT, [0, 3, 0], None, ("too_many_failed", true)),
        (&DEFAULT, [1, 0, 99], None, ("", false)),
        (&DEFAULT, [0, 0, 100], None, ("no_rows", false)),
        (&DEFAULT, [0, 0, 0], None, ("no_rows", false)),
        (&failing, [0, 3, 97], None, ("no_rows", true)),
        (&empty, [0, 0, 100], Some(100), ("", false)),
        (&empty, [0, 0, 0], Some(100), ("", false)),
        (&empty, [0, 3, 0], None, ("too_many_failed", true)),
        (&found, [90, 0, 10], None, ("", false)),
        (&found, [89, 0, 11], None, ("too_many_not_found", false)),
        // A retry does not find accounts that are not found, so none is suggested.
        (&found, [50, 30, 20], None, ("too_many_not_found", false)),
        (&DEFAULT, [50, 0, 50], Some(100), ("", false)),
        (&DEFAULT, [49, 0, 51], Some(100), ("too_few_rows", false)),
        (&empty, [49, 0, 51], Some(100), ("too_few_rows", false)),
        (&failing, [40, 20, 40], Some(100), ("too_few_rows", true)),
        (&failing, [40, 9, 51], Some(100), ("too_few_rows", false)),
        (&any_size, [1, 0, 99], Some(100), ("", false)),
        (&DEFAULT, [100, 0, 0], Some(0), ("", false)),
    ] {
        assert_eq!(of_run(limits, counts, before), expected, "{limits:?} {counts:?} {before:?}");
    }
}

#[test]
fn counts_that_do_not_add_up_are_a_bug_whatever_is_allowed() {
    let counts = Counts { accounts_in_list: 1, ..Counts::default() };
    let (failures, calls) = (Vec::new(), CallStats::default());
    let result = ResultSummary {
        counts,
        failures,
        parts: 1,
        bytes: 1,
        calls,
        seconds_before: 0.0,
        suggested_calls_per_second: None,
    };
    let limits = Limits { max_failed: Limit::Off, allow_empty: true, ..DEFAULT };
    let error = ensure_publishable(&limits, &result, None).unwrap_err();
    assert_eq!(error.reason.exit_code(), ExitCode::InternalOrDisk);
    assert!(!error.retry_may_help);
}

#[test]
fn possible_retry_is_suggested_once() {
    let text = |reason, retry_may_help| {
        NotPublished { reason, retry_may_help, details: String::new() }.to_string()
    };
    let (requested, not_found, failed) = (9, 2, 7);
    let no_rows = RefusalReason::NoRows { requested, not_found, failed };
    assert!(text(no_rows.clone(), true).ends_with(", or run again to retry the failed accounts"));
    assert!(!text(no_rows, false).contains("retry"));
    let (invalid, limit) = (0, Limit::Count(3));
    let too_many = RefusalReason::TooManyFailed { failed, requested, not_found, invalid, limit };
    assert_eq!(text(too_many, true).matches("retry").count(), 1);
}
