//! Limits of the process, and errors that may pass.

use std::process::{Command, Stdio};

use super::{FAILPOINT, directory_with_earlier, ensure_nothing_is_left};
use crate::support::stops::WORK_DIRECTORY;
use crate::support::{Known, Output, TestDir, end_of};

/// An error must not count as "there is no snapshot", after which a scheduler would not retry.
#[test]
fn errors_at_the_earlier_snapshot_have_codes_and_advice() {
    for (errno, code, advice) in [
        ("eio", 1, "storage failed"),
        ("emfile", 1, "ulimit -n"),
        ("eagain", 1, "run the same command again"),
        ("eacces", 2, "permission"),
    ] {
        let directory = directory_with_earlier();
        let earlier = directory.found();
        let failpoint = format!("output:look={errno}");
        for command in [&["export", "job.toml"][..], &["plan", "job.toml"]] {
            let output = run_with_failpoint(&directory, command, &failpoint).expect_code(code);
            assert!(output.error().contains("could not look at out/_SUCCESS"), "{output}");
            assert!(output.error().contains(advice), "{output}");
            assert!(!output.error().contains("not a snapshot"), "{output}");
        }
        directory.found().ensure_is(&earlier, errno);
        ensure_nothing_is_left(&directory, errno);
    }
}

#[test]
fn file_system_without_locks_is_named() {
    let directory = directory_with_earlier();
    for errno in ["enosys", "enotsup"] {
        let failpoint = format!("lock:opened={errno}");
        let output = run_with_failpoint(&directory, &["export", "job.toml"], &failpoint);
        let error = output.expect_code(1).error().to_owned();
        assert!(
            error.contains(
                "the file system of .out.partial does not support locks; put output.path"
            ),
            "{error}"
        );
    }
}

#[track_caller]
fn run_with_failpoint(directory: &TestDir, arguments: &[&str], failpoint: &str) -> Output {
    let words = [&[env!("CARGO_BIN_EXE_im-profiles")], arguments].concat();
    shell(directory, "exec \"$@\"", &words, &[(FAILPOINT, failpoint)])
}

/// Runs a line of a shell in the directory; `words` are its arguments.
fn shell(directory: &TestDir, line: &str, words: &[&str], environment: &[(&str, &str)]) -> Output {
    let child = Command::new("/bin/sh")
        .args(["-c", line, "sh"])
        .args(words)
        .current_dir(directory.root())
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    end_of(child, words)
}

/// The operating system's own limit, at which it kills by default.
#[test]
fn file_size_limit_is_reported_and_the_run_resumes() {
    let keys = ["--set", "output.format=csv", "--set", "output.compression=none"];
    let export = [&[env!("CARGO_BIN_EXE_im-profiles"), "export", "job.toml"], &keys[..]].concat();
    for blocks in [0, 1, 2, 16] {
        let directory = directory_with_earlier();
        let earlier = directory.found();
        let line = format!("ulimit -f {blocks}; exec \"$@\"");
        let output = shell(&directory, &line, &export, &[]).expect_code(1);
        let error = output.error();
        assert!(error.starts_with("could not "), "{blocks}: {output}");
        assert!(error.contains(WORK_DIRECTORY), "{blocks}: {output}");
        assert!(error.contains("File too large"), "{blocks}: {output}");
        assert!(error.contains("raise the limit with `ulimit -f`"), "{blocks}: {output}");
        assert!(!error.contains("room"), "{blocks}: {output}");
        directory.found().ensure_is(&earlier, "file size limit");
        directory.export(&keys).expect_code(0);
        Known::of_directory(&directory, &[]).ensure_is(&directory.snapshot("out"), "resumed");
        ensure_nothing_is_left(&directory, "resumed");
    }
}

#[test]
fn file_size_limit_of_standard_output_is_reported() {
    let directory = directory_with_earlier();
    let plan = [env!("CARGO_BIN_EXE_im-profiles"), "plan", "job.toml"];
    let output = shell(&directory, "ulimit -f 0; exec \"$@\" >plan.txt", &plan, &[]).expect_code(1);
    assert!(output.error().contains("could not write standard output"), "{output}");
    assert!(output.error().contains("ulimit -f"), "{output}");
}
