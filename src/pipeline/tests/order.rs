//! Order of the rows, and pacing of an undisturbed run.

use super::*;

#[test]
fn an_undisturbed_run_keeps_list_order_and_uses_the_rate_limit() {
    let ended = run_scripted(50_050, |_, _, _| ok());
    ended.assert_conserved(50_050);
    ended.assert_rate(200);
    assert!(is_in_order(&ended.accounts_with_rows()));
    assert_eq!(ended.rows[7], "a7,n-a7");
    assert_eq!(ended.calls.len(), 501);
    let seconds = ended.calls.last().unwrap().0.as_secs_f64();
    assert!(500.0 / seconds >= 200.0 * 0.99, "{seconds} s");
    let result = ended.result.unwrap();
    let parts = result.checkpoint().parts();
    assert_eq!(parts.len(), 51);
    assert_eq!(parts[50].rows, 50);
    assert!(result.checkpoint().totals.peak_calls_per_second <= 200);
    assert!(ended.events.is_empty(), "{:?}", ended.events);
}

#[test]
fn an_empty_list_gives_one_empty_part() {
    let ended = run_scripted(0, |_, _, _| ok());
    assert_eq!(ended.calls.len(), 0);
    assert_eq!(ended.result.unwrap().checkpoint().parts().len(), 1);
}

#[test]
fn the_first_call_waits_for_the_configured_delay() {
    let delay = Duration::from_millis(700);
    let ended =
        run_scripted_with(300, |settings| settings.first_call_delay = delay, |_, _, _| ok());
    ended.assert_conserved(300);
    assert!(ended.calls.iter().all(|(at, _)| *at >= delay), "{:?}", ended.calls);
}

#[test]
fn a_slow_call_delays_only_its_own_rows() {
    let slow = Duration::from_secs(4);
    let ended = run_scripted_in_parts(200_000, 100_000, move |number, _, _| {
        if number % 100 == 5 { ScriptedResponse::After(slow) } else { ok() }
    });
    ended.assert_conserved(200_000);
    // A slow first response still fills its reserved slot.
    assert!(is_in_order(&ended.accounts_with_rows()));
    let quick = run_scripted_in_parts(200_000, 100_000, |_, _, _| ok());
    let last_call = |ended: &FinishedRun| ended.calls.last().unwrap().0.as_secs_f64();
    assert!(
        last_call(&ended) < last_call(&quick) * 1.03,
        "{} {}",
        last_call(&ended),
        last_call(&quick)
    );
}
