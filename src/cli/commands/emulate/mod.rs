//! `emulate`: serves the emulator of the service for people and programs to call.

mod setup;

use std::io::{self, Write};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use self::setup::{EmulateError, set_up};
use crate::cli::EmulateArgs;
use crate::emulator;
use crate::util::disk_error::SystemError;
use crate::util::failure::Failure;
use crate::util::runtime::runtime;

/// Serves until SIGINT or SIGTERM.
pub fn emulate(args: &EmulateArgs) -> Result<(), Failure> {
    let emulator = set_up(args)?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let address = args.listen.to_string();
        let listener = TcpListener::bind(args.listen)
            .await
            .map_err(|source| EmulateError::Listen { address, source })?;
        let failed = |error| SystemError::on("serve the emulator")(error);
        let address = listener.local_addr().map_err(failed)?;
        let mut interrupted = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminated = signal(SignalKind::terminate()).map_err(failed)?;
        // A script that starts the emulator reads the address and may then close the pipe.
        let _ = writeln!(io::stdout(), "http://{address}");
        let shutdown = async move {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
        };
        Ok(emulator::run(listener, emulator, shutdown).await.map_err(failed)?)
    })
}
