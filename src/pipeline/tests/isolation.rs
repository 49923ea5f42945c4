//! One account that fails the calls it is part of.

use super::*;

#[test]
fn an_account_that_fails_its_call_is_isolated_by_bisection() {
    for code in [40001, 40002, 40003, 60015, 70206] {
        let ended = run_scripted(1000, move |_, _, accounts| {
            match accounts.iter().any(|account| account == "a123" || account == "a124") {
                true => ScriptedResponse::Code(code),
                false => ok(),
            }
        });
        ended.assert_conserved(1000);
        let category = if code == 40003 { "not_found" } else { "rejected" };
        assert_eq!(ended.failed.len(), 2, "{code}");
        assert!(ended.failed.values().all(|found| found == category), "{code}");
        assert!(ended.calls.len() <= 10 + 2 * 14, "{code}: {} calls", ended.calls.len());
    }
}

#[test]
fn a_response_that_is_too_large_splits_the_chunk_and_is_temporary_for_one_account() {
    let too_large = Mutex::new(0);
    let ended = run_scripted(300, move |_, _, accounts| {
        let mut too_large = too_large.lock().unwrap();
        let is_too_large = accounts.len() > 50 || (accounts[0] == "a7" && *too_large < 3);
        if is_too_large && accounts[0] == "a7" {
            *too_large += 1;
        }
        let holds_a7_among_others = accounts.len() > 1 && accounts.contains(&"a7".to_owned());
        if is_too_large || holds_a7_among_others { ScriptedResponse::TooLarge } else { ok() }
    });
    ended.assert_conserved(300);
    assert!(ended.failed.is_empty(), "{:?}", ended.failed);
    assert!(ended.calls.iter().any(|(_, accounts)| accounts == &["a7".to_owned()]));
}

#[test]
fn an_account_that_breaks_the_connection_fails_alone() {
    let ended = run_scripted(2000, |_, _, accounts| {
        match accounts.iter().any(|account| account == "a1234") {
            true => ScriptedResponse::Broken,
            false => ok(),
        }
    });
    ended.assert_conserved(2000);
    assert_eq!(ended.failed.keys().collect::<Vec<_>>(), ["a1234"]);
    assert_eq!(ended.failed["a1234"], "no_answer");
}

#[test]
fn an_account_on_its_last_attempt_does_not_fail_for_another_account_of_its_chunk() {
    for accounts in (110..=190).step_by(20) {
        let failures: Mutex<HashMap<String, u32>> = Mutex::default();
        let ended = run_scripted(accounts, move |_, _, requested| {
            if requested.iter().any(|account| account == "a105") {
                return ScriptedResponse::Broken;
            }
            // These fail with their own code until one attempt is left, and are packed with the others meanwhile.
            let mut failures = failures.lock().unwrap();
            let failing =
                requested.iter().filter(|account| account.ends_with('3')).filter(|account| {
                    let times = failures.entry((*account).clone()).or_default();
                    *times += 1;
                    *times <= 5
                });
            ScriptedResponse::Codes(failing.map(|account| (account.clone(), 40006)).collect())
        });
        ended.assert_conserved(accounts);
        let lost: Vec<&String> = ended
            .failed
            .iter()
            .filter(|(account, category)| *account != "a105" && *category == "no_answer")
            .map(|(account, _)| account)
            .collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
}

#[test]
fn an_account_refused_by_http_status_fails_alone() {
    let ended = run_scripted(2000, |_, _, accounts| {
        match accounts.iter().any(|account| account == "a1234") {
            true => ScriptedResponse::Status(403),
            false => ok(),
        }
    });
    ended.assert_conserved(2000);
    assert_eq!(ended.failed.keys().collect::<Vec<_>>(), ["a1234"]);
    assert_eq!(ended.failed["a1234"], "no_answer");
}

#[test]
fn an_account_that_makes_responses_ambiguous_fails_alone() {
    let bare = |accounts: &[String]| {
        let items = accounts.iter().map(|name| format!(r#"{{"To_Account":"{name}"}}"#));
        let items: Vec<String> = items.collect();
        format!(r#"{{"ErrorCode":0,"UserProfileItem":[{}]}}"#, items.join(","))
    };
    let all_failed = |accounts: &[String]| {
        let failed = serde_json::to_string(accounts).unwrap();
        body_of(accounts, &[]).replacen('{', &format!(r#"{{"Fail_Account":{failed},"#), 1)
    };
    let corruptions: [fn(&[String]) -> String; 5] = [
        |_| r#"{"ErrorCode":0,"UserProfileItem":[]}"#.to_owned(),
        |_| r#"{"ErrorCode":0,"UserProfileItem":null}"#.to_owned(),
        |accounts| body_of(accounts, &[]).replacen('{', r#"{"Fail_Account":[null],"#, 1),
        bare,
        all_failed,
    ];
    for corrupt in corruptions {
        let ended = run_scripted(250, move |_, _, accounts| {
            let holds_culprit = accounts.iter().any(|account| account == "a142");
            ScriptedResponse::Body(if holds_culprit {
                corrupt(accounts)
            } else {
                body_of(accounts, &[])
            })
        });
        ended.assert_conserved(250);
        assert_eq!(ended.failed.keys().collect::<Vec<_>>(), ["a142"]);
        assert!(ended.calls.len() < 40, "{} calls", ended.calls.len());
    }
}
