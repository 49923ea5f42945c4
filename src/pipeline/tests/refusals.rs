//! Refusals that stop the run.

use super::*;

#[test]
fn every_fatal_code_stops_the_run_at_once() {
    for rule in crate::api::error_codes::RULES {
        if rule.class != crate::api::error_codes::Class::Fatal || rule.renews_signature {
            continue;
        }
        let code = rule.code;
        let ended = run_scripted(100_000, move |_, _, _| ScriptedResponse::Code(code));
        let error = ended.result.unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::RefusedByService, "{code}");
        assert!(error.to_string().contains(&code.to_string()), "{error}");
        assert!(error.to_string().contains(rule.remedy), "{error}");
        assert!(ended.calls.len() <= 64, "{code}: {} calls", ended.calls.len());
    }
}

#[test]
fn a_refused_usersig_is_renewed_once() {
    for rule in crate::api::error_codes::RULES.iter().filter(|rule| rule.renews_signature) {
        let code = rule.code;
        let renewed =
            run_scripted(
                2000,
                move |number, _, _| {
                    if number < 3 { ScriptedResponse::Code(code) } else { ok() }
                },
            );
        renewed.assert_conserved(2000);
        assert!(renewed.failed.is_empty());
        assert!(is_in_order(&renewed.accounts_with_rows()), "{code}");
        let is_renewal = |event: &&String| event.contains("UserSigRenewed");
        assert_eq!(renewed.events.iter().filter(is_renewal).count(), 1, "{code}");

        let hopeless = run_scripted(2000, move |_, _, _| ScriptedResponse::Code(code));
        let expected = match rule.class {
            crate::api::error_codes::Class::Fatal => ExitCode::RefusedByService,
            _ => ExitCode::TryAgainLater,
        };
        assert_eq!(hopeless.result.unwrap_err().exit_code(), expected, "{code}");
        // A wrong key is refused in the same way.
        assert_eq!(hopeless.events.iter().filter(is_renewal).count(), 0, "{code}");
    }
}

#[test]
fn a_refusal_by_http_status_stops_the_run_only_when_probes_confirm_it() {
    for status in [302, 400, 401, 403, 404, 405, 413] {
        let lone =
            run_scripted(
                4_000,
                move |number, _, _| {
                    if number == 50 { ScriptedResponse::Status(status) } else { ok() }
                },
            );
        lone.assert_conserved(4_000);
        assert!(lone.failed.is_empty(), "{status}: {:?}", lone.failed);

        let some = run_scripted(4_000, move |_, at, _| {
            let is_restarting = (500..1000).contains(&at.as_millis());
            if is_restarting { ScriptedResponse::Status(status) } else { ok() }
        });
        some.assert_conserved(4_000);
        assert!(some.failed.is_empty(), "{status}: {:?}", some.failed);

        let always = run_scripted(4_000, move |_, _, _| ScriptedResponse::Status(status));
        let error = always.result.unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::RefusedByService, "{status}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
        assert!(always.calls.len() <= 64 + 3, "{status}: {} calls", always.calls.len());
    }
}

#[test]
fn a_fatal_code_of_one_account_before_any_row_needs_confirmation_by_others() {
    // The account that has it is alone in the last chunk, whose response arrives first.
    let ended = run_scripted(101, |_, _, accounts| match accounts {
        [alone] => ScriptedResponse::Codes(vec![(alone.clone(), 40007)]),
        _ => ScriptedResponse::After(Duration::from_millis(300)),
    });
    ended.assert_conserved(101);
    assert_eq!(ended.failed["a100"], "rejected");
    // Rows of an earlier process count too.
    let ended = run_scripted_with(
        1,
        |settings| settings.has_rows = true,
        |_, _, accounts| ScriptedResponse::Codes(vec![(accounts[0].clone(), 40007)]),
    );
    assert_eq!(ended.failed["a0"], "rejected");
    // One of many, while the others fail temporarily.
    let ended = run_scripted(100, |number, _, accounts| {
        let code = |account: &String| if account == "a5" { 40007 } else { 40006 };
        let all = accounts.iter().map(|account| (account.clone(), code(account))).collect();
        match (number, accounts.contains(&"a5".to_owned())) {
            (0, _) => ScriptedResponse::Codes(all),
            (_, true) => ScriptedResponse::Codes(vec![("a5".to_owned(), 40007)]),
            _ => ok(),
        }
    });
    ended.assert_conserved(100);
    assert_eq!(ended.failed.keys().collect::<Vec<_>>(), ["a5"]);
    // A tag that is missing for every account still stops the run.
    let ended = run_scripted(1000, |_, _, accounts| {
        ScriptedResponse::Codes(accounts.iter().map(|account| (account.clone(), 40009)).collect())
    });
    assert_eq!(ended.result.unwrap_err().exit_code(), ExitCode::RefusedByService);
    assert!(ended.took < Duration::from_secs(5), "{:?}", ended.took);
}

#[test]
fn a_service_that_rejects_every_account_stops_the_run() {
    let ended = run_scripted(100_000, |_, _, _| ScriptedResponse::Code(40001));
    let error = ended.result.unwrap_err();
    assert!(matches!(error, RunError::RejectsEverything(_)), "{error}");
    assert!(ended.calls.len() < 1000, "{} calls", ended.calls.len());
}
