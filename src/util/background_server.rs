//! A server on a thread and a runtime of its own, so that its work does not delay the run.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::disk_error::SystemError;
use super::runtime::runtime;

/// Completes when the server must shut down.
pub type Shutdown = oneshot::Receiver<()>;

/// A bound socket that does not accept connections yet.
#[derive(Debug)]
pub struct ServerSocket {
    listener: std::net::TcpListener,
    address: SocketAddr,
}

impl ServerSocket {
    /// Binds an address; port 0 takes a free port.
    pub fn bind(address: SocketAddr) -> io::Result<ServerSocket> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(ServerSocket { listener, address })
    }

    /// The address with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A running server. Dropping it starts a graceful shutdown and waits for its end.
#[derive(Debug)]
pub struct BackgroundServer {
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl BackgroundServer {
    /// Runs `serve` on a new thread called `name` until it returns; it must return soon after the shutdown completes.
    ///
    /// # Errors
    /// When the operating system refuses the runtime or the thread.
    pub fn start<F, Served>(
        name: &'static str,
        socket: ServerSocket,
        serve: F,
    ) -> Result<BackgroundServer, SystemError>
    where
        F: FnOnce(TcpListener, Shutdown) -> Served + Send + 'static,
        Served: Future<Output = ()>,
    {
        let runtime = runtime()?;
        let listener = {
            let _guard = runtime.enter();
            TcpListener::from_std(socket.listener).map_err(SystemError::on("start a server"))?
        };
        let (shutdown, receiver) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || runtime.block_on(serve(listener, receiver)))
            .map_err(SystemError::on("start the thread of a server"))?;
        Ok(BackgroundServer { shutdown: Some(shutdown), thread: Some(thread) })
    }
}

impl Drop for BackgroundServer {
    fn drop(&mut self) {
        drop(self.shutdown.take());
        if let Some(thread) = self.thread.take() {
            // A panic of a server does not fail the run.
            let _ = thread.join();
        }
    }
}
