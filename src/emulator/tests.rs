use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value as Json, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::api::usersig;

const PATH: &str = "/v4/profile/portrait_get";

fn emulator(toml: &str) -> Emulator {
    Emulator::for_test(toml, Profiles::generated())
}

fn query() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let key = Credentials::built_in().secret_key;
    let sig = usersig::sign(&key, EMULATOR_SDKAPPID, EMULATOR_ADMIN, now.as_secs(), 3_600);
    let sig = sig.as_str();
    format!("sdkappid=1400000000&identifier=administrator&usersig={sig}&random=7&contenttype=json")
}

fn at(milliseconds: u64) -> RequestTime {
    let unix_seconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    RequestTime { since_start: Duration::from_millis(milliseconds), unix_seconds }
}

fn body(accounts: &[&str]) -> String {
    json!({ "To_Account": accounts, "TagList": ["Tag_Profile_IM_Nick"] }).to_string()
}

/// A call without a socket.
fn call(emulator: &Emulator, accounts: &[&str], milliseconds: u64) -> Reply {
    let query = query();
    match emulator
        .arrive(RequestLine { method: "POST", path: PATH, query: &query }, at(milliseconds))
    {
        Err(reply) => reply,
        Ok(admitted) => emulator.answer(admitted, body(accounts).as_bytes()),
    }
}

fn admitted(command: Command) -> Admitted {
    Admitted { command, is_admin: true }
}

fn code(reply: &Reply) -> i64 {
    serde_json::from_slice::<Json>(&reply.body).unwrap()["ErrorCode"].as_i64().unwrap()
}

#[test]
fn the_built_in_key_spells_that_it_is_none() {
    let spelt: String = (0..EMULATOR_SECRET_KEY.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&EMULATOR_SECRET_KEY[at..at + 2], 16).unwrap() as char)
        .collect();
    assert_eq!(spelt, "the emulator has no secret to ke");
    assert!(Credentials::built_in().are_built_in());
}

#[test]
fn each_fault_of_a_whole_call_has_its_face() {
    let with = |fault: &str| call(&emulator(&format!("[faults]\n{fault}")), &["a"], 0);
    assert_eq!(with("reset = { rate = 1.0 }").wire, Wire::Reset);
    let http_error = with("http_error = { rate = 1.0 }\nhttp_statuses = [502]");
    assert_eq!((http_error.status, http_error.wire), (502, Wire::Whole));
    let too_many = with("http_429 = { rate = 1.0 }\nretry_after_seconds = 9");
    assert_eq!((too_many.status, too_many.retry_after_seconds), (429, Some(9)));
    assert_eq!(code(&with("throttle = { rate = 1.0 }")), 60007);
    assert_eq!(code(&with("codes = [{ code = 60026, rate = 1.0 }]")), 60026);
    let redirect = with("redirect = { rate = 1.0 }");
    assert_eq!((redirect.status, redirect.location.is_some()), (302, true));
    assert!(serde_json::from_slice::<Json>(&with("garbage = { rate = 1.0 }").body).is_err());
    assert!(with("oversized = { rate = 1.0 }").body.len() > 16 * 1024 * 1024);
    let truncated = with("truncated = { rate = 1.0 }");
    assert_eq!((truncated.wire, code(&truncated)), (Wire::Cut, 0));
    assert!(std::str::from_utf8(&with("invalid_utf8 = { rate = 1.0 }").body).is_err());
    let contradictory = with("fail_with_code_zero = { rate = 1.0 }");
    let contradictory: Json = serde_json::from_slice(&contradictory.body).unwrap();
    assert_eq!(
        (&contradictory["ActionStatus"], &contradictory["ErrorCode"]),
        (&json!("FAIL"), &json!(0))
    );
    assert!(!contradictory["ErrorInfo"].as_str().unwrap().is_empty());
    assert_eq!(contradictory["UserProfileItem"][0]["To_Account"], "a");
    let hang = with("hang = { rate = 1.0 }\nhang_ms = 5000\nlatency_ms = 30");
    assert_eq!(hang.hang, Some(Duration::from_secs(5)));
    assert_eq!((hang.latency, code(&hang)), (Duration::from_millis(30), 0));
}

#[test]
fn faults_come_after_the_checks() {
    let emulator = emulator("faults.reset.rate = 1.0");
    let head = RequestLine { method: "POST", path: PATH, query: "random=1&sdkappid=1" };
    assert_eq!(code(&emulator.arrive(head, at(0)).unwrap_err()), 60006);
    assert_eq!(code(&emulator.answer(admitted(Command::PortraitGet), b"{}")), 40002);
    assert_eq!(call(&emulator, &["a"], 0).wire, Wire::Reset);
}

#[test]
fn jitter_stays_within_its_bounds_and_the_same_for_the_same_call() {
    let emulator =
        emulator("faults = { latency_ms = 10, latency_jitter_ms = 20 }\nrate.portrait_get = 0");
    let latencies: Vec<Duration> =
        (0..200).map(|n| call(&emulator, &[&n.to_string()], 0).latency).collect();
    assert!(latencies.iter().all(|latency| (10..=30).contains(&latency.as_millis())));
    assert!(latencies.iter().any(|latency| *latency != latencies[0]));
    assert_eq!(call(&emulator, &["7"], 0).latency, latencies[7]);
}

#[test]
fn windows_open_and_close_by_calls_and_by_time() {
    let by_calls = emulator(
        "[faults]\nwindows = [{ kind = 'outage', from_call = 1, until_call = 3 }, \
         { kind = 'http503', from_call = 4, until_call = 5 }]",
    );
    let replies: Vec<Reply> = (0..6).map(|_| call(&by_calls, &["a"], 0)).collect();
    let faces: Vec<(u16, Wire)> = replies.iter().map(|reply| (reply.status, reply.wire)).collect();
    let (whole, reset) = ((200, Wire::Whole), (200, Wire::Reset));
    assert_eq!(faces, [whole, reset, reset, whole, (503, Wire::Whole), whole]);
    let by_time =
        emulator("faults.windows = [{ kind = 'throttle', from_ms = 1000, until_ms = 2000 }]");
    let codes = [999, 1_000, 1_999, 2_000].map(|time| code(&call(&by_time, &["a"], time)));
    assert_eq!(codes, [0, 60007, 60007, 0]);
}

#[test]
fn the_rate_is_enforced_and_counted() {
    let emulator = emulator("");
    let codes: Vec<i64> = (0..201).map(|n| code(&call(&emulator, &["a"], n * 2))).collect();
    assert!(codes[..200].iter().all(|&code| code == 0));
    assert_eq!(codes[200], 60007);
    assert_eq!(code(&call(&emulator, &["a"], 1_000)), 0);
    assert_eq!(emulator.peak_calls_per_second(), 201);
    let stats = emulator.stats();
    assert_eq!((stats.portrait_get().calls(), stats.accounts()), (202, 201));
    assert_eq!((stats.answers_with(60007), stats.answers_with(0)), (1, 201));
    let json: Json = serde_json::from_str(&stats.to_json()).unwrap();
    assert_eq!(json["commands"]["portrait_get"]["peak_calls_per_second"], 201);
    assert_eq!(json["codes"]["60007"], 1);
}

#[test]
fn the_service_refuses_who_is_not_an_administrator_once_the_body_is_json() {
    let emulator = emulator("open_questions.not_admin = 'service'");
    for (command, body, expected) in [
        (Command::PortraitGet, "{", 60003),
        (Command::PortraitGet, "{}", 40004),
        (Command::PortraitSet, "[]", 40004),
        (Command::AccountCheck, "", 60003),
        (Command::AccountCheck, "{}", 70403),
        (Command::AccountDelete, r#"{"DeleteItem":[{"UserID":"a"}]}"#, 70403),
    ] {
        let reply = emulator.answer(Admitted { command, is_admin: false }, body.as_bytes());
        assert_eq!(code(&reply), expected, "{command:?} {body}");
        let answer: Json = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(answer.get("ErrorDisplay").is_some(), command.is_of_profile());
    }
    assert!(emulator.population().is_known("a"), "a refused call deletes nobody");
}

/// Two emulators are asked the same calls in different order, each until it succeeds: each call's replies are
/// the same, byte for byte.
#[test]
fn the_same_calls_get_the_same_replies_in_any_order() {
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
    let resets = forwards.stats().faults("reset");
    assert!((10..60).contains(&resets), "{resets}");
    let other = emulator(&toml.replace("seed = 5", "seed = 6"));
    assert_ne!(first, (0..100).map(|number| replies_of(&other, number)).collect::<Vec<_>>());
}

/// An emulator on a port of its own.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn start(toml: &str) -> Running {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let emulator = emulator(toml);
    let task = tokio::spawn(run(listener, emulator, async {
        let _ = stopped.await;
    }));
    Running { address, stop, task }
}

impl Running {
    fn url(&self) -> String {
        format!("http://{}{PATH}?{}", self.address, query())
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().no_gzip().build().unwrap()
}

/// What a socket gives for one request: the bytes, and how it ended.
async fn raw(address: SocketAddr, request: String) -> (String, std::io::Result<()>) {
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let end = stream.read_to_end(&mut bytes).map(|_| ());
        (String::from_utf8_lossy(&bytes).into_owned(), end)
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

fn raw_call(body: &str) -> String {
    format!(
        "POST {PATH}?{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        query(),
        body.len()
    )
}

#[tokio::test]
async fn a_call_over_a_socket_is_answered() {
    let running = start("").await;
    let response = client().post(running.url()).body(body(&["a", "b"])).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let answer: Json = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert_eq!(answer["UserProfileItem"][1]["To_Account"], "b");
    assert_eq!(answer["ActionStatus"], "OK");
    running.stop().await;
}

#[tokio::test]
async fn browsers_and_scripts_are_answered_too() {
    let running = start("").await;
    let base = format!("http://{}", running.address);
    let client = client();
    let head = client.head(format!("{base}/")).send().await.unwrap();
    assert_eq!(head.status(), 200);
    let page = client.get(format!("{base}/")).send().await.unwrap().text().await.unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains(&running.address.to_string()));
    let wrong = client.get(format!("{base}{PATH}")).send().await.unwrap();
    assert_eq!(wrong.status(), 200);
    assert!(wrong.text().await.unwrap().contains("\"ErrorCode\":60002"));
    let stats = client.get(format!("{base}/__stats")).send().await.unwrap().text().await.unwrap();
    let stats: Json = serde_json::from_str(&stats).unwrap();
    assert_eq!(stats["commands"]["portrait_get"]["calls"], 1);
    running.stop().await;
}

#[tokio::test]
async fn a_reset_comes_before_any_byte() {
    let running = start("faults.reset.rate = 1.0").await;
    let (bytes, end) = raw(running.address, raw_call(&body(&["a"]))).await;
    assert_eq!(bytes, "");
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    running.stop().await;
}

#[tokio::test]
async fn a_truncated_answer_ends_within_its_body() {
    let running = start("faults.truncated.rate = 1.0").await;
    for accounts in [vec!["a"; 1], vec!["a"; 100]] {
        let (bytes, _) = raw(running.address, raw_call(&body(&accounts))).await;
        let (head, body) = bytes.split_once("\r\n\r\n").unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        assert!(body.starts_with("{\"UserProfileItem\":["), "{bytes}");
        assert!(body.len() < length.parse::<usize>().unwrap(), "{bytes}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_body_over_one_mebibyte_is_refused() {
    let running = start("").await;
    let (bytes, _) = raw(running.address, raw_call(&" ".repeat(1024 * 1024 + 1))).await;
    assert!(bytes.contains("\"ErrorCode\":60002"), "{bytes}");
    running.stop().await;
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_accept_it() {
    let running = start("open_questions.gzip = true").await;
    let send = |accepted: &'static str| {
        let request = client().post(running.url()).header("accept-encoding", accepted);
        request.body(body(&["a"])).send()
    };
    let packed = send("gzip").await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let mut json = String::new();
    let packed = packed.bytes().await.unwrap();
    flate2::read::GzDecoder::new(packed.as_ref()).read_to_string(&mut json).unwrap();
    assert!(json.contains("\"ActionStatus\":\"OK\""), "{json}");
    let plain = send("identity").await.unwrap();
    assert!(plain.headers().get("content-encoding").is_none());
    running.stop().await;
}

#[tokio::test]
async fn a_stop_drops_hanging_answers() {
    let running = start("faults = { hang = { rate = 1.0 }, hang_ms = 3600000 }").await;
    let emulator_address = running.address;
    let hanging = tokio::spawn(raw(emulator_address, raw_call(&body(&["a"]))));
    let stats = format!("http://{emulator_address}/__stats");
    let client = client();
    while !client.get(&stats).send().await.unwrap().text().await.unwrap().contains("\"hang\":1") {
        tokio::task::yield_now().await;
    }
    running.stop().await;
    let (bytes, end) = hanging.await.unwrap();
    assert_eq!(bytes, "");
    assert!(end.is_err());
    assert!(TcpStream::connect(emulator_address).is_err(), "no longer accepts");
}
