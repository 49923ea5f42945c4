mod usersig_checks;

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: u64 = 1_700_000_000;

fn key() -> SecretKey {
    SecretKey::new("key".to_owned())
}

fn gateway(toml: &str) -> (Gateway, Settings) {
    let settings: Settings = toml::from_str(toml).unwrap();
    let admins = vec!["administrator".to_owned(), "张三".to_owned()];
    let credentials = Credentials { sdkappid: 14, admins, secret_key: key() };
    (Gateway::new(&settings, credentials), settings)
}

fn at(milliseconds: u64) -> RequestTime {
    RequestTime { since_start: Duration::from_millis(milliseconds), unix_seconds: NOW }
}

fn sig_of(key: &SecretKey, sdkappid: u64, identifier: &str, time: u64) -> String {
    usersig::sign(key, sdkappid, identifier, time, 100).as_str().to_owned()
}

fn good_query() -> String {
    let sig = sig_of(&key(), 14, "administrator", NOW);
    format!("sdkappid=14&identifier=administrator&usersig={sig}&random=1&contenttype=json")
}

fn outcome(toml: &str, method: &str, path: &str, query: &str) -> Result<ServiceCommand, Rejection> {
    let (gateway, settings) = gateway(toml);
    command(gateway.check(RequestLine { method, path, query }, &settings, at(0), None))
}

/// The command of an admitted call by an administrator.
fn command(admitted: Result<AdmittedCall, Rejection>) -> Result<ServiceCommand, Rejection> {
    admitted.map(|AdmittedCall { command, is_admin }| {
        assert!(is_admin);
        command
    })
}

/// A UserSig with arbitrary claims.
fn packed(claims: &serde_json::Value) -> String {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(claims.to_string().as_bytes()).unwrap();
    let base64 = STANDARD.encode(zlib.finish().unwrap());
    base64.replace('+', "*").replace('/', "-").replace('=', "_")
}

fn code(query: &str) -> Result<ServiceCommand, Rejection> {
    outcome("", "POST", "/v4/profile/portrait_get", query)
}

#[test]
fn valid_call_reaches_every_command() {
    for command in ServiceCommand::ALL {
        let path = format!("/{}", command.path());
        assert_eq!(outcome("", "POST", &path, &good_query()), Ok(command));
    }
}

/// Each query fixes only the error of the one before, so this tests the order too.
#[test]
fn checks_come_in_order() {
    let path = "/v4/profile/portrait_get";
    assert_eq!(outcome("", "GET", "/nothing", "random=1"), Err(Rejection::Code(60002)));
    assert_eq!(outcome("", "POST", "/nothing", "random=1&a=%ff"), Err(Rejection::Code(60002)));
    assert_eq!(outcome("", "POST", "/nothing", ""), Err(Rejection::Code(60002)));
    assert_eq!(outcome("", "POST", "/nothing", "random=x"), Err(Rejection::Code(60002)));
    assert_eq!(outcome("", "POST", "/nothing", "random=1"), Err(Rejection::Code(60009)));
    let wrong_case = outcome("", "POST", "/V4/profile/portrait_get", "random=1");
    assert_eq!(wrong_case, Err(Rejection::Code(60009)));
    let other_app = sig_of(&SecretKey::new("x".to_owned()), 15, "else", 0);
    let unreadable_mac =
        packed(&json!({ "TLS.ver": "2.0", "TLS.identifier": "else", "TLS.sdkappid": 14,
        "TLS.time": 0, "TLS.expire": 0, "TLS.sig": "not base64!" }));
    let other_caller = sig_of(&SecretKey::new("x".to_owned()), 14, "else", 0);
    let expired = sig_of(&SecretKey::new("x".to_owned()), 14, "nobody", NOW - 101);
    let forged = sig_of(&SecretKey::new("x".to_owned()), 14, "nobody", NOW);
    let not_admin = sig_of(&key(), 14, "nobody", NOW - 100);
    let app = "random=0&sdkappid=14&contenttype=json";
    for (query, expected) in [
        (String::new(), 60002),
        ("random=4294967296".to_owned(), 60002),
        ("random=4294967295".to_owned(), 60012),
        ("random=0&sdkappid=&contenttype=xml".to_owned(), 60012),
        ("random=0&sdkappid=15&contenttype=xml".to_owned(), 60006),
        ("random=0&sdkappid=14&contenttype=xml".to_owned(), 60025),
        ("random=0&sdkappid=14&contenttype=JSON".to_owned(), 60025),
        (app.to_owned(), 60025),
        (format!("{app}&identifier=nobody"), 70002),
        (format!("{app}&identifier=nobody&usersig=garbage"), 70003),
        (format!("{app}&identifier=nobody&usersig={other_app}"), 70014),
        (format!("{app}&identifier=nobody&usersig={unreadable_mac}"), 70014),
        (format!("{app}&identifier=nobody&usersig={other_caller}"), 70013),
        (format!("{app}&identifier=nobody&usersig={expired}"), 70001),
        (format!("{app}&identifier=nobody&usersig={forged}"), 70009),
        (format!("{app}&identifier=nobody&usersig={not_admin}"), 60010),
    ] {
        let found = outcome("rate.portrait_get = 1", "POST", path, &query);
        assert_eq!(found, Err(Rejection::Code(expected)), "{query}");
    }
}

/// Every parameter with every kind of error, in a call that is valid otherwise.
#[test]
fn every_parameter_is_validated() {
    let good = good_query();
    let sig = good.split("usersig=").nth(1).unwrap().split('&').next().unwrap();
    let long = "x".repeat(33);
    for (parameter, wrong, expected) in [
        ("random=1", "", 60002),
        ("random=1", "random=", 60002),
        ("random=1", "random=-1", 60002),
        ("random=1", "random=+1", 60002),
        ("random=1", "random=1.5", 60002),
        ("random=1", "random=1e3", 60002),
        ("random=1", "random=abc", 60002),
        ("random=1", "random=%201", 60002),
        ("random=1", "random=4294967296", 60002),
        ("random=1", "RANDOM=1", 60002),
        ("sdkappid=14", "", 60012),
        ("sdkappid=14", "SdkAppId=14", 60012),
        ("sdkappid=14", "sdkappid=+14", 60006),
        ("sdkappid=14", "sdkappid=%2B14", 60006),
        ("sdkappid=14", "sdkappid=-14", 60006),
        ("sdkappid=14", "sdkappid=%2014", 60006),
        ("sdkappid=14", "sdkappid=14%20", 60006),
        ("sdkappid=14", "sdkappid=14.0", 60006),
        ("sdkappid=14", "sdkappid=0x0e", 60006),
        ("sdkappid=14", "sdkappid=14000000000000000000000", 60006),
        ("contenttype=json", "", 60025),
        ("contenttype=json", "contenttype=", 60025),
        ("contenttype=json", "contenttype=application/json", 60025),
        ("identifier=administrator", "", 60025),
        ("identifier=administrator", "identifier=", 60025),
        ("identifier=administrator", &format!("identifier={long}"), 60025),
        ("identifier=administrator", "identifier=a%00b", 60025),
        ("identifier=administrator", "identifier=Administrator", 70013),
        (&format!("usersig={sig}"), "", 70002),
        (&format!("usersig={sig}"), "usersig=", 70002),
        (&format!("usersig={sig}"), &format!("usersig={}", &sig[..100]), 70003),
    ] {
        assert!(good.contains(parameter), "{parameter}");
        let query = good.replacen(parameter, wrong, 1);
        assert_eq!(code(&query), Err(Rejection::Code(expected)), "{wrong}");
    }
    for random in ["0", "4294967295", "%31"] {
        let query = good.replace("random=1", &format!("random={random}"));
        assert_eq!(code(&query), Ok(ServiceCommand::PortraitGet), "{random}");
    }
}

#[test]
fn parameters_are_percent_decoded_and_in_any_order() {
    let sig = sig_of(&key(), 14, "张三", NOW).replace('*', "%2A");
    let query = format!(
        "contenttype=json&usersig={sig}&random=7&identifier=%E5%BC%A0%E4%B8%89&sdkappid=14"
    );
    assert_eq!(code(&query), Ok(ServiceCommand::PortraitGet));
}

#[test]
fn non_admin_is_admitted_if_the_service_checks() {
    let sig = sig_of(&key(), 14, "nobody", NOW);
    let query = format!("sdkappid=14&random=7&contenttype=json&identifier=nobody&usersig={sig}");
    let line = RequestLine { method: "POST", path: "/v4/profile/portrait_get", query: &query };
    let (gateway, settings) =
        gateway("open_questions.not_admin = 'service'\nrate.portrait_get = 1");
    let admitted = AdmittedCall { command: ServiceCommand::PortraitGet, is_admin: false };
    assert_eq!(gateway.check(line, &settings, at(0), None), Ok(admitted));
    assert_eq!(
        gateway.check(line, &settings, at(1), None),
        Err(Rejection::Code(60007)),
        "it counts"
    );
}

#[test]
fn rates_are_separate_per_command() {
    let (gateway, settings) = gateway("rate = { portrait_get = 2, account_check = 1 }");
    let query = good_query();
    let call = |command: ServiceCommand, milliseconds| {
        let path = format!("/{}", command.path());
        let line = RequestLine { method: "POST", path: &path, query: &query };
        gateway.check(line, &settings, at(milliseconds), None).is_ok()
    };
    assert!(call(ServiceCommand::PortraitGet, 0) && call(ServiceCommand::PortraitGet, 1));
    assert!(!call(ServiceCommand::PortraitGet, 999) && call(ServiceCommand::AccountCheck, 999));
    assert!(call(ServiceCommand::PortraitGet, 1_000) && !call(ServiceCommand::AccountCheck, 1_000));
}

#[test]
fn default_rates_are_the_documented_ones() {
    let query = good_query();
    for (command, limit) in [
        (ServiceCommand::PortraitGet, 200),
        (ServiceCommand::PortraitSet, 200),
        (ServiceCommand::AccountImport, 200),
        (ServiceCommand::MultiaccountImport, 100),
        (ServiceCommand::AccountCheck, 100),
        (ServiceCommand::AccountDelete, 100),
    ] {
        let (gateway, settings) = gateway("");
        let path = format!("/{}", command.path());
        let line = RequestLine { method: "POST", path: &path, query: &query };
        let admitted =
            (0..limit).filter(|_| gateway.check(line, &settings, at(0), None).is_ok()).count();
        assert_eq!(admitted, limit, "{command:?}");
        assert_eq!(gateway.check(line, &settings, at(999), None), Err(Rejection::Code(60007)));
    }
}

#[test]
fn refused_callers_count_only_if_set() {
    for (toml, expected) in [
        ("rate.portrait_get = 1", Ok(ServiceCommand::PortraitGet)),
        (
            "rate.portrait_get = 1\nopen_questions.rate_before_usersig = true",
            Err(Rejection::Code(60007)),
        ),
        (
            "rate = { portrait_get = 1, answer = 'http429' }\nopen_questions.rate_before_usersig = true",
            Err(Rejection::Http429),
        ),
    ] {
        let (gateway, settings) = gateway(toml);
        let path = "/v4/profile/portrait_get";
        let unsigned = "sdkappid=14&random=7&contenttype=json&identifier=administrator";
        let line = |query| RequestLine { method: "POST", path, query };
        assert!(gateway.check(line(unsigned), &settings, at(0), None).is_err());
        assert_eq!(command(gateway.check(line(&good_query()), &settings, at(1), None)), expected);
    }
}

#[test]
fn first_calls_are_refused_as_expired() {
    let (gateway, settings) = gateway("faults.usersig_expired_calls = 2\nrate.calls_per_day = 1");
    let query = good_query();
    let line = RequestLine { method: "POST", path: "/v4/profile/portrait_get", query: &query };
    let outcomes: Vec<_> =
        (0..4).map(|_| command(gateway.check(line, &settings, at(0), None))).collect();
    let expected = [Err(70001), Err(70001), Ok(ServiceCommand::PortraitGet), Err(60028)];
    assert_eq!(outcomes, expected.map(|outcome| outcome.map_err(Rejection::Code)));
    let next_day = at(DAY_SECONDS * 1_000);
    assert_eq!(
        command(gateway.check(line, &settings, next_day, None)),
        Ok(ServiceCommand::PortraitGet)
    );
}

proptest! {
    #[test]
    fn arbitrary_request_lines_are_rejected(method in "[A-Z]{0,5}", path in ".{0,40}", query in ".{0,200}") {
        prop_assert!(outcome("", &method, &path, &query).is_err());
    }
}
