use super::*;
use crate::accounts::AccountName;
use crate::api::error_codes::{ErrorCodeRule, RULES};
use crate::api::transport::TransportFailure;
use crate::pipeline::chunk::{Account, Chunk};

const LOCK: Duration = Duration::from_secs(61);

/// A call in the middle of a run, with nothing unusual before it.
const MID_RUN: History = History {
    is_probe: false,
    signature: Signature::Renewable,
    named_pause: Duration::ZERO,
    has_succeeded: true,
    has_responsive_account: true,
    patience_left: Duration::from_secs(600),
    was_in_flight_at_slow_down: false,
    was_locked: false,
    refused_probes: 0,
    rejected_in_a_row: 0,
};

const FIRST_CALL: History =
    History { has_succeeded: false, has_responsive_account: false, ..MID_RUN };

const PROBE: History = History { is_probe: true, ..MID_RUN };

const NOT_RENEWABLE: History = History { signature: Signature::NotRenewable, ..MID_RUN };

fn call(failure: CallFailure, accounts: u64) -> FailedCall {
    let account = |n| Account::new(AccountName::from(&format!("a{n}")).unwrap(), n, n + 1);
    let chunk = Chunk::retry((0..accounts).map(account).collect());
    let needs_confirmation = matches!(failure, CallFailure::Transport(_));
    FailedCall { chunk, failure, needs_confirmation }
}

fn code(code: i64) -> CallFailure {
    CallFailure::Refused { rule: ErrorCodeRule::for_code(code), info: String::new() }
}

fn status(status: u16) -> CallFailure {
    TransportFailure::Status(status).into()
}

fn broken() -> CallFailure {
    TransportFailure::Connection("broken".to_owned()).into()
}

fn too_large() -> CallFailure {
    TransportFailure::TooLarge(1).into()
}

fn unknown_host() -> CallFailure {
    let (host, setting) = ("a.example".to_owned(), "api.base_url");
    TransportFailure::UnknownHost { host, setting }.into()
}

/// Checks `(failure, accounts of the chunk, history, expected action)`.
fn assert_actions(table: &[(CallFailure, u64, History, Action)]) {
    for (failure, accounts, history, expected) in table {
        let action = failure_policy(&call(failure.clone(), *accounts), history);
        assert_eq!(action, *expected, "{failure} of {accounts} accounts, {history:?}");
    }
}

#[test]
fn temporary_failures_are_held_back_until_their_cause_is_known() {
    let held_back = Action::HoldBack { probe_next: false };
    let probe_next = Action::HoldBack { probe_next: true };
    assert_actions(&[
        (broken(), 100, MID_RUN, held_back),
        (broken(), 1, FIRST_CALL, held_back),
        (status(503), 100, MID_RUN, held_back),
        (code(40006), 100, MID_RUN, held_back),
        (code(65432), 100, MID_RUN, held_back),
        (code(60008), 100, MID_RUN, held_back),
        // Waiting does not fix it, but it does come and go in the middle of a run.
        (unknown_host(), 100, MID_RUN, held_back),
        (unknown_host(), 100, FIRST_CALL, probe_next),
        // May come from a gateway that restarts.
        (status(403), 100, MID_RUN, probe_next),
        (status(302), 1, FIRST_CALL, probe_next),
    ]);
}

#[test]
fn a_rejected_chunk_is_split_down_to_the_account_that_causes_it() {
    let fails = Action::FailAccount;
    let last_of_many = History { rejected_in_a_row: 19, ..FIRST_CALL };
    assert_actions(&[
        (code(40001), 100, MID_RUN, Action::Split),
        (code(40001), 2, last_of_many, Action::Split),
        (code(40001), 1, MID_RUN, fails(Category::Rejected)),
        (code(40003), 1, MID_RUN, fails(Category::NotFound)),
        (code(70107), 1, MID_RUN, fails(Category::NotFound)),
        (
            code(40001),
            1,
            History { rejected_in_a_row: 18, ..FIRST_CALL },
            fails(Category::Rejected),
        ),
        (code(40001), 1, last_of_many, Action::Stop(StopReason::RejectsEverything)),
        (code(40003), 1, last_of_many, fails(Category::NotFound)),
        (code(40001), 1, History { rejected_in_a_row: 99, ..MID_RUN }, fails(Category::Rejected)),
        (too_large(), 100, MID_RUN, Action::Split),
        (too_large(), 1, MID_RUN, Action::HoldBack { probe_next: false }),
        (too_large(), 1, FIRST_CALL, fails(Category::Rejected)),
    ]);
}

#[test]
fn a_temporary_code_that_an_account_gets_repeatedly_rejects_it() {
    let mut call = call(code(60008), 2);
    for _ in 0..4 {
        assert_eq!(failure_policy(&call, &MID_RUN), Action::HoldBack { probe_next: false });
        call.chunk.accounts[0].count_attempt(Some(60008));
    }
    // The other account has not got it yet.
    assert_eq!(failure_policy(&call, &MID_RUN), Action::HoldBack { probe_next: false });
    call.chunk.accounts[1] = call.chunk.accounts[0].clone();
    assert_eq!(failure_policy(&call, &MID_RUN), Action::Split);
}

#[test]
fn refusals_by_the_service_stop_the_run_after_one_renewal_of_the_signature() {
    let refused = Action::Stop(StopReason::Refused);
    let replaced = History { signature: Signature::Replaced, ..MID_RUN };
    assert_actions(&[
        (code(60010), 100, MID_RUN, refused),
        (code(60010), 100, replaced, refused),
        (code(70009), 100, MID_RUN, Action::RenewSignature),
        (code(70009), 100, replaced, Action::Resend),
        (code(70009), 100, NOT_RENEWABLE, refused),
        (code(60004), 100, MID_RUN, Action::RenewSignature),
        (code(60004), 100, NOT_RENEWABLE, Action::HoldBack { probe_next: false }),
    ]);
}

#[test]
fn throttling_slows_down_within_the_patience_and_a_repeated_lock_stops_the_run() {
    let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
    let throttle = |pause, is_lock| Action::Throttle { pause, is_lock };
    let all = MID_RUN.patience_left;
    let locked = History { named_pause: LOCK, ..MID_RUN };
    let out_of_patience = History { patience_left: Duration::ZERO, ..MID_RUN };
    let in_flight = History { was_in_flight_at_slow_down: true, ..MID_RUN };
    let patience_ended = Action::Stop(StopReason::PatienceEnded);
    assert_actions(&[
        (code(60007), 100, MID_RUN, throttle(Duration::ZERO, false)),
        (status(429), 100, FIRST_CALL, throttle(Duration::ZERO, false)),
        (code(60007), 100, History { named_pause: second, ..MID_RUN }, throttle(second, false)),
        (code(60007), 100, History { named_pause: all, ..MID_RUN }, throttle(all, false)),
        (code(60007), 100, History { named_pause: hour, ..MID_RUN }, patience_ended),
        (code(60007), 100, History { named_pause: hour, ..in_flight }, patience_ended),
        (status(503), 100, History { named_pause: hour, ..MID_RUN }, patience_ended),
        (status(503), 1, History { named_pause: hour, ..PROBE }, patience_ended),
        (code(60007), 100, out_of_patience, patience_ended),
        (
            code(60007),
            100,
            History { patience_left: Duration::ZERO, ..in_flight },
            throttle(Duration::ZERO, false),
        ),
        (code(70050), 100, locked, throttle(LOCK, true)),
        (code(70050), 100, History { patience_left: second, ..locked }, patience_ended),
        (
            code(70050),
            100,
            History { was_locked: true, ..locked },
            Action::Stop(StopReason::Refused),
        ),
        (
            code(70050),
            100,
            History { was_locked: true, was_in_flight_at_slow_down: true, ..locked },
            throttle(LOCK, true),
        ),
    ]);
}

#[test]
fn a_probe_extends_or_ends_an_outage_or_confirms_a_refusal() {
    let first = History { has_succeeded: false, ..PROBE };
    let third_refusal = History { refused_probes: CONFIRMING_PROBES - 1, ..PROBE };
    let failed = Action::ExtendOutage { is_refusal: false };
    let refused = Action::ExtendOutage { is_refusal: true };
    assert_actions(&[
        (broken(), 1, PROBE, failed),
        (code(40006), 1, PROBE, failed),
        (code(60004), 1, PROBE, failed),
        (unknown_host(), 1, PROBE, failed),
        (unknown_host(), 1, first, Action::Stop(StopReason::Unreachable)),
        (status(403), 1, PROBE, refused),
        (status(403), 1, third_refusal, Action::Stop(StopReason::RefusalConfirmed)),
        (code(40001), 1, PROBE, Action::EndOutage),
        (code(70107), 1, PROBE, Action::EndOutage),
        (too_large(), 1, PROBE, Action::EndOutage),
        (code(60010), 1, PROBE, Action::Stop(StopReason::Refused)),
        (code(70009), 1, PROBE, Action::RenewSignature),
        (code(60007), 1, PROBE, Action::Throttle { pause: Duration::ZERO, is_lock: false }),
        (
            code(70050),
            1,
            History { named_pause: LOCK, ..PROBE },
            Action::Throttle { pause: LOCK, is_lock: true },
        ),
    ]);
    assert!(!failed.shows_reachable() && !refused.shows_reachable());
    assert!(!Action::Stop(StopReason::RefusalConfirmed).shows_reachable());
    assert!(Action::Stop(StopReason::Refused).shows_reachable());
    assert!(Action::EndOutage.shows_reachable());
}

#[test]
fn every_code_of_the_table_gets_the_action_of_its_class() {
    for rule in RULES {
        let action = failure_policy(&call(code(rule.code), 100), &NOT_RENEWABLE);
        let is_expected = match rule.class {
            Class::Retry => action == Action::HoldBack { probe_next: false },
            Class::Throttle => matches!(action, Action::Throttle { .. }),
            Class::Fatal => action == Action::Stop(StopReason::Refused),
            Class::BadBatch | Class::Permanent => action == Action::Split,
        };
        assert!(is_expected, "{}: {action:?}", rule.code);
    }
}

#[test]
fn the_service_names_pauses_only_for_calls_that_are_retried() {
    let pause = Duration::from_secs(7);
    for (failure, expected) in [
        (broken(), Some(pause)),
        (status(503), Some(pause)),
        (status(403), Some(pause)),
        (code(60008), Some(pause)),
        (code(60007), Some(pause)),
        (status(429), Some(pause)),
        (code(70050), Some(LOCK)),
        (code(60010), None),
        (code(40001), None),
    ] {
        let call = call(failure, 100);
        assert_eq!(named_pause(&call, Some(pause)), expected, "{}", call.failure);
        let without_header = expected.filter(|pause| *pause == LOCK);
        assert_eq!(named_pause(&call, None), without_header, "{}", call.failure);
        assert_eq!(named_pause(&call, Some(Duration::ZERO)), without_header, "{}", call.failure);
    }
}

#[test]
fn no_account_fails_for_a_call_that_others_shared() {
    for (is_last_attempt, was_alone, is_own_failure, expected) in [
        (false, false, false, AccountAction::Retry),
        (false, true, true, AccountAction::Retry),
        (true, false, false, AccountAction::Split),
        (true, true, false, AccountAction::Fail),
        (true, false, true, AccountAction::Fail),
        (true, true, true, AccountAction::Fail),
    ] {
        assert_eq!(account_policy(is_last_attempt, was_alone, is_own_failure), expected);
    }
}
