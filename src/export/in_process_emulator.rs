//! The emulator that a job with `emulator = true` runs against: in this process, on a free loopback port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::runtime::start_runtime;
use crate::api::endpoint::Endpoint;
use crate::emulator::{self, Credentials, Emulator, Profiles, Settings};
use crate::util::disk_error::SystemError;

/// A running emulator; it stops when this value is dropped.
#[derive(Debug)]
pub struct InProcessEmulator {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl InProcessEmulator {
    /// Starts the emulator on a thread of its own, so that its work is not on the run's.
    ///
    /// # Errors
    /// When the system refuses a socket, the runtime or the thread.
    pub fn start(settings: Settings) -> Result<InProcessEmulator, SystemError> {
        let (listener, address) = listen().map_err(SystemError::on("start the emulator"))?;
        let emulator = Emulator::new(settings, Credentials::built_in(), Profiles::generated());
        let runtime = start_runtime()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = move || {
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener)?;
                // A sender that is gone asks for the stop as well.
                emulator::run(listener, emulator, async move { drop(stopped.await) }).await
            })
        };
        let thread = std::thread::Builder::new()
            .name("emulator".to_owned())
            .spawn(serve)
            .map_err(SystemError::on("start the thread of the emulator"))?;
        Ok(InProcessEmulator { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it is.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint { base_url: format!("http://{}", self.address), backup_base_url: None }
    }
}

/// A socket on a free port.
fn listen() -> io::Result<(std::net::TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

impl Drop for InProcessEmulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its errors have shown as failed calls already.
            let _ = thread.join();
        }
    }
}
