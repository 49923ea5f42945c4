//! `[limits]`: a snapshot is never replaced by less than it should be. Every refusal leaves the earlier snapshot as it
//! was, to the byte, and `plan` and `check` end with the exit code of the export.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::{EmulatorServer, Output, QUICK_JOB, TestDir, settings_of};
use insta::assert_snapshot;

/// What `im-profiles VERB job.toml` does with these keys.
fn run(command: &str, directory: &TestDir, keys: &[&str]) -> Output {
    run_with_input(command, directory, keys, b"")
}

fn run_with_input(command: &str, directory: &TestDir, keys: &[&str], input: &[u8]) -> Output {
    let sets = keys.iter().flat_map(|key| ["--set", key]);
    let arguments: Vec<&str> = [command, "job.toml"].into_iter().chain(sets).collect();
    directory.run_with_input(&arguments, input)
}

/// Every file below a directory with its content; empty when there is none.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

fn accounts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("user{number}")).collect()
}

/// A directory whose snapshot `out` has a row for each of so many accounts.
fn published(rows: usize) -> TestDir {
    let directory = TestDir::with_job(QUICK_JOB, accounts(rows));
    directory.export(&[]).expect_code(0);
    assert_eq!(rows_of(&directory, "out"), rows as u64);
    directory
}

fn rows_of(directory: &TestDir, snapshot: &str) -> u64 {
    let rows = directory.snapshot(snapshot).manifest()["counts"]["rows"].as_u64().unwrap();
    let in_parts = directory.snapshot(snapshot).table().rows.len() as u64;
    assert_eq!(in_parts, rows);
    rows
}

/// The error of an export that is refused before any call, as `plan` and `check` refuse it, and leaves everything as it
/// is; paths are below `[directory]`.
#[track_caller]
fn refused(directory: &TestDir, keys: &[&str], code: i32) -> String {
    let server = EmulatorServer::start(settings_of("rate.portrait_get = 0"));
    let overrides = server.overrides();
    let service = overrides.iter().map(String::as_str).filter(|word| *word != "--set");
    let with_service: Vec<&str> = service.chain(keys.iter().copied()).collect();
    let before = contents(directory.root());
    let exported = run("export", directory, &with_service).expect_code(code);
    assert_eq!(server.calls(), 0, "{exported}");
    assert!(contents(directory.root()) == before, "something has changed\n{exported}");
    let planned = run("plan", directory, keys).expect_code(code);
    assert_eq!(planned.error(), exported.error());
    assert!(planned.stdout.contains(&format!("refused       {}", exported.error())), "{planned}");
    let checked = run("check", directory, keys).expect_code(code);
    let is_failed = |line: &&str| line.starts_with("failed ");
    let failed: Vec<&str> = checked.stdout.lines().filter(is_failed).collect();
    assert!(failed.len() == 1 && failed[0].ends_with(exported.error()), "{checked}");
    assert!(contents(directory.root()) == before, "something has changed\n{planned}\n{checked}");
    let root = directory.root().canonicalize().unwrap();
    exported.error().replace(root.to_str().unwrap(), "[directory]")
}

/// [`refused`] of a list, both without an earlier snapshot and with one.
#[track_caller]
fn refused_list(name: &str, content: impl AsRef<[u8]>, keys: &[&str], code: i32) -> String {
    let path = format!("accounts.path={name}");
    let keys = [&[&*path], keys].concat();
    let refuse = |directory: TestDir| {
        let directory = directory.env(SECRET_VARIABLE, im_profiles::emulator::EMULATOR_SECRET_KEY);
        directory.write(name, &content);
        refused(&directory, &keys, code)
    };
    let first = refuse(TestDir::with_job(QUICK_JOB, ["a"]));
    assert_eq!(refuse(published(3)), first);
    first
}

/// Ids of 36 bytes, which is longer than the service takes.
fn uuids() -> String {
    (0..16).map(|n| format!("7ed4bffc-f189-40b0-9090-{n:012x}\n")).collect()
}

#[test]
fn list_without_a_valid_account_is_refused() {
    assert_snapshot!(refused_list("l.txt", "", &[], 2), @"account list l.txt has no records; check what writes it, or set limits.allow_empty = true to publish a snapshot without rows");
    assert_snapshot!(refused_list("l.csv", "", &["accounts.column=account"], 2), @"account list l.csv has no records; check what writes it, or set limits.allow_empty = true to publish a snapshot without rows");
    assert_snapshot!(refused_list("l.csv", "account\n", &[], 2), @"account list l.csv has no records; check what writes it, or set limits.allow_empty = true to publish a snapshot without rows");
    assert_snapshot!(refused_list("l.ndjson", "", &["accounts.column=id"], 2), @"account list l.ndjson has no records; check what writes it, or set limits.allow_empty = true to publish a snapshot without rows");
    assert_snapshot!(refused_list("l.txt", uuids(), &[], 2), @r#"account list l.txt has no valid account among 16 records (the first on line 1, "7ed4bffc-f189-40b0-9090-000000000000" has 36 bytes, but the service allows 32); correct the list, or accounts.format and accounts.column"#);
    assert_snapshot!(refused_list("l.csv", format!("account\n{}", uuids()), &[], 2), @r#"account list l.csv has no valid account among 16 records (the first on line 2, "7ed4bffc-f189-40b0-9090-000000000000" has 36 bytes, but the service allows 32); correct the list, or accounts.format and accounts.column"#);
    assert_snapshot!(refused_list("l.txt", "\n\n", &[], 2), @"account list l.txt has no records; check what writes it, or set limits.allow_empty = true to publish a snapshot without rows");
    let any = ["limits.max_invalid=off", "limits.max_shrink=off"];
    refused_list("l.txt", uuids(), &any, 2);
}

#[test]
fn empty_standard_input_is_refused() {
    let keys = ["accounts.path=-", "accounts.format=txt"];
    for directory in [TestDir::with_job(QUICK_JOB, ["a"]), published(3)] {
        let before = contents(directory.root());
        for (input, message) in [
            (&b""[..], "account list standard input has no records"),
            (&[b'x'; 33], "standard input has no valid account"),
        ] {
            let exported = run_with_input("export", &directory, &keys, input).expect_code(2);
            assert!(exported.error().contains(message), "{exported}");
            let planned = run_with_input("plan", &directory, &keys, input).expect_code(2);
            assert_eq!(planned.error(), exported.error());
            assert!(contents(directory.root()) == before, "{exported}");
        }
    }
}

#[test]
fn empty_snapshot_is_published_if_the_job_allows_it() {
    for (name, content) in [("l.txt", ""), ("l.csv", ""), ("l.csv", "account\n"), ("l.txt", "\n")] {
        for directory in [TestDir::with_job(QUICK_JOB, ["a"]), published(3)] {
            directory.write(name, content);
            let path = format!("accounts.path={name}");
            let keys = [&*path, "limits.allow_empty=true", "limits.max_invalid=1"];
            run("plan", &directory, &keys).expect_code(0);
            run("check", &directory, &keys).expect_code(0);
            run("export", &directory, &keys).expect_code(0);
            assert_eq!(rows_of(&directory, "out"), 0, "{name}");
            assert_eq!(directory.snapshot("out").table().columns, ["account", "nick", "level"]);
        }
    }
}

#[test]
fn invalid_list_is_refused_even_if_it_may_be_empty() {
    let allow = ["limits.allow_empty=true"];
    assert_snapshot!(refused_list("l.txt", uuids(), &allow, 3), @r#"16 of 16 records of account list l.txt are invalid (the first on line 1, "7ed4bffc-f189-40b0-9090-000000000000" has 36 bytes, but the service allows 32), but limits.max_invalid allows 0 (1% of 16); correct the list, or set limits.max_invalid = 16 to export it without them"#);
}

#[test]
fn too_many_invalid_records_are_refused_before_the_first_call() {
    let list = |valid: usize, invalid: usize| {
        [accounts(valid), vec!["x".repeat(33); invalid]].concat().join("\n")
    };
    assert_snapshot!(refused_list("l.txt", list(11, 1), &[], 3), @r#"1 of 12 records of account list l.txt are invalid (the first on line 12, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" has 33 bytes, but the service allows 32), but limits.max_invalid allows 0 (1% of 12); correct the list, or set limits.max_invalid = 1 to export it without them"#);
    refused_list("l.txt", list(98, 1), &[], 3);
    assert_snapshot!(refused_list("l.txt", list(98, 2), &["limits.max_invalid=1"], 3), @r#"2 of 100 records of account list l.txt are invalid (the first on line 99, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" has 33 bytes, but the service allows 32), but limits.max_invalid allows 1; correct the list, or set limits.max_invalid = 2 to export it without them"#);
    for (valid, invalid, key) in [
        (99, 1, "limits.max_invalid=1%"),
        (11, 1, "limits.max_invalid=1"),
        (11, 1, "limits.max_invalid=10%"),
        (3, 40, "limits.max_invalid=off"),
    ] {
        let directory = published(3);
        directory.write("accounts.txt", list(valid, invalid));
        run("plan", &directory, &[key]).expect_code(0);
        run("check", &directory, &[key]).expect_code(0);
        run("export", &directory, &[key]).expect_code(0);
        assert_eq!(rows_of(&directory, "out"), valid as u64);
    }
}

/// An emulator that does not know, or fails for, these of the accounts.
fn server(fault: &str, numbers: std::ops::Range<usize>) -> EmulatorServer {
    let names: Vec<String> = numbers.map(|number| format!("'user{number}'")).collect();
    let fault = format!("faults.{fault}.accounts = [{}]", names.join(", "));
    EmulatorServer::start(settings_of(&format!("rate.portrait_get = 0\n{fault}")))
}

/// The summary of an export against a server.
#[track_caller]
fn export_at(
    server: &EmulatorServer,
    directory: &TestDir,
    keys: &[&str],
    code: i32,
) -> serde_json::Value {
    let overrides = server.overrides();
    let mut arguments: Vec<&str> = overrides.iter().map(String::as_str).collect();
    arguments.extend(keys.iter().flat_map(|key| ["--set", key]));
    arguments.push("--json");
    let output = directory.export(&arguments).expect_code(code);
    let mut summary = output.summary();
    if code != 0 {
        assert_eq!(summary["error"], output.error(), "{output}");
        let root = directory.root().canonicalize().unwrap().display().to_string();
        summary["error"] = output.error().replace(&root, "[directory]").into();
    }
    assert_eq!(summary["exit_code"], code, "{output}");
    summary
}

/// That a run of 100 accounts does not publish with exit code 3 and this status, that running it again makes no call, and
/// that it publishes without one once `permit` is set. Gives back the message.
#[track_caller]
fn held_back(server: &EmulatorServer, keys: &[&str], status: &str, permit: &str) -> String {
    let directory = published(100).env(SECRET_VARIABLE, server.secret_key());
    let before = contents(&directory.path("out"));
    let first = export_at(server, &directory, keys, 3);
    assert_eq!(first["status"], status);
    let calls = server.calls();
    assert!(calls > 0);
    let overrides = server.overrides();
    let service = overrides.iter().map(String::as_str).filter(|word| *word != "--set");
    let planned = run("plan", &directory, &service.chain(keys.iter().copied()).collect::<Vec<_>>());
    assert_eq!(planned.code, Some(3), "{planned}");
    assert!(planned.stdout.contains("but a limit prevents publishing"), "{planned}");
    let again = export_at(server, &directory, keys, 3);
    assert_eq!(without_command(&again), without_command(&first));
    assert!(contents(&directory.path("out")) == before, "the earlier snapshot was changed");
    let summary = export_at(server, &directory, &[keys, &[permit]].concat(), 0);
    assert_eq!(server.calls(), calls, "a call was made again");
    assert_eq!(rows_of(&directory, "out"), summary["counts"]["rows"]);
    assert!(!directory.path(".out.partial").exists());
    without_command(&first)
}

/// The error of a summary without the command that it ends with if another round may help; it names the port of the server.
fn without_command(summary: &serde_json::Value) -> String {
    let error = summary["error"].as_str().unwrap();
    let Some((message, command)) = error.split_once("; run again with: ") else {
        return error.to_owned();
    };
    assert!(command.contains(" export job.toml ") && command.contains(" --date="), "{error}");
    message.to_owned()
}

#[test]
fn run_without_rows_is_not_published() {
    let server = server("unknown", 0..100);
    let any_size = "limits.max_shrink=off";
    assert_snapshot!(held_back(&server, &[any_size], "no_rows", "limits.allow_empty=true"), @"no rows for 100 accounts (100 not found, 0 failed); check that the account list and api.sdkappid belong together, or set limits.allow_empty = true to publish a snapshot without rows; .out.partial/failed-*.tsv lists the accounts");
    // A snapshot without rows is as it should be, so that it is smaller is too.
    held_back(&server, &[], "no_rows", "limits.allow_empty=true");

    let directory =
        TestDir::with_job(QUICK_JOB, accounts(3)).env(SECRET_VARIABLE, server.secret_key());
    export_at(&server, &directory, &[], 3);
    assert!(!directory.path("out").exists());
}

#[test]
fn failed_accounts_are_retried_without_any_row() {
    let server = EmulatorServer::start(settings_of(
        "rate.portrait_get = 0\nfaults.transient.rate = 1.0\nfaults.transient_requests = 2",
    ));
    let directory = published(3).env(SECRET_VARIABLE, server.secret_key());
    let keys = ["retry.max_attempts=1", "limits.max_failed=off"];
    let summary = export_at(&server, &directory, &keys, 3);
    assert_eq!(summary["status"], "no_rows");
    assert_snapshot!(without_command(&summary), @"no rows for 3 accounts (0 not found, 3 failed); check that the account list and api.sdkappid belong together, or set limits.allow_empty = true to publish a snapshot without rows, or run again to retry the failed accounts; .out.partial/failed-*.tsv lists the accounts");
    // One round a command, never more.
    export_at(&server, &directory, &keys, 3);
    let calls = server.calls();
    export_at(&server, &directory, &keys, 0);
    assert_eq!((server.calls(), rows_of(&directory, "out")), (calls + 1, 3));
}

#[test]
fn too_many_accounts_not_found_prevent_publishing() {
    let server = server("unknown", 0..20);
    for key in ["limits.max_not_found=19", "limits.max_not_found=19.9%", "limits.max_not_found=0"] {
        held_back(&server, &[key], "too_many_not_found", "limits.max_not_found=20%");
    }
    let key = ["limits.max_not_found=10%"];
    assert_snapshot!(held_back(&server, &key, "too_many_not_found", "limits.max_not_found=off"), @"the service does not know 20 of 100 accounts, but limits.max_not_found allows 10 (10% of 100); check that the account list and api.sdkappid belong together, or set limits.max_not_found = 20 to publish without another call; .out.partial/failed-*.tsv lists the accounts");
    for key in ["limits.max_not_found=20", "limits.max_not_found=20%", "limits.max_not_found=off"] {
        let directory = published(100).env(SECRET_VARIABLE, server.secret_key());
        export_at(&server, &directory, &[key], 0);
        assert_eq!(rows_of(&directory, "out"), 80);
    }
}

#[test]
fn snapshot_that_shrinks_too_much_is_not_published() {
    let server = server("unknown", 0..60);
    assert_snapshot!(held_back(&server, &[], "too_few_rows", "limits.max_shrink=off"), @r#"the snapshot would have 40 rows, 60 fewer than the 100 of the snapshot [directory]/out, but limits.max_shrink allows 50 (50% of 100); check that the account list is complete and is of this app, or set limits.max_shrink = "off" to publish without another call; .out.partial/failed-*.tsv lists the accounts"#);
    held_back(&server, &["limits.max_shrink=59"], "too_few_rows", "limits.max_shrink=60");
    held_back(&server, &["limits.max_shrink=59.9999%"], "too_few_rows", "limits.max_shrink=60%");
}

#[test]
fn too_short_list_is_refused_before_the_first_call() {
    let directory = published(100).env(SECRET_VARIABLE, im_profiles::emulator::EMULATOR_SECRET_KEY);
    directory.accounts("accounts.txt", accounts(40));
    assert_snapshot!(refused(&directory, &[], 3), @r#"account list accounts.txt can bring at most 40 rows, 60 fewer than the 100 of the snapshot [directory]/out, but limits.max_shrink allows 50 (50% of 100); check that the list is complete, or set limits.max_shrink = "off""#);
    refused(&directory, &["limits.max_shrink=59"], 3);
    run("export", &directory, &["limits.max_shrink=60"]).expect_code(0);
    assert_eq!(rows_of(&directory, "out"), 40);
    directory.accounts("accounts.txt", accounts(20));
    run("export", &directory, &[]).expect_code(0);
    assert_eq!(rows_of(&directory, "out"), 20);
}

#[test]
fn duplicates_do_not_hide_a_too_short_list() {
    let directory = published(100).env(SECRET_VARIABLE, im_profiles::emulator::EMULATOR_SECRET_KEY);
    directory.accounts("accounts.txt", accounts(40).into_iter().chain(accounts(40)));
    let message = refused(&directory, &[], 3);
    assert!(message.contains("can bring at most 40 rows, 60 fewer than the 100"), "{message}");
    directory.accounts("accounts.txt", accounts(50).into_iter().chain(accounts(50)));
    run("export", &directory, &[]).expect_code(0);
    assert_eq!(rows_of(&directory, "out"), 50);
}

#[test]
fn snapshot_is_compared_with_the_previous_date() {
    let directory = TestDir::with_job(QUICK_JOB, accounts(100))
        .env(SECRET_VARIABLE, im_profiles::emulator::EMULATOR_SECRET_KEY);
    let path = "output.path=out/dt={date}/users-{date}";
    let export = |day: &str, count: usize, more: &[&str]| {
        directory.accounts("accounts.txt", accounts(count));
        let sets: Vec<&str> = [path].iter().chain(more).flat_map(|key| ["--set", key]).collect();
        directory.export(&[&["--date", day], &sets[..]].concat())
    };
    export("2026-11-20", 100, &[]).expect_code(0);
    // Neither a run at work nor what was never published counts, nor the snapshot of another table.
    directory.write("out/dt=2026-11-21/.users-2026-11-21.partial/snapshot/_SUCCESS", "");
    directory.write("out/dt=2026-11-21/users-2026-11-20/_SUCCESS", "");
    directory.write("out/.dt=2026-11-21.partial/users-2026-11-21/_SUCCESS", "");

    let before = contents(&directory.path("out"));
    let output = export("2026-11-22", 40, &[]).expect_code(3);
    let root = directory.root().canonicalize().unwrap();
    assert_snapshot!(output.error().replace(root.to_str().unwrap(), "[directory]"), @r#"account list accounts.txt can bring at most 40 rows, 60 fewer than the 100 of the snapshot [directory]/out/dt=2026-11-20/users-2026-11-20, but limits.max_shrink allows 50 (50% of 100); check that the list is complete, or set limits.max_shrink = "off""#);
    assert!(contents(&directory.path("out")) == before, "{output}");
    export("2026-11-22", 40, &["limits.max_shrink=off"]).expect_code(0);
    // The day that was published last is what the next one is compared with,
    export("2026-11-23", 20, &[]).expect_code(0);
    // that of its own date rather than another,
    assert!(export("2026-11-20", 40, &[]).expect_code(3).error().contains("users-2026-11-20"));
    // an earlier one rather than a later one, and a later one where there is no other.
    assert!(export("2026-11-21", 40, &[]).expect_code(3).error().contains("users-2026-11-20"));
    assert!(export("2026-11-19", 40, &[]).expect_code(3).error().contains("users-2026-11-20"));
}

#[test]
fn manifest_of_the_earlier_snapshot_is_not_trusted() {
    let directory = published(30).env(SECRET_VARIABLE, im_profiles::emulator::EMULATOR_SECRET_KEY);
    let manifest = directory.path("out/_manifest.json");
    let whole = fs::read_to_string(&manifest).unwrap();
    let damaged = [
        String::new(),
        "{}".to_owned(),
        "null".to_owned(),
        "[".repeat(100_000),
        whole[..whole.len() / 2].to_owned(),
        whole.replace("\"rows\": 30", "\"rows\": -1"),
        whole.replacen("\"rows\": 30", "\"rows\": 18446744073709551615", 1),
        format!("{whole}{whole}"),
    ];
    for (index, content) in damaged.iter().enumerate() {
        fs::write(&manifest, content).unwrap();
        let message = refused(&directory, &[], 2);
        assert!(message.contains("out/_manifest.json is damaged"), "{index}: {message}");
        assert!(message.ends_with("--set limits.max_shrink=off"), "{index}: {message}");
    }
    assert_snapshot!(refused(&directory, &[], 2), @"cannot check limits.max_shrink: out/_manifest.json is damaged (trailing characters at line 63 column 1); restore it, or publish without the check by --set limits.max_shrink=off");
    run("export", &directory, &["limits.max_shrink=off"]).expect_code(0);
    assert_eq!(rows_of(&directory, "out"), 30);

    fs::remove_file(&manifest).unwrap();
    fs::create_dir(&manifest).unwrap();
    assert!(refused(&directory, &[], 2).contains("not a regular file"));
    fs::remove_dir(&manifest).unwrap();
    directory.accounts("accounts.txt", accounts(3));
    let output = run("export", &directory, &[]).expect_code(0);
    assert!(output.stderr.contains("the previous snapshot has no manifest"), "{output}");
    assert_eq!(rows_of(&directory, "out"), 3);
}

#[test]
fn damaged_snapshot_of_another_date_is_skipped() {
    let directory = TestDir::with_job(QUICK_JOB, accounts(30));
    let export =
        |day: &str| directory.export(&["--date", day, "--set", "output.path=out/dt={date}"]);
    export("2026-11-20").expect_code(0);
    export("2026-11-21").expect_code(0);
    let manifest = directory.write("out/dt=2026-11-21/_manifest.json", "{");
    directory.accounts("accounts.txt", accounts(3));
    let output = export("2026-11-22").expect_code(3);
    assert!(output.error().contains("dt=2026-11-20"), "{output}");
    assert!(output.stderr.contains("the manifest of the previous snapshot is damaged"), "{output}");
    assert!(output.stderr.contains("dt=2026-11-21/_manifest.json"), "{output}");
    assert_eq!(fs::read(manifest).unwrap(), b"{");
}

/// A failing disk as far as a test can have it: links that point to themselves, which is neither "nothing there" nor
/// "permission denied".
#[test]
fn error_at_a_snapshot_of_another_date_is_reported() {
    for broken in
        ["out/dt=2026-11-21", "out/dt=2026-11-21/_SUCCESS", "out/dt=2026-11-21/_manifest.json"]
    {
        let directory = TestDir::with_job(QUICK_JOB, accounts(30));
        let export =
            |day: &str| directory.export(&["--date", day, "--set", "output.path=out/dt={date}"]);
        export("2026-11-20").expect_code(0);
        directory.write("out/dt=2026-11-21/_SUCCESS", "");
        let link = directory.path(broken);
        if link.is_dir() {
            fs::remove_dir_all(&link).unwrap();
        } else if link.exists() {
            fs::remove_file(&link).unwrap();
        }
        symlink(link.file_name().unwrap(), &link).unwrap();
        directory.accounts("accounts.txt", accounts(29));
        let output = export("2026-11-22").expect_code(1);
        for piece in ["cannot check limits.max_shrink", broken, "symbolic link", "max_shrink=off"] {
            assert!(output.error().contains(piece), "{broken}: {piece}\n{output}");
        }
        assert!(!directory.path("out/dt=2026-11-22").exists(), "{output}");
    }
}
