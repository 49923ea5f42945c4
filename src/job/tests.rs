//! Every refusal with its exact text, the defaults, and that no text makes the program panic or tell a secret.

use super::*;
use crate::accounts::{ListFormat, ListPath};
use crate::snapshot::{Compression, Format, IfExists};
use crate::table::ColumnType;
use jiff::civil::date;
use proptest::prelude::*;

/// A job with every key.
const FULL: &str = r#"name = "n"

[accounts]
path = "list.csv"
format = "csv"
column = "account"

[api]
region = "china"
sdkappid = 1400000001
identifier = "admin"
secret_key_env = "IM_SECRET_KEY"
calls_per_second = 100
max_in_flight = 8
timeout = "5s"

[[columns]]
tag = "Tag_Profile_IM_Nick"
name = "nick"
type = "string"

[[columns]]
tag = "Tag_Profile_Custom_Points"
name = "points"
type = "uint64"

[output]
path = "out/dt={date}"
format = "parquet"
compression = "gzip"
accounts_per_part = 1_000
if_exists = "fail"

[retry]
max_attempts = 3
initial_backoff = "100ms"
max_backoff = "1m"
outage_patience = "2h"

[limits]
max_failed = "0.5%"
max_invalid = 7
max_not_found = "2%"
max_shrink = "off"
allow_empty = true
deadline = "4h"

[metrics]
textfile = "im.prom"
listen = "127.0.0.1:9187"
"#;

/// The shortest job.
const SHORT: &str = r#"name = "n"
accounts.path = "list.txt"
api.emulator = true
columns = [{ tag = "Tag_Profile_IM_BirthDay" }]
output.path = "out"
"#;

fn load(text: &str, overrides: &[&str]) -> Result<Job, String> {
    let overrides: Vec<String> = overrides.iter().map(|&one| one.to_owned()).collect();
    let path = Path::new("jobs/n.toml");
    Job::from_text(path, text, &overrides, date(2026, 11, 22)).map_err(|error| error.to_string())
}

#[track_caller]
fn full_with(from: &str, to: &str) -> String {
    assert_eq!(FULL.matches(from).count(), 1, "{from}");
    FULL.replace(from, to)
}

/// The refusals of the full job after each replacement, one a line.
#[track_caller]
fn refusals(replacements: &[(&str, &str)]) -> String {
    let refused = |(from, to): &(&str, &str)| load(&full_with(from, to), &[]).unwrap_err() + "\n";
    replacements.iter().map(refused).collect()
}

#[test]
fn every_key_arrives_where_it_belongs() {
    let job = load(FULL, &[]).unwrap();
    assert_eq!(job.name, "n");
    assert_eq!(job.accounts.path, ListPath::File("jobs/list.csv".into()));
    assert_eq!(job.accounts.format, Some(ListFormat::Csv));
    assert_eq!(job.accounts.column.as_deref(), Some("account"));
    let expected = ApiSettings {
        target: Target::Endpoint(Endpoint::of_region("china").unwrap()),
        sdkappid: 1_400_000_001,
        identifier: "admin".to_owned(),
        secret: SecretSource::KeyEnv("IM_SECRET_KEY".to_owned()),
        calls_per_second: 100,
        max_in_flight: 8,
        timeout: Duration::from_secs(5),
    };
    assert_eq!(job.api, expected);
    let column = |tag: &str, name: &str, column_type| Column {
        tag: tag.to_owned(),
        name: name.to_owned(),
        column_type,
    };
    let expected = [
        column("Tag_Profile_IM_Nick", "nick", ColumnType::String),
        column("Tag_Profile_Custom_Points", "points", ColumnType::Uint64),
    ];
    assert_eq!(job.columns, expected);
    let expected = OutputSettings {
        path: "jobs/out/dt=2026-11-22".into(),
        format: Format::Parquet,
        compression: Compression::Gzip,
        accounts_per_part: 1_000,
        if_exists: IfExists::Fail,
    };
    assert_eq!(job.output, expected);
    let expected = RetrySettings {
        max_attempts: 3,
        initial_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_mins(1),
        outage_patience: Duration::from_hours(2),
    };
    assert_eq!(job.retry, expected);
    let expected = Limits {
        max_failed: Limit::PartsPerMillion(5_000),
        max_invalid: Limit::Count(7),
        max_not_found: Limit::PartsPerMillion(20_000),
        max_shrink: Limit::Off,
        allow_empty: true,
        deadline: Some(Duration::from_hours(4)),
    };
    assert_eq!(job.limits, expected);
    let dated = DatedPath::new(Path::new("jobs"), "out/dt={date}", date(2026, 11, 22));
    assert_eq!(job.dated_output, dated);
    assert_eq!(job.metrics.textfile, Some("jobs/im.prom".into()));
    assert_eq!(job.metrics.listen, Some("127.0.0.1:9187".parse().unwrap()));
}

#[test]
fn what_is_left_out_has_its_default() {
    let job = load(SHORT, &[]).unwrap();
    assert_eq!(job.accounts.format, Some(ListFormat::Txt));
    let expected = ApiSettings {
        target: Target::Emulator,
        sdkappid: 1_400_000_000,
        identifier: "administrator".to_owned(),
        secret: SecretSource::EmulatorKey,
        calls_per_second: 200,
        max_in_flight: 64,
        timeout: Duration::from_secs(10),
    };
    assert_eq!(job.api, expected);
    assert_eq!(job.columns[0].name, "Tag_Profile_IM_BirthDay");
    assert_eq!(job.columns[0].column_type, ColumnType::Uint32);
    let expected = OutputSettings {
        path: "jobs/out".into(),
        format: Format::Parquet,
        compression: Compression::Zstd,
        accounts_per_part: 250_000,
        if_exists: IfExists::Replace,
    };
    assert_eq!(job.output, expected);
    let expected = RetrySettings {
        max_attempts: 6,
        initial_backoff: Duration::from_millis(500),
        max_backoff: Duration::from_secs(30),
        outage_patience: Duration::from_mins(30),
    };
    assert_eq!(job.retry, expected);
    let expected = Limits {
        max_failed: Limit::PartsPerMillion(10_000),
        max_invalid: Limit::PartsPerMillion(10_000),
        max_not_found: Limit::Off,
        max_shrink: Limit::PartsPerMillion(500_000),
        allow_empty: false,
        deadline: None,
    };
    assert_eq!(job.limits, expected);
    assert_eq!(job.dated_output, None);
    assert_eq!(job.metrics, MetricsSettings::default());
}

#[test]
fn the_emulator_takes_the_app_that_is_named_and_reads_no_secret() {
    let job = load(FULL, &["api.emulator=true"]).unwrap();
    assert_eq!(job.api.target, Target::Emulator);
    assert_eq!((job.api.sdkappid, job.api.identifier.as_str()), (1_400_000_001, "admin"));
    assert_eq!(job.api.secret, SecretSource::EmulatorKey);
}

#[test]
fn the_other_sources_of_the_secret() {
    let secret = |line: &str| {
        let text = full_with("secret_key_env = \"IM_SECRET_KEY\"", line);
        load(&text, &[]).unwrap().api.secret
    };
    assert_eq!(secret("secret_key_file = \"key\""), SecretSource::KeyFile("jobs/key".into()));
    assert_eq!(secret("secret_key_file = \"/run/k\""), SecretSource::KeyFile("/run/k".into()));
    assert_eq!(secret("usersig_env = \"SIG\""), SecretSource::UserSigEnv("SIG".to_owned()));
}

#[test]
fn a_target_on_this_machine_needs_no_limit_and_no_patience() {
    let quick = ["api.calls_per_second=0", "api.timeout=50ms"];
    for target in ["api.emulator=true", "api.base_url=http://127.0.0.1:8080"] {
        let job = load(FULL, &[target, quick[0], quick[1]]).unwrap();
        assert_eq!((job.api.calls_per_second, job.api.timeout), (0, Duration::from_millis(50)));
    }
    for override_ in quick {
        assert!(
            load(FULL, &["api.base_url=https://im.example", override_]).is_err(),
            "{override_}"
        );
    }
}

#[test]
fn the_format_of_the_list_comes_from_its_name() {
    use ListFormat::{Csv, Ndjson, Parquet, Txt};
    for (name, format) in [
        ("a.csv", Csv),
        ("a.b/c.CSV.gz", Csv),
        ("a.txt.zst", Txt),
        ("a.ndjson", Ndjson),
        ("dt={date}/a.parquet", Parquet),
    ] {
        let column = if format == Txt { "" } else { "\ncolumn = \"account\"" };
        let lines = "path = \"list.csv\"\nformat = \"csv\"\ncolumn = \"account\"";
        let text = full_with(lines, &format!("path = \"{name}\"{column}"));
        assert_eq!(load(&text, &[]).unwrap().accounts.format, Some(format), "{name}");
    }
}

#[test]
fn standard_input_and_a_csv_list_of_one_column() {
    let job = load(FULL, &["accounts.path=-"]).unwrap();
    assert_eq!(job.accounts.path, ListPath::Stdin);
    let job = load(&full_with("column = \"account\"\n", ""), &[]).unwrap();
    assert_eq!(job.accounts.column, None);
}

#[test]
fn name_refused() {
    let long = format!("name = \"{}\"", "n".repeat(101));
    insta::assert_snapshot!(refusals(&[
        ("name = \"n\"\n", ""),
        ("name = \"n\"", "name = \" \""),
        ("name = \"n\"", "name = 5"),
        ("name = \"n\"", "name = \"a\\u001bb\""),
        ("name = \"n\"", &long),
    ]), @r#"
    jobs/n.toml: name: is missing; write what the run is to be called, such as "nightly"
    jobs/n.toml:1: name: is empty; write what the run is to be called, such as "nightly"
    jobs/n.toml:1: name: is the number 5; write text in quotes
    jobs/n.toml:1: name: holds the control character \u{1b}; write the text in one line without it
    jobs/n.toml:1: name: is longer than 100 characters; write a shorter one
    "#);
}

#[test]
fn accounts_refused() {
    let lines = "path = \"list.csv\"\nformat = \"csv\"\ncolumn = \"account\"";
    insta::assert_snapshot!(refusals(&[
        ("path = \"list.csv\"\n", ""),
        (&format!("[accounts]\n{lines}"), ""),
        ("\"list.csv\"", "\"\""),
        ("\"list.csv\"", "\"~/list.csv\""),
        ("\"list.csv\"", "\"{data}/list.csv\""),
        ("\"list.csv\"", "\"{date/list.csv\""),
        ("\"list.csv\"", "\"list}.csv\""),
        ("\"list.csv\"", "\"a\\nb.csv\""),
        ("\"list.csv\"", "\"out/dt=2026-11-22/_failed_accounts.csv\""),
        ("format = \"csv\"", "format = \"CSV\""),
        ("format = \"csv\"", "format = \"xml\""),
        (lines, "path = \"-\""),
        (lines, "path = \"list.jsonl\""),
        ("format = \"csv\"", "format = \"txt\""),
        ("format = \"csv\"\ncolumn = \"account\"", "format = \"ndjson\""),
        ("format = \"csv\"\ncolumn = \"account\"", "format = \"parquet\""),
        ("column = \"account\"", "column = \"\""),
    ]), @r#"
    jobs/n.toml:3: accounts.path: is missing; write the path of the account list, or "-" for standard input
    jobs/n.toml: accounts.path: is missing; write the path of the account list, or "-" for standard input
    jobs/n.toml:4: accounts.path: is empty; write the path of the account list, or "-" for standard input
    jobs/n.toml:4: accounts.path: begins with "~", which only a shell knows; write the directory out
    jobs/n.toml:4: accounts.path: has "{data}"; the only placeholder is {date}
    jobs/n.toml:4: accounts.path: has "{date/list.csv"; the only placeholder is {date}
    jobs/n.toml:4: accounts.path: has "}"; the only placeholder is {date}
    jobs/n.toml:4: accounts.path: holds the control character \u{a}; write the text in one line without it
    jobs/n.toml:4: accounts.path: is inside output.path, which the run replaces; copy the list to another directory
    jobs/n.toml:5: accounts.format: is "CSV"; did you mean csv?
    jobs/n.toml:5: accounts.format: is "xml"; write one of: csv, txt, ndjson, parquet
    jobs/n.toml:3: accounts.format: is missing, and standard input has no name that tells it; write one of: csv, txt, ndjson, parquet
    jobs/n.toml:3: accounts.format: is missing, and the name of accounts.path does not tell it; write one of: csv, txt, ndjson, parquet
    jobs/n.toml:6: accounts.column: is set, but a txt list has one account a line and no columns; take it out, or set accounts.format
    jobs/n.toml:3: accounts.column: is missing; write the name of the key (ndjson) or column (parquet) that holds the account
    jobs/n.toml:3: accounts.column: is missing; write the name of the key (ndjson) or column (parquet) that holds the account
    jobs/n.toml:6: accounts.column: is empty; write the name of the column that holds the account
    "#);
}

#[test]
fn api_refused() {
    insta::assert_snapshot!(refusals(&[
        ("region = \"china\"\n", ""),
        ("region = \"china\"\n", "emulator = false\n"),
        ("region = \"china\"", "region = \"china\"\nbase_url = \"https://im.example\""),
        ("region = \"china\"", "region = \"china\"\nemulator = true"),
        ("region = \"china\"", "region = \"mars\""),
        ("region = \"china\"", "base_url = \"http://im.example\""),
        ("region = \"china\"", "base_url = \"https://im.example?usersig=hunter2\""),
        ("region = \"china\"", "emulator = \"yes\""),
        ("sdkappid = 1400000001\n", ""),
        ("sdkappid = 1400000001", "sdkappid = 0"),
        ("sdkappid = 1400000001", "sdkappid = -7"),
        ("sdkappid = 1400000001", "sdkappid = \"1400000001\""),
        ("identifier = \"admin\"", "identifier = \"\""),
        ("identifier = \"admin\"", "identifier = \"管理员\""),
        ("identifier = \"admin\"", "identifier = \"an-administrator-with-a-long-name\""),
        ("calls_per_second = 100", "calls_per_second = 0"),
        ("calls_per_second = 100", "calls_per_second = -1"),
        ("calls_per_second = 100", "calls_per_second = 10_001"),
        ("calls_per_second = 100", "calls_per_second = 9_000_000_000"),
        ("calls_per_second = 100", "calls_per_second = 99.5"),
        ("max_in_flight = 8", "max_in_flight = 0"),
        ("max_in_flight = 8", "max_in_flight = 4097"),
        ("timeout = \"5s\"", "timeout = \"3s\""),
        ("timeout = \"5s\"", "timeout = \"6m\""),
    ]), @r#"
    jobs/n.toml:8: api.region: is missing; write one of: region = "singapore" (or another), base_url = "https://...", emulator = true
    jobs/n.toml:8: api.region: is missing; write one of: region = "singapore" (or another), base_url = "https://...", emulator = true
    jobs/n.toml:10: api.base_url: is set beside api.region, and only one of them can hold; take one out
    jobs/n.toml:9: api.region: is set beside api.emulator, and only one of them can hold; take one out
    jobs/n.toml:9: api.region: there is no region "mars"; use one of china, singapore, seoul, tokyo, frankfurt, silicon-valley, jakarta, mumbai, saudi-arabia, or base_url for any other host
    jobs/n.toml:9: api.base_url: plain http:// is only allowed to a loopback address, since the URL carries the UserSig; use https://im.example
    jobs/n.toml:9: api.base_url: "im.example" is not a base URL: it has a query or a fragment; write scheme and host, such as https://console.tim.qq.com
    jobs/n.toml:9: api.emulator: is the text "yes"; write true or false
    jobs/n.toml:8: api.sdkappid: is missing; write the SDKAppID that the console shows for the app
    jobs/n.toml:10: api.sdkappid: is not above 0; write the SDKAppID that the console shows for the app
    jobs/n.toml:10: api.sdkappid: is not above 0; write the SDKAppID that the console shows for the app
    jobs/n.toml:10: api.sdkappid: is the text "1400000001"; write a whole number without quotes
    jobs/n.toml:11: api.identifier: is empty; write the account of an app administrator, such as "administrator"
    jobs/n.toml:11: api.identifier: is "管理员", but an account has at most 32 bytes of printable ASCII; write the account of an app administrator, such as "administrator"
    jobs/n.toml:11: api.identifier: is "an-administrator-with-a-long-name", but an account has at most 32 bytes of printable ASCII; write the account of an app administrator, such as "administrator"
    jobs/n.toml:13: api.calls_per_second: is 0, which means no limit and is only for the emulator or a loopback base_url, since the service refuses what is above the app's limit; write a number from 1 to 10000
    jobs/n.toml:13: api.calls_per_second: is -1, which is out of range; write a whole number from 1 to 10000
    jobs/n.toml:13: api.calls_per_second: is 10001, which is out of range; write a whole number from 1 to 10000
    jobs/n.toml:13: api.calls_per_second: is 9000000000, which is out of range; write a whole number from 1 to 10000
    jobs/n.toml:13: api.calls_per_second: is the number 99.5; write a whole number without quotes
    jobs/n.toml:14: api.max_in_flight: is 0, which is out of range; write a whole number from 1 to 4096
    jobs/n.toml:14: api.max_in_flight: is 4097, which is out of range; write a whole number from 1 to 4096
    jobs/n.toml:15: api.timeout: is "3s", but the service itself takes up to 3s to answer or to report a timeout; write a longer one, such as "10s"
    jobs/n.toml:15: api.timeout: is "6m", which is out of range; write a duration from 1ms to 5m
    "#);
}

#[test]
fn secret_refused_and_never_repeated() {
    let line = "secret_key_env = \"IM_SECRET_KEY\"";
    let pasted_key = format!("secret_key_env = \"{}\"", "a5bd2850fff3ecb1".repeat(4));
    let pasted_key_file = format!("secret_key_file = \"{}\"", "a5bd2850fff3ecb1".repeat(4));
    let pasted_usersig = format!("usersig_env = \"eJw{}\"", "hunter2".repeat(20));
    let text = refusals(&[
        (line, ""),
        (line, &format!("{line}\nsecret_key_file = \"hunter2\"")),
        (line, "usersig_env = \"A\"\nsecret_key_file = \"hunter2\""),
        (line, "secret_key = \"hunter2\""),
        (line, "SecretKey = \"hunter2\""),
        (line, "usersig = \"hunter2\""),
        (line, "usersig.value = \"hunter2\""),
        (line, "secret_keys = \"hunter2\""),
        ("name = \"n\"", "name = \"n\"\nsecret = \"hunter2\""),
        (line, "secret_key_env = \"hunter2 \""),
        (line, "secret_key_env = \"2hunter2\""),
        (line, "secret_key_env = \"\""),
        (line, "secret_key_env = [\"hunter2\"]"),
        (line, "secret_key_env = 2222222"),
        (line, &pasted_key),
        (line, &pasted_key_file),
        (line, "secret_key_file = \"\""),
        (line, "secret_key_file = \"~/hunter2\""),
        (line, &pasted_usersig),
    ]);
    for secret in ["hunter2", "a5bd2850", "2222222"] {
        assert!(!text.contains(secret), "{text}");
    }
    insta::assert_snapshot!(text, @r#"
    jobs/n.toml:8: api.secret_key_env: is missing; write the name of the environment variable that holds the secret key, or write secret_key_file or usersig_env instead
    jobs/n.toml:13: api.secret_key_file: is set beside api.secret_key_env, and only one of them can hold; take one out
    jobs/n.toml:12: api.usersig_env: is set beside api.secret_key_file, and only one of them can hold; take one out
    jobs/n.toml:12: api.secret_key: a secret does not belong in a job or on a command line; take it out, put it into an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env
    jobs/n.toml:12: api.SecretKey: a secret does not belong in a job or on a command line; take it out, put it into an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env
    jobs/n.toml:12: api.usersig: a secret does not belong in a job or on a command line; take it out, put it into an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env
    jobs/n.toml:12: api.usersig: a secret does not belong in a job or on a command line; take it out, put it into an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env
    jobs/n.toml:12: api.secret_keys: is not a known key; did you mean secret_key_env?
    jobs/n.toml:2: secret: a secret does not belong in a job or on a command line; take it out, put it into an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env
    jobs/n.toml:12: api.secret_key_env: is not the name of an environment variable; write one of letters, digits and _, such as IM_SECRET_KEY
    jobs/n.toml:12: api.secret_key_env: is not the name of an environment variable; write one of letters, digits and _, such as IM_SECRET_KEY
    jobs/n.toml:12: api.secret_key_env: is not the name of an environment variable; write one of letters, digits and _, such as IM_SECRET_KEY
    jobs/n.toml:12: api.secret_key_env: is not what it must be; write text in quotes
    jobs/n.toml:12: api.secret_key_env: is not what it must be; write text in quotes
    jobs/n.toml:12: api.secret_key_env: looks like the secret itself; write the name of the variable or file that holds it
    jobs/n.toml:12: api.secret_key_file: looks like the secret itself; write the name of the variable or file that holds it
    jobs/n.toml:12: api.secret_key_file: is empty; write the path of the file that holds the secret key
    jobs/n.toml:12: api.secret_key_file: begins with "~", which only a shell knows; write the directory out
    jobs/n.toml:12: api.usersig_env: looks like the secret itself; write the name of the variable or file that holds it
    "#);
}

#[test]
fn broken_toml_refused_without_its_line() {
    let line = "secret_key_env = \"IM_SECRET_KEY\"";
    let text = refusals(&[
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
    jobs/n.toml:12: is not TOML at column 14: string values must be quoted, expected literal string
    jobs/n.toml:12: is not TOML at column 22: invalid basic string, expected `"`
    jobs/n.toml:51: is not TOML at column 1: invalid multi-line basic string, expected `"`
    jobs/n.toml:12: is not TOML at column 12: key with no value, expected `=`
    jobs/n.toml:12: is not TOML at column 24: unexpected key or value, expected newline, `#`
    jobs/n.toml:13: is not TOML at column 1: duplicate key
    jobs/n.toml:12: is not TOML at column 23: missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\`, `"`, `x`, `u`, `U`
    jobs/n.toml:12: is not TOML at column 14: integer number overflowed
    jobs/n.toml:12: is not TOML at column 14: string values must be quoted, expected literal string
    jobs/n.toml:12: is not TOML at column 1: unquoted keys cannot be empty, expected letters, numbers, `-`, `_`
    jobs/n.toml:27: is not TOML at column 8: unclosed table, expected `]`
    jobs/n.toml:27: is not TOML at column 2: duplicate key
    jobs/n.toml:15: is not TOML at column 11: string values must be quoted, expected literal string
    "#);
}

#[test]
fn columns_refused() {
    let first = "[[columns]]\ntag = \"Tag_Profile_IM_Nick\"\nname = \"nick\"\ntype = \"string\"\n";
    let second =
        "[[columns]]\ntag = \"Tag_Profile_Custom_Points\"\nname = \"points\"\ntype = \"uint64\"\n";
    let both = format!("{first}\n{second}");
    let nick = "\"Tag_Profile_IM_Nick\"";
    let many: String =
        (0..33).map(|n| format!("[[columns]]\ntag = \"Tag_Profile_Custom_{n}\"\n")).collect();
    let long_name = format!("\"{}\"", "n".repeat(129));
    insta::assert_snapshot!(refusals(&[
        (&both, ""),
        (&both, "[columns]\ntag = \"Tag_Profile_IM_Nick\"\n"),
        (&both, &many),
        ("tag = \"Tag_Profile_IM_Nick\"\n", ""),
        (nick, "\"Tag_Profile_IM_nick\""),
        (nick, "\"Tag_Profile_IM_Birthday\""),
        (nick, "\"nick\""),
        (nick, "\"Tag_Profile_IM_Phone\""),
        (nick, "\"Tag_Profile_Custom_\""),
        (nick, "\"tag_profile_custom_Points\""),
        (nick, "\"\""),
        (nick, "\"Tag_Profile_Custom_Points\""),
        ("\"points\"", "\"Nick\""),
        ("\"points\"", "\"Account\""),
        ("\"points\"", "\"\""),
        ("\"points\"", "\" points\""),
        ("\"points\"", &long_name),
        ("\"string\"", "\"uint32\""),
        ("\"uint64\"", "\"int\""),
        ("\"uint64\"", "64"),
        ("name = \"points\"", "title = \"points\""),
    ]), @r#"
    jobs/n.toml: columns: is missing; write at least one [[columns]] with a tag, such as tag = "Tag_Profile_IM_Nick"
    jobs/n.toml:17: columns: is a single table; write [[columns]] in double brackets for each
    jobs/n.toml:17: columns: has 33 items, but an app has at most 32 tags; take some out
    jobs/n.toml:17: columns.0.tag: is missing; write a profile tag, such as "Tag_Profile_IM_Nick"
    jobs/n.toml:18: columns.0.tag: is "Tag_Profile_IM_nick", which is not a tag; did you mean Tag_Profile_IM_Nick?
    jobs/n.toml:18: columns.0.tag: is "Tag_Profile_IM_Birthday", which is not a tag; did you mean Tag_Profile_IM_BirthDay?
    jobs/n.toml:18: columns.0.tag: is "nick", which is not a tag; did you mean Tag_Profile_IM_Nick?
    jobs/n.toml:18: columns.0.tag: is "Tag_Profile_IM_Phone", which is not a tag; write Tag_Profile_Custom_ and a custom field's name, or one of: Tag_Profile_IM_Nick, Tag_Profile_IM_Gender, Tag_Profile_IM_BirthDay, Tag_Profile_IM_Location, Tag_Profile_IM_SelfSignature, Tag_Profile_IM_AllowType, Tag_Profile_IM_Language, Tag_Profile_IM_Image, Tag_Profile_IM_MsgSettings, Tag_Profile_IM_AdminForbidType, Tag_Profile_IM_Level, Tag_Profile_IM_Role
    jobs/n.toml:18: columns.0.tag: is "Tag_Profile_Custom_", which is not a tag; write Tag_Profile_Custom_ and the field's name, with capitals as in the console
    jobs/n.toml:18: columns.0.tag: is "tag_profile_custom_Points", which is not a tag; write Tag_Profile_Custom_ and the field's name, with capitals as in the console
    jobs/n.toml:18: columns.0.tag: is empty; write a profile tag, such as "Tag_Profile_IM_Nick"
    jobs/n.toml:23: columns.1.tag: is Tag_Profile_Custom_Points, as columns.0 is already; take one of them out
    jobs/n.toml:24: columns.1.name: is "Nick", as columns.0 is already (case does not count); write another name
    jobs/n.toml:24: columns.1.name: is "Account", which is the column that every table has; write another name
    jobs/n.toml:24: columns.1.name: is empty; write the column's name, or take the key out to use the tag
    jobs/n.toml:24: columns.1.name: is " points", with a space at an end; write another name
    jobs/n.toml:24: columns.1.name: is longer than 128 characters; write another name
    jobs/n.toml:20: columns.0.type: is "uint32", which Tag_Profile_IM_Nick cannot have; write one of: string, bytes
    jobs/n.toml:25: columns.1.type: is "int", which Tag_Profile_Custom_Points cannot have; write one of: string, uint64, bytes, uint32, date
    jobs/n.toml:25: columns.1.type: is the number 64; write text in quotes
    jobs/n.toml:24: columns.1.title: is not a known key; write one of: tag, name, type
    "#);
}

#[test]
fn columns_in_one_line_refused() {
    let refused = |columns: &str| {
        let table = "[{ tag = \"Tag_Profile_IM_BirthDay\" }]";
        load(&SHORT.replace(table, columns), &[]).unwrap_err()
    };
    insta::assert_snapshot!(refused("[]"), @r#"jobs/n.toml:4: columns: is missing; write at least one [[columns]] with a tag, such as tag = "Tag_Profile_IM_Nick""#);
    insta::assert_snapshot!(refused("[[\"Tag_Profile_IM_Nick\"]]"), @"jobs/n.toml:4: columns.0: is a list; write a table with tag, name and type");
    insta::assert_snapshot!(refused("[\"Tag_Profile_IM_Nick\"]"), @r#"jobs/n.toml:4: columns.0: is the text "Tag_Profile_IM_Nick"; write a table"#);
    insta::assert_snapshot!(refused("\"Tag_Profile_IM_Nick\""), @r#"jobs/n.toml:4: columns: is the text "Tag_Profile_IM_Nick"; write a list"#);
}

#[test]
fn output_refused() {
    let path = "\"out/dt={date}\"";
    let gzip = "format = \"parquet\"\ncompression = \"gzip\"";
    let csv = |compression: &str| format!("format = \"csv\"\ncompression = \"{compression}\"");
    insta::assert_snapshot!(refusals(&[
        ("path = \"out/dt={date}\"\n", ""),
        (path, "\"\""),
        (path, "\"-\""),
        (path, "\"/\""),
        (path, "\"..\""),
        (path, "\".\""),
        (path, "\"../out/./\""),
        (path, "\"out/dt={date:%Y}\""),
        (path, "\"~\""),
        ("format = \"parquet\"", "format = \"parket\""),
        (gzip, "format = \"parquet\"\ncompression = \"lz4\""),
        (gzip, &csv("snappy")),
        (gzip, &csv("gz")),
        ("accounts_per_part = 1_000", "accounts_per_part = 0"),
        ("accounts_per_part = 1_000", "accounts_per_part = 1_050"),
        ("accounts_per_part = 1_000", "accounts_per_part = 10_000_100"),
        ("if_exists = \"fail\"", "if_exists = \"append\""),
    ]), @r#"
    jobs/n.toml:27: output.path: is missing; write the directory to publish
    jobs/n.toml:28: output.path: is empty; write the directory to publish
    jobs/n.toml:28: output.path: is "-", but a snapshot is a directory; write the directory to publish
    jobs/n.toml:28: output.path: ends in no name of its own; write the directory to publish, such as "../exports/nightly"
    jobs/n.toml:28: output.path: ends in no name of its own; write the directory to publish, such as "../exports/nightly"
    jobs/n.toml:28: output.path: ends in no name of its own; write the directory to publish, such as "../exports/nightly"
    jobs/n.toml:28: output.path: ends in no name of its own; write the directory to publish, such as "../exports/nightly"
    jobs/n.toml:28: output.path: has "{date:%Y}"; the only placeholder is {date}
    jobs/n.toml:28: output.path: begins with "~", which only a shell knows; write the directory out
    jobs/n.toml:29: output.format: is "parket"; did you mean parquet?
    jobs/n.toml:30: output.compression: is "lz4"; write one of: zstd, snappy, gzip, none
    jobs/n.toml:30: output.compression: is "snappy", which csv cannot have; write one of: none, gzip, zstd
    jobs/n.toml:30: output.compression: is "gz"; write one of: none, gzip, zstd
    jobs/n.toml:31: output.accounts_per_part: is 0, which is out of range; write a whole number from 100 to 10000000
    jobs/n.toml:31: output.accounts_per_part: is 1050, which would leave a call of each part half empty; write a multiple of 100, such as 1000 or 1100
    jobs/n.toml:31: output.accounts_per_part: is 10000100, which is out of range; write a whole number from 100 to 10000000
    jobs/n.toml:32: output.if_exists: is "append"; write one of: replace, fail
    "#);
}

#[test]
fn retry_refused() {
    let first = "initial_backoff = \"100ms\"";
    insta::assert_snapshot!(refusals(&[
        ("max_attempts = 3", "max_attempts = 0"),
        ("max_attempts = 3", "max_attempts = 101"),
        (first, "initial_backoff = \"0s\""),
        (first, "initial_backoff = \"-1s\""),
        (first, "initial_backoff = \"1s ago\""),
        (first, "initial_backoff = \"1ns\""),
        (first, "initial_backoff = \"fast\""),
        (first, "initial_backoff = \"1 day\""),
        (first, "initial_backoff = \"99999999999999999999h\""),
        (first, "initial_backoff = 100"),
        (first, "initial_backoff = true"),
        (first, "initial_backoff = \"2m\""),
        ("max_backoff = \"1m\"", "max_backoff = \"61m\""),
        ("outage_patience = \"2h\"", "outage_patience = \"169h\""),
    ]), @r#"
    jobs/n.toml:35: retry.max_attempts: is 0, which is out of range; write a whole number from 1 to 100
    jobs/n.toml:35: retry.max_attempts: is 101, which is out of range; write a whole number from 1 to 100
    jobs/n.toml:36: retry.initial_backoff: is "0s", which is out of range; write a duration from 1ms to 1h
    jobs/n.toml:36: retry.initial_backoff: is "-1s", which is not a duration; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:36: retry.initial_backoff: is "1s ago", which is not a duration; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:36: retry.initial_backoff: is "1ns", which is out of range; write a duration from 1ms to 1h
    jobs/n.toml:36: retry.initial_backoff: is "fast", which is not a duration; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:36: retry.initial_backoff: is "1 day", which is not a duration; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:36: retry.initial_backoff: is "99999999999999999999h", which is not a duration; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:36: retry.initial_backoff: is 100 without a unit; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:36: retry.initial_backoff: is not a duration; write a number with its unit in quotes, such as "500ms", "10s", "30m" or "2h"
    jobs/n.toml:37: retry.max_backoff: is "1m", shorter than retry.initial_backoff, "2m"; write one at least as long
    jobs/n.toml:37: retry.max_backoff: is "61m", which is out of range; write a duration from 1ms to 1h
    jobs/n.toml:38: retry.outage_patience: is "169h", which is out of range; write a duration from 1ms to 168h
    "#);
}

#[test]
fn a_backoff_that_does_not_grow_is_taken() {
    let job = load(FULL, &["retry.initial_backoff=1m"]).unwrap();
    assert_eq!(job.retry.initial_backoff, job.retry.max_backoff);
}

#[test]
fn limits_refused() {
    let line = "max_failed = \"0.5%\"";
    insta::assert_snapshot!(refusals(&[
        (line, "max_failed = \"some\""),
        (line, "max_failed = -1"),
        (line, "max_failed = 0.5"),
        (line, "max_failed = \"101%\""),
        (line, "max_failed = []"),
        ("max_invalid = 7", "max_invalid = \"most\""),
        ("max_not_found = \"2%\"", "max_not_found = -1"),
        ("max_shrink = \"off\"", "max_shrink = false"),
        ("max_shrink = \"off\"", "max_shrnk = 1"),
        ("allow_empty = true", "allow_empty = \"yes\""),
    ]), @r#"
    jobs/n.toml:41: limits.max_failed: is "some", which is neither a number nor a share; write a number of accounts such as 100, a share from "0%" to "100%" with at most 4 decimals such as "0.5%", or "off"
    jobs/n.toml:41: limits.max_failed: is -1, which is below 0; write a number of accounts such as 100, a share from "0%" to "100%" with at most 4 decimals such as "0.5%", or "off"
    jobs/n.toml:41: limits.max_failed: is 0.5, which may be meant as a number or as a share; write a number of accounts such as 100, a share from "0%" to "100%" with at most 4 decimals such as "0.5%", or "off"
    jobs/n.toml:41: limits.max_failed: is "101%", which is neither a number nor a share; write a number of accounts such as 100, a share from "0%" to "100%" with at most 4 decimals such as "0.5%", or "off"
    jobs/n.toml:41: limits.max_failed: is neither a number nor a share; write a number of accounts such as 100, a share from "0%" to "100%" with at most 4 decimals such as "0.5%", or "off"
    jobs/n.toml:42: limits.max_invalid: is "most", which is neither a number nor a share; write a number of records such as 100, a share from "0%" to "100%" with at most 4 decimals such as "0.5%", or "off"
    jobs/n.toml:43: limits.max_not_found: is -1, which is below 0; write a number of accounts such as 100, a share from "0%" to "100%" with at most 4 decimals such as "0.5%", or "off"
    jobs/n.toml:44: limits.max_shrink: is neither a number nor a share; write a number of rows such as 100, a share from "0%" to "100%" with at most 4 decimals such as "0.5%", or "off"
    jobs/n.toml:44: limits.max_shrnk: is not a known key; did you mean max_shrink?
    jobs/n.toml:45: limits.allow_empty: is the text "yes"; write true or false
    "#);
}

#[test]
fn metrics_refused() {
    let (textfile, listen) = ("textfile = \"im.prom\"", "listen = \"127.0.0.1:9187\"");
    insta::assert_snapshot!(refusals(&[
        (textfile, "textfile = \"\""),
        (textfile, "textfile = \"im.txt\""),
        (textfile, "textfile = \".prom\""),
        (textfile, "textfile = \"im.prom/\""),
        (textfile, "textfile = \"metrics\""),
        (textfile, "textfile = \"im-{date}.prom\""),
        (textfile, "textfile = \"~/im.prom\""),
        (textfile, "textfile = \"out/dt=2026-11-22/im.prom\""),
        (textfile, "textfile = 5"),
        (textfile, "text_file = \"im.prom\""),
        (listen, "listen = \"9187\""),
        (listen, "listen = \"localhost:9187\""),
        (listen, "listen = 9187"),
        ("[metrics]", "[[metrics]]"),
    ]), @r#"
    jobs/n.toml:49: metrics.textfile: is empty; write a file such as "/var/lib/node_exporter/im_profiles.prom"
    jobs/n.toml:49: metrics.textfile: is "im.txt", which node_exporter would not read; write a file such as "/var/lib/node_exporter/im_profiles.prom", ending in .prom
    jobs/n.toml:49: metrics.textfile: is ".prom", which node_exporter would not read; write a file such as "/var/lib/node_exporter/im_profiles.prom", ending in .prom
    jobs/n.toml:49: metrics.textfile: is "im.prom/", which node_exporter would not read; write a file such as "/var/lib/node_exporter/im_profiles.prom", ending in .prom
    jobs/n.toml:49: metrics.textfile: is "metrics", which node_exporter would not read; write a file such as "/var/lib/node_exporter/im_profiles.prom", ending in .prom
    jobs/n.toml:49: metrics.textfile: has a placeholder, but each run has to find the file of the run before it, and node_exporter would go on reading files of earlier days; write one path for all days
    jobs/n.toml:49: metrics.textfile: begins with "~", which only a shell knows; write the directory out
    jobs/n.toml:49: metrics.textfile: is inside output.path, which the run replaces; write a file in another directory
    jobs/n.toml:49: metrics.textfile: is the number 5; write text in quotes
    jobs/n.toml:49: metrics.text_file: is not a known key; did you mean textfile?
    jobs/n.toml:50: metrics.listen: is "9187"; write an IP address and a port, such as "127.0.0.1:9187"
    jobs/n.toml:50: metrics.listen: is "localhost:9187"; write an IP address and a port, such as "127.0.0.1:9187"
    jobs/n.toml:50: metrics.listen: is the number 9187; write text in quotes
    jobs/n.toml:48: metrics: is a list; write [metrics] in single brackets, once
    "#);
}

#[test]
fn the_textfile_may_be_set_for_one_run() {
    let job = load(SHORT, &["metrics.textfile=/run/im.prom", "metrics.listen=[::1]:0"]).unwrap();
    assert_eq!(job.metrics.textfile, Some("/run/im.prom".into()));
    assert_eq!(job.metrics.listen, Some("[::1]:0".parse().unwrap()));
}

#[test]
fn unknown_keys_refused() {
    insta::assert_snapshot!(refusals(&[
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
    jobs/n.toml:40: quota: is not a known key; write one of: name, accounts, api, columns, output, retry, limits, metrics, emulator
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
fn an_override_is_named_in_place_of_the_line() {
    let refused = |overrides: &[&str]| load(FULL, overrides).unwrap_err();
    insta::assert_snapshot!(refused(&["api.calls_per_second=0"]), @"--set api.calls_per_second=0: api.calls_per_second: is 0, which means no limit and is only for the emulator or a loopback base_url, since the service refuses what is above the app's limit; write a number from 1 to 10000");
    insta::assert_snapshot!(refused(&["retry.max_attempts=5", "retry.max_attempts=0"]), @"--set retry.max_attempts=0: retry.max_attempts: is 0, which is out of range; write a whole number from 1 to 100");
    insta::assert_snapshot!(refused(&["columns.1.name=nick"]), @r#"--set columns.1.name=nick: columns.1.name: is "nick", as columns.0 is already (case does not count); write another name"#);
    insta::assert_snapshot!(refused(&["columns.2.name=new"]), @r#"--set columns.2.name=new: columns.2.tag: is missing; write a profile tag, such as "Tag_Profile_IM_Nick""#);
    insta::assert_snapshot!(refused(&["columns.9.name=new"]), @r#"--set columns.9.name=new: columns.9.name: "9" is no place in a list of 2; write a number from 0 to 2"#);
    insta::assert_snapshot!(refused(&["retry.max_attempts=5", "retry={ max_attempts = 0 }"]), @"--set retry={ max_attempts = 0 }: retry.max_attempts: is 0, which is out of range; write a whole number from 1 to 100");
    insta::assert_snapshot!(refused(&["limits={ max_fail = 1 }"]), @"--set limits={ max_fail = 1 }: limits.max_fail: is not a known key; did you mean max_failed?");
    insta::assert_snapshot!(refused(&["name.first=x"]), @r#"--set name.first=x: name.first: "first" cannot be set, since the key before it is a single value; shorten the key path"#);
    insta::assert_snapshot!(refused(&["api.secret_key=hunter2"]), @"--set api.secret_key=(not shown): api.secret_key: a secret does not belong in a job or on a command line; take it out, put it into an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env");
    insta::assert_snapshot!(refused(&["api.secret_key_env=hunter 2"]), @"--set api.secret_key_env=(not shown): api.secret_key_env: is not the name of an environment variable; write one of letters, digits and _, such as IM_SECRET_KEY");
    insta::assert_snapshot!(refused(&["api.base_url=http://im.example/?usersig=hunter2"]), @r#"--set api.base_url=(not shown): api.base_url: "im.example" is not a base URL: it has a query or a fragment; write scheme and host, such as https://console.tim.qq.com"#);
    insta::assert_snapshot!(refused(&["hunter2"]), @r#"--set (not shown): has no "="; write key.path=value, such as api.calls_per_second=50"#);
    insta::assert_snapshot!(refused(&["name=a\u{1b}b"]), @r#"--set name="a\u{1b}b": name: holds the control character \u{1b}; write the text in one line without it"#);
}

#[test]
fn an_override_may_mend_what_the_file_has_wrong() {
    let broken = full_with("calls_per_second = 100", "calls_per_second = 0");
    assert_eq!(load(&broken, &["api.calls_per_second=50"]).unwrap().api.calls_per_second, 50);
}

#[test]
fn files_that_are_no_job_files() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |name: &str, bytes: Option<&[u8]>| {
        let path = directory.path().join(name);
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let error = Job::load(&path, &[], date(2026, 11, 22)).unwrap_err().to_string();
        error.replace(&directory.path().display().to_string(), "jobs")
    };
    insta::assert_snapshot!(refused("missing.toml", None), @"jobs/missing.toml: there is no such file; check the path");
    insta::assert_snapshot!(refused("", None), @"jobs/: is a directory; give the path of a .toml file");
    insta::assert_snapshot!(refused("latin1.toml", Some(b"name = \"n\"\n# caf\xe9\n")), @"jobs/latin1.toml:2: is not UTF-8 text; save the job file as UTF-8");
    insta::assert_snapshot!(refused("list.csv", Some(&vec![b'\n'; (1 << 20) + 1])), @"jobs/list.csv: is larger than 1 MiB, which no file of settings is; give another");
    insta::assert_snapshot!(refused("empty.toml", Some(b"")), @r#"jobs/empty.toml: name: is missing; write what the run is to be called, such as "nightly""#);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_read_over() {
    let text = format!("\u{feff}{}", FULL.replace('\n', "\r\n"));
    assert_eq!(load(&text, &[]).unwrap().name, "n");
    let refused = load(&text.replace("max_in_flight = 8", "max_in_flight = 0"), &[]).unwrap_err();
    assert!(refused.starts_with("jobs/n.toml:14: api.max_in_flight: "), "{refused}");
}

/// Nesting is bounded before anything walks it.
#[test]
fn deep_nesting_is_refused() {
    const DEPTH: usize = 100_000;
    let lists = format!("name = {}", "[".repeat(DEPTH));
    let tables = format!("name = {}", "{ a = ".repeat(DEPTH));
    let dotted = format!("name{} = 1", ".a".repeat(DEPTH));
    let header = format!("[name{}]", ".a".repeat(DEPTH));
    for text in [lists, tables, dotted, header] {
        let error = load(&text, &[]).unwrap_err();
        assert!(error.starts_with("jobs/n.toml:1: is not TOML at column "), "{error}");
        let argument = text.replacen(" = ", "=", 1);
        let error = load(FULL, &[&argument]).unwrap_err();
        assert!(error.starts_with("--set ") && error.len() < 1_000, "{error}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}", argument in "[a-z.0-9=\\[\\]{}\"']{0,40}") {
        let _ = load(&text, &[]);
        let _ = load(FULL, &[&argument]);
    }

    /// A piece of the job replaced by something else: most are refused late, where the checks are.
    #[test]
    fn no_change_to_a_job_panics(
        start in 0..FULL.len(),
        length in 0usize..40,
        piece in "[a-z0-9=.%{}\\[\\]\"\n _-]{0,20}",
    ) {
        let end = (start + length).min(FULL.len());
        let text = format!("{}{piece}{}", &FULL[..start], &FULL[end..]);
        if let Err(error) = load(&text, &[]) {
            prop_assert!(error.starts_with("jobs/n.toml"), "{error}");
            prop_assert!(error.len() < 1_000 && !error.contains('\n'), "{error}");
        }
    }

    /// Whatever a value of a secret's key is, and whatever is wrong with it, the message does not have it.
    #[test]
    fn no_secret_is_told(
        key in "(secret_key|usersig|secret_key_env|secret_key_file|usersig_env|my_secret)",
        open in "[\"'\\[{ ]{0,3}",
        close in "[\"'\\]} =]{0,3}",
        is_override in any::<bool>(),
    ) {
        let value = format!("{open}hunter2-{}{close}", "x".repeat(5));
        let line = "secret_key_env = \"IM_SECRET_KEY\"";
        let loaded = if is_override {
            load(FULL, &[&format!("api.{key}={value}")])
        } else {
            load(&full_with(line, &format!("{key} = {value}")), &[])
        };
        if let Err(error) = loaded {
            prop_assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
