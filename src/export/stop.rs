//! Signals and the deadline, which stop a run before its end.

use std::fs;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::pipeline::StopCause;
use crate::util::disk_error::SystemError;

/// A deadline, and how much time is left until it.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    pub deadline: Duration,
    pub time_left: Duration,
}

impl Deadline {
    /// What is left of `deadline` when so much has passed.
    pub fn after(deadline: Duration, elapsed: Duration) -> Deadline {
        Deadline { deadline, time_left: deadline.saturating_sub(elapsed) }
    }
}

/// Listens for SIGHUP, SIGINT, SIGTERM and the end of the deadline; delivers what asks the run to stop. The sender is for
/// other causes.
///
/// SIGHUP and SIGINT stay ignored if they are when the program starts: `nohup` ignores the first, a shell that starts a
/// background job the second.
pub fn stop_requests(
    deadline: Option<Deadline>,
) -> Result<(mpsc::Sender<StopCause>, mpsc::Receiver<StopCause>), SystemError> {
    let ignored = fs::read_to_string("/proc/self/status").map_or(0, |text| ignored_signals(&text));
    let listen = |kind: SignalKind| signal(kind).map_err(SystemError::on("listen for signals"));
    let unless_ignored = |kind: SignalKind| match ignored >> (kind.as_raw_value() - 1) & 1 {
        0 => listen(kind).map(Some),
        _ => Ok(None),
    };
    let mut hung_up = unless_ignored(SignalKind::hangup())?;
    let mut interrupted = unless_ignored(SignalKind::interrupt())?;
    let mut terminated = Some(listen(SignalKind::terminate())?);
    // The first lets calls in flight end, the second does not; a third is not received.
    let (sender, receiver) = mpsc::channel(2);
    let others = sender.clone();
    tokio::spawn(async move {
        let mut deadline = deadline;
        loop {
            let reached = async {
                match deadline {
                    Some(Deadline { deadline, time_left }) => {
                        tokio::time::sleep(time_left).await;
                        deadline
                    }
                    None => std::future::pending().await,
                }
            };
            let cause = tokio::select! {
                () = next(&mut hung_up) => StopCause::HangUp,
                () = next(&mut interrupted) => StopCause::Interrupt,
                () = next(&mut terminated) => StopCause::Terminate,
                reached = reached => StopCause::Deadline(reached),
            };
            deadline = None;
            if sender.send(cause).await.is_err() {
                return;
            }
        }
    });
    Ok((others, receiver))
}

/// Waits for the signal; forever if it is ignored.
async fn next(signal: &mut Option<Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending().await
    }
}

/// The signals that a process ignores, as a bit mask from signal 1 on, from the text of its `/proc/PID/status`.
fn ignored_signals(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status_of_the_process() {
        let status =
            "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000004\n";
        assert_eq!(ignored_signals(status), 0x1001);
        assert_eq!(ignored_signals("Name:\tx\n"), 0);
    }
}
