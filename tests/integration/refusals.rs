//! Every refusal that a user can meet: its exit code, and its one message, pinned for whoever reads it at 3 a.m.
//!
//! Each is met twice, before and after a snapshot is published: a refusal leaves none, changes none, and does not stand
//! in the way of the run after it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::{EmulatorServer, Output, QUICK_JOB, TestDir, settings_of};
use flate2::Compression;
use flate2::write::GzEncoder;
use insta::assert_snapshot;

/// A key like those of the console, and right for nothing.
const SOME_KEY: &str = "5bd2850fff3ecb115bd2850fff3ecb115bd2850fff3ecb115bd2850fff3ecb11";

fn directory() -> TestDir {
    TestDir::with_job(QUICK_JOB, ["a", "b", "c"])
}

/// Exit code and message; what differs from run to run by its name in brackets.
#[track_caller]
fn error_text(directory: &TestDir, output: &Output) -> String {
    assert!(output.stdout.is_empty(), "{output}");
    assert!(!output.stderr.contains("panicked"), "{output}");
    assert!(!output.stderr.contains(SOME_KEY), "{output}");
    let code = output.code.unwrap_or_else(|| panic!("killed by a signal\n{output}"));
    let error = output.error().replace(directory.root().to_str().unwrap(), "[directory]");
    let error = without_figures(&error);
    let command = ["resume with: ", "run again with: "];
    match command.iter().find_map(|start| Some((error.split_once(start)?, start))) {
        Some(((message, command), start)) => {
            assert!(
                command.contains(" export job.toml ") && command.contains(" --date="),
                "{output}"
            );
            format!("{code}: {message}{start}[command]")
        }
        None => format!("{code}: {error}"),
    }
}

/// The text of an outage without its elapsed time and number of calls.
fn without_figures(error: &str) -> String {
    let split = error.split_once("succeeded for ");
    match split.and_then(|(start, rest)| Some((start, rest.split_once(" failed calls")?.1))) {
        Some((start, end)) => format!("{start}succeeded for [elapsed] ([n] failed calls{end}"),
        None => error.to_owned(),
    }
}

fn contents(directory: &TestDir, snapshot: &str) -> BTreeMap<String, Vec<u8>> {
    let snapshot = directory.snapshot(snapshot);
    snapshot.files().into_iter().map(|file| (file.clone(), snapshot.bytes(&file))).collect()
}

/// What `im-profiles ARGUMENTS` reports, with and without an earlier snapshot. The job in the directory is to be a good one
/// without the arguments.
#[track_caller]
fn refused_run(directory: &TestDir, arguments: &[&str]) -> String {
    let first = error_text(directory, &directory.run(arguments));
    assert!(!directory.path("out").exists(), "a refusal has published: {first}");

    directory.export(&[]).expect_code(0);
    let before = contents(directory, "out");
    let again = error_text(directory, &directory.run(arguments));
    assert_eq!(again, first);
    assert_eq!(contents(directory, "out"), before, "a refusal has changed the snapshot: {first}");
    directory.export(&[]).expect_code(0);
    fs::remove_dir_all(directory.path("out")).unwrap();
    first
}

/// [`refused_run`] of the job with overrides.
#[track_caller]
fn refused(directory: &TestDir, overrides: &[&str]) -> String {
    let overrides = overrides.iter().flat_map(|key| ["--set", key]);
    refused_run(directory, &["export", "job.toml"].into_iter().chain(overrides).collect::<Vec<_>>())
}

/// The refusal of a job whose text differs from a good one.
#[track_caller]
fn refused_job(old: &str, new: &str) -> String {
    let directory = directory();
    assert!(QUICK_JOB.contains(old), "{old}");
    directory.write("bad.toml", QUICK_JOB.replacen(old, new, 1));
    refused_run(&directory, &["export", "bad.toml"])
}

#[test]
fn usage() {
    let directory = directory();
    assert_snapshot!(refused_run(&directory, &["exprot", "job.toml"]), @"2: unrecognized subcommand 'exprot'");
    assert_snapshot!(refused_run(&directory, &["export"]), @"2: the following required arguments were not provided:");
    assert_snapshot!(refused_run(&directory, &["export", "job.toml", "--fast"]), @"2: unexpected argument '--fast' found");
    assert_snapshot!(refused_run(&directory, &["export", "job.toml", "--date", "22.11.2026"]), @"2: invalid value '22.11.2026' for '--date <YYYY-MM-DD>': write a date, such as 2026-11-22");
    assert_snapshot!(refused_run(&directory, &["export", "job.toml", "--progress", "loud"]), @"2: invalid value 'loud' for '--progress <PROGRESS>'");
    assert_snapshot!(refused_run(&directory, &["export", "job.toml", "-q", "-v"]), @"2: the argument '--quiet...' cannot be used with '--verbose...'");
    assert_snapshot!(refused_run(&directory, &["export", "job.toml", "--secret-key", SOME_KEY]), @"2: unexpected argument '--secret-key' found");
}

#[test]
fn job_files() {
    let directory = directory();
    assert_snapshot!(refused_run(&directory, &["export", "nightly.toml"]), @"2: nightly.toml: the file does not exist; check the path");
    assert_snapshot!(refused_run(&directory, &["export", "."]), @"2: .: is a directory; give the path of a .toml file");
    assert_snapshot!(refused_job("[api]", "[api"), @"2: bad.toml:7: is not valid TOML at column 5: unclosed table, expected `]`");
    assert_snapshot!(refused_job("[api]", "[api]\ntime_out = \"5s\""), @"2: bad.toml:8: api.time_out: is not a known key; did you mean timeout?");
    assert_snapshot!(refused_job("calls_per_second = 0", "calls_per_second = \"fast\""), @r#"2: bad.toml:9: api.calls_per_second: is the text "fast"; write a whole number without quotes"#);
    assert_snapshot!(refused_job("[api]", "[api]\nregion = \"china\""), @"2: bad.toml:8: api.region: is set together with api.emulator, but only one of them is allowed; remove one");
    assert_snapshot!(refused_job("emulator = true", "sdkappid = 1400000000"), @r#"2: bad.toml:7: api.region: is missing; write one of: region = "singapore" (or another), base_url = "https://...", emulator = true"#);
    assert_snapshot!(refused_job("emulator = true", "region = \"mars\""), @r#"2: bad.toml:8: api.region: "mars" is not a region; use one of china, singapore, seoul, tokyo, frankfurt, silicon-valley, jakarta, mumbai, saudi-arabia, or base_url for any other host"#);
    assert_snapshot!(refused_job("emulator = true", "base_url = \"http://im.example\""), @"2: bad.toml:8: api.base_url: plain http:// is only allowed to a loopback address, since the URL contains the UserSig; use https://im.example");
    assert_snapshot!(refused_job("emulator = true", "region = \"seoul\""), @"2: bad.toml:7: api.sdkappid: is missing; write the SDKAppID that the console shows for the app");
    assert_snapshot!(refused_job("emulator = true", "region = \"seoul\"\nsdkappid = 14"), @"2: bad.toml:7: api.secret_key_env: is missing; write the name of the environment variable that holds the secret key, or set secret_key_file or usersig_env instead");
    assert_snapshot!(refused_job("[api]", &format!("[api]\nsecret_key = \"{SOME_KEY}\"")), @"2: bad.toml:8: api.secret_key: a secret must not be written in a job file or on a command line; move it to an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env");
    assert_snapshot!(refused_job("[api]", &format!("[api]\nsecret_key_env = \"{SOME_KEY}\"")), @"2: bad.toml:8: api.secret_key_env: looks like the secret itself; write the name of the variable or file that holds it");
    assert_snapshot!(refused_job("Tag_Profile_IM_Nick", "Tag_Profile_IM_Nik"), @r#"2: bad.toml:12: columns.0.tag: is "Tag_Profile_IM_Nik", which is not a tag; did you mean Tag_Profile_IM_Nick?"#);
    assert_snapshot!(refused_job("\"accounts.txt\"", "\"accounts.xls\""), @"2: bad.toml:4: accounts.format: is missing and cannot be derived from the file name in accounts.path; write one of: csv, tsv, txt, ndjson, parquet");
    assert_snapshot!(refused_job("path = \"out\"", "path = \"out\"\ncompression = \"rar\""), @r#"2: bad.toml:21: output.compression: is "rar"; write one of: zstd, snappy, gzip, none"#);
    assert_snapshot!(refused_job("[emulator.rate]", "[emulator.faults.codes]\nrate = 1.0\n[emulator.rate]"), @"2: bad.toml:27: emulator.faults.codes: is a single table; write each item as [[emulator.faults.codes]] in double brackets");
}

#[test]
fn overrides() {
    let directory = directory();
    assert_snapshot!(refused(&directory, &["api.timeout"]), @r#"2: --set (not shown): has no "="; write key.path=value, such as api.calls_per_second=50"#);
    assert_snapshot!(refused(&directory, &["api.timeuot=5s"]), @"2: --set api.timeuot=5s: api.timeuot: is not a known key; did you mean timeout?");
    assert_snapshot!(refused(&directory, &["api.timeout=5"]), @r#"2: --set api.timeout=5: api.timeout: is 5 without a unit; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h""#);
    assert_snapshot!(refused(&directory, &["columns.7.tag=Tag_Profile_IM_Nick"]), @r#"2: --set columns.7.tag=Tag_Profile_IM_Nick: columns.7.tag: "7" is not a valid index into a list of length 2; write a number from 0 to 2"#);
    assert_snapshot!(refused(&directory, &[&format!("api.secret_key={SOME_KEY}")]), @"2: --set api.secret_key=(not shown): api.secret_key: a secret must not be written in a job file or on a command line; move it to an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env");
    let with_password = format!("api.base_url=https://me:{SOME_KEY}@im.example");
    assert_snapshot!(refused(&directory, &[&with_password]), @r#"2: --set api.base_url=(not shown): api.base_url: "im.example" is not a base URL: it contains a user name or password; write scheme and host, such as https://console.tim.qq.com"#);
    assert_snapshot!(refused(&directory, &["accounts.path=-"]), @"2: job.toml:4: accounts.format: is missing, and standard input has no file name to derive it from; write one of: csv, tsv, txt, ndjson, parquet");
}

#[test]
fn secrets() {
    let directory = directory().env("EMPTY", " ").env("QUOTED", &format!("\"{SOME_KEY}\""));
    directory.write("empty.key", "\n");
    let refused = |secret: &str| {
        let service = ["api.base_url=http://127.0.0.1:9", "api.sdkappid=1400000000", secret];
        refused(&directory, &service)
    };
    assert_snapshot!(refused("api.secret_key_env=IM_KEY"), @"2: the environment variable IM_KEY, which api.secret_key_env names, is not set, or is empty; set it to the app's secret key");
    assert_snapshot!(refused("api.secret_key_env=EMPTY"), @"2: the environment variable EMPTY, which api.secret_key_env names, is not set, or is empty; set it to the app's secret key");
    assert_snapshot!(refused("api.secret_key_file=im.key"), @"2: cannot read im.key, which api.secret_key_file names: No such file or directory (os error 2); correct the path or its permissions, and put the app's secret key in it");
    assert_snapshot!(refused("api.secret_key_file=empty.key"), @"2: empty.key, which api.secret_key_file names, is empty; put the app's secret key in it, and nothing else");
    directory.write("quoted.key", format!("\u{feff}'{SOME_KEY}'\r\n"));
    directory.write("line.key", format!("export IM_SECRET_KEY={SOME_KEY}\n"));
    directory
        .write("old.key", "-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----\n");
    directory.write("two.key", format!("{SOME_KEY}\n{SOME_KEY}\n"));
    assert_snapshot!(refused("api.secret_key_file=quoted.key"), @"2: quoted.key, which api.secret_key_file names, holds the secret in quotes, which would become part of it; put the app's secret key in it, and nothing else");
    assert_snapshot!(refused("api.secret_key_file=line.key"), @"2: line.key, which api.secret_key_file names, holds an assignment NAME=value, not the value alone; put the app's secret key in it, and nothing else");
    assert_snapshot!(refused("api.secret_key_file=old.key"), @"2: old.key, which api.secret_key_file names, holds a PEM key of the old signature algorithm, which is not supported; put the app's secret key in it, and nothing else");
    assert_snapshot!(refused("api.secret_key_file=two.key"), @"2: two.key, which api.secret_key_file names, holds more than one word or line; put the app's secret key in it, and nothing else");
    directory.write("utf16.key", b"\xff\xfea\0b\0");
    assert_snapshot!(refused("api.secret_key_file=utf16.key"), @"2: utf16.key, which api.secret_key_file names, is not UTF-8 text; put the app's secret key in it, and nothing else");
    assert_snapshot!(refused("api.secret_key_file=/dev/zero"), @"2: /dev/zero, which api.secret_key_file names, holds a control character; put the app's secret key in it, and nothing else");
    assert_snapshot!(refused("api.secret_key_env=QUOTED"), @"2: the environment variable QUOTED, which api.secret_key_env names, holds the secret in quotes, which would become part of it; set it to the app's secret key");
    assert_snapshot!(refused("api.usersig_env=IM_USERSIG"), @"2: the environment variable IM_USERSIG, which api.usersig_env names, is not set, or is empty; set it to the UserSig of api.identifier");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn lists() {
    let directory = directory();
    let of_list = |name: &str, content: &[u8], column: &str| {
        directory.write(name, content);
        let path = format!("accounts.path={name}");
        let column = format!("accounts.column={column}");
        let keys = if column.ends_with('=') { vec![&*path] } else { vec![&*path, &*column] };
        refused(&directory, &keys)
    };
    let many: String = (0..5_000).map(|number| format!("user{number}\n")).collect();
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let packed = zstd::encode_all(many.as_bytes(), 3).unwrap();
    assert_snapshot!(refused(&directory, &["accounts.path=gone.csv"]), @"2: account list gone.csv does not exist; correct `accounts.path`");
    directory.write("d.csv/part-0.csv", "");
    assert_snapshot!(refused(&directory, &["accounts.path=d.csv"]), @"2: account list d.csv has no records; check what writes it, or set limits.allow_empty = true to publish a snapshot without rows");
    assert_snapshot!(of_list("l.csv", b"user,name\n1,2\n", "account"), @r#"2: account list l.csv has no column "account"; it has user, name; correct `accounts.column`"#);
    assert_snapshot!(of_list("l.csv", b"user_id,name\n1,2\n", "userid"), @r#"2: account list l.csv has no column "userid"; it has user_id, name; did you mean "user_id"?"#);
    assert_snapshot!(of_list("l.csv", b"user,name\n1,2\n", ""), @"2: account list l.csv has several columns (user, name); name the one that holds the account in `accounts.column`");
    assert_snapshot!(of_list("l.csv", b"user;name\n1;2\n", "user"), @r#"2: account list l.csv is not separated by commas (its first line is "user;name"); export it with commas"#);
    assert_snapshot!(of_list("l.csv", b"", "account"), @"2: account list l.csv has no records; check what writes it, or set limits.allow_empty = true to publish a snapshot without rows");
    assert_snapshot!(of_list("l.csv", b"account\n1\n\"2\n3\n", "account"), @"2: line 3 of account list l.csv: the record that starts here has a quote that is never closed; close or double it");
    assert_snapshot!(of_list("l.ndjson", b"{\"user\":1,\"name\":2}\n", "account"), @r#"2: account list l.ndjson has no column "account"; it has name, user; correct `accounts.column`"#);
    assert_snapshot!(of_list("l.ndjson", b"[{\"account\":1},\n{\"account\":2}]\n", "account"), @"2: account list l.ndjson is a JSON array, not ndjson; convert it with jq 1.7 or later: jq -c '.[]' OLD > NEW");
    assert_snapshot!(of_list("l.txt.gz", &cut(gzip(many.as_bytes())), ""), @"2: account list l.txt.gz is a truncated gzip file: it ends within the compressed data; copy it again, or regenerate it");
    assert_snapshot!(of_list("l.txt.zst", &cut(packed), ""), @"2: account list l.txt.zst is a truncated zstd file: it ends within the compressed data; copy it again, or regenerate it");
    assert_snapshot!(of_list("l.txt", b"\xff\xfea\0\n\0", ""), @"2: account list l.txt is text in UTF-16LE, not UTF-8; convert it: iconv -f UTF-16LE -t UTF-8 OLD > NEW");
    assert_snapshot!(of_list("l.parquet", b"PAR1 and then something else PAR1", "account"), @"2: account list l.parquet is not a valid Parquet file: its footer is longer than the file; copy it again, or regenerate it");
    assert_snapshot!(of_list("l.parquet", b"", "account"), @"2: account list l.parquet is not a valid Parquet file: it is empty, and even a table without rows has a footer; copy it again, or regenerate it");
}

#[test]
fn output_paths() {
    let directory = directory();
    directory.write("home/thesis.txt", "years of work");
    directory.write("file", "");
    assert_snapshot!(refused(&directory, &["output.path=home"]), @"2: home is not a snapshot (it holds no _SUCCESS), so it is not replaced; choose another output.path");
    assert_snapshot!(refused(&directory, &["output.path=file"]), @"2: file is a file and not a snapshot directory, so it is not replaced; remove it, or choose another output.path");
    assert_snapshot!(refused(&directory, &["output.path=file/out"]), @"2: could not create file/.out.partial: Not a directory (os error 20); see that the path is right and that no file is in its way");
    assert_snapshot!(refused(&directory, &["output.path=/"]), @r#"2: --set output.path=/: output.path: does not end with a directory name; write the directory to publish, such as "../exports/nightly""#);
    assert_snapshot!(refused(&directory, &["output.path=."]), @r#"2: --set output.path=.: output.path: does not end with a directory name; write the directory to publish, such as "../exports/nightly""#);
    assert_eq!(fs::read_to_string(directory.path("home/thesis.txt")).unwrap(), "years of work");
    assert_eq!(
        directory.names("."),
        ["accounts.txt", "file", "home/", "job.toml"].map(str::to_owned).into()
    );
}

#[test]
fn existing_snapshot_with_if_exists_fail() {
    let directory = directory();
    directory.export(&[]).expect_code(0);
    let before = contents(&directory, "out");
    let output = directory.export(&["--set", "output.if_exists=fail"]);
    assert_snapshot!(error_text(&directory, &output), @r#"2: out exists already and output.if_exists is "fail"; remove it, choose another output.path, or set output.if_exists = "replace""#);
    assert_eq!(contents(&directory, "out"), before);
}

#[test]
fn another_active_run() {
    let directory = directory();
    directory.export(&[]).expect_code(0);
    let before = contents(&directory, "out");
    let holder = "process 7 on host etl-3 since 2026-11-22T03:00:00Z";
    let path = directory.write(".out.partial/lock", holder);
    let at_work = directory.write(".out.partial/snapshot/part-00000.parquet", "half a part");
    let lock = File::open(path).unwrap();
    lock.lock().unwrap();
    assert_snapshot!(error_text(&directory, &directory.export(&[])), @"75: another run is writing out: process 7 on host etl-3 since 2026-11-22T03:00:00Z; wait for it to end, or stop it");
    assert_eq!(contents(&directory, "out"), before);
    assert!(at_work.exists(), "the other run's work was touched");

    drop(lock);
    directory.export(&[]).expect_code(0);
    assert!(!directory.path(".out.partial").exists());
}

/// The error when the service, played by an emulator with these settings, refuses; `[server]` is its address.
#[track_caller]
fn refused_by_service(settings: &str, overrides: &[&str], key: Option<&str>) -> String {
    let server = EmulatorServer::start(settings_of(&format!("rate.portrait_get = 0\n{settings}")));
    let directory = directory().env(SECRET_VARIABLE, key.unwrap_or(server.secret_key()));
    let service = server.overrides();
    let service: Vec<&str> =
        service.iter().map(String::as_str).filter(|word| *word != "--set").collect();
    let text = refused(&directory, &[&service, overrides].concat());
    assert!(!directory.path(".out.partial").exists(), "a refusal left a work directory: {text}");
    text.replace(&server.base_url, "[server]")
}

#[test]
fn the_service() {
    assert_snapshot!(refused_by_service("", &[], Some(SOME_KEY)), @"4: the service refused the call: code 70009, the UserSig was signed with another app's key (the service says: UserSig verification Failed. The UserSig in use maybe generated by Secret Key from other SDKAppID. Please regenerate UserSig by Secret Key from its own SDKAppID.); check that api.sdkappid and the secret key belong to the same app");
    assert_snapshot!(refused_by_service("", &["api.identifier=joe"], None), @"4: the service refused the call: code 60010, administrator account required (the service says: the request requires app admin permissions); set api.identifier to an administrator account of the app");
    assert_snapshot!(refused_by_service("", &["api.sdkappid=1400000001"], None), @"4: the service refused the call: code 60006, the SDKAppID is invalid (the service says: SDKAppID is invalid); check api.sdkappid, and that api.region is the app's data center");
    assert_snapshot!(refused_by_service("", &["columns.0.tag=Tag_Profile_Custom_Toolongtoo"], None), @"4: the service refused the call: code 40009, a tag does not exist (the service says: Err_Profile_PortraitGet_Tag_Not_Exist); check the tags in [[columns]]; a new custom field takes 5 minutes to appear");
    assert_snapshot!(refused_by_service("faults.redirect.rate = 1.0", &[], None), @"4: the service refused the call: HTTP status 302; check api.region or api.base_url, and proxies or gateways on the way");
    assert_snapshot!(refused_by_service("faults.http_error.rate = 1.0\nfaults.http_statuses = [403]", &[], None), @"4: the service refused the call: HTTP status 403; check api.region or api.base_url, and proxies or gateways on the way");
    assert_snapshot!(refused_by_service("faults.codes = [{ code = 60028, rate = 1.0 }]", &[], None), @"4: the service refused the call: code 60028, the trial edition's daily calls are used up (the service says: the number of REST API calls of the trial edition in 24 hours exceeds the limit); run again tomorrow, or change the plan");
    assert_snapshot!(refused_by_service("faults.codes = [{ code = 70001, rate = 1.0 }]", &[], None), @"4: the service refused the call: code 70001, the UserSig has expired (the service says: The UserSig in use is expired); check this machine's clock, and that the secret key is the app's current one, or put a new UserSig into the variable of api.usersig_env");
    assert_snapshot!(refused_by_service("faults.codes = [{ code = 40009, rate = 1.0 }]", &[], None), @"4: the service refused the call: code 40009, a tag does not exist (the service says: Err_Profile_PortraitGet_Tag_Not_Exist); check the tags in [[columns]]; a new custom field takes 5 minutes to appear");
}

#[test]
fn external_usersig() {
    let server = EmulatorServer::start(settings_of("rate.portrait_get = 0"));
    let directory = directory().env("IM_USERSIG", "eJnotone");
    let base_url = format!("api.base_url={}", server.base_url);
    let service = [&*base_url, "api.sdkappid=1400000000", "api.usersig_env=IM_USERSIG"];
    assert_snapshot!(refused(&directory, &service), @"4: IM_USERSIG, which api.usersig_env names, is not a valid UserSig: the UserSig is not compressed with zlib; sign a new one for administrator");
}

#[test]
fn too_many_failed_accounts() {
    let directory = directory();
    directory.export(&[]).expect_code(0);
    let before = contents(&directory, "out");
    let fails = "emulator.faults={ transient = { accounts = ['b'] }, transient_requests = 2 }";
    let arguments = ["--set", fails, "--set", "retry.max_attempts=2"];
    assert_snapshot!(error_text(&directory, &directory.export(&arguments)), @"3: 1 of 3 accounts failed, but limits.max_failed allows 0 (1% of 3); retry them with the same command, or set limits.max_failed = 1 to publish without them; .out.partial/failed-*.tsv lists the accounts; run again with: [command]");
    assert_eq!(contents(&directory, "out"), before);
    directory.export(&["--restart"]).expect_code(0);
}

#[test]
fn an_outage() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let directory = directory().env(SECRET_VARIABLE, SOME_KEY);
    let base_url = format!("api.base_url=http://127.0.0.1:{port}");
    let secret = format!("api.secret_key_env={SECRET_VARIABLE}");
    let service = [&*base_url, "api.sdkappid=1400000000", &*secret, "retry.outage_patience=20ms"];
    assert_snapshot!(refused(&directory, &service).replace(&port.to_string(), "[port]"), @"75: no call succeeded for [elapsed] ([n] failed calls, the last one: cannot connect to 127.0.0.1:[port]: connection refused), and retry.outage_patience is 20 ms; check that the service can be reached from this machine, or raise retry.outage_patience to wait longer; kept 0 of 1 part (0 of 3 accounts); resume with: [command]");

    let hangs = "emulator.faults.hang={ rate = 1.0 }";
    assert_snapshot!(refused(&directory, &[hangs, "api.timeout=20ms", "retry.outage_patience=50ms"]), @"75: no call succeeded for [elapsed] ([n] failed calls, the last one: no response within 20 ms), and retry.outage_patience is 50 ms; check that the service can be reached from this machine, or raise retry.outage_patience to wait longer; kept 0 of 1 part (0 of 3 accounts); resume with: [command]");
}
