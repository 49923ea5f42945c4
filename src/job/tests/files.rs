//! The file as a whole: encoding, syntax, unknown keys, nesting.

use jiff::civil::date;

use super::*;

#[test]
fn broken_toml_refused_without_repeating_the_line() {
    let line = "secret_key_env = \"IM_SECRET_KEY\"";
    let text = errors_after(&[
        (line, "secret_key = hunter2"),
        (line, "secret_key = \"hunter2"),
        (line, "secret_key = \"\"\"hunter2"),
        (line, "secret_key \"hunter2\""),
        (line, "secret_key = \"hunter2\" hunter2"),
        (line, "secret_key = \"hunter2\"\nsecret_key = \"hunter2\""),
        (line, "secret_key = \"hunter2\\q\""),
        (line, "secret_key = 22222222222222222222222222222222222222222"),
        (line, "secret_key = 2222222z"),
        (line, "= \"hunter2\""),
        ("[output]", "[output"),
        ("[output]", "[api]"),
        ("timeout = \"5s\"", "timeout = 5s"),
    ]);
    for secret in ["hunter2", "2222222"] {
        assert!(!text.contains(secret), "{text}");
    }
    insta::assert_snapshot!(text, @r#"
    jobs/n.toml:12: is not valid TOML at column 14: string values must be quoted, expected literal string
    jobs/n.toml:12: is not valid TOML at column 22: invalid basic string, expected `"`
    jobs/n.toml:58: is not valid TOML at column 1: invalid multi-line basic string, expected `"`
    jobs/n.toml:12: is not valid TOML at column 12: key with no value, expected `=`
    jobs/n.toml:12: is not valid TOML at column 24: unexpected key or value, expected newline, `#`
    jobs/n.toml:13: is not valid TOML at column 1: duplicate key
    jobs/n.toml:12: is not valid TOML at column 23: missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\`, `"`, `x`, `u`, `U`
    jobs/n.toml:12: is not valid TOML at column 14: integer number overflowed
    jobs/n.toml:12: is not valid TOML at column 14: string values must be quoted, expected literal string
    jobs/n.toml:12: is not valid TOML at column 1: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`
    jobs/n.toml:27: is not valid TOML at column 8: unclosed table, expected `]`
    jobs/n.toml:27: is not valid TOML at column 2: duplicate key
    jobs/n.toml:15: is not valid TOML at column 11: string values must be quoted, expected literal string
    "#);
}

#[test]
fn unknown_keys_refused() {
    insta::assert_snapshot!(errors_after(&[
        ("[limits]", "[limit]"),
        ("[limits]", "[quota]"),
        ("max_failed = \"0.5%\"", "max_fail = 5"),
        ("calls_per_second = 100", "call_per_second = 100"),
        ("calls_per_second = 100", "burst = 100"),
        ("calls_per_second = 100", "\"calls per\\u001bsecond\" = 100"),
        ("[limits]", "[emulator]\nno_such_fault = 1\n\n[limits]"),
        ("[retry]", "[[retry]]"),
        ("[output]", "[[output]]"),
        ("name = \"n\"", "name = \"n\"\nemulator = []"),
    ]), @r#"
    jobs/n.toml:40: limit: is not a known key; did you mean limits?
    jobs/n.toml:40: quota: is not a known key; write one of: name, accounts, api, columns, output, store, retry, limits, metrics, emulator
    jobs/n.toml:41: limits.max_fail: is not a known key; did you mean max_failed?
    jobs/n.toml:13: api.call_per_second: is not a known key; did you mean calls_per_second?
    jobs/n.toml:13: api.burst: is not a known key; write one of: emulator, region, base_url, sdkappid, identifier, secret_key_env, secret_key_file, usersig_env, calls_per_second, max_in_flight, timeout
    jobs/n.toml:13: api."calls per\u{1b}second": is not a known key; did you mean calls_per_second?
    jobs/n.toml:41: emulator.no_such_fault: is not a known key; write one of: seed, rate, population, open_questions, faults, oddities
    jobs/n.toml:34: retry: is a list; write [retry] in single brackets, once
    jobs/n.toml:27: output: is a list; write [output] in single brackets, once
    jobs/n.toml:2: emulator: is a list; write [emulator] in single brackets, once
    "#);
}

#[test]
fn files_that_are_not_job_files_refused() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |name: &str, bytes: Option<&[u8]>| {
        let path = directory.path().join(name);
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let error = Job::load(&path, &[], date(2026, 11, 22)).unwrap_err().to_string();
        error.replace(&directory.path().display().to_string(), "jobs")
    };
    insta::assert_snapshot!(refused("missing.toml", None), @"jobs/missing.toml: the file does not exist; check the path");
    insta::assert_snapshot!(refused("", None), @"jobs/: is a directory; give the path of a .toml file");
    insta::assert_snapshot!(refused("latin1.toml", Some(b"name = \"n\"\n# caf\xe9\n")), @"jobs/latin1.toml:2: is not UTF-8 text; save the file as UTF-8");
    insta::assert_snapshot!(refused("list.csv", Some(&vec![b'\n'; (1 << 20) + 1])), @"jobs/list.csv: is larger than 1 MiB, which is too large for a settings file; check the path");
    insta::assert_snapshot!(refused("empty.toml", Some(b"")), @r#"jobs/empty.toml: name: is missing; write a name for the run, such as "nightly""#);
}

#[test]
fn byte_order_mark_and_windows_line_ends_are_accepted() {
    let text = format!("\u{feff}{}", FULL.replace('\n', "\r\n"));
    assert_eq!(load(&text, &[]).unwrap().name, "n");
    let refused = load(&text.replace("max_in_flight = 8", "max_in_flight = 0"), &[]).unwrap_err();
    assert!(refused.starts_with("jobs/n.toml:14: api.max_in_flight: "), "{refused}");
}

#[test]
fn deep_nesting_refused() {
    const DEPTH: usize = 100_000;
    let lists = format!("name = {}", "[".repeat(DEPTH));
    let tables = format!("name = {}", "{ a = ".repeat(DEPTH));
    let dotted = format!("name{} = 1", ".a".repeat(DEPTH));
    let header = format!("[name{}]", ".a".repeat(DEPTH));
    for text in [lists, tables, dotted, header] {
        let error = load(&text, &[]).unwrap_err();
        assert!(error.starts_with("jobs/n.toml:1: is not valid TOML at column "), "{error}");
        let argument = text.replacen(" = ", "=", 1);
        let error = load(FULL, &[&argument]).unwrap_err();
        assert!(error.starts_with("--set ") && error.len() < 1_000, "{error}");
    }
}
