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

fn outcome(toml: &str, method: &str, path: &str, query: &str) -> Result<Command, Refusal> {
    let (gateway, settings) = gateway(toml);
    command(gateway.check(RequestLine { method, path, query }, &settings, at(0)))
}

/// The command that a call reaches, for a caller that is known to be an administrator.
fn command(admitted: Result<Admitted, Refusal>) -> Result<Command, Refusal> {
    admitted.map(|Admitted { command, is_admin }| {
        assert!(is_admin);
        command
    })
}

/// A UserSig with any claims.
fn packed(claims: &serde_json::Value) -> String {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(claims.to_string().as_bytes()).unwrap();
    let base64 = STANDARD.encode(zlib.finish().unwrap());
    base64.replace('+', "*").replace('/', "-").replace('=', "_")
}

fn code(query: &str) -> Result<Command, Refusal> {
    outcome("", "POST", "/v4/profile/portrait_get", query)
}

#[test]
fn a_good_call_reaches_each_command() {
    for command in Command::ALL {
        let path = format!("/{}", command.path());
        assert_eq!(outcome("", "POST", &path, &good_query()), Ok(command));
    }
}

/// Each query corrects the fault of the one before and nothing else, so the order is tested too.
#[test]
fn checks_come_in_order() {
    let path = "/v4/profile/portrait_get";
    assert_eq!(outcome("", "GET", "/nothing", "random=1"), Err(Refusal::Code(60002)));
    assert_eq!(outcome("", "POST", "/nothing", "random=1&a=%ff"), Err(Refusal::Code(60002)));
    assert_eq!(outcome("", "POST", "/nothing", ""), Err(Refusal::Code(60002)));
    assert_eq!(outcome("", "POST", "/nothing", "random=x"), Err(Refusal::Code(60002)));
    assert_eq!(outcome("", "POST", "/nothing", "random=1"), Err(Refusal::Code(60009)));
    let wrong_case = outcome("", "POST", "/V4/profile/portrait_get", "random=1");
    assert_eq!(wrong_case, Err(Refusal::Code(60009)));
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
        assert_eq!(found, Err(Refusal::Code(expected)), "{query}");
    }
}

/// Each parameter, wrong in each way, in a call that is right otherwise.
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
        assert_eq!(code(&query), Err(Refusal::Code(expected)), "{wrong}");
    }
    for random in ["0", "4294967295", "%31"] {
        let query = good.replace("random=1", &format!("random={random}"));
        assert_eq!(code(&query), Ok(Command::PortraitGet), "{random}");
    }
}

#[test]
fn values_are_percent_decoded_and_their_order_is_free() {
    let sig = sig_of(&key(), 14, "张三", NOW).replace('*', "%2A");
    let query = format!(
        "contenttype=json&usersig={sig}&random=7&identifier=%E5%BC%A0%E4%B8%89&sdkappid=14"
    );
    assert_eq!(code(&query), Ok(Command::PortraitGet));
}

#[test]
fn open_questions_of_the_signature_are_switches() {
    let query = |sig| {
        format!("sdkappid=14&random=7&contenttype=json&identifier=administrator&usersig={sig}")
    };
    let forged = SecretKey::new("x".to_owned());
    let old_and_forged = query(sig_of(&forged, 14, "administrator", NOW - 101));
    let path = "/v4/profile/portrait_get";
    let first = "open_questions.signature_before_expiry = true";
    assert_eq!(outcome(first, "POST", path, &old_and_forged), Err(Refusal::Code(70009)));
    let early = query(sig_of(&key(), 14, "administrator", NOW + 31));
    assert_eq!(code(&early), Ok(Command::PortraitGet));
    let strict = "open_questions.clock_skew_seconds = 30";
    assert_eq!(outcome(strict, "POST", path, &early), Err(Refusal::Code(70001)));
}

/// The vectors of the official signers, with `TLS.userbuf` in what is signed.
#[test]
fn room_rights_are_verified_and_refused_if_so_set() {
    const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
    const V3_NODE: &str = "eJxVjMsOgjAURP-lbjU8DGLTxB0aJeJCDUZ2xRZyq8XaFkNi-HcThIWzm3Mm84bT7ui9hAEKMy*Aad*Ri8ZhhT1mXGGD1hnmHmYYWH5jWiMHGkbBkJ9xqATQcPFPRafRCKAkjkbUWmHKtgIKl3Mqx1*sgQKpRfO8y1KvWFrkmd2WqlKFT*b7LvYZCeS1XW*SXE4O2RI*X0HFOoQ_";
    const V3_PYTHON: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-Myi0uKEkvyi2BKilOyEwsKMlOACgxNDKAAKpdaUZBZlAqUsTAzgQuWZOaChAzN0RSXFqcWJZWmgSyKDPfKgpufmQ4SskhPzSvMyUoqcE30igrzLfZMyk3LjdK3MPWrMNNPtDDISi5183AJy9IO8rVVqgUAVGk8JA__";
    let response_handler = |toml: &str, sig: &str, unix_seconds: u64| {
        let settings: Settings = toml::from_str(toml).unwrap();
        let admins = vec!["administrator".to_owned()];
        let secret_key = SecretKey::new(KEY.to_owned());
        let credentials = Credentials { sdkappid: 1_400_000_000, admins, secret_key };
        Gateway::new(&settings, credentials).check_usersig(
            sig,
            "administrator",
            &settings,
            unix_seconds,
        )
    };
    let refusing = "open_questions.refuse_userbuf = true";
    for sig in [V3_NODE, V3_PYTHON] {
        assert_eq!(response_handler("", sig, NOW), Ok(()));
        assert_eq!(response_handler(refusing, sig, NOW), Err(70009));
        assert_eq!(response_handler(refusing, sig, NOW + 86_401), Err(70001), "expiry comes first");
    }
    let genuine = usersig::decode(V3_NODE).unwrap();
    assert_eq!((genuine.time, genuine.expire), (NOW, 86_400));
    let mac = "8genqljbpEaJZVMsIbmfmZ/85Nx6/a80jcuFHDVj+RM=";
    let claims = |userbuf: Option<&str>| {
        packed(
            &json!({ "TLS.ver": "2.0", "TLS.identifier": "administrator", "TLS.sdkappid": 1_400_000_000,
            "TLS.time": NOW, "TLS.expire": 86_400, "TLS.userbuf": userbuf, "TLS.sig": mac }),
        )
    };
    assert_eq!(response_handler("", &claims(Some("YWJj")), NOW), Ok(()));
    assert_eq!(
        response_handler("", &claims(Some("YWJk")), NOW),
        Err(70009),
        "other rights than signed"
    );
    assert_eq!(
        response_handler("", &claims(None), NOW),
        Err(70009),
        "without the rights it was signed with"
    );
    let plain =
        usersig::sign(&SecretKey::new(KEY.to_owned()), 1_400_000_000, "administrator", NOW, 9);
    assert_eq!(response_handler(refusing, plain.as_str(), NOW), Ok(()));
}

#[test]
fn the_code_of_an_unreadable_signature_is_a_switch() {
    let sig =
        packed(&json!({ "TLS.ver": "2.0", "TLS.identifier": "administrator", "TLS.sdkappid": 14,
        "TLS.time": NOW, "TLS.expire": 100, "TLS.sig": "***" }));
    let query =
        format!("sdkappid=14&random=7&contenttype=json&identifier=administrator&usersig={sig}");
    for (toml, expected) in [("", 70014), ("open_questions.sig_not_base64 = 70009", 70009)] {
        let found = outcome(toml, "POST", "/v4/profile/portrait_get", &query);
        assert_eq!(found, Err(Refusal::Code(expected)), "{toml}");
    }
}

#[test]
fn the_service_may_refuse_who_is_not_an_administrator() {
    let sig = sig_of(&key(), 14, "nobody", NOW);
    let query = format!("sdkappid=14&random=7&contenttype=json&identifier=nobody&usersig={sig}");
    let head = RequestLine { method: "POST", path: "/v4/profile/portrait_get", query: &query };
    let (gateway, settings) =
        gateway("open_questions.not_admin = 'service'\nrate.portrait_get = 1");
    let admitted = Admitted { command: Command::PortraitGet, is_admin: false };
    assert_eq!(gateway.check(head, &settings, at(0)), Ok(admitted));
    assert_eq!(gateway.check(head, &settings, at(1)), Err(Refusal::Code(60007)), "it counts");
}

#[test]
fn each_command_has_its_own_rate() {
    let (gateway, settings) = gateway("rate = { portrait_get = 2, account_check = 1 }");
    let query = good_query();
    let call = |command: Command, milliseconds| {
        let path = format!("/{}", command.path());
        let head = RequestLine { method: "POST", path: &path, query: &query };
        gateway.check(head, &settings, at(milliseconds)).is_ok()
    };
    assert!(call(Command::PortraitGet, 0) && call(Command::PortraitGet, 1));
    assert!(!call(Command::PortraitGet, 999) && call(Command::AccountCheck, 999));
    assert!(call(Command::PortraitGet, 1_000) && !call(Command::AccountCheck, 1_000));
}

#[test]
fn the_documented_rates_are_the_default() {
    let query = good_query();
    for (command, limit) in [
        (Command::PortraitGet, 200),
        (Command::PortraitSet, 200),
        (Command::AccountImport, 200),
        (Command::MultiaccountImport, 100),
        (Command::AccountCheck, 100),
        (Command::AccountDelete, 100),
    ] {
        let (gateway, settings) = gateway("");
        let path = format!("/{}", command.path());
        let head = RequestLine { method: "POST", path: &path, query: &query };
        let admitted = (0..limit).filter(|_| gateway.check(head, &settings, at(0)).is_ok()).count();
        assert_eq!(admitted, limit, "{command:?}");
        assert_eq!(gateway.check(head, &settings, at(999)), Err(Refusal::Code(60007)));
    }
}

#[test]
fn refused_callers_count_only_if_so_set() {
    for (toml, expected) in [
        ("rate.portrait_get = 1", Ok(Command::PortraitGet)),
        (
            "rate.portrait_get = 1\nopen_questions.rate_before_usersig = true",
            Err(Refusal::Code(60007)),
        ),
        (
            "rate = { portrait_get = 1, answer = 'http429' }\nopen_questions.rate_before_usersig = true",
            Err(Refusal::Http429),
        ),
    ] {
        let (gateway, settings) = gateway(toml);
        let path = "/v4/profile/portrait_get";
        let unsigned = "sdkappid=14&random=7&contenttype=json&identifier=administrator";
        let head = |query| RequestLine { method: "POST", path, query };
        assert!(gateway.check(head(unsigned), &settings, at(0)).is_err());
        assert_eq!(command(gateway.check(head(&good_query()), &settings, at(1))), expected);
    }
}

#[test]
fn the_first_calls_are_told_to_sign_again() {
    let (gateway, settings) = gateway("faults.usersig_expired_calls = 2\nrate.calls_per_day = 1");
    let query = good_query();
    let head = RequestLine { method: "POST", path: "/v4/profile/portrait_get", query: &query };
    let answers: Vec<_> = (0..4).map(|_| command(gateway.check(head, &settings, at(0)))).collect();
    let expected = [Err(70001), Err(70001), Ok(Command::PortraitGet), Err(60028)];
    assert_eq!(answers, expected.map(|answer| answer.map_err(Refusal::Code)));
    let next_day = at(DAY_SECONDS * 1_000);
    assert_eq!(command(gateway.check(head, &settings, next_day)), Ok(Command::PortraitGet));
}

proptest! {
    #[test]
    fn no_request_line_panics_or_gets_in(method in "[A-Z]{0,5}", path in ".{0,40}", query in ".{0,200}") {
        prop_assert!(outcome("", &method, &path, &query).is_err());
    }
}
