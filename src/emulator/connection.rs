//! Connections that the emulator can close or reset in the middle of a response.

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

/// Handle with which a request handler breaks its connection.
#[derive(Debug, Clone)]
pub struct ConnectionHandle(Arc<ConnectionState>);

#[derive(Debug)]
struct ConnectionState {
    bytes_left: AtomicU64,
    is_reset: AtomicBool,
}

const NO_LIMIT: u64 = u64::MAX;

impl ConnectionHandle {
    fn new() -> ConnectionHandle {
        let state = ConnectionState {
            bytes_left: AtomicU64::new(NO_LIMIT),
            is_reset: AtomicBool::new(false),
        };
        ConnectionHandle(Arc::new(state))
    }

    /// Closes the connection after this many more bytes.
    pub fn close_after(&self, bytes: u64) {
        self.0.bytes_left.store(bytes, Ordering::Relaxed);
    }

    /// Resets the connection (RST) before the next byte.
    pub fn reset(&self) {
        self.0.is_reset.store(true, Ordering::Relaxed);
        self.close_after(0);
    }

    fn bytes_left(&self) -> u64 {
        self.0.bytes_left.load(Ordering::Relaxed)
    }
}

/// A TCP stream that its [`ConnectionHandle`] can break.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    handle: ConnectionHandle,
}

impl Connection {
    fn break_connection(&self) -> io::Error {
        if self.handle.0.is_reset.load(Ordering::Relaxed) {
            // Otherwise the connection would close gracefully, which a client could take for an empty response.
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
        let left = self.handle.bytes_left();
        if left == NO_LIMIT {
            return Pin::new(&mut self.stream).poll_write(context, bytes);
        }
        if left == 0 {
            return Poll::Ready(Err(self.break_connection()));
        }
        let max = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let written = Pin::new(&mut self.stream).poll_write(context, &bytes[..max]);
        if let Poll::Ready(Ok(count)) = &written {
            self.handle.close_after(left - *count as u64);
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.handle.bytes_left() == NO_LIMIT {
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

/// A listener whose connections can be broken.
#[derive(Debug)]
pub struct ConnectionListener(pub TcpListener);

impl Listener for ConnectionListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // A response is one write; Nagle's algorithm would only delay its last packet.
        let _ = stream.set_nodelay(true);
        (Connection { stream, handle: ConnectionHandle::new() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, ConnectionListener>> for ConnectionHandle {
    fn connect_info(stream: IncomingStream<'_, ConnectionListener>) -> ConnectionHandle {
        stream.io().handle.clone()
    }
}
