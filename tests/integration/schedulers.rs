//! The examples for schedulers say what is true: their commands and jobs are the program's, what they do for an exit code
//! is what it asks for, and every retry of a night is of the same date. `.ci/schedulers` checks the files as such.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{QUICK_JOB, TestDir};
use clap::Parser;
use im_profiles::internals::ExitCode;
use im_profiles::internals::{Cli, Command as CliCommand};
use im_profiles::job::{Job, SecretSource};
use jiff::SignedDuration;
use jiff::civil::date;

const README: &str = include_str!("../../docs/schedulers/README.md");
const CRONTAB: &str = include_str!("../../docs/schedulers/crontab");
const SERVICE: &str = include_str!("../../docs/schedulers/im-profiles.service");
const TIMER: &str = include_str!("../../docs/schedulers/im-profiles.timer");
const KUBERNETES: &str = include_str!("../../docs/schedulers/kubernetes.yaml");
const AIRFLOW: &str = include_str!("../../docs/schedulers/airflow_dag.py");
const DAGSTER: &str = include_str!("../../docs/schedulers/dagster_asset.py");
const NIGHTLY: &str = include_str!("../../jobs/nightly.toml");

/// Exit codes that a rerun cannot fix.
const NOT_TO_BE_RETRIED: [ExitCode; 2] = [ExitCode::BadUsage, ExitCode::RefusedByService];

/// The text between two others.
#[track_caller]
fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("{start:?} is not there")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("{end:?} is not there")).0
}

/// The value of a key, `key=value` or `key: value`, that stands alone on its line.
#[track_caller]
fn value<'t>(text: &'t str, key: &str) -> &'t str {
    let mut values =
        text.lines().filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix(['=', ':']));
    values.next().unwrap_or_else(|| panic!("no {key}")).trim()
}

fn duration(text: &str) -> Duration {
    let seconds = text.parse().map(Duration::from_secs);
    seconds.unwrap_or_else(|_| text.parse::<SignedDuration>().unwrap().unsigned_abs())
}

fn numbers(text: &str) -> Vec<u8> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().unwrap())
        .collect()
}

/// The strings in double quotes, in order.
fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect()
}

/// The line of the crontab as cron hands it to the shell.
fn cron_command() -> String {
    let line = CRONTAB.lines().find(|line| line.starts_with("0 1 * * * ")).unwrap();
    let command = line.strip_prefix("0 1 * * * ").unwrap();
    assert!(!command.replace("\\%", "").contains('%'), "cron reads % as a new line");
    command.replace("\\%", "%")
}

/// The command of each example, with what the scheduler fills in.
fn commands() -> Vec<Vec<String>> {
    let day = "2026-11-22";
    let cron = between(&cron_command(), "do ", "; code=").replace("$day", day);
    let systemd = value(SERVICE, "ExecStart")
        .replace("${CREDENTIALS_DIRECTORY}", "/run/credentials/im-profiles.service");
    let mut kubernetes: Vec<String> = serde_json::from_str(value(KUBERNETES, "args")).unwrap();
    kubernetes.insert(0, "im-profiles".to_owned());
    let airflow = quoted(between(AIRFLOW, "bash_command=(", "),")).concat();
    let airflow = airflow.strip_prefix("exec ").unwrap().replace("{{ ds }}", day);
    let mut dagster = quoted(between(DAGSTER, "COMMAND = [", "]"));
    dagster.extend(["--date".to_owned(), day.to_owned()]);
    vec![words(&cron), words(&systemd), kubernetes, words(&airflow), dagster]
}

#[test]
fn commands_are_valid_and_find_job_and_secret() {
    let config_map = between(KUBERNETES, "nightly.toml: |\n", "---").replace("\n    ", "\n");
    for command in commands() {
        let cli = Cli::try_parse_from(&command).unwrap_or_else(|error| panic!("{error}"));
        let CliCommand::Export(args) = cli.command else { panic!("{command:?}") };
        assert_eq!(args.job, Path::new("/etc/im-profiles/nightly.toml"));
        let is_of_kubernetes = cli.flags.overrides.is_empty();
        let text = if is_of_kubernetes { config_map.trim() } else { NIGHTLY };
        let job = Job::from_text(&args.job, text, &cli.flags.overrides, date(2026, 11, 22));
        let job = job.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let SecretSource::KeyFile(file) = job.api.secret else { panic!("{command:?}") };
        assert_eq!(file.file_name().unwrap(), "im_secret_key");
        if is_of_kubernetes {
            assert!(KUBERNETES.contains(&format!(
                "{{name: secret, mountPath: {}, readOnly: true}}",
                file.parent().unwrap().display()
            )));
        }
    }
}

#[test]
fn exit_codes_not_retried_are_the_permanent_ones() {
    let not_to_be_retried = NOT_TO_BE_RETRIED.map(ExitCode::number);
    let reported = [
        value(SERVICE, "RestartPreventExitStatus"),
        value(KUBERNETES, "values"),
        value(AIRFLOW, "NON_RETRYABLE ").trim_start_matches('='),
        value(DAGSTER, "NON_RETRYABLE ").trim_start_matches('='),
    ];
    for text in reported {
        assert_eq!(numbers(text), not_to_be_retried, "{text}");
    }
    let stopped = [ExitCode::HungUp, ExitCode::Interrupted, ExitCode::Terminated];
    let stopped = stopped.map(ExitCode::number);
    let clean = value(SERVICE, "SuccessExitStatus");
    assert_eq!(numbers(clean), stopped);
    assert!(clean.ends_with("SIGHUP SIGINT SIGTERM"), "{clean}");
}

#[test]
fn page_covers_every_exit_code() {
    let rows = README.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let reported: Vec<u8> = rows
        .filter(|cell| cell.starts_with(|c: char| c.is_ascii_digit()))
        .flat_map(numbers)
        .collect();
    assert_eq!(reported, ExitCode::ALL.map(ExitCode::number));
}

/// A directory with the programs that the crontab line calls. Each writes down its arguments; `im-profiles` ends with one code
/// after the other, and no two calls of `date` give the same day.
fn cron_directory(codes: &[u8]) -> TestDir {
    let directory = TestDir::new();
    let program = |name: &str, then: &str| {
        let text =
            format!("#!/bin/sh\necho \"$@\" >> {name}.calls\nn=$(wc -l < {name}.calls)\n{then}\n");
        let path = directory.write(&format!("bin/{name}"), text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    program("im-profiles", "exit $(sed -n \"${n}p\" codes)");
    program("sleep", "");
    program("date", "echo 2026-11-2$n");
    directory.write("codes", codes.iter().map(|code| format!("{code}\n")).collect::<String>());
    directory
}

#[test]
fn cron_reruns_only_after_3_and_75() {
    let cases: [(&[u8], &str); 7] = [
        (&[0], ""),
        (&[1], ""),
        (&[2], ""),
        (&[4], ""),
        (&[75, 143], "15m\n"),
        (&[75, 3, 0], "15m\n30m\n"),
        (&[75, 75, 75, 75], "15m\n30m\n1h\n0\n"),
    ];
    for (codes, pauses) in cases {
        let directory = cron_directory(codes);
        let path = format!("{}:/usr/bin:/bin", directory.path("bin").display());
        let status = Command::new("/bin/sh")
            .args(["-c", &cron_command()])
            .current_dir(directory.root())
            .env("PATH", path)
            .status()
            .unwrap();
        assert_eq!(status.code(), codes.last().map(|code| i32::from(*code)), "{codes:?}");
        let calls = fs::read_to_string(directory.path("im-profiles.calls")).unwrap();
        assert_eq!(calls.lines().count(), codes.len(), "{codes:?}");
        assert!(calls.lines().all(|call| call.ends_with(" --date 2026-11-21")), "{calls}");
        let slept = fs::read_to_string(directory.path("sleep.calls")).unwrap_or_default();
        assert_eq!(slept, pauses, "{codes:?}");
    }
}

#[test]
fn starts_of_a_night_share_the_utc_date() {
    let day = duration("24h");
    assert_eq!(value(TIMER, "OnCalendar"), "*-*-* 01:00:00 UTC");
    let starts: u32 = value(SERVICE, "StartLimitBurst").parse().unwrap();
    let deadline = duration(between(SERVICE, "limits.deadline=", "\n"));
    let night = starts * deadline + (starts - 1) * duration(value(SERVICE, "RestartSec"));
    let limited = duration(value(SERVICE, "StartLimitIntervalSec"));
    assert!(duration("1h") + night < day);
    assert!(night < limited && limited < day);

    assert_eq!(value(KUBERNETES, "schedule"), "\"0 1 * * *\"");
    assert_eq!(value(KUBERNETES, "timeZone"), "Etc/UTC");
    let latest_start = duration("1h") + duration(value(KUBERNETES, "startingDeadlineSeconds"));
    assert!(latest_start + duration(value(KUBERNETES, "activeDeadlineSeconds")) < day);
}

#[test]
fn stop_timeout_exceeds_the_call_timeout() {
    let job = Job::from_text(&PathBuf::from("job.toml"), NIGHTLY, &[], date(2026, 11, 22)).unwrap();
    let dagster = between(DAGSTER, "termination_timeout_seconds=", ")");
    let graces = [
        value(SERVICE, "TimeoutStopSec"),
        value(KUBERNETES, "terminationGracePeriodSeconds"),
        dagster,
    ];
    for grace in graces {
        assert!(duration(grace) > 2 * job.api.timeout, "{grace}");
    }
}

/// Airflow takes the last line of both streams together.
#[test]
fn summary_is_the_last_line() {
    let directory = TestDir::with_job(QUICK_JOB, ["a", "b"]);
    for more in [&[][..], &["--log-format", "json"]] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_im-profiles"))
            .args(["export", "job.toml", "--json"])
            .args(more)
            .current_dir(directory.root())
            .stdin(Stdio::null())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer)
            .spawn()
            .unwrap();
        let mut reported = String::new();
        reader.read_to_string(&mut reported).unwrap();
        assert!(child.wait().unwrap().success(), "{reported}");
        let summary: serde_json::Value =
            serde_json::from_str(reported.lines().last().unwrap()).unwrap();
        assert_eq!(summary["exit_code"], 0, "{reported}");
        assert!(reported.lines().count() > 1, "{reported}");
    }
}
