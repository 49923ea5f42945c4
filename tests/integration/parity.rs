//! `plan` and `check` say what `export` would do: the same exit code and the same sentence for every broken situation.

use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::stops::WORK_DIRECTORY;
use crate::support::{EmulatorServer, Output, QUICK_JOB, TestDir, settings_of};
use im_profiles::emulator::{EMULATOR_ADMIN, EMULATOR_SDKAPPID, EMULATOR_SECRET_KEY};
use im_profiles::internals::{SecretKey, sign_usersig};

/// The account of this many; some tests need several parts.
fn accounts(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("user{number}"))
}

fn directory(count: usize) -> TestDir {
    TestDir::with_job(QUICK_JOB, accounts(count))
}

/// A directory with the snapshot of this many accounts.
fn published(count: usize) -> TestDir {
    let directory = directory(count);
    directory.export(&[]).expect_code(0);
    directory
}

fn run(directory: &TestDir, command: &[&str], keys: &[&str]) -> Output {
    let keys: Vec<&str> = keys.iter().flat_map(|key| ["--set", key]).collect();
    directory.run(&[&[command[0], "job.toml"], &command[1..], &keys[..]].concat())
}

/// `plan` and `check` exit with `code` and say `sentence`, also in JSON, and then `export` does.
#[track_caller]
fn ensure_parity(directory: &TestDir, keys: &[&str], code: i32, sentence: &str) {
    let said = |output: Output| {
        let output = output.expect_code(code);
        let text = format!("{}\n{}", output.stdout, output.stderr);
        assert!(text.contains(sentence), "expected {sentence:?}\n{output}");
        output
    };
    said(run(directory, &["plan"], keys));
    said(run(directory, &["check"], keys));
    let planned = run(directory, &["plan", "--json"], keys);
    // Without a list there is no plan.
    if !planned.stdout.is_empty() {
        let planned = planned.summary();
        let problems = planned["problems"].as_array().unwrap();
        let is_it = |problem: &&serde_json::Value| {
            problem["text"].as_str().is_some_and(|text| text.contains(sentence))
        };
        let problem = problems.iter().find(is_it).unwrap_or_else(|| panic!("{planned}"));
        assert_eq!(problem["exit_code"], code, "{planned}");
        assert_eq!(planned["exit_code"], code, "{planned}");
        let expected = if code == 0 { &serde_json::Value::Null } else { &problem["text"] };
        assert_eq!(planned["refusal"], *expected, "{planned}");
    }
    let checked = run(directory, &["check", "--json"], keys).summary();
    assert_eq!(checked["exit_code"], code, "{checked}");
    assert_eq!(checked["reason"].is_string(), code != 0, "{checked}");
    let texts = checked["checks"].to_string();
    assert!(texts.contains(&sentence.replace('"', "\\\"")), "{checked}");
    let exported = said(run(directory, &["export"], keys));
    assert!(exported.stderr.contains(sentence), "{exported}");
}

#[test]
fn the_job_its_secret_and_its_list() {
    let service = ["api.emulator=false", "api.base_url=http://127.0.0.1:9", "api.sdkappid=14"];
    let with = |key| [&service[..], &[key]].concat();
    for (keys, code, sentence) in [
        (vec!["api.timeuot=5s"], 2, "api.timeuot: is not a known key"),
        (vec!["accounts.path=gone.csv"], 2, "account list gone.csv does not exist"),
        (vec!["accounts.path=empty.txt"], 2, "account list empty.txt has no records"),
        (vec!["accounts.path=invalid.txt"], 2, "has no valid account among 2 records"),
        (vec!["accounts.path=mixed.txt"], 3, "but limits.max_invalid allows 0 (1% of 3)"),
        (with("api.secret_key_env=NOT_SET"), 2, "the environment variable NOT_SET"),
        (with("api.secret_key_file=gone.key"), 2, "cannot read gone.key"),
        (with("api.usersig_env=BAD_SIG"), 4, "is not a valid UserSig"),
    ] {
        let directory = directory(3).env("BAD_SIG", "eJnotone");
        directory.write("empty.txt", "");
        directory.write("invalid.txt", format!("@TLS#a\n{}\n", "x".repeat(40)));
        directory.write("mixed.txt", "a\nb\n@TLS#c\n");
        ensure_parity(&directory, &keys, code, sentence);
    }
}

#[test]
fn a_list_that_would_shrink_the_snapshot() {
    let directory = published(100);
    directory.accounts("accounts.txt", accounts(10));
    ensure_parity(&directory, &[], 3, "can bring at most 10 rows, 90 fewer");
    // Long enough only because of its duplicates.
    directory.accounts("accounts.txt", (0..200).map(|number| format!("user{}", number % 20)));
    ensure_parity(&directory, &[], 3, "can bring at most 20 rows, 80 fewer");
    let off = ["limits.max_shrink=off"];
    let checked = run(&directory, &["check"], &off).expect_code(0);
    assert!(checked.stdout.contains("200 records, 180 duplicates, 0 invalid"), "{checked}");
}

#[test]
fn the_output_path() {
    let directory = published(3);
    directory.write("home/thesis.txt", "years of work");
    directory.write("file", "");
    for (keys, code, sentence) in [
        (vec!["output.if_exists=fail"], 2, "output.if_exists is \"fail\""),
        (vec!["output.path=home"], 2, "home is not a snapshot"),
        (vec!["output.path=/"], 2, "does not end with a directory name"),
        (vec!["output.path=file/out"], 2, "Not a directory"),
        // The first failure of an export decides.
        (vec!["output.path=file/out", "accounts.path=gone.csv"], 2, "Not a directory"),
    ] {
        ensure_parity(&directory, &keys, code, sentence);
    }
}

#[test]
fn permissions() {
    // Permissions do not hold root back.
    if rustix::process::geteuid().is_root() {
        return;
    }
    let set_mode =
        |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let directory = published(3);
    fs::create_dir(directory.path("closed")).unwrap();
    for (closed, keys, sentence) in [
        ("closed", vec!["output.path=closed/out"], "could not create closed"),
        // It would be refused only after all calls.
        ("out", vec![], "could not replace out"),
    ] {
        set_mode(&directory.path(closed), 0o555);
        ensure_parity(&directory, &keys, 1, sentence);
        set_mode(&directory.path(closed), 0o755);
    }
}

#[test]
fn an_active_run() {
    let directory = directory(3);
    let holder = "process 7 on host etl-3 since 2026-11-22T03:00:00Z";
    let lock = File::open(directory.write(&format!("{WORK_DIRECTORY}/lock"), holder)).unwrap();
    lock.lock().unwrap();
    ensure_parity(&directory, &[], 75, "another run is writing out: process 7 on host etl-3");
}

#[test]
fn metrics() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let listen = format!("metrics.listen={}", taken.local_addr().unwrap());
    let directory = directory(3);
    fs::create_dir_all(directory.path("prom/dir.prom")).unwrap();
    ensure_parity(&directory, &[&listen], 2, "which metrics.listen names");
    // The snapshot does not depend on the textfile.
    for (path, sentence) in [
        ("gone/im.prom", "the directory gone of metrics.textfile does not exist; create it"),
        ("prom/dir.prom", "prom/dir.prom is a directory; name a file in it"),
    ] {
        let key = format!("metrics.textfile={path}");
        ensure_parity(&directory, &[&key], 0, sentence);
    }
    assert!(directory.names("prom").iter().eq(["dir.prom/"]));
    let keys = ["metrics.textfile=prom/im.prom", "metrics.listen=127.0.0.1:0"];
    let checked = run(&directory, &["check"], &keys).expect_code(0);
    let line = "passed   metrics   prom/im.prom can be written, 127.0.0.1:0 is free";
    assert!(checked.stdout.contains(line), "{checked}");
}

#[test]
fn deadlines() {
    let keys = ["api.calls_per_second=10", "output.accounts_per_part=1000"];
    let with = |deadline| [&keys[..], &[deadline]].concat();
    let directory = directory(2_000);
    let part =
        "limits.deadline (500 ms) is shorter than the 900 ms that the calls of one part take";
    ensure_parity(&directory, &with("limits.deadline=500ms"), 75, part);
    assert!(!directory.path(WORK_DIRECTORY).exists());
    let exported = run(&directory, &["export"], &with("limits.deadline=500ms"));
    assert!(!exported.stderr.contains("resume with"), "{exported}");
    let all = "limits.deadline (1.5 s) is shorter than the 2 s that the calls take";
    ensure_parity(&directory, &with("limits.deadline=1500ms"), 75, all);
    // It has committed a part, so that the rest is short enough.
    run(&directory, &["plan"], &with("limits.deadline=1500ms")).expect_code(0);
    run(&directory, &["export"], &with("limits.deadline=1m")).expect_code(0);
}

fn usersig(seconds_ago: u64, lifetime_seconds: u64) -> String {
    let now = jiff::Timestamp::now().as_second().unsigned_abs();
    let key = SecretKey::new(EMULATOR_SECRET_KEY.to_owned());
    let signed = now - seconds_ago;
    sign_usersig(&key, EMULATOR_SDKAPPID, EMULATOR_ADMIN, signed, lifetime_seconds)
        .as_str()
        .to_owned()
}

#[test]
fn a_usersig_that_expires() {
    let server = EmulatorServer::start(settings_of("rate.portrait_get = 0"));
    let base_url = format!("api.base_url={}", server.base_url);
    let keys = [
        "api.emulator=false",
        &base_url,
        "api.sdkappid=1400000000",
        "api.usersig_env=IM_USERSIG",
        "api.calls_per_second=2",
    ];
    for (sig, sentence) in [
        (usersig(3_600, 60), "IM_USERSIG holds a UserSig that expired 59 min"),
        (usersig(0, 3), "but the calls take at least 10 s; sign one that is valid for longer"),
    ] {
        let directory = directory(2_000).env("IM_USERSIG", &sig);
        ensure_parity(&directory, &keys, 4, sentence);
    }
    let directory = directory(2_000).env("IM_USERSIG", &usersig(0, 3_600));
    run(&directory, &["plan"], &keys).expect_code(0);
}

/// A run of 1,000 accounts that was killed after its third part of ten.
fn stopped(keys: &[&str]) -> TestDir {
    let directory = directory(1_000);
    let sets = keys.iter().flat_map(|key| ["--set", key]);
    let failpoint = [("IM_PROFILES_FAILPOINT", "journal:appended#4")];
    let output = directory.export_with(&failpoint, &sets.collect::<Vec<_>>());
    assert_eq!(output.code, None, "{output}");
    directory
}

const SMALL_PARTS: [&str; 2] = ["output.accounts_per_part=100", "api.max_in_flight=1"];

#[test]
fn an_unfinished_run() {
    let changed = [&SMALL_PARTS[..], &["output.format=csv"]].concat();
    ensure_parity(&stopped(&SMALL_PARTS), &changed, 2, "does not fit this job: output.format is");
    let directory = stopped(&SMALL_PARTS);
    let staged = directory.path(WORK_DIRECTORY).join("snapshot");
    let parts = fs::read_dir(staged).unwrap().map(|part| part.unwrap().path());
    fs::remove_file(parts.min().unwrap()).unwrap();
    ensure_parity(&directory, &SMALL_PARTS, 2, "with --repair, which requests 100 accounts again");
    let directory = stopped(&SMALL_PARTS);
    directory.write(&format!("{WORK_DIRECTORY}/snapshot/notes/mine.txt"), "years of work");
    ensure_parity(&directory, &SMALL_PARTS, 2, "notes is not a file of this run");
    // Every account of the three parts has failed, and none of the others can change that.
    let failing = [
        &SMALL_PARTS[..],
        &["emulator.faults={ transient = { rate = 1.0 }, transient_requests = 9 }"],
        &["retry.max_attempts=1", "limits.max_failed=\"10%\""],
    ]
    .concat();
    let directory = stopped(&failing);
    let sentence = "300 of 1,000 accounts failed";
    ensure_parity(&directory, &failing, 3, sentence);
}

#[test]
fn a_first_account_that_fails() {
    for fault in [
        "transient = { accounts = ['user0'] }, transient_requests = 99",
        "poison = { accounts = ['user0'] }",
        "permanent = { accounts = ['user0'], codes = [40601] }",
    ] {
        let directory = directory(300);
        let fault = format!("emulator.faults={{ {fault} }}");
        let keys = [&*fault, "retry.max_attempts=2", "emulator.population.unset=0.0"];
        let checked = run(&directory, &["check"], &keys).expect_code(0);
        let note = "note     call      the emulator responds, and accepts the signature and the administrator; the account \"user0\" would have no row: ";
        assert!(checked.stdout.contains(note), "{checked}");
        run(&directory, &["plan"], &keys).expect_code(0);
        let exported = run(&directory, &["export", "--json"], &keys).expect_code(0).summary();
        assert_eq!(exported["counts"]["failed"], 1, "{exported}");
    }
}

#[test]
fn an_unfinished_run_of_another_date_and_a_snapshot_that_was_moved_aside() {
    let directory = directory(300);
    let key = "output.path=tab/dt={date}";
    let day = ["--set", key, "--set", "output.accounts_per_part=100", "--date", "2026-11-21"];
    let failpoint = [("IM_PROFILES_FAILPOINT", "journal:appended#2")];
    let output = directory.export_with(&failpoint, &day);
    assert_eq!(output.code, None, "{output}");
    let is_it = |problem: &serde_json::Value| {
        let text = problem["text"].as_str().unwrap();
        text.contains("is unfinished; resume it with: ") && text.contains(" export job.toml")
    };
    let planned = run(&directory, &["plan", "--json"], &[key]).expect_code(0).summary();
    assert!(planned["problems"].as_array().unwrap().iter().any(is_it), "{planned}");
    let checked = run(&directory, &["check", "--json"], &[key]).expect_code(0).summary();
    assert!(checked["checks"].as_array().unwrap().iter().any(is_it), "{checked}");
    run(&directory, &["export"], &[key]).expect_stderr(&["unfinished run of another date"]);

    let keys = [key, "output.accounts_per_part=100", "output.format=csv"];
    run(&directory, &["export"], &keys)
        .expect_stderr(&["before_resuming=", "use the settings of that run, since output."]);
    let keys = [key, "output.accounts_per_part=100", "accounts.path=./accounts.txt"];
    let planned = run(&directory, &["plan"], &keys);
    assert!(planned.stdout.contains("(first use the account list of that run)"), "{planned}");
}

#[test]
fn the_directory_of_another_date_is_safe_for_a_terminal() {
    let directory = directory(300).env("IM_PROFILES_FAILPOINT", "journal:appended#2");
    let below = "o\u{1b}[31md";
    for name in directory.names(".") {
        directory.write(&format!("{below}/{name}"), fs::read(directory.path(&name)).unwrap());
    }
    let job = format!("{below}/job.toml");
    let sets = ["--set", "output.path=tab/dt={date}", "--set", "output.accounts_per_part=100"];
    let day = [&["export", &job, "--date", "2026-11-21"], &sets[..]].concat();
    directory.run(&day);
    let planned = directory.run(&[&["plan", &job], &sets[..]].concat()).expect_code(0);
    assert!(planned.stdout.contains("run of another date"), "{planned}");
    assert!(!planned.stdout.contains('\u{1b}'), "{planned}");
}

#[test]
fn a_low_limit_on_open_files() {
    let directory = directory(3);
    let binary = env!("CARGO_BIN_EXE_im-profiles");
    for command in ["plan", "check", "export"] {
        let script = format!("ulimit -n 200; exec {binary} {command} job.toml");
        let run = std::process::Command::new("/bin/sh")
            .args(["-c", &script])
            .current_dir(directory.root())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
        assert!(run.status.success() && text.contains("limit on open files is"), "{text}");
    }
}
