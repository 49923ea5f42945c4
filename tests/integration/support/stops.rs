//! Runs that are stopped midway, and the published state that a reader finds afterwards.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use im_profiles::emulator::Settings;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::process::{Pid, Signal, kill_process};

use super::{HANGS_AFTER, Output, Snapshot, TestDir, settings_of};

/// The work directory of `out`.
pub const WORK_DIRECTORY: &str = ".out.partial";

/// Settings of an emulator without rate limits, with these lines in `[faults]`.
#[track_caller]
pub fn with_faults(faults: &str) -> Settings {
    settings_of(&format!("rate.portrait_get = 0\nseed = 1\n[faults]\n{faults}"))
}

/// Waits until the condition holds.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < HANGS_AFTER, "timeout while waiting for {what}");
        thread::yield_now();
    }
}

/// A failpoint at which a run waits until the test releases it.
#[derive(Debug)]
pub struct Pause {
    /// Value of the variable of failpoints.
    pub failpoint: String,
    pipe: PathBuf,
}

impl Pause {
    /// Creates a pause at a failpoint, with a named pipe.
    pub fn at(directory: &TestDir, point: &str) -> Pause {
        // Beside the directory; each failpoint has its own.
        let pipe = directory.root().with_extension(point.replace(':', "-"));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        Pause { failpoint: format!("{point}=pipe:{}", pipe.display()), pipe }
    }

    /// Waits until the run reaches the failpoint, calls `act` and releases the run.
    #[track_caller]
    pub fn meanwhile(self, run: &mut Running, act: impl FnOnce()) {
        let mut writer = None;
        wait_until("the pause", || {
            assert!(!run.has_ended(), "run finished before its pause");
            // Opening it for writing fails until the run has opened it for reading.
            let flags = OFlags::NONBLOCK.bits() as i32;
            writer = OpenOptions::new().write(true).custom_flags(flags).open(&self.pipe).ok();
            writer.is_some()
        });
        act();
        drop(writer);
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        fs::remove_file(&self.pipe).unwrap();
    }
}

/// A running binary.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    stderr: Option<BufReader<ChildStderr>>,
    stderr_text: String,
}

impl TestDir {
    /// Starts `export job.toml` with more arguments and environment variables.
    pub fn start_export(&self, more: &[&str], environment: &[(&str, &str)]) -> Running {
        let arguments = [&["export", "job.toml"], more].concat();
        let mut child = Command::new(env!("CARGO_BIN_EXE_im-profiles"))
            .args(&arguments)
            .current_dir(self.root())
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(environment.iter().copied())
            // Open without data, for a list that never ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let variables = environment.iter().map(|(name, value)| format!("{name}={value} "));
        let command =
            format!("{}im-profiles {}", variables.collect::<String>(), arguments.join(" "));
        let stderr = child.stderr.take().map(BufReader::new);
        Running { command, child, stderr, stderr_text: String::new() }
    }

    /// Runs `export job.toml` with environment variables until it exits.
    pub fn export_with(&self, environment: &[(&str, &str)], more: &[&str]) -> Output {
        self.start_export(more, environment).end()
    }

    /// The state that a reader finds at `out`.
    #[track_caller]
    pub fn found(&self) -> Found {
        Found::at(&self.path("out"))
    }

    /// The lines of the journal; empty if there is none.
    pub fn checkpoint(&self) -> Vec<String> {
        let path = self.path(WORK_DIRECTORY).join("checkpoint.ndjson");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Number of parts in the journal.
    pub fn committed_parts(&self) -> u64 {
        let is_part = |line: &&String| line.contains("\"entry\":\"part\"");
        self.checkpoint().iter().filter(is_part).count() as u64
    }

    /// The calls of the run that the last line of the journal counts; 0 if it cannot be read.
    pub fn recorded_calls(&self) -> u64 {
        let line = self.checkpoint().pop().unwrap_or_default();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        line["totals"]["calls"].as_u64().unwrap_or_default()
    }

    /// The files of the work directory and of the snapshot in it, except those that every run writes.
    pub fn work(&self) -> [BTreeMap<String, Vec<u8>>; 2] {
        let root = self.path(WORK_DIRECTORY);
        let mut files = files_of(&root);
        files.retain(|name, _| name != "lock" && name != "invalid.tsv");
        [files, files_of(&root.join("snapshot"))]
    }

    /// The part files in the work directory, by the names under which they are published.
    pub fn unpublished_parts(&self) -> BTreeMap<String, Vec<u8>> {
        let files = files_of(&self.path(WORK_DIRECTORY).join("snapshot")).into_iter();
        let published = |(name, content): (String, Vec<u8>)| {
            let hidden = name.strip_prefix('.').and_then(|name| name.strip_suffix(".unpublished"));
            let name = hidden.map_or_else(|| name.clone(), |name| name.replace('~', "."));
            (name.starts_with("part-") && !name.ends_with(".staged")).then_some((name, content))
        };
        files.filter_map(published).collect()
    }
}

impl Running {
    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills the process unless it has exited.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process has exited.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for a line of standard error that contains the text, and returns it.
    #[track_caller]
    pub fn wait_for_stderr(&mut self, text: &str) -> String {
        let stderr = self.stderr.as_mut().expect("standard error is open");
        loop {
            let start = self.stderr_text.len();
            let length = stderr.read_line(&mut self.stderr_text).unwrap();
            assert!(length > 0, "{text:?} is not on stderr\n{}", self.stderr_text);
            if self.stderr_text[start..].contains(text) {
                return self.stderr_text[start..].to_owned();
            }
        }
    }

    /// Closes the read ends of standard error and standard output.
    pub fn close_pipes(&mut self) {
        drop(self.stderr.take());
        drop(self.child.stdout.take());
    }

    /// Waits until the process exits; kills it if it hangs.
    pub fn end(self) -> Output {
        self.end_with_status().0
    }

    /// [`Running::end`] with the exit status of the operating system.
    pub fn end_with_status(mut self) -> (Output, ExitStatus) {
        let mut stderr = self.stderr_text;
        let rest = self.stderr.take();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            if let Some(mut rest) = rest {
                rest.read_to_string(&mut text).unwrap();
            }
            text
        });
        let output = super::wait_or_kill(self.child).unwrap();
        stderr.push_str(&reader.join().unwrap());
        let status = output.status;
        let stdout = String::from_utf8(output.stdout).unwrap();
        (Output { command: self.command, code: status.code(), stdout, stderr }, status)
    }
}

/// The state of an output path as a reader finds it, without times and details of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The path does not exist.
    Nothing,
    /// A snapshot that matches its manifest.
    Complete {
        /// The part files.
        parts: BTreeMap<String, Vec<u8>>,
        /// The failed accounts in order, without timestamps.
        failed: Vec<Vec<String>>,
        /// `_rejected_values.tsv`.
        rejected: String,
    },
}

impl Found {
    /// The state of a path; fails the test if there is an incomplete snapshot.
    #[track_caller]
    pub fn at(path: &Path) -> Found {
        if fs::symlink_metadata(path).is_err() {
            return Found::Nothing;
        }
        let snapshot = Snapshot::at(path.to_owned());
        let parts = snapshot.part_bytes();
        let mut names: Vec<String> = parts.keys().cloned().collect();
        names.extend(
            [
                "_SUCCESS",
                "_failed_accounts.tsv",
                "_manifest.json",
                "_rejected_values.tsv",
                "_report.html",
            ]
            .map(str::to_owned),
        );
        assert_eq!(snapshot.files(), names.into_iter().collect(), "files of the snapshot");
        let manifest = snapshot.manifest();
        let listed = manifest["parts"].as_array().unwrap();
        assert_eq!(listed.len(), parts.len(), "{manifest}");
        for part in listed {
            let bytes = &parts[part["file"].as_str().unwrap()];
            assert_eq!(part["bytes"], bytes.len(), "{part}");
        }
        let failed = snapshot.failed().into_iter().map(|failed| {
            let code = failed.error_code.map(|code| code.to_string()).unwrap_or_default();
            let (attempts, line) = (failed.attempts.to_string(), failed.input_line.to_string());
            vec![failed.account, failed.category, code, failed.error_info, attempts, line]
        });
        Found::Complete {
            parts,
            failed: failed.collect(),
            rejected: String::from_utf8(snapshot.bytes("_rejected_values.tsv")).unwrap(),
        }
    }

    /// Fails the test unless both are equal, without printing file contents.
    #[track_caller]
    pub fn ensure_is(&self, other: &Found, about: &str) {
        match (self, other) {
            (
                Found::Complete { parts, failed, rejected },
                Found::Complete { parts: parts_2, failed: failed_2, rejected: rejected_2 },
            ) => {
                let (names, names_2) = (parts.keys(), parts_2.keys());
                assert!(names.eq(names_2), "{about}: different parts: {:?}", parts.keys());
                for (name, bytes) in parts {
                    assert!(parts_2[name] == *bytes, "{about}: the bytes of {name} differ");
                }
                assert_eq!(failed, failed_2, "{about}: failed accounts");
                assert_eq!(rejected, rejected_2, "{about}: rejected values");
            }
            (Found::Nothing, Found::Nothing) => {}
            (Found::Nothing, _) => panic!("{about}: the snapshot is missing"),
            (_, Found::Nothing) => panic!("{about}: there is an unexpected snapshot"),
        }
    }
}

/// The files of a directory by name, without subdirectories; empty if the directory does not exist.
pub fn files_of(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(directory) else { return BTreeMap::new() };
    let files = entries.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_file());
    files
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}
