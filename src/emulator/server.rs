//! The HTTP server of the emulator: requests, delays and a clean shutdown.

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
use super::connection::{ConnectionHandle, ConnectionListener};
use super::gateway::{RequestLine, RequestTime};
use super::http_reply::{Delivery, HttpReply};
use super::page;

/// Maximum size of a request body that is read.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// Approximate size of the head of a response: with half of the body added, the response is never complete.
const RESPONSE_HEAD_BYTES: u64 = 150;

/// How long a shutdown waits for responses in flight.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Clone)]
struct ServerState {
    emulator: Emulator,
    start: Instant,
    stopping: watch::Receiver<bool>,
}

/// Serves calls until `shutdown` is ready. Then it accepts no more connections, completes the responses in flight and
/// resets those that hang.
///
/// # Errors
/// When the listener fails.
pub async fn run(
    listener: TcpListener,
    emulator: Emulator,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let server = ServerState { emulator, start: Instant::now(), stopping: stopping.clone() };
    let service = Router::new()
        .fallback(handle)
        .with_state(server)
        .into_make_service_with_connect_info::<ConnectionHandle>();
    let serving = axum::serve(ConnectionListener(listener), service)
        .with_graceful_shutdown(stopped(stopping))
        .into_future();
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended,
        () = shutdown => {}
    }
    stop.send_replace(true);
    // A client with an incomplete request loses its connection when the runtime shuts down.
    tokio::time::timeout(SHUTDOWN_TIMEOUT, serving).await.unwrap_or(Ok(()))
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that `run` was dropped, which is a shutdown too.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

async fn handle(
    State(server): State<ServerState>,
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let line = RequestLine {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
    };
    let emulator = &server.emulator;
    let reply = match page::reply(emulator, line, &parts.headers) {
        Some(reply) => reply,
        None => {
            emulator.record_call(line, server.start.elapsed());
            // The body is read even if the call is rejected, so that the connection can be reused.
            let body = to_bytes(body, MAX_REQUEST_BYTES).await;
            let sent = body.as_deref().unwrap_or_default();
            pause(emulator.request_delay(sent)).await;
            let reply = match (emulator.admit(line, server.request_time()), &body) {
                (Err(reply), _) => reply,
                (Ok(call), Ok(body)) => emulator.respond(call, body),
                (Ok(_), Err(_)) => emulator.error_reply(60002.into(), false),
            };
            pause(emulator.response_delay(sent)).await;
            reply
        }
    };
    server.deliver(reply, &connection, &parts.headers).await
}

/// The time in UserSigs; a clock before 1970 counts as 1970.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// A delay that a shutdown waits for.
async fn pause(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

impl ServerState {
    fn request_time(&self) -> RequestTime {
        let unix_seconds = unix_seconds().saturating_add_signed(self.clock_ahead_seconds());
        RequestTime { since_start: self.start.elapsed(), unix_seconds }
    }

    fn clock_ahead_seconds(&self) -> i64 {
        self.emulator.settings().quirks.clock_ahead_seconds
    }

    async fn deliver(
        self,
        mut reply: HttpReply,
        connection: &ConnectionHandle,
        request_headers: &HeaderMap,
    ) -> Response<Body> {
        if let Some(hang) = reply.hang {
            tokio::select! {
                () = tokio::time::sleep(hang) => {}
                () = stopped(self.stopping.clone()) => reply.delivery = Delivery::Reset,
            }
        }
        let is_gzip =
            self.emulator.settings().undocumented_behavior.gzip && accepts_gzip(request_headers);
        if is_gzip {
            reply.body = gzip(&reply.body);
        }
        match reply.delivery {
            Delivery::Complete => {}
            Delivery::Truncated => {
                connection.close_after(RESPONSE_HEAD_BYTES + reply.body.len() as u64 / 2)
            }
            Delivery::Reset => connection.reset(),
        }
        // Without this header the server sends the time of this machine.
        let date = match self.clock_ahead_seconds() {
            0 => None,
            ahead => http_date(unix_seconds().saturating_add_signed(ahead)),
        };
        respond(reply, is_gzip, date)
    }
}

/// A time in the form of the `Date` header (RFC 9110 section 5.6.7), if the header can represent it.
fn http_date(unix_seconds: u64) -> Option<String> {
    let time = Timestamp::from_second(i64::try_from(unix_seconds).ok()?).ok()?;
    DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()
}

fn respond(reply: HttpReply, is_gzip: bool, date: Option<String>) -> Response<Body> {
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
    response
        .body(Body::from(reply.body))
        .expect("all header values are constants, numbers or dates")
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

#[cfg(test)]
pub mod tests;
