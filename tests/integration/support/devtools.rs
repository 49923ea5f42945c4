//! A client of the Chrome DevTools protocol over `--remote-debugging-pipe`: JSON messages, each ended by a NUL byte, which
//! the browser reads from descriptor 3 and writes to descriptor 4.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

const CHROMIUM: &str = "/usr/bin/chromium";

/// Timeout in seconds, longer than a browser needs for a page on a busy machine: it is stopped, and the test fails.
const HANGS_AFTER_SECONDS: &str = "300";

/// Passes both ends of the protocol to the browser, which writes everything else to standard error.
const MOVE_PIPES: &str = r#"exec "$@" 3<&0 4>&1 < /dev/null >&2"#;

/// A message of the browser: a response if it has an `id`, an event otherwise.
#[derive(Debug, Deserialize)]
struct Message {
    id: Option<u64>,
    #[serde(default)]
    method: String,
    #[serde(default)]
    params: Value,
    #[serde(default)]
    result: Value,
    error: Option<Value>,
}

/// A target, such as a page or a worker, that this client is attached to: its requests are recorded. The empty one is
/// the browser as a whole.
pub type Session = String;

/// Something that happened in a target.
#[derive(Debug)]
pub struct Event {
    pub method: String,
    pub params: Value,
}

/// A running browser. It ends when this is dropped, since its end of the protocol is closed.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    commands: Option<ChildStdin>,
    messages: BufReader<ChildStdout>,
    last_id: u64,
    /// Standard error of the browser.
    stderr: PathBuf,
    /// Events received while waiting for a response.
    events: VecDeque<Event>,
    /// Targets that report their requests.
    watched: Vec<Session>,
    /// URLs requested by the targets.
    requests: Vec<String>,
}

impl Browser {
    /// Starts a browser with these options and a fresh profile in a directory.
    pub fn start(profile: &Path, options: &[String]) -> Self {
        let stderr = profile.join("stderr");
        let mut process = Command::new("timeout")
            .args(["--kill-after=5", HANGS_AFTER_SECONDS, "/bin/sh", "-c", MOVE_PIPES, "sh"])
            .args([CHROMIUM, "--headless", "--remote-debugging-pipe", "--no-first-run"])
            // As root, without a GPU and with the small /dev/shm of a container.
            .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Self {
            commands: process.stdin.take(),
            messages: BufReader::new(process.stdout.take().unwrap()),
            process,
            last_id: 0,
            stderr,
            events: VecDeque::new(),
            watched: Vec::new(),
            requests: Vec::new(),
        }
    }

    /// Sends a command and waits for its result. Events in between are kept for [`Self::wait_for`].
    #[track_caller]
    pub fn call(&mut self, session: &str, method: &str, params: &Value) -> Value {
        let response = self.exchange(session, method, params);
        assert_eq!(response.error, None, "{method} failed");
        response.result
    }

    fn exchange(&mut self, session: &str, method: &str, params: &Value) -> Message {
        let id = self.send(session, method, params);
        loop {
            let message = self.read();
            match message.id {
                Some(received) if received == id => return message,
                Some(_) => {}
                None => self.events.push_back(Event::from(message)),
            }
        }
    }

    /// Waits for an event and discards those before it.
    pub fn wait_for(&mut self, is_wanted: impl Fn(&Event) -> bool) {
        loop {
            let event = self.events.pop_front().unwrap_or_else(|| Event::from(self.read()));
            if is_wanted(&event) {
                return;
            }
        }
    }

    /// Makes a target report its requests, and those of its frames and workers that are separate targets.
    fn watch(&mut self, session: &str) {
        self.watched.push(session.to_owned());
        self.send(session, "Network.enable", &json!({}));
        // A worker starts only when it is watched.
        let children = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true});
        self.send(session, "Target.setAutoAttach", &children);
        self.send(session, "Runtime.runIfWaitingForDebugger", &json!({}));
    }

    /// URLs that the targets have requested, in the order they were reported.
    pub fn requests(&mut self) -> &[String] {
        // Once a target responds, everything that it reported before has arrived. A closed target returns an error.
        for session in self.watched.clone() {
            self.exchange(&session, "Network.enable", &json!({}));
        }
        &self.requests
    }

    /// Sends a command without waiting for its response.
    fn send(&mut self, session: &str, method: &str, params: &Value) -> u64 {
        self.last_id += 1;
        let mut command = json!({"id": self.last_id, "method": method, "params": params});
        if !session.is_empty() {
            command["sessionId"] = session.into();
        }
        let commands = self.commands.as_mut().unwrap();
        commands.write_all(format!("{command}\0").as_bytes()).expect("the browser has ended");
        self.last_id
    }

    /// Waits for the next message and handles events immediately, since a call can depend on a worker.
    fn read(&mut self) -> Message {
        let mut text = Vec::new();
        self.messages.read_until(0, &mut text).unwrap();
        if text.pop() != Some(0) {
            panic!("the browser ended or hung: {}", fs::read_to_string(&self.stderr).unwrap());
        }
        let message: Message = serde_json::from_slice(&text).unwrap();
        let url = match message.method.as_str() {
            "Target.attachedToTarget" => {
                self.watch(message.params["sessionId"].as_str().unwrap());
                return message;
            }
            "Network.requestWillBeSent" => &message.params["request"]["url"],
            "Network.webSocketCreated" | "Network.webTransportCreated" => &message.params["url"],
            _ => return message,
        };
        self.requests.push(url.as_str().unwrap().to_owned());
        message
    }
}

impl From<Message> for Event {
    fn from(message: Message) -> Self {
        Self { method: message.method, params: message.params }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.commands.take());
        // The profile is removed next, and the browser writes to it until it exits.
        let _ = self.process.wait();
    }
}
