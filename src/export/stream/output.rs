//! Standard input and output of a stream.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::mpsc;

use crate::accounts::RecordFormat;
use crate::pipeline::StopCause;
use crate::pipeline::stream::OutputFormat;
use crate::util::disk_error::SystemError;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// Arrow is binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TerminalError {
    #[error(
        "standard input is a terminal, and Arrow is binary; pipe an Arrow stream in, or use --input txt to type accounts"
    )]
    Input,
    #[error(
        "standard output is a terminal, and Arrow is binary; redirect or pipe it, or use --output csv or --output ndjson"
    )]
    Output,
}

impl HasExitCode for TerminalError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::BadUsage
    }
}

/// # Errors
/// If a person would have to read or write Arrow.
pub fn ensure_not_terminal(input: RecordFormat, output: OutputFormat) -> Result<(), TerminalError> {
    if input == RecordFormat::Arrow && io::stdin().is_terminal() {
        return Err(TerminalError::Input);
    }
    if output == OutputFormat::Arrow && io::stdout().is_terminal() {
        return Err(TerminalError::Output);
    }
    Ok(())
}

/// A standard stream without a buffer: it is read and written in large pieces. Programs that share it may have made it
/// non-blocking; it blocks all the same.
#[derive(Debug)]
pub struct StandardStream(File);

impl StandardStream {
    pub fn input() -> Result<StandardStream, SystemError> {
        let handle = io::stdin().as_fd().try_clone_to_owned();
        let stream = handle.map(|handle| StandardStream(handle.into()));
        stream.map_err(SystemError::on("open standard input"))
    }

    pub fn output() -> Result<StandardStream, SystemError> {
        let handle = io::stdout().as_fd().try_clone_to_owned();
        let stream = handle.map(|handle| StandardStream(handle.into()));
        stream.map_err(SystemError::on("open standard output"))
    }

    /// Repeats `work` whenever the stream is ready for it again.
    fn blocking<T>(
        &mut self,
        readiness: PollFlags,
        mut work: impl FnMut(&mut File) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            match work(&mut self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.0, readiness)], None)?;
                }
                result => return result,
            }
        }
    }
}

impl Read for StandardStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.blocking(PollFlags::IN, |file| file.read(buffer))
    }
}

impl Write for StandardStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.blocking(PollFlags::OUT, |file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Requests a stop when the reader of `output` closes it, also while nothing is written.
pub fn watch(output: StandardStream, stop: mpsc::Sender<StopCause>) -> Result<(), SystemError> {
    let watch = move || {
        if is_closed_by_reader(&output.0) {
            // The run may have ended.
            let _ = stop.try_send(StopCause::OutputClosed);
        }
    };
    let thread = thread::Builder::new().name("output-watch".to_owned()).spawn(watch);
    thread.map(drop).map_err(SystemError::on("start a thread"))
}

/// Waits until the reader closes it; false if that cannot be known.
fn is_closed_by_reader(output: &File) -> bool {
    loop {
        let mut handles = [PollFd::new(output, PollFlags::empty())];
        match poll(&mut handles, None) {
            Err(Errno::INTR) => {}
            Ok(_) => return handles[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
            Err(_) => return false,
        }
    }
}
