//! Responses that leave accounts open.

use super::*;

#[test]
fn accounts_in_doubt_are_retried_and_then_internal_errors() {
    // Each item would give a row of NULLs, because the response says too little or too much.
    for item in [
        r#"{"To_Account":"NAME"}"#,
        r#"{"To_Account":"NAME","ProfileItem":[],"ResultCode":null}"#,
        r#"{"To_Account":"NAME","ProfileItem":[],"ResultCode":"OK"}"#,
        r#"{"To_Account":"NAME","ResultCode":0},{"To_Account":"NAME","ResultCode":40006}"#,
    ] {
        for failures in [2, u64::MAX] {
            let requests = Mutex::new(0);
            let ended = run_scripted(300, move |_, _, accounts| {
                let mut body = body_of(accounts, &[]);
                let mut requests = requests.lock().unwrap();
                if accounts.contains(&"a7".to_owned()) && *requests < failures {
                    *requests += 1;
                    let own = body_of(&["a7".to_owned()], &[]);
                    let own = &own[own.find('[').unwrap() + 1..own.rfind(']').unwrap()];
                    body = body.replace(own, &item.replace("NAME", "a7"));
                }
                ScriptedResponse::Body(body)
            });
            ended.assert_conserved(300);
            let expected = if failures == 2 { None } else { Some("internal_error") };
            assert_eq!(ended.failed.get("a7").map(String::as_str), expected, "{item}");
            assert_eq!(ended.failed.len(), usize::from(failures != 2), "{item}");
            let calls =
                ended.calls.iter().filter(|(_, accounts)| accounts.contains(&"a7".to_owned()));
            assert_eq!(calls.count(), if failures == 2 { 3 } else { 6 }, "{item}");
        }
    }
}

#[test]
fn accounts_in_fail_account_get_no_row_despite_an_item() {
    let ended = run_scripted(1000, |_, _, accounts| {
        let failed: Vec<&String> = accounts.iter().filter(|name| name.ends_with('3')).collect();
        let failed = serde_json::to_string(&failed).unwrap();
        let body = body_of(accounts, &[]);
        ScriptedResponse::Body(body.replacen('{', &format!(r#"{{"Fail_Account":{failed},"#), 1))
    });
    ended.assert_conserved(1000);
    assert_eq!(ended.failed.len(), 100);
    assert!(
        ended
            .failed
            .iter()
            .all(|(name, category)| name.ends_with('3') && category == "internal_error")
    );
}

#[test]
fn markers_with_a_temporary_code_are_resolved_by_single_requests_and_assign_no_wrong_code() {
    let ended = run_scripted(1000, |_, at, accounts| {
        let is_failing = |name: &String| name.ends_with("13") && at < Duration::from_secs(2);
        let is_unknown = |name: &String| name.ends_with('7');
        let items = accounts.iter().map(|name| match () {
            () if is_failing(name) => {
                r#"{"To_Account":"@TLS#ERROR","ResultCode":40006}"#.to_owned()
            }
            () if is_unknown(name) => {
                r#"{"To_Account":"@TLS#NOT_FOUND","ResultCode":70107}"#.to_owned()
            }
            () => format!(r#"{{"To_Account":"{name}","ProfileItem":[],"ResultCode":0}}"#),
        });
        let items: Vec<String> = items.collect();
        ScriptedResponse::Body(format!(
            r#"{{"ErrorCode":0,"UserProfileItem":[{}]}}"#,
            items.join(",")
        ))
    });
    ended.assert_conserved(1000);
    assert_eq!(ended.failed.len(), 100);
    assert!(
        ended.failed.iter().all(|(name, category)| name.ends_with('7') && category == "not_found")
    );
    let result = ended.result.unwrap();
    let parts = result.checkpoint().parts();
    let codes = parts[0].failed.iter().map(|failure| failure.error_code);
    assert_eq!(codes.collect::<Vec<_>>(), [Some(70107)]);
}

#[test]
fn fewer_markers_than_unknown_accounts_are_resolved_by_smaller_chunks() {
    let is_unknown = |account: &str| account.ends_with('3');
    let ended = run_scripted(1000, move |_, _, accounts| {
        let known: Vec<String> =
            accounts.iter().filter(|account| !is_unknown(account)).cloned().collect();
        let mut body = body_of(&known, &[]);
        if known.len() < accounts.len() {
            let separator = if known.is_empty() { "" } else { "," };
            let marker =
                format!(r#"[{{"To_Account":"@TLS#NOT_FOUND","ResultCode":40003}}{separator}"#);
            body = body.replacen('[', &marker, 1);
        }
        ScriptedResponse::Body(body)
    });
    ended.assert_conserved(1000);
    assert_eq!(ended.failed.len(), 100);
    assert!(
        ended
            .failed
            .iter()
            .all(|(account, category)| is_unknown(account) && category == "not_found")
    );
}

#[test]
fn accounts_missing_from_every_response_are_no_answer() {
    let ended = run_scripted(1000, |_, _, accounts| {
        let mentioned: Vec<String> =
            accounts.iter().filter(|account| !account.ends_with("11")).cloned().collect();
        ScriptedResponse::Body(body_of(&mentioned, &[]))
    });
    ended.assert_conserved(1000);
    assert_eq!(ended.failed.len(), 10);
    assert!(ended.failed.values().all(|category| category == "no_answer"));
}

#[test]
fn random_responses_lose_no_account() {
    for seed in 0..30 {
        let ended = run_scripted(3000, move |number, _, accounts| {
            let mut random = fastrand::Rng::with_seed(seed * 100_000 + number);
            match random.u32(0..20) {
                0 => ScriptedResponse::Broken,
                1 => ScriptedResponse::Code(60008),
                2 => ScriptedResponse::Code(60007),
                3 => ScriptedResponse::Code(40001),
                4 => ScriptedResponse::Body("<html>".to_owned()),
                5 => ScriptedResponse::Body(body_of(&accounts[..accounts.len() / 2], &[])),
                6 => ScriptedResponse::After(Duration::from_secs(3)),
                7 => ScriptedResponse::Body(format!("{}{}", body_of(accounts, &[]), "x")),
                8 => ScriptedResponse::Code(79_999),
                _ => {
                    let mut codes = Vec::new();
                    for account in accounts {
                        if random.u32(0..10) == 0 {
                            let code = *random.choice(&[40006, 40003, 40999]).unwrap();
                            codes.push((account.clone(), code));
                        }
                    }
                    ScriptedResponse::Codes(codes)
                }
            }
        });
        assert!(ended.result.is_ok(), "seed {seed}: {:?}", ended.result.map(drop));
        ended.assert_conserved(3000);
        ended.assert_rate(200);
    }
}
