//! Throttling by the service, and pauses.

use super::*;

#[test]
fn throttling_slows_down_and_uses_no_attempts_and_no_reserved_slots() {
    let throttled_until = Duration::from_secs(5);
    let ended = run_scripted(200_000, move |_, at, _| {
        if at > Duration::from_secs(1) && at < throttled_until {
            ScriptedResponse::Code(60007)
        } else {
            ok()
        }
    });
    ended.assert_conserved(200_000);
    assert!(is_in_order(&ended.accounts_with_rows()));
    assert!(ended.failed.is_empty());
    let in_the_third_second = |(at, _): &&(Duration, Vec<String>)| at.as_secs() == 2;
    let slow = ended.calls.iter().filter(in_the_third_second).count();
    assert!(slow < 30, "{slow} calls in a second of throttling");
    let result = ended.result.unwrap();
    assert!(result.checkpoint().totals.throttled > 0);
    assert_eq!(result.checkpoint().totals.account_retries, 0);
    let is_restored = |event: &String| event.contains("FullRateRestored");
    assert!(ended.events.iter().any(is_restored), "{:?}", ended.events);
}

#[test]
fn endless_throttling_stops_the_run_when_patience_ends() {
    let ended = run_scripted(1000, |_, _, _| ScriptedResponse::Code(60011));
    assert_eq!(ended.result.unwrap_err().exit_code(), ExitCode::TryAgainLater);
    assert!(ended.took >= Duration::from_secs(600));
}

#[test]
fn retry_after_is_honored_on_every_temporary_failure() {
    let pause = Duration::from_secs(7);
    for failing in [
        || ScriptedResponse::Status(503),
        || ScriptedResponse::Status(429),
        || ScriptedResponse::Code(60007),
        || ScriptedResponse::Code(60008),
        || ScriptedResponse::Body("{}".to_owned()),
    ] {
        let ended = run_scripted(50_000, move |number, _, _| {
            if number == 20 {
                ScriptedResponse::RetryAfter(pause, Box::new(failing()))
            } else {
                ok()
            }
        });
        ended.assert_conserved(50_000);
        let (failed_at, _) = ended.calls[20];
        // Not calls that were in flight when the response arrived.
        let resumed_at =
            |(at, _): &&(Duration, Vec<String>)| *at > failed_at + Duration::from_millis(100);
        let (next, _) = ended.calls.iter().find(resumed_at).unwrap();
        assert!(*next >= failed_at + pause, "{next:?} {failed_at:?}");
        assert!(*next < failed_at + pause + Duration::from_secs(1), "{next:?} {failed_at:?}");
        let is_reported = |event: &&String| event.starts_with("PausedByService { pause: 7s");
        assert_eq!(ended.events.iter().filter(is_reported).count(), 1, "{:?}", ended.events);
    }
}

#[test]
fn a_pause_beyond_the_patience_stops_the_run_without_another_call() {
    for failing in [
        || ScriptedResponse::Status(503),
        || ScriptedResponse::Status(429),
        || ScriptedResponse::Code(60007),
    ] {
        let hour = Duration::from_secs(3600);
        let ended = run_scripted(20_000, move |_, _, _| {
            ScriptedResponse::RetryAfter(hour, Box::new(failing()))
        });
        assert_eq!(ended.result.unwrap_err().exit_code(), ExitCode::TryAgainLater);
        assert!(ended.took < Duration::from_secs(1), "{:?}", ended.took);
    }
    let short =
        |settings: &mut RunSettings| settings.retry.outage_patience = Duration::from_secs(30);
    let ended = run_scripted_with(1000, short, |_, _, _| ScriptedResponse::Code(70050));
    assert_eq!(ended.result.unwrap_err().exit_code(), ExitCode::TryAgainLater);
    assert!(ended.took < Duration::from_secs(31), "{:?}", ended.took);
}

#[test]
fn a_service_that_throttles_every_call_gets_few_calls() {
    let ended = run_scripted(20_000, |_, _, _| ScriptedResponse::Code(60007));
    assert_eq!(ended.result.unwrap_err().exit_code(), ExitCode::TryAgainLater);
    let per_second = ended.calls.len() as f64 / ended.took.as_secs_f64();
    assert!(per_second < 8.0, "{per_second} calls a second");
}

#[test]
fn a_lock_for_failed_signatures_is_waited_out_once() {
    let ended = run_scripted(
        2000,
        |number, _, _| if number == 0 { ScriptedResponse::Code(70050) } else { ok() },
    );
    ended.assert_conserved(2000);
    assert!(ended.took >= Duration::from_secs(61), "{:?}", ended.took);
    let pauses = ended.events.iter().filter(|event| event.starts_with("PausedByService"));
    assert!(pauses.clone().all(|event| event.contains("pause: 61s")), "{:?}", ended.events);
    assert_eq!(pauses.count(), 1, "{:?}", ended.events);
    let hopeless = run_scripted(2000, |_, _, _| ScriptedResponse::Code(70050));
    assert_eq!(hopeless.result.unwrap_err().exit_code(), ExitCode::RefusedByService);
    assert!(hopeless.took < Duration::from_secs(70), "{:?}", hopeless.took);
}

#[test]
fn a_pause_that_is_longer_than_patience_is_reported_with_its_end() {
    let hour = Duration::from_secs(3600);
    let ended = run_scripted(1000, move |_, _, _| {
        ScriptedResponse::RetryAfter(hour, Box::new(ScriptedResponse::Status(429)))
    });
    let error = ended.result.unwrap_err().to_string();
    // The clock of the test stands still.
    assert!(error.contains("the service requires a pause until 1970-01-01T01:00:00Z"), "{error}");
    assert!(error.contains("set api.calls_per_second"), "{error}");
    assert!(!error.contains("api.base_url"), "{error}");
}
