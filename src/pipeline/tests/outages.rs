//! Outages: no call succeeds.

use super::*;

#[test]
fn outage_pauses_calls_without_using_attempts_or_reserved_slots() {
    let ended = run_scripted(30_000, |_, at, _| {
        let is_out = at > Duration::from_millis(300) && at < Duration::from_secs(90);
        if is_out { ScriptedResponse::Broken } else { ok() }
    });
    ended.assert_conserved(30_000);
    assert!(ended.failed.is_empty());
    assert!(is_in_order(&ended.accounts_with_rows()), "rows came late");
    let result = ended.result.unwrap();
    assert_eq!(result.checkpoint().totals.account_retries, 0);
    let during = ended.calls.iter().filter(|(at, _)| (2..90).contains(&at.as_secs())).count();
    assert!((3..=10).contains(&during), "{during} calls during the outage");
    assert!(ended.events[0].contains("OutageStarted"), "{:?}", ended.events);
    assert!(ended.events.last().unwrap().contains("OutageEnded"));
}

#[test]
fn an_endless_outage_stops_the_run_when_patience_ends() {
    let ended = run_scripted(30_000, |_, _, _| ScriptedResponse::Broken);
    let error = ended.result.unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::TryAgainLater);
    assert!((600..650).contains(&ended.took.as_secs()), "{:?}", ended.took);
}

#[test]
fn isolated_failures_are_not_an_outage() {
    let ended = run_scripted(20_000, |number, _, _| {
        if number.is_multiple_of(3) { ScriptedResponse::Broken } else { ok() }
    });
    ended.assert_conserved(20_000);
    assert!(ended.failed.is_empty(), "{:?}", ended.failed);
    assert!(!ended.events.iter().any(|event| event.contains("Outage")));
}

#[test]
fn temporary_codes_of_all_calls_are_an_outage() {
    for code in [60013, 60004, 60005, 65432, -10114, 40006] {
        let ended = run_scripted(4_000, move |_, at, _| {
            let is_out = at < Duration::from_secs(3);
            if is_out { ScriptedResponse::Code(code) } else { ok() }
        });
        ended.assert_conserved(4_000);
        assert!(ended.failed.is_empty(), "{code}: {:?}", ended.failed);
        let result = ended.result.unwrap();
        assert_eq!(result.checkpoint().totals.account_retries, 0, "{code}");

        let always = run_scripted(4_000, move |_, _, _| ScriptedResponse::Code(code));
        let error = always.result.unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::TryAgainLater, "{code}: {error}");
        assert!(always.took >= Duration::from_secs(600), "{code}: {:?}", always.took);
    }
}

#[test]
fn unusable_responses_are_an_outage_and_never_rows() {
    for body in [
        r#"{"ActionStatus":"FAIL","ErrorCode":0,"ErrorInfo":"busy"}"#,
        r#"{"ErrorCode":"busy","UserProfileItem":[]}"#,
        "[]",
        "{}",
        "<html>",
    ] {
        let ended = run_scripted(2000, move |_, at, _| {
            let is_out = at < Duration::from_secs(5);
            if is_out { ScriptedResponse::Body(body.to_owned()) } else { ok() }
        });
        ended.assert_conserved(2000);
        assert!(ended.failed.is_empty(), "{body}");
        let always = run_scripted(2000, move |_, _, _| ScriptedResponse::Body(body.to_owned()));
        assert_eq!(always.result.unwrap_err().exit_code(), ExitCode::TryAgainLater, "{body}");
        assert!(always.rows.is_empty(), "{body}");
    }
}

#[test]
fn permanent_failures_stop_the_run_at_once_unless_a_call_has_succeeded() {
    let unknown_host = || {
        ScriptedResponse::Transport(TransportFailure::UnknownHost {
            host: "a.example".to_owned(),
            setting: "api.base_url",
        })
    };
    let never = run_scripted(20_000, move |_, _, _| unknown_host());
    let error = never.result.unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::TryAgainLater);
    assert!(error.to_string().contains("host name not found: a.example"), "{error}");
    assert!(never.took < Duration::from_secs(2), "{:?}", never.took);

    // The first host is unknown, its backup is reachable.
    let backup =
        run_scripted(
            20_000,
            move |_, at, _| {
                if at < Duration::from_millis(10) { unknown_host() } else { ok() }
            },
        );
    backup.assert_conserved(20_000);
    assert!(backup.failed.is_empty());

    // DNS fails for a while in the middle of the run.
    let later = run_scripted(20_000, move |_, at, _| {
        let is_out = (300..60_000).contains(&at.as_millis());
        if is_out { unknown_host() } else { ok() }
    });
    later.assert_conserved(20_000);
    assert!(later.failed.is_empty());
}
