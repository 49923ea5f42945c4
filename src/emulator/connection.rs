//! Connections that can be made to break in the midst of an answer.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// A connection's handle, for the code that answers on it.
#[derive(Debug, Clone)]
pub(super) struct ConnectionHandle(Arc<LineState>);

#[derive(Debug)]
struct LineState {
    bytes_left: AtomicU64,
    is_reset: AtomicBool,
}

const NO_LIMIT: u64 = u64::MAX;

impl ConnectionHandle {
    fn new() -> ConnectionHandle {
        let state =
            LineState { bytes_left: AtomicU64::new(NO_LIMIT), is_reset: AtomicBool::new(false) };
        ConnectionHandle(Arc::new(state))
    }

    /// Ends the connection after so many more bytes.
    pub(super) fn cut_after(&self, bytes: u64) {
        self.0.bytes_left.store(bytes, Ordering::Relaxed);
    }

    /// Resets the connection (RST) before any more bytes.
    pub(super) fn reset(&self) {
        self.0.is_reset.store(true, Ordering::Relaxed);
        self.cut_after(0);
    }

    fn bytes_left(&self) -> u64 {
        self.0.bytes_left.load(Ordering::Relaxed)
    }
}

/// A TCP stream that breaks when its [`ConnectionHandle`] says so.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    line: ConnectionHandle,
}

impl Connection {
    fn broken(&self) -> io::Error {
        if self.line.0.is_reset.load(Ordering::Relaxed) {
            // Without this the connection ends in good order, which a client may take for an empty answer.
            let _ = self.stream.set_zero_linger();
        }
        io::ErrorKind::ConnectionReset.into()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let left = self.line.bytes_left();
        if left == NO_LIMIT {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        if left == 0 {
            return Poll::Ready(Err(self.broken()));
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let written = Pin::new(&mut self.stream).poll_write(context, &bytes[..most]);
        if let Poll::Ready(Ok(count)) = &written {
            self.line.cut_after(left - *count as u64);
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.line.bytes_left() == NO_LIMIT {
            return Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(context, first.map_or(&[], |slice| slice))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Accepts connections that can break.
#[derive(Debug)]
pub(super) struct Connections(pub(super) TcpListener);

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Answers go out as one write; to wait for more would only delay the last packet.
        let _ = stream.set_nodelay(true);
        (Connection { stream, line: ConnectionHandle::new() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Connections>> for ConnectionHandle {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> ConnectionHandle {
        stream.io().line.clone()
    }
}
