//! `GET /metrics` for as long as a run goes on.
//!
//! One connection at a time, each for a short time only: whoever connects, and whatever they send or leave unsaid, the
//! run's memory and open files stay as they are.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::observability::metrics::{CONTENT_TYPE, RunMetrics};
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::runtime::runtime;

/// How long one connection may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest head of a request that is read to its end.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// `metrics.listen` cannot be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}, which metrics.listen names; choose another address, or port 0 for a free one"
)]
pub struct ListenError {
    address: SocketAddr,
    #[source]
    source: io::Error,
}

impl HasExitCode for ListenError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::BadUsage
    }
}

/// The address is taken; nobody is served yet.
#[derive(Debug)]
pub struct BoundListener {
    listener: std::net::TcpListener,
    address: SocketAddr,
}

/// A server of metrics; it stops when this value is dropped.
#[derive(Debug)]
pub struct MetricsServer {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl BoundListener {
    /// Takes an address; port 0 is any free one.
    pub fn bind(address: SocketAddr) -> Result<BoundListener, ListenError> {
        let bound = || {
            let listener = std::net::TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(BoundListener { listener, address })
        };
        bound().map_err(|source| ListenError { address, source })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves on a thread of its own, so that whoever asks takes no time of the run's.
    pub fn serve(self, metrics: Arc<RunMetrics>) -> io::Result<MetricsServer> {
        let runtime = runtime().map_err(io::Error::other)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || {
            // A sender that is gone asks for the stop as well.
            runtime.block_on(serve(self.listener, &metrics, async { drop(stopped.await) }));
        };
        let thread = thread::Builder::new().name("metrics".to_owned()).spawn(work)?;
        Ok(MetricsServer { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Metrics that could not be served are no failure of the run.
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    metrics: &RunMetrics,
    stopped: impl Future<Output = ()>,
) {
    let serving = async {
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        loop {
            match listener.accept().await {
                // One who hangs up or is too slow has lost interest.
                Ok((stream, _)) => drop(timeout(PATIENCE, answer(stream, metrics)).await),
                // Such as no file descriptor left, which only time mends.
                Err(_) => tokio::time::sleep(PATIENCE).await,
            }
        }
    };
    tokio::select! {
        () = serving => {}
        () = stopped => {}
    }
}

async fn answer(mut stream: TcpStream, metrics: &RunMetrics) -> io::Result<()> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !has_end(&head) && head.len() < MAX_HEAD_BYTES {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            length => head.extend_from_slice(&buffer[..length]),
        }
    }
    let answer = if asks_for_metrics(&head) { page(metrics) } else { not_found() };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn has_end(head: &[u8]) -> bool {
    head.windows(4).any(|window| window == b"\r\n\r\n")
}

/// Whether the first line of a request is that of `GET /metrics`, with or without a query.
fn asks_for_metrics(head: &[u8]) -> bool {
    let rest = head.strip_prefix(b"GET /metrics").unwrap_or_default();
    matches!(rest.first(), Some(b' ' | b'?'))
}

fn page(metrics: &RunMetrics) -> String {
    match metrics.text() {
        Ok(text) => response("200 OK", CONTENT_TYPE, &text),
        Err(error) => response("500 Internal Server Error", "text/plain", &error.to_string()),
    }
}

fn not_found() -> String {
    response("404 Not Found", "text/plain", "the metrics are at GET /metrics\n")
}

fn response(status: &str, content_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_get_metrics_asks_for_metrics() {
        for head in ["GET /metrics HTTP/1.1\r\n\r\n", "GET /metrics?x=1 HTTP/1.0\r\n\r\n"] {
            assert!(asks_for_metrics(head.as_bytes()), "{head}");
        }
        for head in
            ["", "GET /", "GET / HTTP/1.1", "GET /metricsx ", "POST /metrics ", "GET /metrics"]
        {
            assert!(!asks_for_metrics(head.as_bytes()), "{head}");
        }
    }
}
