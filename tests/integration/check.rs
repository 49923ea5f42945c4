//! `check`: every problem that would stop an export is identified, with a fix.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::{EmulatorServer, Output, QUICK_JOB, TestDir, settings_of};
use im_profiles::emulator::{EMULATOR_ADMIN, EMULATOR_SDKAPPID, EMULATOR_SECRET_KEY};
use im_profiles::internals::{SecretKey, sign_usersig as sign};
use insta::assert_snapshot;

/// A key that does not belong to any app.
const SOME_KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";

fn directory() -> TestDir {
    TestDir::with_job(QUICK_JOB, ["user1", "user2"])
}

/// Runs `check job.toml` with these keys.
fn check(directory: &TestDir, keys: &[&str]) -> Output {
    let keys: Vec<&str> = keys.iter().flat_map(|key| ["--set", key]).collect();
    directory.run(&[&["check", "job.toml"], &keys[..]].concat())
}

/// The exit code and the lines, without those that passed; ports are `[port]`.
#[track_caller]
fn reported(output: &Output) -> String {
    assert!(!output.stderr.contains("panicked"), "{output}");
    assert_eq!(output.code == Some(0), !output.stdout.contains("failed   "), "{output}");
    let lines = output.stdout.lines().filter(|line| !line.starts_with("passed"));
    let lines: Vec<String> = lines.map(without_port).collect();
    format!("{}\n{}", output.code.unwrap(), lines.join("\n"))
}

fn without_port(line: &str) -> String {
    let Some((before, after)) = line.split_once("127.0.0.1:") else { return line.to_owned() };
    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}127.0.0.1:[port]{}", without_port(after))
}

/// Starts a server with these settings and checks a job against it.
#[track_caller]
fn told_by(settings: &str, keys: &[&str], key: Option<&str>) -> String {
    let server = EmulatorServer::start(settings_of(&format!("rate.portrait_get = 0\n{settings}")));
    let directory = directory().env(SECRET_VARIABLE, key.unwrap_or(server.secret_key()));
    reported(&check_at(&server, &directory, keys))
}

fn check_at(server: &EmulatorServer, directory: &TestDir, keys: &[&str]) -> Output {
    let overrides = server.overrides();
    let service = overrides.iter().map(String::as_str).filter(|word| *word != "--set");
    check(directory, &service.chain(keys.iter().copied()).collect::<Vec<_>>())
}

/// Every file and directory below, with its content.
fn contents(directory: &TestDir) -> BTreeMap<String, Vec<u8>> {
    fn walk(path: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let name = path.display().to_string();
            if path.is_dir() {
                found.insert(name, Vec::new());
                walk(&path, found);
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(directory.root(), &mut found);
    found
}

#[test]
fn valid_job_passes_every_check_with_one_call_and_leaves_no_files() {
    let server = EmulatorServer::start(settings_of("population.unset = 0.0"));
    let directory = directory().env(SECRET_VARIABLE, server.secret_key());
    let before = contents(&directory);
    let output = check_at(&server, &directory, &["output.path=exports/a/b"]).expect_code(0);
    let free =
        output.stdout.lines().filter(|line| line.starts_with("passed   disk      about 52 B"));
    assert_eq!(free.filter(|line| line.ends_with(" free")).count(), 1, "{output}");
    let lines = output.stdout.lines().filter(|line| !line.ends_with(" free"));
    let lines: Vec<String> = lines.map(without_port).collect();
    assert_snapshot!(lines.join("\n"), @r#"
passed   job       job.toml
passed   accounts  accounts.txt can be read: 2 records, 0 duplicates, 0 invalid; its first is "user1"
passed   secret    IM_SECRET_KEY holds a key
passed   output    exports/a/b can be written and published
passed   resume    no unfinished run; a new run starts
passed   time      no minimum, because the job sets no rate limit
passed   call      http://127.0.0.1:[port] responds, and accepts the signature and the administrator
passed   tags      2 of 2 returned
passed   clock     agrees with the service's to within a few seconds
"#);
    assert_eq!(output.stderr, "");
    assert_eq!(server.calls(), 1);
    assert_eq!(contents(&directory), before);
}

#[test]
fn in_process_emulator_is_checked_like_any_service() {
    assert_snapshot!(reported(&check(&directory(), &["emulator.population.unset=0.0"])), @"0");
    let keys = ["emulator.population.unreadable_tags=['Tag_Profile_IM_Level']"];
    assert_snapshot!(reported(&check(&directory(), &keys)), @"
4
failed   tags      Tag_Profile_IM_Level: code 40007, no permission to read a field (the service says: Err_Profile_PortraitGet_No_Read_Permission); give the tag the app-admin read right in the console, or drop the column
");
}

#[test]
fn check_of_the_sample_matches_the_readme() {
    let job = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs/sample.toml");
    let directory = TestDir::new();
    let output = format!("output.path={}/dt={{date}}", directory.root().display());
    let output = directory.run(&["check", job.to_str().unwrap(), "--set", &output]).expect_code(0);
    assert!(directory.names("").is_empty());
    // All but those with a path in them.
    let is_of_machine =
        |line: &&str| line.contains("/sample") || line.contains("dt=") || line.ends_with(" free");
    let lines: Vec<&str> = output.stdout.lines().filter(|line| !is_of_machine(line)).collect();
    assert_eq!(lines.len(), 6, "{output}");
    for line in lines {
        assert!(include_str!("../../README.md").contains(line), "{line}");
    }
}

#[test]
fn refusal_names_key_app_region_or_administrator() {
    assert_snapshot!(told_by("", &[], Some(SOME_KEY)), @"
4
failed   call      wrong key at http://127.0.0.1:[port]: code 70009, the UserSig was signed with another app's key (the service says: UserSig verification Failed. The UserSig in use maybe generated by Secret Key from other SDKAppID. Please regenerate UserSig by Secret Key from its own SDKAppID.); check that api.sdkappid and the secret key belong to the same app
skipped  tags      the call failed
");
    assert_snapshot!(told_by("", &["api.sdkappid=1400000001"], None), @"
4
failed   call      wrong SDKAppID or region at http://127.0.0.1:[port]: code 60006, the SDKAppID is invalid (the service says: SDKAppID is invalid); check api.sdkappid, and that api.region is the app's data center
skipped  tags      the call failed
");
    assert_snapshot!(told_by("", &["api.identifier=joe"], None), @"
4
failed   call      not an administrator at http://127.0.0.1:[port]: code 60010, administrator account required (the service says: the request requires app admin permissions); set api.identifier to an administrator account of the app
skipped  tags      the call failed
");
    assert_snapshot!(told_by("faults.codes = [{ code = 60026, rate = 1.0 }]", &[], None), @"
4
failed   call      wrong region at http://127.0.0.1:[port]: code 60026, the app is in another data center (the service says: the domain or SDKAppID does not match the data center of the app); set api.region to the app's data center
skipped  tags      the call failed
");
    assert_snapshot!(told_by("faults.codes = [{ code = 70020, rate = 1.0 }]", &[], None), @"
4
failed   call      wrong SDKAppID or region at http://127.0.0.1:[port]: code 70020, the SDKAppID was not found (the service says: internal error of the service); check api.sdkappid, and that api.region is the app's data center
skipped  tags      the call failed
");
    assert_snapshot!(told_by("faults.codes = [{ code = 60020, rate = 1.0 }]", &[], None), @"
4
failed   call      plan or state of the app at http://127.0.0.1:[port]: code 60020, the plan has expired or the service is stopped (the service says: internal error of the service); check the app's plan and service state in the console
skipped  tags      the call failed
");
}

#[test]
fn invalid_tags_are_named() {
    let unreadable =
        "population.unset = 0.0\npopulation.unreadable_tags = ['Tag_Profile_IM_Level']";
    let missing = "columns.2.tag=Tag_Profile_Custom_Toolongtoo";
    assert_snapshot!(told_by(unreadable, &[], None), @"
4
failed   tags      Tag_Profile_IM_Level: code 40007, no permission to read a field (the service says: Err_Profile_PortraitGet_No_Read_Permission); give the tag the app-admin read right in the console, or drop the column
");
    assert_snapshot!(told_by(unreadable, &[missing], None), @"
4
failed   tags      Tag_Profile_IM_Level: code 40007, no permission to read a field (the service says: Err_Profile_PortraitGet_No_Read_Permission); give the tag the app-admin read right in the console, or drop the column. Tag_Profile_Custom_Toolongtoo: code 40009, a tag does not exist (the service says: Err_Profile_PortraitGet_Tag_Not_Exist); check the tags in [[columns]]; a new custom field takes 5 minutes to appear
");
    let on_accounts = format!("{unreadable}\nopen_questions.tag_errors = 'account'");
    assert_snapshot!(told_by(&on_accounts, &[], None), @"
4
failed   tags      Tag_Profile_IM_Level: code 40007, no permission to read a field (the service says: Err_Profile_PortraitGet_No_Read_Permission); give the tag the app-admin read right in the console, or drop the column
");
    let ignored = "population.unset = 0.0\nopen_questions.tag_errors = 'ignored'";
    assert_snapshot!(told_by(ignored, &[missing], None), @"
0
note     tags      2 of 3 returned; Tag_Profile_Custom_Toolongtoo missing: not set for this account, or not defined in the console
");
}

#[test]
fn tags_are_requested_one_by_one_within_the_rate() {
    let unreadable = "population.unreadable_tags = ['Tag_Profile_IM_Level']";
    let server =
        EmulatorServer::start(settings_of(&format!("rate.portrait_get = 2\n{unreadable}")));
    let directory = directory().env(SECRET_VARIABLE, server.secret_key());
    let output = check_at(&server, &directory, &["api.calls_per_second=2"]).expect_code(4);
    assert!(
        output.stdout.contains("failed   tags      Tag_Profile_IM_Level: code 40007"),
        "{output}"
    );
    assert_eq!((server.calls(), server.emulator.stats().responses_with_code(60007)), (3, 0));
}

#[test]
fn account_errors_are_distinguished_from_tag_errors() {
    assert_snapshot!(told_by("faults.unknown.rate = 1.0", &[], None), @r#"
0
note     call      http://127.0.0.1:[port] responds, and accepts the signature and the administrator; it does not know the account "user1"
skipped  tags      the service returned no profile to look for them in
"#);
    assert_snapshot!(told_by("faults.poison.rate = 1.0", &[], None), @r#"
4
failed   call      refused at http://127.0.0.1:[port] for the account "user1": code 40001, a request parameter is wrong (the service says: Err_Profile_Comm_Param_Invalid); check the account, and the text that the service returned
note     tags      each one is refused for the same reason when requested alone
"#);
    assert_snapshot!(told_by("faults.poison.accounts = ['user1']", &[], None), @r#"
0
note     call      http://127.0.0.1:[port] responds, and accepts the signature and the administrator; the account "user1" would have no row: code 40001, a request parameter is wrong (the service says: Err_Profile_Comm_Param_Invalid)
skipped  tags      the service returned no profile to look for them in
"#);
    assert_snapshot!(told_by("faults.permanent = { rate = 1.0, codes = [40601] }", &[], None), @r#"
0
note     call      http://127.0.0.1:[port] responds, and accepts the signature and the administrator; the account "user1" would have no row: code 40601, a value is longer than 500 bytes (the service says: Err_Profile_PortraitSet_Value_Too_Long)
skipped  tags      the service returned no profile to look for them in
"#);
}

#[test]
fn transient_failures_are_retried_and_lasting_ones_reported() {
    let full = "population.unset = 0.0\n";
    let passing = "faults.http_error = { rate = 1.0, limit = 2 }";
    assert_snapshot!(told_by(&format!("{full}{passing}"), &[], None), @"0");
    assert_snapshot!(told_by(&format!("{full}faults.transient.rate = 1.0"), &[], None), @"0");
    assert_snapshot!(told_by(&format!("{full}faults.usersig_expired_calls = 1"), &[], None), @"0");
    assert_snapshot!(told_by("faults.http_error = { rate = 1.0, times = 9 }", &[], None), @"
75
failed   call      no response at http://127.0.0.1:[port]: HTTP status 503; check that it can be reached from this machine
skipped  tags      the call failed
");
    assert_snapshot!(told_by("faults.redirect = { rate = 1.0, times = 9 }", &[], None), @"
4
failed   call      unexpected response at http://127.0.0.1:[port]: HTTP status 302; check api.region or api.base_url, and proxies or gateways on the way
skipped  tags      the call failed
");
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let base_url = format!("api.base_url=http://127.0.0.1:{port}");
    let secret = format!("api.secret_key_env={SECRET_VARIABLE}");
    let keys = ["api.emulator=false", &base_url, "api.sdkappid=1400000000", &secret];
    assert_snapshot!(reported(&check(&directory().env(SECRET_VARIABLE, SOME_KEY), &keys)), @"
75
failed   call      cannot connect to 127.0.0.1:[port]: connection refused; check that it can be reached from this machine
skipped  tags      the call failed
skipped  clock     no response contained the service's time
");
}

#[test]
fn clock_difference_is_reported() {
    let off = |seconds: i64, more: &str| {
        format!("population.unset = 0.0\noddities.clock_ahead_seconds = {seconds}\n{more}")
    };
    assert_snapshot!(told_by(&off(2, ""), &[], None), @"0");
    // Whole minutes and hours, so that a second that passes meanwhile does not show.
    assert_snapshot!(told_by(&off(2 * 3600 + 90, ""), &[], None), @"
0
note     clock     this machine's clock is 2 h 1 min behind the service's; correct it, for example with NTP
");
    assert_snapshot!(told_by(&off(-(2 * 3600 + 90), ""), &[], None), @"
0
note     clock     this machine's clock is 2 h 1 min ahead of the service's; correct it, for example with NTP
");
    assert_snapshot!(told_by(&off(48 * 3600 + 90, ""), &[], None), @"
4
failed   call      UserSig not valid now at http://127.0.0.1:[port]: code 70001, the UserSig has expired (the service says: The UserSig in use is expired); check this machine's clock, and that the secret key is the app's current one, or put a new UserSig into the variable of api.usersig_env
skipped  tags      the call failed
failed   clock     this machine's clock is 2 d behind the service's; correct it, for example with NTP
");
    let strict = "open_questions.clock_skew_seconds = 30";
    assert_snapshot!(told_by(&off(-(2 * 3600 + 90), strict), &[], None), @"
4
failed   call      UserSig not valid now at http://127.0.0.1:[port]: code 70001, the UserSig has expired (the service says: The UserSig in use is expired); check this machine's clock, and that the secret key is the app's current one, or put a new UserSig into the variable of api.usersig_env
skipped  tags      the call failed
failed   clock     this machine's clock is 2 h 1 min ahead of the service's; correct it, for example with NTP
");
}

/// The output of a check with a UserSig signed this way.
#[track_caller]
fn told_with_usersig(usersig: &str, settings: &str) -> String {
    let server = EmulatorServer::start(settings_of(&format!("population.unset = 0.0\n{settings}")));
    let directory = directory().env("IM_USERSIG", usersig);
    let base_url = format!("api.base_url={}", server.base_url);
    let keys =
        ["api.emulator=false", &base_url, "api.sdkappid=1400000000", "api.usersig_env=IM_USERSIG"];
    let output = check(&directory, &keys);
    assert!(!output.to_string().contains(usersig), "the UserSig is shown");
    reported(&output)
}

fn usersig(sdkappid: u64, identifier: &str, seconds_ago: u64, lifetime_seconds: u64) -> String {
    let now = jiff::Timestamp::now().as_second().unsigned_abs();
    let key = SecretKey::new(EMULATOR_SECRET_KEY.to_owned());
    sign(&key, sdkappid, identifier, now - seconds_ago, lifetime_seconds).as_str().to_owned()
}

#[test]
fn external_usersig_must_match_the_job_and_be_valid() {
    let (app, admin) = (EMULATOR_SDKAPPID, EMULATOR_ADMIN);
    assert_snapshot!(told_with_usersig(&usersig(app, admin, 0, 86_400), ""), @"0");
    assert_snapshot!(told_with_usersig(&usersig(app + 1, admin, 0, 86_400), ""), @"
4
failed   secret    IM_USERSIG holds a UserSig of SDKAppID 1400000001, but api.sdkappid is 1400000000; correct api.sdkappid, or sign a new UserSig
skipped  call      the secret failed
skipped  tags      the secret failed
skipped  clock     the secret failed
");
    assert_snapshot!(told_with_usersig(&usersig(app, "joe", 0, 86_400), ""), @r#"
4
failed   secret    IM_USERSIG holds a UserSig of "joe", but api.identifier is "administrator"; correct api.identifier, or sign a new UserSig
skipped  call      the secret failed
skipped  tags      the secret failed
skipped  clock     the secret failed
"#);
    let expired = usersig(app, admin, 3_600 + 100, 60);
    assert_snapshot!(told_with_usersig(&expired, ""), @"
4
note     secret    IM_USERSIG holds a UserSig that expired 1 h ago by this machine's clock; sign a new one
failed   call      UserSig not valid now at http://127.0.0.1:[port]: code 70001, the UserSig has expired (the service says: The UserSig in use is expired); check this machine's clock, and that the secret key is the app's current one, or put a new UserSig into the variable of api.usersig_env
skipped  tags      the call failed
");
    // The UserSig is good, and this machine's clock is not.
    assert_snapshot!(told_with_usersig(&expired, "oddities.clock_ahead_seconds = -3690"), @"
0
note     secret    IM_USERSIG holds a UserSig that expired 1 h ago by this machine's clock; sign a new one
note     clock     this machine's clock is 1 h 1 min ahead of the service's; correct it, for example with NTP
");
    assert_snapshot!(told_with_usersig("eJnotone", ""), @"
4
failed   secret    IM_USERSIG, which api.usersig_env names, is not a valid UserSig: the UserSig is not compressed with zlib; sign a new one for administrator
skipped  call      the secret failed
skipped  tags      the secret failed
skipped  clock     the secret failed
");
}

#[test]
fn missing_secret_skips_only_the_call() {
    let service =
        ["api.emulator=false", "api.base_url=http://127.0.0.1:9", "api.sdkappid=1400000000"];
    let reported_with =
        |secret| reported(&check(&directory(), &[&service[..], &[secret]].concat()));
    assert_snapshot!(reported_with("api.secret_key_env=IM_KEY"), @"
2
failed   secret    the environment variable IM_KEY, which api.secret_key_env names, is not set, or is empty; set it to the app's secret key
skipped  call      the secret failed
skipped  tags      the secret failed
skipped  clock     the secret failed
");
    assert_snapshot!(reported_with("api.secret_key_file=im.key"), @"
2
failed   secret    cannot read im.key, which api.secret_key_file names: No such file or directory (os error 2); correct the path or its permissions, and put the app's secret key in it
skipped  call      the secret failed
skipped  tags      the secret failed
skipped  clock     the secret failed
");
}

#[test]
fn job_and_list_errors_match_those_of_an_export() {
    assert_snapshot!(reported(&check(&directory(), &["api.timeuot=5s"])), @"
2
failed   job       --set api.timeuot=5s: api.timeuot: is not a known key; did you mean timeout?
skipped  accounts  the job failed
skipped  secret    the job failed
skipped  output    the job failed
skipped  metrics   the job failed
skipped  system    the job failed
skipped  resume    the job failed
skipped  disk      the job failed
skipped  time      the job failed
skipped  call      the job failed
skipped  tags      the job failed
skipped  clock     the job failed
");
    assert_snapshot!(reported(&check(&directory(), &["accounts.path=gone.csv"])), @"
2
failed   accounts  account list gone.csv does not exist; correct `accounts.path`
skipped  resume    the account list or the output path failed
skipped  disk      the account list or the output path failed
skipped  time      the account list or the output path failed
skipped  call      the account list failed
skipped  tags      the account list failed
skipped  clock     the account list failed
");
    let directory = directory();
    directory.write("accounts.txt", format!("{}\n@TLS#x\n", "x".repeat(40)));
    let unset = "emulator.population.unset=0.0";
    assert_snapshot!(reported(&check(&directory, &[unset])), @r#"
2
failed   accounts  account list accounts.txt has no valid account among 2 records (the first on line 1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" has 40 bytes, but the service allows 32); correct the list, or accounts.format and accounts.column
"#);
    let allowed = [unset, "limits.allow_empty=true", "limits.max_invalid=off"];
    assert_snapshot!(reported(&check(&directory, &allowed)), @"
0
note     accounts  the account list contains no valid account, so the snapshot would have no rows
");
    let stdin = ["accounts.path=-", "accounts.format=txt", unset];
    assert_snapshot!(reported(&check(&directory, &stdin)), @"
0
skipped  accounts  are standard input, which is left to the export; the call asks for the administrator
skipped  resume    the account list is standard input
skipped  disk      the account list is standard input
skipped  time      the account list is standard input
");
}

#[test]
fn output_path_errors_match_those_of_an_export() {
    let directory = directory();
    directory.write("home/thesis.txt", "years of work");
    directory.write("file", "");
    let unset = "emulator.population.unset=0.0";
    let reported_of = |keys: &[&str]| reported(&check(&directory, &[keys, &[unset]].concat()));
    assert_snapshot!(reported_of(&["output.path=home"]), @"
2
failed   output    home is not a snapshot (it holds no _SUCCESS), so it is not replaced; choose another output.path
");
    assert_snapshot!(reported_of(&["output.path=file/out"]), @"
2
failed   output    could not create file/.out.partial: Not a directory (os error 20); see that the path is right and that no file is in its way
");
    assert_snapshot!(reported_of(&["output.path=home", "output.if_exists=fail"]), @r#"
2
failed   output    home exists already and output.if_exists is "fail"; remove it, choose another output.path, or set output.if_exists = "replace"
"#);
    let before = contents(&directory);
    let holder = "process 7 on host etl-3 since 2026-11-22T03:00:00Z";
    let lock = File::open(directory.write(".out.partial/lock", holder)).unwrap();
    lock.lock().unwrap();
    assert_snapshot!(reported_of(&[]), @"
75
failed   output    another run is writing out: process 7 on host etl-3 since 2026-11-22T03:00:00Z; wait for it to end, or stop it
");
    drop(lock);
    fs::remove_dir_all(directory.path(".out.partial")).unwrap();
    assert_eq!(contents(&directory), before);
}

#[test]
fn exit_code_is_that_of_the_first_failure_of_an_export() {
    let directory = directory();
    let lock = File::open(directory.write(".out.partial/lock", "process 7")).unwrap();
    lock.lock().unwrap();
    let keys = ["accounts.path=gone.csv", "output.path=out"];
    let sets: Vec<&str> = keys.iter().flat_map(|key| ["--set", key]).collect();
    let exported = directory.export(&sets).expect_code(75);
    assert!(exported.error().starts_with("another run is writing out"), "{exported}");
    assert_eq!(
        check(&directory, &keys).expect_code(75).error(),
        "not ready to export, failed: accounts, output"
    );
    let service = ["api.emulator=false", "api.base_url=http://127.0.0.1:9", "api.sdkappid=1"];
    let keys = [&keys[..], &service, &["api.secret_key_env=NOT_SET"]].concat();
    check(&directory, &keys).expect_code(75);
}

#[test]
fn secrets_are_not_printed_at_the_highest_verbosity() {
    let server = EmulatorServer::start(settings_of("rate.portrait_get = 0"));
    for key in [server.secret_key(), SOME_KEY] {
        let directory = directory().env(SECRET_VARIABLE, key).env("RUST_LOG", "trace");
        let overrides = server.overrides();
        let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
        let output = directory.run(&[&["check", "job.toml", "-vv"], &overrides[..]].concat());
        let reported = output.to_string();
        assert!(reported.contains("call      ") && !reported.contains(key), "{reported}");
        // Every UserSig starts with this.
        assert!(!reported.contains("eJ"), "{reported}");
    }
}

#[test]
fn json_is_one_line_with_the_same_checks() {
    let arguments = ["check", "job.toml", "--json", "--set", "api.identifier=joe"];
    let output = directory().run(&arguments).expect_code(4);
    let checks = output.summary();
    assert_eq!((&checks["job"], &checks["exit_code"]), (&"quick".into(), &4.into()), "{output}");
    let lines: Vec<String> = checks["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| {
            assert!(!check["text"].as_str().unwrap().is_empty(), "{output}");
            format!("{} {}", check["check"].as_str().unwrap(), check["status"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        lines,
        [
            "job passed",
            "accounts passed",
            "secret passed",
            "output passed",
            "resume passed",
            "disk passed",
            "time passed",
            "call failed",
            "tags skipped",
            "clock passed"
        ]
    );
    assert_eq!(output.error(), "not ready to export, failed: call");
    let failed = checks["checks"].as_array().unwrap().iter().find(|check| check["exit_code"] == 4);
    assert_eq!(failed.unwrap()["text"], checks["reason"], "{output}");
}
