//! A scripted HTTP/2 server over TLS that counts every request. It implements RFC 9113 frame by frame, without the
//! client's libraries, so that it can violate what a library would enforce.
//!
//! Its responses are those of `portrait_get`, with one item per account. It does not decode request headers.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, split};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// Frame types of RFC 9113 section 6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const REFUSED_STREAM: u32 = 7;
const LARGEST_FRAME: usize = 16_384;

/// The action of the server for a request.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// Responds after a delay.
    Response(Duration),
    /// Responds at the end of the current period, together with all others that wait for it.
    AnswerTogether(Duration),
    /// Resets the stream with `REFUSED_STREAM`.
    Refuse,
    /// Sends a GOAWAY that leaves this many of the latest streams unprocessed, responds to the others and closes.
    GoAway {
        /// Including this one.
        unprocessed: u32,
    },
    /// Drops the connection.
    Drop,
}

/// The behavior of the server.
#[derive(Clone)]
pub struct Script {
    /// SETTINGS_MAX_CONCURRENT_STREAMS; streams beyond it are refused.
    pub max_concurrent_streams: Option<u32>,
    /// Number of bytes added to each response.
    pub padding: usize,
    /// The action for the number of a request at the server and on its connection, both from 0.
    pub action: fn(usize, usize) -> Action,
}

/// A running server; it stops when this value is dropped.
pub struct H2Server {
    /// Its port on 127.0.0.1.
    pub port: u16,
    arrivals: Arc<Mutex<Vec<Instant>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl H2Server {
    /// Serves until it is dropped.
    pub fn start(tls: Arc<ServerConfig>, script: Script) -> H2Server {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let arrivals = Arc::<Mutex<Vec<Instant>>>::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let seen = Arc::clone(&arrivals);
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                tokio::select! {
                    () = accept(listener, tls, script, seen) => {}
                    _ = stopped => {}
                }
            });
        });
        H2Server { port, arrivals, stop: Some(stop), thread: Some(thread) }
    }

    /// Number of requests, refused ones included.
    pub fn requests(&self) -> usize {
        self.arrivals.lock().unwrap().len()
    }

    /// Peak of requests in a second.
    pub fn peak_per_second(&self) -> usize {
        let arrivals = self.arrivals.lock().unwrap();
        let within = |first: usize| {
            let end = arrivals[first] + Duration::from_secs(1);
            arrivals[first..].iter().take_while(|arrival| **arrival < end).count()
        };
        (0..arrivals.len()).map(within).max().unwrap_or(0)
    }
}

impl Drop for H2Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

async fn accept(
    listener: std::net::TcpListener,
    tls: Arc<ServerConfig>,
    script: Script,
    arrivals: Arc<Mutex<Vec<Instant>>>,
) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let acceptor = TlsAcceptor::from(tls);
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (acceptor, script, arrivals) =
            (acceptor.clone(), script.clone(), Arc::clone(&arrivals));
        tokio::spawn(async move {
            // A client closes the connection when it is done or does not trust the certificate.
            if let Ok(stream) = acceptor.accept(socket).await {
                drop(serve(stream, script, arrivals).await);
            }
        });
    }
}

/// Flow-control windows of the client.
#[derive(Default)]
struct Windows {
    connection: i64,
    initial: i64,
    /// Windows of open streams.
    streams: HashMap<u32, i64>,
}

/// The sending side of a connection.
struct Sender {
    frames: mpsc::UnboundedSender<Vec<u8>>,
    windows: Mutex<Windows>,
    grown: Notify,
}

impl Sender {
    /// Sends a frame; does nothing if the connection is closed.
    fn frame(&self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        drop(self.frames.send([&head, payload].concat()));
    }

    fn grow(&self, stream: u32, by: u32) {
        let mut windows = self.windows.lock().unwrap();
        match stream {
            0 => windows.connection += i64::from(by),
            stream => {
                windows.streams.entry(stream).and_modify(|window| *window += i64::from(by));
            }
        }
        drop(windows);
        self.grown.notify_waiters();
    }

    /// Takes up to `wanted` bytes from the windows; `None` if the stream was reset.
    fn take(&self, stream: u32, wanted: usize) -> Option<usize> {
        let mut windows = self.windows.lock().unwrap();
        let allowed = windows.connection.min(*windows.streams.get(&stream)?).max(0);
        let taken = usize::try_from(allowed).unwrap().min(wanted).min(LARGEST_FRAME);
        windows.connection -= taken as i64;
        *windows.streams.get_mut(&stream)? -= taken as i64;
        Some(taken)
    }

    async fn answer(&self, stream: u32, body: &[u8]) {
        /// `:status: 200` of HPACK's static table (RFC 7541 appendix A).
        const STATUS_200: u8 = 0x88;
        self.frame(HEADERS, END_HEADERS, stream, &[STATUS_200]);
        let mut rest = body;
        while !rest.is_empty() {
            let mut grown = std::pin::pin!(self.grown.notified());
            grown.as_mut().enable();
            match self.take(stream, rest.len()) {
                None => return,
                Some(0) => grown.await,
                Some(count) => {
                    let (now, later) = rest.split_at(count);
                    self.frame(DATA, if later.is_empty() { END_STREAM } else { 0 }, stream, now);
                    rest = later;
                }
            }
        }
        self.windows.lock().unwrap().streams.remove(&stream);
    }
}

async fn serve(
    stream: TlsStream<TcpStream>,
    script: Script,
    arrivals: Arc<Mutex<Vec<Instant>>>,
) -> io::Result<()> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let (mut reader, mut writer) = split(stream);
    let (frames, mut to_write) = mpsc::unbounded_channel::<Vec<u8>>();
    let writing = tokio::spawn(async move {
        // An empty frame closes the connection after all earlier frames are written.
        while let Some(mut bytes) = to_write.recv().await {
            let mut is_end = bytes.is_empty();
            // Frames that are queued together are written together.
            while let Ok(more) = to_write.try_recv()
                && !is_end
            {
                is_end = more.is_empty();
                bytes.extend(more);
            }
            if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() || is_end {
                break;
            }
        }
        drop(writer.shutdown().await);
    });
    let mut preface = [0; PREFACE.len()];
    reader.read_exact(&mut preface).await?;
    assert_eq!(preface, PREFACE);
    let windows = Mutex::new(Windows { connection: 65_535, initial: 65_535, ..Windows::default() });
    let sender = Arc::new(Sender { frames, windows, grown: Notify::new() });
    let mut connection = Connection {
        sender,
        script,
        arrivals,
        requests: HashMap::new(),
        count: 0,
        last_processed: None,
    };
    connection.send_settings();
    let result = connection.read_frames(&mut reader).await;
    writing.abort();
    result
}

/// One connection, with the incomplete bodies of requests.
struct Connection {
    sender: Arc<Sender>,
    script: Script,
    arrivals: Arc<Mutex<Vec<Instant>>>,
    requests: HashMap<u32, (Action, Vec<u8>)>,
    count: usize,
    /// After GOAWAY, the last stream that gets a response.
    last_processed: Option<u32>,
}

impl Connection {
    fn send_settings(&self) {
        let setting = self.script.max_concurrent_streams.map(|streams| {
            [&MAX_CONCURRENT_STREAMS.to_be_bytes()[..], &streams.to_be_bytes()].concat()
        });
        self.sender.frame(SETTINGS, 0, 0, &setting.unwrap_or_default());
    }

    async fn read_frames(&mut self, reader: &mut ReadHalf<TlsStream<TcpStream>>) -> io::Result<()> {
        loop {
            let mut head = [0; 9];
            reader.read_exact(&mut head).await?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let (kind, flags) = (head[3], head[4]);
            let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
            let mut payload = vec![0; length];
            reader.read_exact(&mut payload).await?;
            match kind {
                HEADERS if !self.request(stream) => return Ok(()),
                DATA => self.data(stream, flags, &payload),
                SETTINGS if flags & ACK == 0 => self.settings(&payload),
                PING if flags & ACK == 0 => self.sender.frame(PING, ACK, 0, &payload),
                WINDOW_UPDATE => {
                    self.sender.grow(stream, u32::from_be_bytes(payload[..].try_into().unwrap()));
                }
                RST_STREAM => {
                    self.requests.remove(&stream);
                    self.sender.windows.lock().unwrap().streams.remove(&stream);
                    self.sender.grown.notify_waiters();
                }
                _ => {}
            }
        }
    }

    fn settings(&self, payload: &[u8]) {
        for setting in payload.chunks_exact(6) {
            if setting[..2] == INITIAL_WINDOW_SIZE.to_be_bytes() {
                let bytes = u32::from_be_bytes(setting[2..].try_into().unwrap());
                self.sender.windows.lock().unwrap().initial = i64::from(bytes);
            }
        }
        self.sender.frame(SETTINGS, ACK, 0, &[]);
    }

    /// Handles a request; `false` drops the connection.
    fn request(&mut self, stream: u32) -> bool {
        let number = {
            let mut arrivals = self.arrivals.lock().unwrap();
            arrivals.push(Instant::now());
            arrivals.len() - 1
        };
        let mut action = (self.script.action)(number, self.count);
        self.count += 1;
        let open = {
            let mut windows = self.sender.windows.lock().unwrap();
            let initial = windows.initial;
            windows.streams.insert(stream, initial);
            windows.streams.len()
        };
        if self.script.max_concurrent_streams.is_some_and(|most| open > most as usize) {
            action = Action::Refuse;
        }
        if self.last_processed.is_some_and(|last| stream > last) {
            // The request crossed the GOAWAY: it is counted and otherwise ignored.
            return true;
        }
        match action {
            Action::Drop => return false,
            Action::Refuse => {
                self.sender.windows.lock().unwrap().streams.remove(&stream);
                self.sender.frame(RST_STREAM, 0, stream, &REFUSED_STREAM.to_be_bytes());
            }
            Action::GoAway { unprocessed } => {
                self.go_away((stream + 2).saturating_sub(2 * unprocessed))
            }
            Action::Response(_) | Action::AnswerTogether(_) => {
                self.requests.insert(stream, (action, Vec::new()));
            }
        }
        true
    }

    fn go_away(&mut self, last: u32) {
        self.last_processed = Some(last);
        self.requests.retain(|stream, _| *stream <= last);
        self.sender.windows.lock().unwrap().streams.retain(|stream, _| *stream <= last);
        self.sender.grown.notify_waiters();
        let no_error = 0_u32;
        self.sender.frame(GOAWAY, 0, 0, &[last.to_be_bytes(), no_error.to_be_bytes()].concat());
        self.close_if_answered();
    }

    fn close_if_answered(&self) {
        let sender = Arc::clone(&self.sender);
        tokio::spawn(async move {
            while !sender.windows.lock().unwrap().streams.is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            drop(sender.frames.send(Vec::new()));
        });
    }

    fn delay_of(&self, action: Action) -> Duration {
        let Action::AnswerTogether(period) = action else {
            let Action::Response(after) = action else { return Duration::ZERO };
            return after;
        };
        let first = self.arrivals.lock().unwrap()[0];
        let into_period = first.elapsed().as_nanos() % period.as_nanos();
        period - Duration::from_nanos(u64::try_from(into_period).unwrap())
    }

    fn data(&mut self, stream: u32, flags: u8, payload: &[u8]) {
        if let Ok(count) = u32::try_from(payload.len())
            && count > 0
        {
            self.sender.frame(WINDOW_UPDATE, 0, 0, &count.to_be_bytes());
            self.sender.frame(WINDOW_UPDATE, 0, stream, &count.to_be_bytes());
        }
        let Some((_, body)) = self.requests.get_mut(&stream) else { return };
        body.extend_from_slice(payload);
        if flags & END_STREAM == 0 {
            return;
        }
        if let Some((action, request)) = self.requests.remove(&stream) {
            let after = self.delay_of(action);
            let (sender, padding) = (Arc::clone(&self.sender), self.script.padding);
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                sender.answer(stream, &response_to(&request, padding)).await;
            });
        }
    }
}

/// A response with one item per account of the request.
fn response_to(request: &[u8], padding: usize) -> Vec<u8> {
    let request: serde_json::Value = serde_json::from_slice(request).unwrap();
    let accounts = request["To_Account"].as_array().unwrap();
    let items: Vec<serde_json::Value> = accounts
        .iter()
        .map(|account| {
            let nick = serde_json::json!({ "Tag": "Tag_Profile_IM_Nick", "Value": account });
            serde_json::json!({ "To_Account": account, "ProfileItem": [nick], "ResultCode": 0, "ResultInfo": "" })
        })
        .collect();
    let response = serde_json::json!({
        "UserProfileItem": items, "ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": "",
        "ErrorDisplay": " ".repeat(padding),
    });
    response.to_string().into_bytes()
}
