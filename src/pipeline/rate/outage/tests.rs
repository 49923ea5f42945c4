use super::*;
use crate::api::transport::TransportFailure;
use crate::pipeline::failure_policy::CONFIRMING_PROBES;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn outage() -> Outage {
    Outage::new(&RetrySettings {
        max_attempts: 6,
        initial_backoff: seconds(1),
        max_backoff: seconds(4),
        outage_patience: seconds(20),
    })
}

fn failed_call() -> FailedCall {
    let failure = TransportFailure::NotJson.into();
    FailedCall { chunk: Chunk::retry(Vec::new()), failure, needs_confirmation: true }
}

fn confirms_refusal(outage: &mut Outage) -> bool {
    outage.count_refused_probe();
    outage.refused_probes() >= CONFIRMING_PROBES
}

fn suspected() -> Outage {
    let mut outage = outage();
    for second in 0..5 {
        assert!(outage.allows_calls());
        outage.call_failed(failed_call(), seconds(second));
    }
    outage
}

#[test]
fn a_success_counts_attempts_for_isolated_failures() {
    let mut outage = outage();
    for round in 0..10 {
        outage.call_failed(failed_call(), seconds(round));
        outage.call_failed(failed_call(), seconds(round));
        assert!(outage.allows_calls());
        assert_eq!(outage.call_succeeded().len(), 2);
    }
}

#[test]
fn a_first_probe_that_succeeds_counts_attempts() {
    let mut outage = suspected();
    assert!(!outage.allows_calls());
    assert_eq!(outage.probe_due_at(), Some(Duration::ZERO));
    assert!(
        matches!(outage.probe_ended(true, seconds(5)), ProbeVerdict::NoOutage(calls) if calls.len() == 5)
    );
    assert!(outage.allows_calls());
    assert_eq!(outage.failing_since(), None);
}

#[test]
fn an_outage_counts_no_attempts_and_spaces_its_probes() {
    let mut outage = suspected();
    assert!(
        matches!(outage.probe_ended(false, seconds(5)), ProbeVerdict::OutageStarted(calls) if calls.len() == 5)
    );
    let mut pauses = Vec::new();
    let mut now = seconds(5);
    for _ in 0..4 {
        let due = outage.probe_due_at().unwrap();
        pauses.push((due - now).as_secs());
        now = due;
        assert!(matches!(outage.probe_ended(false, now), ProbeVerdict::OutageContinues));
    }
    assert_eq!(pauses, [1, 2, 4, 4]);
    let ended = outage.probe_ended(true, seconds(17));
    assert!(matches!(ended, ProbeVerdict::OutageEnded(lasted) if lasted == seconds(17)));
    assert!(outage.allows_calls() && !outage.holds_back());
}

#[test]
fn a_refusal_is_confirmed_by_probes_without_a_success_between_them() {
    let mut outage = outage();
    outage.call_refused(failed_call(), seconds(0));
    assert_eq!(outage.probe_due_at(), Some(Duration::ZERO));
    assert!(!confirms_refusal(&mut outage));
    assert!(
        matches!(outage.probe_ended(false, seconds(1)), ProbeVerdict::OutageStarted(calls) if calls.len() == 1)
    );
    assert!(!confirms_refusal(&mut outage));
    outage.probe_ended(true, seconds(2));
    outage.call_refused(failed_call(), seconds(3));
    assert!(!confirms_refusal(&mut outage) && !confirms_refusal(&mut outage));
    assert!(confirms_refusal(&mut outage));
}

#[test]
fn patience_is_counted_from_the_first_failure() {
    let mut outage = suspected();
    outage.probe_ended(false, seconds(19));
    assert!(matches!(outage.probe_ended(false, seconds(20)), ProbeVerdict::PatienceEnded));
}

#[test]
fn a_late_success_ends_the_suspicion() {
    let mut outage = suspected();
    assert_eq!(outage.call_succeeded().len(), 5);
    assert!(outage.allows_calls());
}

#[test]
fn few_failures_at_the_end_of_a_run_are_released() {
    let mut outage = outage();
    outage.call_failed(failed_call(), seconds(1));
    assert_eq!(outage.take_held_back().len(), 1);
    assert!(!outage.holds_back());
    assert!(suspected().take_held_back().is_empty());
}
