//! Stopping before the end: what asks a run to stop, and how the user is told to go on.

use std::io;
use std::time::Duration;

use jiff::civil::Date;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::commands::{Failure, chain};
use crate::exit_code::ExitCode;

/// SIGINT, SIGTERM and the end of the time there is, as the exit codes to stop with.
pub fn stop_signals(time_left: Option<Duration>) -> io::Result<mpsc::Receiver<ExitCode>> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    // The first lets calls end, the second does not; nobody listens to a third.
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

/// Where running again goes on, the message says with which command: on another day the date must be given.
pub fn with_command_to_go_on(failure: Failure, date: Date) -> Failure {
    let goes_on = matches!(
        failure.code,
        ExitCode::TryAgainLater | ExitCode::Interrupted | ExitCode::Terminated
    );
    if !goes_on {
        return failure;
    }
    // Secrets are never among the arguments.
    let mut command: Vec<String> =
        std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    if !command.iter().any(|argument| argument == "--date" || argument.starts_with("--date=")) {
        command.push(format!("--date={date}"));
    }
    let error = format!("{}; go on with: {}", chain(&*failure.error), shell_words(&command));
    Failure { code: failure.code, error: error.into() }
}

/// Arguments as a shell would take them.
fn shell_words(words: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:%@+".contains(c);
    let quoted = |word: &String| match word.chars().all(is_plain) && !word.is_empty() {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_a_shell_takes_them() {
        let words = ["im-profiles", "a b", "it's", "", "--set=x.y=1"].map(str::to_owned);
        assert_eq!(shell_words(&words), r"im-profiles 'a b' 'it'\''s' '' --set=x.y=1");
    }
}
