//! The emulator on a socket: HTTP in and out, time, and a clean stop.

use std::future::{Future, IntoFuture};
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Response, StatusCode, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Emulator;
use super::connection::{ConnectionHandle, Connections};
use super::gateway::{RequestLine, RequestTime};
use super::page;
use super::reply::{Reply, Wire};

/// Largest body of a request that is read (`docs/im-rest-api.md` section 1).
const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// About how long the head of an answer is; half a body more is never the whole answer.
const ANSWER_HEAD_BYTES: u64 = 150;

/// How long a stop waits for answers that are under way.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

#[derive(Clone)]
struct Server {
    emulator: Emulator,
    start: Instant,
    stopping: watch::Receiver<bool>,
}

/// Serves calls until `shutdown` is ready; then accepts no more, finishes quick answers and drops hanging ones.
pub async fn run(
    listener: TcpListener,
    emulator: Emulator,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let server = Server { emulator, start: Instant::now(), stopping: stopping.clone() };
    let service = Router::new()
        .fallback(handle)
        .with_state(server)
        .into_make_service_with_connect_info::<ConnectionHandle>();
    let serving = axum::serve(Connections(listener), service)
        .with_graceful_shutdown(stopped(stopping))
        .into_future();
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended,
        () = shutdown => {}
    }
    stop.send_replace(true);
    // Whoever still has half a request to send loses the connection when the runtime goes.
    tokio::time::timeout(STOP_PATIENCE, serving).await.unwrap_or(Ok(()))
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that `run` is gone, which is a stop too.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

async fn handle(
    State(server): State<Server>,
    ConnectInfo(line): ConnectInfo<ConnectionHandle>,
    request: Request,
) -> Response<Body> {
    let unix_seconds = unix_seconds().saturating_add_signed(server.clock_ahead_seconds());
    let moment = RequestTime { since_start: server.start.elapsed(), unix_seconds };
    let (parts, body) = request.into_parts();
    let head = RequestLine {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
    };
    let emulator = &server.emulator;
    let reply = match page::reply(emulator, head, &parts.headers) {
        Some(reply) => reply,
        None => {
            let arrived = emulator.arrive(head, moment);
            // A body is read even when nobody wants it, or the connection could not be used again.
            let body = to_bytes(body, MAX_REQUEST_BYTES).await;
            match (arrived, body) {
                (Err(reply), _) => reply,
                (Ok(admitted), Ok(body)) => emulator.answer(admitted, &body),
                (Ok(_), Err(_)) => emulator.refuse((60002, None), false),
            }
        }
    };
    server.deliver(reply, &line, &parts.headers).await
}

/// The clock of the UserSig; a clock before 1970 counts as 1970.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

impl Server {
    fn clock_ahead_seconds(&self) -> i64 {
        self.emulator.settings().oddities.clock_ahead_seconds
    }

    async fn deliver(
        self,
        mut reply: Reply,
        line: &ConnectionHandle,
        asked: &HeaderMap,
    ) -> Response<Body> {
        if !reply.latency.is_zero() {
            tokio::time::sleep(reply.latency).await;
        }
        if let Some(hang) = reply.hang {
            tokio::select! {
                () = tokio::time::sleep(hang) => {}
                () = stopped(self.stopping.clone()) => reply.wire = Wire::Reset,
            }
        }
        let is_gzip = self.emulator.settings().open_questions.gzip && accepts_gzip(asked);
        if is_gzip {
            reply.body = gzip(&reply.body);
        }
        match reply.wire {
            Wire::Whole => {}
            Wire::Cut => line.cut_after(ANSWER_HEAD_BYTES + reply.body.len() as u64 / 2),
            Wire::Reset => line.reset(),
        }
        // Of its own accord the server sends this machine's time.
        let other_clock = match self.clock_ahead_seconds() {
            0 => None,
            ahead => http_date(unix_seconds().saturating_add_signed(ahead)),
        };
        respond(reply, is_gzip, other_clock)
    }
}

/// A time as the `Date` header has it (RFC 9110 section 5.6.7); none beyond the years that it can tell.
fn http_date(unix_seconds: u64) -> Option<String> {
    let time = Timestamp::from_second(i64::try_from(unix_seconds).ok()?).ok()?;
    DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()
}

fn respond(reply: Reply, is_gzip: bool, date: Option<String>) -> Response<Body> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::builder()
        .status(status)
        .header(header::SERVER, "im-profiles-emulator")
        .header(header::CONTENT_TYPE, reply.content_type);
    if is_gzip {
        response = response.header(header::CONTENT_ENCODING, "gzip");
    }
    if let Some(date) = date {
        response = response.header(header::DATE, date);
    }
    if let Some(seconds) = reply.retry_after_seconds {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    if let Some(location) = reply.location {
        response = response.header(header::LOCATION, location);
    }
    response.body(Body::from(reply.body)).expect("all header values are fixed texts or numbers")
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("gzip"))
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).expect("writing into memory cannot fail");
    encoder.finish().expect("writing into memory cannot fail")
}
