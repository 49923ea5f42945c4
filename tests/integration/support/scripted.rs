//! A server with responses scripted by the test, one HTTP/1.1 response per request.
//!
//! A service can send responses that the emulator never sends: tests of their interpretation write them by hand.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::TestDir;

/// The response to one request.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code and reason phrase.
    pub status: &'static str,
    /// Additional header lines.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// 200 with a body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Response {
        Response { status: "200 OK", headers: Vec::new(), body: body.into() }
    }

    /// 200 with these items and `ErrorCode` 0; `more` is inserted into the top-level object.
    pub fn of_items(items: &[String], more: &str) -> Response {
        let items = items.join(",");
        Response::ok(format!(
            r#"{{"UserProfileItem":[{items}],{more}"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":""}}"#
        ))
    }
}

/// An item with code 0 and a nick derived from the account.
pub fn item_of(account: &str) -> String {
    json!({
        "To_Account": account,
        "ProfileItem": [{ "Tag": "Tag_Profile_IM_Nick", "Value": format!("nick of {account}") }],
        "ResultCode": 0,
        "ResultInfo": "",
    })
    .to_string()
}

/// Creates the response for the number of a request, from 0, and its accounts.
type Script = dyn Fn(usize, &[String]) -> Response + Send + Sync;

/// A running server; its threads end with the process.
pub struct ScriptedServer {
    base_url: String,
    requests: Arc<Mutex<Vec<Vec<String>>>>,
}

impl ScriptedServer {
    /// Starts a server on a free port.
    pub fn start(
        script: impl Fn(usize, &[String]) -> Response + Send + Sync + 'static,
    ) -> ScriptedServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
        let (seen, script): (_, Arc<Script>) = (Arc::clone(&requests), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                thread::spawn(move || serve(&stream.unwrap(), &seen, &*script));
            }
        });
        ScriptedServer { base_url, requests }
    }

    /// The accounts of each request.
    pub fn requests(&self) -> Vec<Vec<String>> {
        self.requests.lock().unwrap().clone()
    }

    /// Number of requests that contain the account.
    pub fn requests_for(&self, account: &str) -> usize {
        self.requests().iter().filter(|accounts| accounts.iter().any(|a| a == account)).count()
    }

    /// A directory with a list and a job for this server, with three attempts and short backoffs.
    pub fn directory<A: AsRef<str>>(&self, accounts: impl IntoIterator<Item = A>) -> TestDir {
        let job = format!(
            r#"
name = "scripted"
accounts = {{ path = "accounts.txt" }}
columns = [{{ tag = "Tag_Profile_IM_Nick", name = "nick" }}]
output = {{ path = "out", format = "csv", compression = "none" }}
limits = {{ max_failed = "100%" }}

[api]
base_url = "{}"
sdkappid = 1400000000
identifier = "administrator"
secret_key_env = "IM_SECRET_KEY"
calls_per_second = 1000

[retry]
max_attempts = 3
initial_backoff = "1ms"
max_backoff = "5ms"
outage_patience = "200ms"
"#,
            self.base_url
        );
        let key = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
        TestDir::with_job(&job, accounts).env("IM_SECRET_KEY", key)
    }
}

/// Responds to requests until the client closes the connection.
fn serve(stream: &TcpStream, seen: &Mutex<Vec<Vec<String>>>, script: &Script) {
    let mut reader = BufReader::new(stream);
    while let Some(body) = next_request(&mut reader) {
        let request: Value = serde_json::from_slice(&body).unwrap();
        let accounts: Vec<String> = serde_json::from_value(request["To_Account"].clone()).unwrap();
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(accounts.clone());
            seen.len() - 1
        };
        let Response { status, headers, body } = script(number, &accounts);
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
        let mut writer = stream;
        if writer.write_all(&[head.as_bytes(), &body].concat()).is_err() {
            return;
        }
    }
}

/// The body of the next request.
fn next_request(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}
