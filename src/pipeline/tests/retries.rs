//! Attempts and retries of single accounts.

use super::*;
use crate::snapshot::manifest::FailureSummary;
use crate::snapshot::sidecars::Category;

#[test]
fn temporary_account_failures_are_repacked_and_appended_to_their_part() {
    let attempts: Mutex<HashMap<String, u32>> = Mutex::default();
    let ended = run_scripted(10_000, move |_, _, accounts| {
        let mut attempts = attempts.lock().unwrap();
        let failing = accounts.iter().filter(|account| account.ends_with('7')).filter(|account| {
            let times = attempts.entry((*account).clone()).or_default();
            *times += 1;
            *times <= 2
        });
        ScriptedResponse::Codes(failing.map(|account| (account.clone(), 40006)).collect())
    });
    ended.assert_conserved(10_000);
    ended.assert_rate(200);
    assert!(ended.failed.is_empty());
    for part in ended.accounts_with_rows().chunks(1000) {
        let (first, late) = part.split_at(900);
        assert!(is_in_order(first) && first.iter().all(|account| !account.ends_with('7')));
        assert!(is_in_order(late) && late.iter().all(|account| account.ends_with('7')));
    }
    // 100 first calls, and two retries of 1,000 accounts: packed, that is little more than 20 calls.
    assert!(ended.calls.len() <= 135, "{}", ended.calls.len());
}

#[test]
fn an_account_fails_with_its_code_after_max_attempts() {
    let ended = run_scripted(300, |_, _, accounts| {
        let failing = accounts.iter().filter(|account| account.ends_with("50"));
        ScriptedResponse::Codes(failing.map(|account| (account.clone(), 40006)).collect())
    });
    ended.assert_conserved(300);
    assert_eq!(ended.failed.len(), 3);
    assert!(ended.failed.values().all(|category| category == "internal_error"));
    let requested = ended.calls.iter().flat_map(|(_, accounts)| accounts);
    assert_eq!(requested.filter(|account| *account == "a150").count(), 6);
    let failures = &ended.result.unwrap().checkpoint().parts()[0].failed;
    let expected =
        FailureSummary { category: Category::InternalError, error_code: Some(40006), accounts: 3 };
    assert_eq!(failures, &[expected]);
}

#[test]
fn other_failures_reset_the_count_of_a_temporary_code() {
    // The last account is requested alone; it alternates between 60008 and 40006: never five times in a row.
    let ended = run_scripted(101, |number, _, accounts| match (accounts.len(), number) {
        (1, 0..=10) if number % 2 == 0 => ScriptedResponse::Code(60008),
        (1, 0..=10) => ScriptedResponse::Codes(vec![(accounts[0].clone(), 40006)]),
        _ => ok(),
    });
    ended.assert_conserved(101);
    assert!(ended.failed.values().all(|category| category != "rejected"), "{:?}", ended.failed);
    assert!(ended.calls.len() >= 7, "{}", ended.calls.len());
}
