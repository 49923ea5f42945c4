//! The emulator that a job with `emulator = true` runs against: in this process, on a free loopback port.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};

use crate::api::endpoint::Endpoint;
use crate::emulator::{self, Credentials, Emulator, Profiles, Settings};
use crate::util::background_server::{BackgroundServer, ServerSocket};
use crate::util::disk_error::SystemError;

/// A running emulator; dropping it stops the emulator.
#[derive(Debug)]
pub struct InProcessEmulator {
    address: SocketAddr,
    _server: BackgroundServer,
}

impl InProcessEmulator {
    /// Starts the emulator with its built-in credentials and generated profiles.
    ///
    /// # Errors
    /// When the operating system refuses a socket, the runtime or the thread.
    pub fn start(settings: Settings) -> Result<InProcessEmulator, SystemError> {
        let socket = ServerSocket::bind((Ipv4Addr::LOCALHOST, 0).into())
            .map_err(SystemError::on("start the emulator"))?;
        let address = socket.address();
        let emulator = Emulator::new(settings, Credentials::built_in(), Profiles::generated());
        let server = BackgroundServer::start("emulator", socket, |listener, shutdown| async {
            tokio::select! {
                // Its errors have shown as failed calls already.
                _ = emulator::run(listener, emulator, pending()) => {}
                // The calls in flight were given up, so their responses are not waited for.
                _ = shutdown => {}
            }
        })?;
        Ok(InProcessEmulator { address, _server: server })
    }

    /// The endpoint that calls to the emulator use.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint { base_url: format!("http://{}", self.address), backup_base_url: None }
    }
}
