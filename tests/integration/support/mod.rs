//! Runs the built binary in a temporary directory and reads its output.
//!
//! The binary gets no environment variables of the machine. A process that hangs is killed, so that the test fails with
//! the output up to then.

pub mod answer;
pub mod browser;
pub mod connect_proxy;
mod devtools;
pub mod emulator;
pub mod exposition;
pub mod h2_server;
pub mod known;
pub mod object_store;
pub mod scenario;
pub mod scripted;
pub mod snapshot;
pub mod stops;
pub mod tls;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub use emulator::{EmulatorServer, settings_of};
pub use known::Known;
pub use snapshot::{Cell, Snapshot};
pub use stops::{Found, Running, wait_until};

/// Longer than any run of a test, even on a busy machine.
const HANGS_AFTER: Duration = Duration::from_secs(180);

/// A job that exports `accounts.txt` to `out` from the in-process emulator, without a rate limit and with short backoffs.
/// Tests append tables to it or change keys with `--set`.
pub const QUICK_JOB: &str = r#"
name = "quick"

[accounts]
path = "accounts.txt"

[api]
emulator = true
calls_per_second = 0

[[columns]]
tag = "Tag_Profile_IM_Nick"
name = "nick"

[[columns]]
tag = "Tag_Profile_IM_Level"
name = "level"

[output]
path = "out"

[retry]
initial_backoff = "1ms"
max_backoff = "5ms"
outage_patience = "30s"

[emulator.rate]
portrait_get = 0
"#;

/// A temporary directory in which the binary is run.
#[derive(Debug)]
pub struct TestDir {
    temp: TempDir,
    environment: Vec<(String, String)>,
}

impl TestDir {
    /// An empty directory.
    pub fn new() -> TestDir {
        let temp = tempfile::Builder::new().prefix("im-profiles-test-").tempdir().unwrap();
        TestDir { temp, environment: Vec::new() }
    }

    /// A directory with a job, `job.toml`, and its account list, `accounts.txt`.
    pub fn with_job<A: AsRef<str>>(job: &str, accounts: impl IntoIterator<Item = A>) -> TestDir {
        let directory = TestDir::new();
        directory.write("job.toml", job);
        directory.accounts("accounts.txt", accounts);
        directory
    }

    /// Sets an environment variable for all further runs; there are no others.
    pub fn env(mut self, name: &str, value: &str) -> TestDir {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn root(&self) -> &Path {
        self.temp.path()
    }

    /// A path below the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file and creates its parent directories.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes an account list with one account per line.
    pub fn accounts<A: AsRef<str>>(
        &self,
        name: &str,
        accounts: impl IntoIterator<Item = A>,
    ) -> PathBuf {
        let lines: Vec<String> =
            accounts.into_iter().map(|account| format!("{}\n", account.as_ref())).collect();
        self.write(name, lines.concat())
    }

    /// Names of all entries of a directory, hidden ones included; those of directories end with `/`.
    pub fn names(&self, below: &str) -> BTreeSet<String> {
        let names = fs::read_dir(self.path(below)).unwrap().map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() { format!("{name}/") } else { name }
        });
        names.collect()
    }

    /// The snapshot published to a directory.
    pub fn snapshot(&self, name: &str) -> Snapshot {
        Snapshot::at(self.path(name))
    }

    /// Runs the binary in the directory and waits until it exits.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_input(arguments, b"")
    }

    /// [`TestDir::run`] of `export job.toml` with more arguments.
    pub fn export(&self, more: &[&str]) -> Output {
        self.run(&[&["export", "job.toml"], more].concat())
    }

    /// [`TestDir::run`] with standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = self.spawn(arguments);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A binary that does not read its input closes the pipe, which is not an error.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let output = end_of(child, arguments);
        writer.join().unwrap();
        output
    }

    /// Starts the binary in the directory with all three streams piped.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_im-profiles"))
            .args(arguments)
            .current_dir(self.root())
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// Waits until a binary that was spawned with these arguments exits.
pub fn end_of(child: Child, arguments: &[&str]) -> Output {
    let output = wait_or_kill(child).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Output {
        command: format!("im-profiles {}", arguments.join(" ")),
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn wait_or_kill(child: Child) -> io::Result<std::process::Output> {
    let pid = Pid::from_child(&child);
    let (ended, has_ended) = mpsc::channel::<()>();
    let guard = thread::spawn(move || {
        if has_ended.recv_timeout(HANGS_AFTER) == Err(RecvTimeoutError::Timeout) {
            kill_process(pid, Signal::KILL).unwrap();
        }
    });
    let output = child.wait_with_output();
    drop(ended);
    guard.join().unwrap();
    output
}

/// The result of a run of the binary; failing tests print all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The command line.
    pub command: String,
    /// The exit code; `None` after a fatal signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Fails the test unless the exit code is this one.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Output {
        assert!(self.code == Some(code), "expected exit code {code}\n{self}");
        self
    }

    /// Fails the test unless standard error contains each of the texts.
    #[track_caller]
    pub fn expect_stderr(self, texts: &[&str]) -> Output {
        for text in texts {
            assert!(self.stderr.contains(text), "expected {text:?} on stderr\n{self}");
        }
        self
    }

    /// The last line of standard error that starts with `error: `, without the prefix.
    #[track_caller]
    pub fn error(&self) -> &str {
        let error = self.stderr.lines().rev().find_map(|line| line.strip_prefix("error: "));
        error.unwrap_or_else(|| panic!("there is no error on stderr\n{self}"))
    }

    /// The one line of JSON that `--json` prints.
    #[track_caller]
    pub fn summary(&self) -> serde_json::Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self}");
        assert!(self.stdout.ends_with('\n'), "{self}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Output { command, code, stdout, stderr } = self;
        write!(
            f,
            "$ {command}\n-- exit code {code:?}\n-- stdout\n{stdout}\n-- stderr\n{stderr}\n--"
        )
    }
}
