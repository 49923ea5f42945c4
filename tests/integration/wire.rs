//! What reaches the service over HTTP/2 and HTTP/1.1, and what is said when nothing does.
//!
//! A request is counted where it arrives. The program's own meter is exact; the receiver's depends on when its thread gets a
//! processor, so a second of it may hold a quarter more. Resends that are not paced would double it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::connect_proxy::ConnectProxy;
use crate::support::h2_server::{Action, H2Server, Script};
use crate::support::tls::Authority;
use crate::support::{Output, QUICK_JOB, TestDir};

const SECRET_VARIABLE: &str = "IM_SECRET_KEY";

/// A host name without proxy exception that is never resolved.
const SERVICE: &str = "service.example";

fn accounts(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("user-{number:05}"))
}

/// A directory with a job that trusts this authority.
fn directory(count: usize, authority: &str) -> TestDir {
    let directory =
        TestDir::with_job(QUICK_JOB, accounts(count)).env(SECRET_VARIABLE, "any-key-at-all");
    let path = directory.write("authority.pem", authority);
    directory.env("SSL_CERT_FILE", path.to_str().unwrap())
}

/// Runs a command of the job against a service.
fn run(directory: &TestDir, command: &[&str], base_url: &str, keys: &[&str]) -> Output {
    let mut arguments: Vec<String> = command.iter().map(ToString::to_string).collect();
    let service = [
        "api.emulator=false".to_owned(),
        format!("api.base_url={base_url}"),
        "api.sdkappid=1400000000".to_owned(),
        format!("api.secret_key_env={SECRET_VARIABLE}"),
    ];
    let keys = service.into_iter().chain(keys.iter().map(ToString::to_string));
    arguments.extend(keys.flat_map(|key| ["--set".to_owned(), key]));
    directory.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn number(output: &Output, key: &str) -> usize {
    let number = output.summary()["calls"][key].as_u64();
    number.unwrap_or_else(|| panic!("no calls.{key}\n{output}")).try_into().unwrap()
}

const ACCOUNTS: usize = 15_000;
const LIMIT: usize = 100;

/// Exports everything through an HTTP/2 server; returns what was reported and how many requests came.
#[track_caller]
fn export_over_h2(script: Script, limit: usize, keys: &[&str]) -> (Output, usize) {
    let authority = Authority::new();
    let server = H2Server::start(authority.server("127.0.0.1"), script);
    let directory = directory(ACCOUNTS, &authority.pem);
    let limit_key = format!("api.calls_per_second={limit}");
    let keys = [&[&*limit_key, "retry.max_attempts=30"], keys].concat();
    let base_url = format!("https://127.0.0.1:{}", server.port);
    let output =
        run(&directory, &["export", "job.toml", "--json"], &base_url, &keys).expect_code(0);
    assert_eq!(output.summary()["counts"]["rows"], ACCOUNTS, "{output}");
    assert_eq!(directory.snapshot("out").table().rows.len(), ACCOUNTS);
    assert!(number(&output, "peak_calls_per_second") <= limit, "{output}");
    let (requests, busiest) = (server.requests(), server.peak_per_second());
    assert!(busiest <= limit + limit / 4, "{busiest} requests came within a second\n{output}");
    (output, requests)
}

/// An answer that takes long enough for others to be in flight.
fn answer() -> Action {
    Action::Response(Duration::from_millis(20))
}

fn script(action: fn(usize, usize) -> Action) -> Script {
    Script { max_concurrent_streams: None, padding: 0, action }
}

#[test]
fn each_call_is_one_http2_request() {
    let (output, requests) = export_over_h2(script(|_, _| answer()), LIMIT, &[]);
    assert_eq!(requests, ACCOUNTS / 100, "{output}");
    assert_eq!(number(&output, "made"), requests, "{output}");
}

#[test]
fn refused_streams_are_resent_within_the_limit_and_counted() {
    let every_second = |number, _| if number % 2 == 0 { Action::Refuse } else { answer() };
    let (output, requests) = export_over_h2(script(every_second), LIMIT, &[]);
    assert!(requests > ACCOUNTS / 100, "{output}");
    assert_eq!(number(&output, "made"), requests, "{output}");
}

#[test]
fn streams_that_goaway_leaves_unprocessed_are_resent_within_the_limit() {
    let every_40th = |_, number| match number {
        39 => Action::GoAway { unprocessed: 2 },
        _ => Action::Response(Duration::from_millis(60)),
    };
    let (output, requests) = export_over_h2(script(every_40th), LIMIT, &[]);
    let (made, failed) = (number(&output, "made"), number(&output, "failed"));
    assert!(failed > 0, "{output}");
    // A request that the client had not written when GOAWAY came never arrives.
    assert!(requests <= made && made - requests <= failed, "{requests} requests\n{output}");
}

#[test]
fn requests_of_a_dropped_connection_are_resent_within_the_limit() {
    let every_30th = |_, number| match number {
        29 => Action::Drop,
        _ => Action::Response(Duration::from_millis(60)),
    };
    let (output, requests) = export_over_h2(script(every_30th), LIMIT, &[]);
    let (made, failed) = (number(&output, "made"), number(&output, "failed"));
    assert!(failed > 0, "{output}");
    // What was written when the connection went is lost on its way.
    assert!(requests <= made && made - requests <= failed, "{requests} requests\n{output}");
}

#[test]
fn requests_waiting_for_a_stream_are_not_sent_in_a_burst() {
    for streams in [1, 4, 10] {
        // Slow answers hold all streams, and more calls wait for one.
        let action = |number, _| match number % 50 {
            0..10 => Action::AnswerTogether(Duration::from_millis(200)),
            _ => Action::Response(Duration::from_millis(1)),
        };
        let script = Script { max_concurrent_streams: Some(streams), padding: 0, action };
        let keys = ["api.max_in_flight=64", "api.timeout=60s"];
        let (output, requests) = export_over_h2(script, 40, &keys);
        // What the client sends before it knows the server's settings is refused.
        assert_eq!(number(&output, "made"), requests, "{streams} streams\n{output}");
    }
}

#[test]
fn bodies_beyond_the_memory_budget_are_complete_over_http2() {
    // All 64 in flight would be 128 MiB; a body that waits must not keep the others from coming.
    let mut script = script(|_, _| Action::Response(Duration::from_millis(200)));
    script.padding = 2 * 1024 * 1024;
    let (output, requests) = export_over_h2(script, 1000, &["api.timeout=60s"]);
    assert_eq!(requests, ACCOUNTS / 100, "{output}");
    assert_eq!(number(&output, "failed"), 0, "{output}");
}

/// Answers one request of a kept-alive connection.
fn answer_over_http1(stream: &mut BufReader<TcpStream>, requests: &AtomicUsize) -> Option<()> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (stream.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut request = vec![0; length?];
    stream.read_exact(&mut request).ok()?;
    requests.fetch_add(1, Ordering::Relaxed);
    let request: serde_json::Value = serde_json::from_slice(&request).ok()?;
    let items: Vec<serde_json::Value> = request["To_Account"]
        .as_array()?
        .iter()
        .map(|account| serde_json::json!({ "To_Account": account, "ProfileItem": [], "ResultCode": 0 }))
        .collect();
    let response =
        serde_json::json!({ "UserProfileItem": items, "ActionStatus": "OK", "ErrorCode": 0 });
    let response = response.to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", response.len());
    stream.get_mut().write_all((head + &response).as_bytes()).ok()
}

/// Serves HTTP/1.1 and closes each connection, without a word, after two answers.
fn serve_http1_that_closes() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::<AtomicUsize>::default();
    let seen = Arc::clone(&requests);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let seen = Arc::clone(&seen);
            thread::spawn(move || {
                let mut stream = BufReader::new(stream.unwrap());
                for _ in 0..2 {
                    answer_over_http1(&mut stream, &seen)?;
                }
                // The next request is on its way, or comes just now.
                stream.read(&mut [0; 1]).ok()
            });
        }
    });
    (port, requests)
}

#[test]
fn connections_closed_on_request_cost_no_rows() {
    let (port, requests) = serve_http1_that_closes();
    let directory = directory(10_000, "");
    let keys = ["api.calls_per_second=100", "api.max_in_flight=4", "retry.max_attempts=30"];
    let base_url = format!("http://127.0.0.1:{port}");
    let output =
        run(&directory, &["export", "job.toml", "--json"], &base_url, &keys).expect_code(0);
    assert_eq!(output.summary()["counts"]["rows"], 10_000, "{output}");
    let (made, failed) = (number(&output, "made"), number(&output, "failed"));
    let requests = requests.load(Ordering::Relaxed);
    assert!(failed > 0, "{output}");
    assert!(requests <= made && made - requests <= failed, "{requests} requests\n{output}");
    assert!(number(&output, "peak_calls_per_second") <= LIMIT, "{output}");
}

/// Exports to a host that is reached through a proxy, without patience.
fn export_through(directory: &TestDir) -> Output {
    let keys = ["retry.outage_patience=40ms", "api.calls_per_second=100"];
    run(directory, &["export", "job.toml", "--json"], &format!("https://{SERVICE}"), &keys)
}

#[test]
fn proxy_with_credentials_reaches_the_service() {
    let authority = Authority::new();
    let server = H2Server::start(authority.server(SERVICE), script(|_, _| answer()));
    let proxy = ConnectProxy::start(server.port, None);
    let url = format!("http://user:p%40ss@127.0.0.1:{}", proxy.port);
    let directory = directory(300, &authority.pem).env("HTTPS_PROXY", &url);
    let output = export_through(&directory).expect_code(0);
    assert_eq!(number(&output, "made"), server.requests(), "{output}");
    let head = proxy.heads().remove(0);
    assert!(head.starts_with("CONNECT service.example:443 HTTP/1.1\r\n"), "{head}");
    // user:p@ss in base64.
    assert!(head.contains("proxy-authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");
}

#[test]
fn proxy_with_wrong_credentials_is_named() {
    let proxy = ConnectProxy::start(1, Some("407 Proxy Authentication Required"));
    let url = format!("http://user:hunter2@127.0.0.1:{}", proxy.port);
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let directory = directory(300, &Authority::new().pem).env(variable, &url);
        let output = export_through(&directory).expect_code(75);
        let expected =
            format!("127.0.0.1:{} requires a valid user name and password (407", proxy.port);
        assert!(output.error().contains(&expected), "{output}");
        assert!(output.error().contains(&format!("set them in {variable}")), "{output}");
        assert!(!output.stderr.contains("hunter2"), "{output}");
    }
    let other = ConnectProxy::start(1, Some("403 Forbidden"));
    let url = format!("http://127.0.0.1:{}", other.port);
    let directory = directory(300, &Authority::new().pem).env("HTTPS_PROXY", &url);
    let output = export_through(&directory).expect_code(75);
    let expected =
        format!("the proxy 127.0.0.1:{} refuses to connect to service.example:443", other.port);
    assert!(output.error().contains(&expected), "{output}");
}

#[test]
fn untrusted_certificate_is_named_with_its_problem() {
    let (authority, other) = (Authority::new(), Authority::new());
    for (tls, problem) in [
        (other.server(SERVICE), "set SSL_CERT_FILE"),
        (authority.expired_server(SERVICE), "has expired"),
        (authority.server("another.example"), "is for another host name"),
    ] {
        let server = H2Server::start(tls, script(|_, _| answer()));
        let proxy = ConnectProxy::start(server.port, None);
        let url = format!("http://127.0.0.1:{}", proxy.port);
        let directory = directory(300, &authority.pem).env("HTTPS_PROXY", &url);
        let output = export_through(&directory).expect_code(75);
        let certificate = "the certificate of service.example:443 ";
        assert!(output.error().contains(certificate), "{output}");
        assert!(output.error().contains(problem), "{problem}\n{output}");
        assert_eq!(server.requests(), 0, "{output}");
    }
}

#[test]
fn invalid_proxy_variable_is_refused_before_the_first_call() {
    let authority = Authority::new();
    let server = H2Server::start(authority.server("localhost"), script(|_, _| answer()));
    let good = ConnectProxy::start(server.port, None);
    let good = format!("http://127.0.0.1:{}", good.port);
    for (variable, value) in [
        ("HTTPS_PROXY", "htp://user:hunter2@127.0.0.1:3128"),
        ("https_proxy", "http://user:hunter2@127.0.0.1:3128 "),
        ("HTTP_PROXY", "http://user:hunter2@"),
        ("http_proxy", "http://user:hunter2@:3128"),
        ("ALL_PROXY", "socks5://user:hunter2@127.0.0.1:1080"),
        ("all_proxy", "http://user:hunt@hunter2@127.0.0.1:3128"),
    ] {
        let directory = directory(300, &authority.pem).env(variable, value);
        let directory =
            if variable == "ALL_PROXY" { directory } else { directory.env("NO_PROXY", SERVICE) };
        for command in [&["export", "job.toml"], &["check", "job.toml"], &["plan", "job.toml"]] {
            let keys = ["api.calls_per_second=100"];
            let output =
                run(&directory, command, &format!("https://{SERVICE}"), &keys).expect_code(2);
            let expected =
                format!("the environment variable {variable} is not a valid proxy URL: ");
            assert!(output.to_string().contains(&expected), "{output}");
            assert!(!output.to_string().contains("hunter2"), "{output}");
        }
        // A service on this machine is never called through a proxy.
        let base_url = format!("https://localhost:{}", server.port);
        run(&directory, &["export", "job.toml"], &base_url, &[]).expect_code(0);
    }
    let unused = directory(300, &authority.pem)
        .env("ALL_PROXY", "socks5://127.0.0.1:1080")
        .env("HTTPS_PROXY", &good);
    let output = export_through(&unused).expect_code(75);
    assert!(output.error().contains("is for another host name"), "{output}");
}

#[test]
fn hosts_of_no_proxy_are_called_directly() {
    let proxy = ConnectProxy::start(1, None);
    let directory = directory(300, &Authority::new().pem)
        .env("HTTPS_PROXY", &format!("http://127.0.0.1:{}", proxy.port))
        .env("NO_PROXY", "other.example,.invalid");
    let keys = ["retry.outage_patience=40ms", "api.calls_per_second=100"];
    let base_url = "https://does-not-exist.invalid";
    let output = run(&directory, &["export", "job.toml"], base_url, &keys).expect_code(75);
    // Whether the host does not exist or there is no resolver depends on the machine.
    assert!(output.error().contains("does-not-exist.invalid"), "{output}");
    assert!(!output.error().contains("through the proxy"), "{output}");
    assert_eq!(proxy.heads().len(), 0, "{output}");
}
