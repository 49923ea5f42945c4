//! What tests of stopped runs need: runs that are stopped on the way, and what a reader finds afterwards.

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

/// Where the work directory of `out` is.
pub const WORK_DIRECTORY: &str = ".out.partial";

/// An emulator without limits that has these lines of `[faults]`.
#[track_caller]
pub fn with_faults(faults: &str) -> Settings {
    settings_of(&format!("rate.portrait_get = 0\nseed = 1\n[faults]\n{faults}"))
}

/// Waits until it is so.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < HANGS_AFTER, "{what} does not come about");
        thread::yield_now();
    }
}

/// A failpoint at which a run waits until it is let go on.
#[derive(Debug)]
pub struct Pause {
    /// What to set the variable of failpoints to.
    pub failpoint: String,
    pipe: PathBuf,
}

impl Pause {
    /// A pause at a point, through a named pipe in the directory.
    pub fn at(directory: &TestDir, point: &str) -> Pause {
        // Beside the directory, and another one for each point.
        let pipe = directory.root().with_extension(point.replace(':', "-"));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        Pause { failpoint: format!("{point}=pipe:{}", pipe.display()), pipe }
    }

    /// Waits until a run has come to the point, does something, and lets the run go on.
    #[track_caller]
    pub fn meanwhile(self, run: &mut Running, act: impl FnOnce()) {
        let mut writer = None;
        wait_until("the pause", || {
            assert!(!run.has_ended(), "run finished before its pause");
            // Nobody can open it for writing before the run has opened it for reading.
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

/// The binary on its way.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    stderr: Option<BufReader<ChildStderr>>,
    told: String,
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
            // Silent and open, for a list that never ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let variables = environment.iter().map(|(name, value)| format!("{name}={value} "));
        let command =
            format!("{}im-profiles {}", variables.collect::<String>(), arguments.join(" "));
        let stderr = child.stderr.take().map(BufReader::new);
        Running { command, child, stderr, told: String::new() }
    }

    /// Runs `export job.toml` to its end with environment variables.
    pub fn export_with(&self, environment: &[(&str, &str)], more: &[&str]) -> Output {
        self.start_export(more, environment).end()
    }

    /// What a reader finds at `out`.
    #[track_caller]
    pub fn found(&self) -> Found {
        Found::at(&self.path("out"))
    }

    /// The entries of the checkpoint at hand, each a line.
    pub fn checkpoint(&self) -> Vec<String> {
        let path = self.path(WORK_DIRECTORY).join("checkpoint.ndjson");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// How many parts the checkpoint at hand has.
    pub fn committed_parts(&self) -> u64 {
        let is_part = |line: &&String| line.contains("\"entry\":\"part\"");
        self.checkpoint().iter().filter(is_part).count() as u64
    }

    /// All files of the work directory and of the snapshot in it, but for those that every run writes.
    pub fn work(&self) -> [BTreeMap<String, Vec<u8>>; 2] {
        let root = self.path(WORK_DIRECTORY);
        let mut files = files_of(&root);
        files.retain(|name, _| name != "lock" && name != "invalid.csv");
        [files, files_of(&root.join("snapshot"))]
    }

    /// The part files in the work directory that have their final names.
    pub fn unpublished_parts(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = files_of(&self.path(WORK_DIRECTORY).join("snapshot"));
        files.retain(|name, _| name.starts_with("part-") && !name.ends_with(".staged"));
        files
    }
}

impl Running {
    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills it, unless it has ended.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until a line of standard error holds the text; gives it back.
    #[track_caller]
    pub fn wait_told(&mut self, text: &str) -> String {
        let stderr = self.stderr.as_mut().expect("standard error is open");
        loop {
            let start = self.told.len();
            let length = stderr.read_line(&mut self.told).unwrap();
            assert!(length > 0, "{text:?} was not told\n{}", self.told);
            if self.told[start..].contains(text) {
                return self.told[start..].to_owned();
            }
        }
    }

    /// Closes this end of standard error and standard output, as a reader that has seen enough does.
    pub fn close_pipes(&mut self) {
        drop(self.stderr.take());
        drop(self.child.stdout.take());
    }

    /// Waits for its end; one that hangs is killed.
    pub fn end(self) -> Output {
        self.end_with_status().0
    }

    /// [`Running::end`], with all that the operating system says of it.
    pub fn end_with_status(mut self) -> (Output, ExitStatus) {
        let mut stderr = self.told;
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

/// What a reader of an output path finds; times and the run's own facts are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing at all.
    Nothing,
    /// A snapshot, whole by its own manifest.
    Whole {
        /// The part files.
        parts: BTreeMap<String, Vec<u8>>,
        /// The failed accounts without the time stamps, in order.
        failed: Vec<Vec<String>>,
        /// `_rejected_values.csv`.
        rejected: String,
    },
}

impl Found {
    /// What is at a path; fails the test when it is neither nothing nor a whole snapshot.
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
                "_failed_accounts.csv",
                "_manifest.json",
                "_rejected_values.csv",
                "_report.html",
            ]
            .map(str::to_owned),
        );
        assert_eq!(snapshot.files(), names.into_iter().collect(), "files of the snapshot");
        let manifest = snapshot.manifest();
        let told = manifest["parts"].as_array().unwrap();
        assert_eq!(told.len(), parts.len(), "{manifest}");
        for part in told {
            let bytes = &parts[part["file"].as_str().unwrap()];
            assert_eq!(part["bytes"], bytes.len(), "{part}");
        }
        let failed = snapshot.failed().into_iter().map(|failed| {
            let code = failed.error_code.map(|code| code.to_string()).unwrap_or_default();
            let (attempts, line) = (failed.attempts.to_string(), failed.input_line.to_string());
            vec![failed.account, failed.category, code, failed.error_info, attempts, line]
        });
        Found::Whole {
            parts,
            failed: failed.collect(),
            rejected: String::from_utf8(snapshot.bytes("_rejected_values.csv")).unwrap(),
        }
    }

    /// Fails the test unless it is the other, without printing files.
    #[track_caller]
    pub fn ensure_is(&self, other: &Found, about: &str) {
        match (self, other) {
            (
                Found::Whole { parts, failed, rejected },
                Found::Whole { parts: parts_2, failed: failed_2, rejected: rejected_2 },
            ) => {
                let (names, names_2) = (parts.keys(), parts_2.keys());
                assert!(names.eq(names_2), "{about}: other parts: {:?}", parts.keys());
                for (name, bytes) in parts {
                    assert!(parts_2[name] == *bytes, "{about}: the bytes of {name} differ");
                }
                assert_eq!(failed, failed_2, "{about}: failed accounts");
                assert_eq!(rejected, rejected_2, "{about}: rejected values");
            }
            (Found::Nothing, Found::Nothing) => {}
            (Found::Nothing, _) => panic!("{about}: nothing is there"),
            (_, Found::Nothing) => panic!("{about}: there should be nothing"),
        }
    }
}

/// The files of a directory by name, directories below it left out; none where there is no directory.
pub fn files_of(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(directory) else { return BTreeMap::new() };
    let files = entries.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_file());
    files
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect()
}
