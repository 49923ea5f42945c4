//! `GET /metrics` while a run is in progress.
//!
//! The number of connections, the lifetime of each and the length of its request are bounded, so that no client can make
//! the run's memory or its number of open files grow. The bounds are on connections and not on requests, because a client
//! that sends nothing holds a connection without ever making a request.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::metrics::{CONTENT_TYPE, RunMetrics};
use crate::util::background_server::{BackgroundServer, ServerSocket};
use crate::util::disk_error::SystemError;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// Connections at once; further ones wait in the backlog of the socket.
const MAX_CONNECTIONS: usize = 8;

/// Lifetime of a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest head of a request; the least that hyper allows.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// The address of `metrics.listen` is not available.
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

/// The bound address of `metrics.listen`, not served yet.
#[derive(Debug)]
pub struct MetricsListener(ServerSocket);

impl MetricsListener {
    /// Binds an address; port 0 takes a free port.
    pub fn bind(address: SocketAddr) -> Result<MetricsListener, ListenError> {
        let socket = ServerSocket::bind(address);
        socket.map(MetricsListener).map_err(|source| ListenError { address, source })
    }

    /// The address with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Serves the metrics until the returned server is dropped.
    pub fn serve(self, metrics: Arc<RunMetrics>) -> Result<BackgroundServer, SystemError> {
        BackgroundServer::start("metrics", self.0, |listener, shutdown| async move {
            tokio::select! {
                never = accept_connections(listener, router(metrics)) => match never {},
                _ = shutdown => {}
            }
        })
    }
}

fn router(metrics: Arc<RunMetrics>) -> Router {
    Router::new().route("/metrics", get(metrics_page)).fallback(not_found).with_state(metrics)
}

async fn metrics_page(State(metrics): State<Arc<RunMetrics>>) -> Response {
    match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "the metrics are at GET /metrics\n")
}

async fn accept_connections(listener: TcpListener, router: Router) -> Infallible {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let slot = Arc::clone(&slots).acquire_owned().await;
        // Accepting fails if, for example, the process has no file descriptor left; only time can fix that.
        let Ok((stream, _)) = listener.accept().await else {
            sleep(CONNECTION_TIMEOUT).await;
            continue;
        };
        let connection = http1::Builder::new()
            .keep_alive(false)
            .max_buf_size(MAX_HEAD_BYTES)
            .title_case_headers(true)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            let _slot = slot;
            // A client that disconnects early or is too slow has lost interest.
            let _ = timeout(CONNECTION_TIMEOUT, connection).await;
        });
    }
}
