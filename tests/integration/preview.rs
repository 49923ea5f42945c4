//! `preview`: the rows that an export would publish, as a table or NDJSON, and the messages about all other accounts.

use std::collections::BTreeMap;

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::{EmulatorServer, Output, QUICK_JOB, TestDir};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

fn accounts(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("u{n:04}")).collect()
}

fn preview(directory: &TestDir, more: &[&str]) -> Output {
    directory.run(&[&["preview", "job.toml"], more].concat())
}

/// A preview of accounts whose nicks are given, against a server that knows them.
fn preview_of_nicks(nicks: &[&str], more: &[&str], columns: &str) -> Output {
    let names = accounts(nicks.len());
    let profile = |(account, nick): (&String, &&str)| json!({"account": account, "Tag_Profile_IM_Nick": nick, "Tag_Profile_IM_Level": nick.len()});
    let profiles: Vec<String> =
        names.iter().zip(nicks).map(|pair| format!("{}\n", profile(pair))).collect();
    let server = EmulatorServer::with_profiles(&profiles.concat());
    let directory = TestDir::with_job(QUICK_JOB, &names)
        .env(SECRET_VARIABLE, server.secret_key())
        .env("COLUMNS", columns);
    let overrides = server.overrides();
    let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
    preview(&directory, &[&overrides, more].concat())
}

fn rows(output: &Output) -> Vec<Value> {
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The width on the screen of what stands before the column `level` ends.
fn end_of_level(line: &str) -> usize {
    line.trim_end().width()
}

#[test]
fn columns_are_aligned_in_every_script() {
    let nicks =
        ["plain", "张三李四", "👩\u{200d}🚀 ok", "e\u{301}te\u{301}", "ｆｕｌｌ", "ไทย", "한국어"];
    let output = preview_of_nicks(&nicks, &[], "80").expect_code(0);
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(lines.len(), 2 + nicks.len(), "{output}");
    // The last column is of numbers, so all lines end where it ends.
    let ends: Vec<usize> = lines.iter().map(|line| end_of_level(line)).collect();
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}\n{output}");
    for (line, nick) in lines[2..].iter().zip(nicks) {
        assert!(line.contains(nick), "{output}");
    }
}

#[test]
fn narrow_terminal_lists_the_hidden_columns() {
    let long = "长".repeat(60);
    for columns in ["20", "33", "61"] {
        let output = preview_of_nicks(&[&long, "short"], &[], columns).expect_code(0);
        let width: usize = columns.parse().unwrap();
        for line in output.stdout.lines() {
            assert!(line.width() <= width, "{line:?}\n{output}");
        }
        assert_eq!(output.stdout.contains('…'), width > 24, "{output}");
        assert_eq!(output.stdout.contains("not shown"), width < 24, "{output}");
    }
    // Not a terminal, and no word on its width.
    let directory = TestDir::with_job(QUICK_JOB, accounts(3));
    let output = preview(
        &directory,
        &[
            "--set",
            "columns.0.name=a rather long name of a column, of 80 letters, for a table that has no room for it",
        ],
    );
    assert!(output.stdout.lines().all(|line| line.width() <= 80), "{output}");
}

#[test]
fn hostile_values_reach_the_terminal_as_escapes() {
    let hostile = [
        "\u{1b}[2J\u{1b}[1;1H",
        "a\r\nb\u{8}",
        "\u{9b}31m",
        "\u{202e}gpj.exe",
        "",
        "NULL",
        "a\\nb",
    ];
    let output = preview_of_nicks(&hostile, &[], "120").expect_code(0);
    let text = &output.stdout;
    assert_eq!(text.lines().count(), 2 + hostile.len(), "{output}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    assert!(!text.contains('\u{202e}'), "{text:?}");
    let shown = [
        r"\u{1b}[2J\u{1b}[1;1H",
        r"a\r\nb\u{8}",
        r"\u{9b}31m",
        r"\u{202e}gpj.exe",
        "\"\"",
        "\"NULL\"",
        r"a\\nb",
    ];
    for (line, shown) in text.lines().skip(2).zip(shown) {
        assert!(line.contains(shown), "{line}\n{output}");
    }
    // Machines get the values themselves.
    let output = preview_of_nicks(&hostile, &["--json"], "120").expect_code(0);
    let nicks: Vec<Value> = rows(&output).iter().map(|row| row["nick"].clone()).collect();
    assert_eq!(nicks, hostile);
}

#[test]
fn previewed_rows_match_the_export() {
    const COUNT: usize = 250;
    let job = format!(
        "{QUICK_JOB}\n[emulator.faults]\ntransient = {{ rate = 0.2 }}\nunknown = {{ rate = 0.05 }}\n\
         [[columns]]\ntag = \"Tag_Profile_Custom_Points\"\nname = \"points\"\ntype = \"uint64\"\n\
         [[columns]]\ntag = \"Tag_Profile_IM_BirthDay\"\nname = \"birth day\"\ntype = \"date\"\n"
    );
    // Repeats and invalid entries before the last account shown.
    let mut list = accounts(COUNT + 50);
    list.insert(3, "u0001".to_owned());
    list.insert(5, "x".repeat(33));
    let directory = TestDir::with_job(&job, &list);
    directory.export(&[]).expect_code(0);
    let names = directory.names(".");
    let output = preview(&directory, &["--json", "-n", &COUNT.to_string()]).expect_code(0);
    assert_eq!(directory.names("."), names, "a preview has written something");

    let table = directory.snapshot("out").table();
    let published: BTreeMap<&str, Vec<Value>> = table
        .by_account()
        .into_iter()
        .filter(|(account, _)| *account < "u0250")
        .map(|(account, row)| (account, row.iter().map(|cell| json!(cell)).collect()))
        .collect();
    let rows = rows(&output);
    assert_eq!(rows.len(), published.len());
    assert!(rows.len() > COUNT * 8 / 10 && rows.len() < COUNT, "{}", rows.len());
    let is_null_somewhere = |key: &str| rows.iter().any(|row| row[key].is_null());
    assert!(is_null_somewhere("nick") && is_null_somewhere("points"));
    for row in &rows {
        assert!(row["points"].is_null() || row["points"].is_u64(), "{row}");
        let as_text = |value: &Value| match value {
            Value::Number(number) => json!(number.to_string()),
            other => other.clone(),
        };
        let cells: Vec<Value> = ["account", "nick", "level", "points", "birth day"]
            .map(|key| as_text(&row[key]))
            .to_vec();
        assert_eq!(cells, published[row["account"].as_str().unwrap()]);
    }
    let shown: Vec<&str> = rows.iter().map(|row| row["account"].as_str().unwrap()).collect();
    assert!(shown.is_sorted(), "rows are in the order of the list");
    assert!(
        output.stdout.starts_with("{\"account\":\"u0000\",\"nick\":"),
        "{}",
        &output.stdout[..80]
    );
    let reported = output.stderr.matches("no row for u").count();
    assert_eq!(reported, COUNT - rows.len(), "{output}");
    assert!(output.stderr.contains("invalid_account: it has 33 bytes"), "{output}");
}

#[test]
fn accounts_without_a_row_are_listed_with_their_category() {
    let job = format!(
        "{QUICK_JOB}\n[emulator.faults]\nunknown = {{ accounts = [\"u0001\"] }}\n\
         permanent = {{ accounts = [\"u0002\"] }}\npoison = {{ accounts = [\"u0003\"] }}\n"
    );
    let directory = TestDir::with_job(&job, accounts(6));
    let output = preview(&directory, &["-n", "5"]).expect_code(0).expect_stderr(&[
        "no row for u0001 (line 2): not_found 40003: ",
        "no row for u0002 (line 3): internal_error 40006: ",
        "no row for u0003 (line 4): rejected 40001: ",
    ]);
    assert_eq!(output.stderr.lines().count(), 4, "{output}");
    assert!(output.stderr.ends_with(" calls failed\n"), "{output}");
    assert_eq!(output.stdout.lines().count(), 2 + 2, "{output}");
    let logged = preview(&directory, &["-n", "5", "--log-format", "json"]).expect_code(0);
    for (line, account) in logged.stderr.lines().zip(["u0001", "u0002", "u0003"]) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["message"].as_str().unwrap().contains(account), "{logged}");
    }
    assert_eq!(logged.stderr.lines().count(), 4, "{logged}");
    let quiet = preview(&directory, &["-n", "5", "-q"]).expect_code(0);
    assert_eq!((quiet.stdout, quiet.stderr.as_str()), (output.stdout, ""));
}

#[test]
fn preview_without_rows_because_of_failures_fails() {
    let failing = format!("{QUICK_JOB}\n[emulator.faults]\npermanent = {{ rate = 1.0 }}\n");
    let output = preview(&TestDir::with_job(&failing, accounts(4)), &[]).expect_code(3);
    assert!(output.error().contains("4 of 4 accounts failed"), "{output}");
    // Accounts that do not exist are a fact, and so is an empty list.
    let unknown = format!("{QUICK_JOB}\n[emulator.faults]\nunknown = {{ rate = 1.0 }}\n");
    preview(&TestDir::with_job(&unknown, accounts(4)), &[]).expect_code(0);
    let output = preview(&TestDir::with_job(QUICK_JOB, accounts(0)), &[]).expect_code(0);
    assert_eq!(output.stdout, "account  nick  level\n-------  ----  -----\n");
}

#[test]
fn list_on_standard_input_is_previewed() {
    let directory = TestDir::with_job(QUICK_JOB, accounts(0));
    let arguments = [
        "preview",
        "job.toml",
        "--json",
        "--set",
        "accounts.path=-",
        "--set",
        "accounts.format=txt",
    ];
    let output = directory.run_with_input(&arguments, b"one\ntwo\n").expect_code(0);
    assert_eq!(rows(&output).len(), 2);
}

#[test]
fn preview_stops_with_the_exit_code_of_an_export() {
    let server = EmulatorServer::start(Default::default());
    let overrides = server.overrides();
    let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
    let directory = |key: &str| TestDir::with_job(QUICK_JOB, accounts(3)).env(SECRET_VARIABLE, key);
    let wrong = preview(&directory("not-the-key"), &overrides).expect_code(4);
    assert!(wrong.error().contains("the service refused the call"), "{wrong}");
    let unset = preview(&TestDir::with_job(QUICK_JOB, accounts(3)), &overrides).expect_code(2);
    assert!(unset.error().contains(SECRET_VARIABLE), "{unset}");
    drop(server);
    let patience = ["--set", "retry.outage_patience=50ms"];
    let gone =
        preview(&directory("any-key"), &[&overrides, &patience[..]].concat()).expect_code(75);
    assert!(gone.error().contains(" failed calls, the last one: "), "{gone}");
    assert!(!gone.error().contains("resume"), "{gone}");
    let no_list =
        preview(&TestDir::with_job(QUICK_JOB, accounts(3)), &["--set", "accounts.path=none.txt"]);
    assert!(no_list.expect_code(2).error().contains("none.txt"));
}

#[test]
fn an_account_whose_duplicates_remain_has_several_rows_in_list_order() {
    let directory = TestDir::with_job(QUICK_JOB, ["a", "b", "a", "a", "c"]);
    let names = |duplicates: &str| -> Vec<String> {
        let key = format!("accounts.duplicates={duplicates}");
        let output = preview(&directory, &["--json", "--set", &key]).expect_code(0);
        rows(&output).iter().map(|row| row["account"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("exact"), ["a", "b", "c"]);
    assert_eq!(names("adjacent"), ["a", "b", "a", "c"]);
    assert_eq!(names("none"), ["a", "b", "a", "a", "c"]);
}
