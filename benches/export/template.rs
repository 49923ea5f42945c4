//! A minimal service in a thread of the benchmark: it copies profiles that were rendered at its start, chosen by the hash of the
//! account, around the account's name. Its cost is small compared with that of the export, however long the list.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::rendered_profiles::RenderedProfiles;

const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 0000000000\r\n\r\n";
const LENGTH_DIGITS: usize = 10;
const BODY_START: &[u8] = br#"{"UserProfileItem":["#;
const BEFORE_ACCOUNT: &[u8] = br#"{"To_Account":""#;
const AFTER_FAILED_ACCOUNT: &[u8] =
    br#"","ResultCode":40006,"ResultInfo":"Err_Profile_PortraitGet_Read_Custom_Data_Fail"},"#;
const BODY_END: &[u8] = br#"],"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#;

/// Injected faults.
#[derive(Debug, Clone, Copy, Default)]
pub struct InjectedFaults {
    /// Whether accounts that end in 07 (1 %) always fail with 40006.
    pub accounts_fail: bool,
    /// Whether every 1,000th call hangs.
    pub calls_hang: bool,
}

/// A service that runs until this value is dropped.
pub struct TemplateServer {
    pub base_url: String,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    faults: InjectedFaults,
    profiles: RenderedProfiles,
    calls: AtomicU64,
    first_call_at: OnceLock<Instant>,
}

impl TemplateServer {
    /// Starts it on the core of the service.
    pub fn start(faults: InjectedFaults) -> TemplateServer {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            faults,
            profiles: RenderedProfiles::render(),
            calls: AtomicU64::new(0),
            first_call_at: OnceLock::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, shared) => {}
                    _ = stopped => {}
                }
            });
        });
        TemplateServer { base_url, state, stop: Some(stop), thread: Some(thread) }
    }

    /// Arrival of the first call.
    pub fn first_call_at(&self) -> Instant {
        *self.state.first_call_at.get().unwrap()
    }
}

impl Drop for TemplateServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn accept(listener: std::net::TcpListener, state: Arc<State>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let state = Arc::clone(&state);
        // A client that disconnects ends its connection with an error, which does not matter here.
        tokio::spawn(async move { serve_calls(stream, &state).await });
    }
}

async fn serve_calls(mut stream: TcpStream, state: &State) -> io::Result<()> {
    let (mut request, mut response) = (Vec::with_capacity(8192), Vec::with_capacity(65_536));
    loop {
        let body_start = loop {
            if let Some(at) = memmem::find(&request, b"\r\n\r\n") {
                break at + 4;
            }
            read_more(&mut stream, &mut request).await?;
        };
        state.first_call_at.get_or_init(Instant::now);
        let end = body_start + content_length(&request[..body_start]);
        while request.len() < end {
            read_more(&mut stream, &mut request).await?;
        }
        let call = state.calls.fetch_add(1, Ordering::Relaxed);
        if state.faults.calls_hang && call % 1000 == 999 {
            // Longer than the timeout of any job here; the client has disconnected by then.
            tokio::time::sleep(Duration::from_secs(60)).await;
            return Ok(());
        }
        write_response(&request[body_start..end], &mut response, state);
        stream.write_all(&response).await?;
        request.drain(..end);
    }
}

async fn read_more(stream: &mut TcpStream, request: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(request).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// The client writes header names in lower case.
fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let digits = &head[memmem::find(head, NAME).unwrap() + NAME.len()..];
    let digits = &digits[..memchr::memchr(b'\r', digits).unwrap()];
    str::from_utf8(digits).unwrap().parse().unwrap()
}

/// Writes head and body of the response to a request.
fn write_response(request: &[u8], response: &mut Vec<u8>, state: &State) {
    const ACCOUNTS: &[u8] = br#"{"To_Account":["#;
    assert!(request.starts_with(ACCOUNTS), "unexpected request");
    response.clear();
    response.extend_from_slice(HEAD);
    response.extend_from_slice(BODY_START);
    let mut rest = &request[ACCOUNTS.len()..];
    let is_escaped = state.profiles.is_escaped(rest);
    while rest[0] == b'"' {
        let account = &rest[1..=text_length(&rest[1..])];
        response.extend_from_slice(BEFORE_ACCOUNT);
        response.extend_from_slice(account);
        let fails = state.faults.accounts_fail && account.ends_with(b"07");
        response.extend_from_slice(match fails {
            true => AFTER_FAILED_ACCOUNT,
            false => state.profiles.after_account(account, is_escaped),
        });
        rest = &rest[account.len() + 2..];
        rest = rest.strip_prefix(b",").unwrap_or(rest);
    }
    response.pop();
    response.extend_from_slice(BODY_END);
    let length = format!("{:0LENGTH_DIGITS$}", response.len() - HEAD.len());
    let digits_end = HEAD.len() - b"\r\n\r\n".len();
    response[digits_end - LENGTH_DIGITS..digits_end].copy_from_slice(length.as_bytes());
}

/// Length of a JSON string up to its closing quote.
fn text_length(text: &[u8]) -> usize {
    let mut at = 0;
    while text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at
}
