use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value as Json, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::api::usersig;
use crate::emulator::{Credentials, EMULATOR_ADMIN, EMULATOR_SDKAPPID, Profiles};

pub const PATH: &str = "/v4/profile/portrait_get";

pub fn query() -> String {
    let key = Credentials::built_in().secret_key;
    let sig = usersig::sign(&key, EMULATOR_SDKAPPID, EMULATOR_ADMIN, unix_seconds(), 3_600);
    let sig = sig.as_str();
    format!("sdkappid=1400000000&identifier=administrator&usersig={sig}&random=7&contenttype=json")
}

pub fn body(accounts: &[&str]) -> String {
    json!({ "To_Account": accounts, "TagList": ["Tag_Profile_IM_Nick"] }).to_string()
}

/// An emulator on its own port.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

async fn start(toml: &str) -> Running {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let emulator = Emulator::for_test(toml, Profiles::generated());
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

/// Sends one request over a socket and returns the bytes and the end of the connection.
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
async fn call_over_a_socket_gets_a_response() {
    let running = start("").await;
    let http_response = client().post(running.url()).body(body(&["a", "b"])).send().await.unwrap();
    assert_eq!(http_response.status(), 200);
    let response: Json = serde_json::from_slice(&http_response.bytes().await.unwrap()).unwrap();
    assert_eq!(response["UserProfileItem"][1]["To_Account"], "b");
    assert_eq!(response["ActionStatus"], "OK");
    running.stop().await;
}

#[tokio::test]
async fn page_and_statistics_are_served() {
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
async fn reset_precedes_the_first_byte() {
    let running = start("faults.reset.rate = 1.0").await;
    let (bytes, end) = raw(running.address, raw_call(&body(&["a"]))).await;
    assert_eq!(bytes, "");
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    running.stop().await;
}

#[tokio::test]
async fn truncated_response_ends_within_its_body() {
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
async fn body_over_one_mebibyte_is_refused() {
    let running = start("").await;
    let (bytes, _) = raw(running.address, raw_call(&" ".repeat(1024 * 1024 + 1))).await;
    assert!(bytes.contains("\"ErrorCode\":60002"), "{bytes}");
    running.stop().await;
}

#[tokio::test]
async fn responses_are_compressed_for_clients_that_accept_gzip() {
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
async fn shutdown_resets_hanging_responses() {
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
    assert!(TcpStream::connect(emulator_address).is_err(), "the listener is closed");
}
