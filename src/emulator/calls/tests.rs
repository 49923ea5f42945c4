use serde_json::{Value as Json, json};

use super::super::{Credentials, EMULATOR_SECRET_KEY, Profiles};
use super::*;
use crate::emulator::server::tests::{PATH, body, query};

fn emulator(toml: &str) -> Emulator {
    Emulator::for_test(toml, Profiles::generated())
}

fn at(milliseconds: u64) -> RequestTime {
    let unix_seconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    RequestTime { since_start: Duration::from_millis(milliseconds), unix_seconds }
}

/// A call without a socket.
fn call(emulator: &Emulator, accounts: &[&str], milliseconds: u64) -> HttpReply {
    let query = query();
    let line = RequestLine { method: "POST", path: PATH, query: &query };
    emulator.record_call(line, Duration::from_millis(milliseconds));
    match emulator.admit(line, at(milliseconds)) {
        Err(reply) => reply,
        Ok(admitted) => emulator.respond(admitted, body(accounts).as_bytes()),
    }
}

fn admitted(command: ServiceCommand) -> AdmittedCall {
    AdmittedCall { command, is_admin: true }
}

fn code(reply: &HttpReply) -> i64 {
    serde_json::from_slice::<Json>(&reply.body).unwrap()["ErrorCode"].as_i64().unwrap()
}

#[test]
fn built_in_key_decodes_to_a_notice() {
    let decoded: String = (0..EMULATOR_SECRET_KEY.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&EMULATOR_SECRET_KEY[at..at + 2], 16).unwrap() as char)
        .collect();
    assert_eq!(decoded, "the emulator has no secret to ke");
    assert!(Credentials::built_in().has_built_in_key());
}

#[test]
fn call_faults_change_the_reply() {
    let with = |fault: &str| call(&emulator(&format!("[faults]\n{fault}")), &["a"], 0);
    assert_eq!(with("reset = { rate = 1.0 }").delivery, Delivery::Reset);
    let http_error = with("http_error = { rate = 1.0 }\nhttp_statuses = [502]");
    assert_eq!((http_error.status, http_error.delivery), (502, Delivery::Complete));
    let too_many = with("http_429 = { rate = 1.0 }\nretry_after_seconds = 9");
    assert_eq!((too_many.status, too_many.retry_after_seconds), (429, Some(9)));
    assert_eq!(code(&with("throttle = { rate = 1.0 }")), 60007);
    assert_eq!(code(&with("codes = [{ code = 60026, rate = 1.0 }]")), 60026);
    let redirect = with("redirect = { rate = 1.0 }");
    assert_eq!((redirect.status, redirect.location.is_some()), (302, true));
    assert!(serde_json::from_slice::<Json>(&with("garbage = { rate = 1.0 }").body).is_err());
    assert!(with("oversized = { rate = 1.0 }").body.len() > 16 * 1024 * 1024);
    let truncated = with("truncated = { rate = 1.0 }");
    assert_eq!((truncated.delivery, code(&truncated)), (Delivery::Truncated, 0));
    assert!(std::str::from_utf8(&with("invalid_utf8 = { rate = 1.0 }").body).is_err());
    let contradictory = with("fail_with_code_zero = { rate = 1.0 }");
    let contradictory: Json = serde_json::from_slice(&contradictory.body).unwrap();
    assert_eq!(
        (&contradictory["ActionStatus"], &contradictory["ErrorCode"]),
        (&json!("FAIL"), &json!(0))
    );
    assert!(!contradictory["ErrorInfo"].as_str().unwrap().is_empty());
    assert_eq!(contradictory["UserProfileItem"][0]["To_Account"], "a");
    let hang = with("hang = { rate = 1.0 }\nhang_ms = 5000");
    assert_eq!(hang.hang, Some(Duration::from_secs(5)));
    assert_eq!(code(&hang), 0);
}

#[test]
fn checks_precede_faults() {
    let emulator = emulator("faults.reset.rate = 1.0");
    let line = RequestLine { method: "POST", path: PATH, query: "random=1&sdkappid=1" };
    assert_eq!(code(&emulator.admit(line, at(0)).unwrap_err()), 60006);
    assert_eq!(code(&emulator.respond(admitted(ServiceCommand::PortraitGet), b"{}")), 40002);
    assert_eq!(call(&emulator, &["a"], 0).delivery, Delivery::Reset);
}

#[test]
fn delays_of_both_directions_are_bounded_and_the_same_for_the_same_call() {
    let with = |jitter: &str| emulator(&format!("faults = {{ latency_ms = 10, {jitter} }}"));
    let delays = |emulator: &Emulator| -> Vec<(u128, u128)> {
        let bodies = (0..200).map(|n: u32| body(&[&n.to_string()]));
        let delays = bodies.map(|body| {
            let body = body.as_bytes();
            (emulator.request_delay(body).as_micros(), emulator.response_delay(body).as_micros())
        });
        delays.collect()
    };
    assert!(delays(&with("")).iter().all(|delay| *delay == (0, 10_000)));
    let both = with("request_jitter_ms = 40, response_jitter_ms = 20");
    let drawn = delays(&both);
    assert_eq!(drawn, delays(&both), "a retry has the same delay");
    let (request, response): (Vec<u128>, Vec<u128>) = drawn.iter().copied().unzip();
    for (direction, least, width) in [(request, 0, 40_000), (response, 10_000, 20_000)] {
        let quarter = |index: u128| {
            let from = least + index * width / 4;
            direction.iter().filter(|delay| (from..from + width / 4).contains(*delay)).count()
        };
        let quarters = [0, 1, 2, 3].map(quarter);
        assert!(quarters.iter().all(|count| (30..=70).contains(count)), "{quarters:?}");
        assert_eq!(quarters.iter().sum::<usize>(), 200);
    }
    // Neither direction follows the other, or changes with it.
    assert!(drawn.iter().any(|(request, response)| *request > 30_000 && *response < 15_000));
    let request_only = delays(&with("request_jitter_ms = 40"));
    assert!(drawn.iter().zip(request_only).all(|(both, one)| one == (both.0, 10_000)));
    let other_seed = emulator("seed = 1\nfaults = { request_jitter_ms = 40 }");
    assert_ne!(delays(&other_seed)[0].0, drawn[0].0);
}

#[test]
fn windows_apply_by_call_and_by_time() {
    let by_calls = emulator(
        "[faults]\nwindows = [{ kind = 'outage', from_call = 1, until_call = 3 }, \
         { kind = 'http503', from_call = 4, until_call = 5 }]",
    );
    let replies: Vec<HttpReply> = (0..6).map(|_| call(&by_calls, &["a"], 0)).collect();
    let outcomes: Vec<(u16, Delivery)> =
        replies.iter().map(|reply| (reply.status, reply.delivery)).collect();
    let (whole, reset) = ((200, Delivery::Complete), (200, Delivery::Reset));
    assert_eq!(outcomes, [whole, reset, reset, whole, (503, Delivery::Complete), whole]);
    let by_time =
        emulator("faults.windows = [{ kind = 'throttle', from_ms = 1000, until_ms = 2000 }]");
    let codes = [999, 1_000, 1_999, 2_000].map(|time| code(&call(&by_time, &["a"], time)));
    assert_eq!(codes, [0, 60007, 60007, 0]);
}

#[test]
fn a_window_replaces_the_limit() {
    let emulator = emulator(
        "rate = { portrait_get = 4, account_check = 0 }\nfaults.windows = [\
         { kind = 'limit', calls_per_second = 2, from_ms = 2000, until_ms = 4000 }, \
         { kind = 'limit', calls_per_second = 3, from_ms = 3000, until_ms = 5000 }, \
         { kind = 'throttle', from_ms = 8000, until_ms = 9000 }, \
         { kind = 'limit', calls_per_second = 9, from_ms = 8000, until_ms = 9000 }]",
    );
    let admitted = |at| (0..10).filter(|_| code(&call(&emulator, &["a"], at)) == 0).count();
    let by_second = [0, 1, 2, 3, 4, 5, 8, 9].map(|second| admitted(second * 1_000));
    assert_eq!(by_second, [4, 4, 2, 2, 3, 4, 0, 4]);
}

#[test]
fn rate_is_enforced_and_counted() {
    let emulator = emulator("");
    let codes: Vec<i64> = (0..201).map(|n| code(&call(&emulator, &["a"], n * 2))).collect();
    assert!(codes[..200].iter().all(|&code| code == 0));
    assert_eq!(codes[200], 60007);
    assert_eq!(code(&call(&emulator, &["a"], 1_000)), 0);
    assert_eq!(emulator.peak_calls_per_second(), 201);
    let stats = emulator.stats();
    assert_eq!((stats.portrait_get().calls(), stats.requested_accounts()), (202, 201));
    assert_eq!((stats.responses_with_code(60007), stats.responses_with_code(0)), (1, 201));
    let json: Json = serde_json::from_str(&stats.to_json()).unwrap();
    assert_eq!(json["commands"]["portrait_get"]["peak_calls_per_second"], 201);
    assert_eq!(json["codes"]["60007"], 1);
}

#[test]
fn service_checks_json_before_the_administrator() {
    let emulator = emulator("open_questions.not_admin = 'service'");
    for (command, body, expected) in [
        (ServiceCommand::PortraitGet, "{", 60003),
        (ServiceCommand::PortraitGet, "{}", 40004),
        (ServiceCommand::PortraitSet, "[]", 40004),
        (ServiceCommand::AccountCheck, "", 60003),
        (ServiceCommand::AccountCheck, "{}", 70403),
        (ServiceCommand::AccountDelete, r#"{"DeleteItem":[{"UserID":"a"}]}"#, 70403),
    ] {
        let reply = emulator.respond(AdmittedCall { command, is_admin: false }, body.as_bytes());
        assert_eq!(code(&reply), expected, "{command:?} {body}");
        let response: Json = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(response.get("ErrorDisplay").is_some(), command.is_profile_command());
    }
    assert!(emulator.population().is_known("a"), "a refused call deletes no account");
}

/// Two emulators receive the same calls in different order, each call several times: the replies to each call are
/// identical.
#[test]
fn replies_do_not_depend_on_call_order() {
    let toml = "seed = 5\nrate.portrait_get = 0\n[faults]\nreset.rate = 0.2\nhttp_error = { rate = 0.2, times = 2 }\n\
                transient.rate = 0.2\nunknown.rate = 0.1\npoison.rate = 0.05\n[oddities]\nreorder = 0.5\nrepeat = 0.2\n";
    let replies_of = |emulator: &Emulator, call_number: usize| {
        let accounts: Vec<String> = (0..5).map(|n| format!("{call_number}-{n}")).collect();
        let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
        (0..4).map(|_| call(emulator, &accounts, 0)).collect::<Vec<_>>()
    };
    let (forwards, backwards) = (emulator(toml), emulator(toml));
    let first: Vec<_> = (0..100).map(|number| replies_of(&forwards, number)).collect();
    let mut second: Vec<_> = (0..100).rev().map(|number| replies_of(&backwards, number)).collect();
    second.reverse();
    assert_eq!(first, second);
    let resets = forwards.stats().fault_count("reset");
    assert!((10..60).contains(&resets), "{resets}");
    let other = emulator(&toml.replace("seed = 5", "seed = 6"));
    assert_ne!(first, (0..100).map(|number| replies_of(&other, number)).collect::<Vec<_>>());
}
