//! Signals and the deadline, which stop a run before its end.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::util::disk_error::SystemError;
use crate::util::exit_code::ExitCode;

/// Listens for SIGINT, SIGTERM and the end of `time_left`; delivers the exit code to stop with.
pub fn stop_signals(time_left: Option<Duration>) -> Result<mpsc::Receiver<ExitCode>, SystemError> {
    let mut interrupted =
        signal(SignalKind::interrupt()).map_err(SystemError::on("listen for signals"))?;
    let mut terminated =
        signal(SignalKind::terminate()).map_err(SystemError::on("listen for signals"))?;
    // The first lets calls in flight end, the second does not; a third is not received.
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        let mut time_left = time_left;
        loop {
            let deadline = async {
                match time_left {
                    Some(time_left) => tokio::time::sleep(time_left).await,
                    None => std::future::pending().await,
                }
            };
            let code = tokio::select! {
                Some(()) = interrupted.recv() => ExitCode::Interrupted,
                Some(()) = terminated.recv() => ExitCode::Terminated,
                () = deadline => ExitCode::TryAgainLater,
            };
            time_left = None;
            if sender.send(code).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
