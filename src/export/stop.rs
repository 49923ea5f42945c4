//! Stopping before the end: what asks a run to stop, and how the user is told to go on.

use std::time::Duration;

use jiff::civil::Date;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::util::disk_error::SystemError;
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;

/// SIGINT, SIGTERM and the end of the time there is, as the exit codes to stop with.
pub fn stop_signals(time_left: Option<Duration>) -> Result<mpsc::Receiver<ExitCode>, SystemError> {
    let mut interrupted =
        signal(SignalKind::interrupt()).map_err(SystemError::on("listen for signals"))?;
    let mut terminated =
        signal(SignalKind::terminate()).map_err(SystemError::on("listen for signals"))?;
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
pub fn with_resume_command(failure: Failure, date: Date) -> Failure {
    let goes_on = matches!(
        failure.code,
        ExitCode::TryAgainLater | ExitCode::Interrupted | ExitCode::Terminated
    );
    if !goes_on {
        return failure;
    }
    // Secrets are never among the arguments.
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let command = command_to_go_on(arguments.collect(), date);
    let error = format!("{}; go on with: {command}", failure.text());
    Failure::new(failure.code, error)
}

/// The command that goes on with the run of another, as a shell takes it.
fn command_to_go_on(mut command: Vec<String>, date: Date) -> String {
    // It would begin anew, and nobody who copies the line means that.
    command.retain(|argument| argument != "--restart");
    if !command.iter().any(|argument| argument == "--date" || argument.starts_with("--date=")) {
        command.push(format!("--date={date}"));
    }
    shell_words(&command)
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
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_command_goes_on_with_the_date_of_the_run_and_never_begins_anew() {
        let go_on = |words: &[&str]| {
            let command = words.iter().map(|word| (*word).to_owned()).collect();
            command_to_go_on(command, date(2026, 11, 22))
        };
        assert_eq!(go_on(&["x", "export", "j.toml"]), "x export j.toml --date=2026-11-22");
        let begun_anew = ["x", "export", "j.toml", "--restart", "--date", "2026-11-21"];
        assert_eq!(go_on(&begun_anew), "x export j.toml --date 2026-11-21");
        assert_eq!(go_on(&["x", "--date=2026-11-21", "-q"]), "x --date=2026-11-21 -q");
    }

    #[test]
    fn words_are_as_a_shell_takes_them() {
        let words = ["im-profiles", "a b", "it's", "", "--set=x.y=1"].map(str::to_owned);
        assert_eq!(shell_words(&words), r"im-profiles 'a b' 'it'\''s' '' --set=x.y=1");
    }
}
