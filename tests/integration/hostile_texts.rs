//! Text from outside (lists, jobs, arguments, the environment, the service) reaches the terminal and the log without
//! characters that command the terminal, hide, or change how the text around them is shown.

use std::sync::Arc;

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::scripted::{Response, ScriptedServer, item_of};
use crate::support::{EmulatorServer, Output, QUICK_JOB, TestDir};
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray};
use base64::Engine;
use parquet::arrow::ArrowWriter;
use serde_json::json;

/// Clears the screen, moves up, forges a line, reverses the text behind, hides.
const HOSTILE: &str =
    "x\u{1b}[2J\u{7}\r\nerror: forged\u{9b}1A\u{7f}\u{202e}y\u{2066}\u{200b}\u{feff}\u{2028}";

/// What can be an argument, a name of a file or a value in TOML: the same on one line.
const ON_ONE_LINE: &str = "x\u{1b}[2J\u{7}\u{9b}1A\u{7f}\u{202e}y\u{2066}\u{200b}\u{feff}";

#[track_caller]
fn assert_harmless(output: &Output) {
    for (name, text) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        let is_harmful = |character: char| {
            character != '\n' && character.is_control()
                || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        };
        assert!(!text.contains(is_harmful), "{name}: {text:?}");
        let is_forged = text.lines().any(|line| line.starts_with("error: forged"));
        assert!(!is_forged, "{name}: {text:?}");
    }
}

/// Runs a command that prints text of others; it must fail, and say what about.
#[track_caller]
fn refused(directory: &TestDir, arguments: &[&str], shown: &str) {
    for format in ["text", "json"] {
        let output = directory.run(&[arguments, &["--log-format", format]].concat());
        assert_harmless(&output);
        assert!(output.code.is_some_and(|code| code > 0), "{output}");
        assert!(output.stderr.contains(shown), "{shown}: {output}");
    }
}

fn in_toml(text: &str) -> String {
    // A JSON string is a TOML string, but for U+007F.
    json!(text).to_string().replace('\u{7f}', "\\u007f")
}

fn list_job(name: &str, column: &str) -> String {
    let section = format!("path = {}\ncolumn = {}", in_toml(name), in_toml(column));
    QUICK_JOB.replace("path = \"accounts.txt\"", &section)
}

#[test]
fn names_of_columns_and_keys() {
    let array: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
    let batch = RecordBatch::try_from_iter([(HOSTILE, Arc::clone(&array)), ("b", array)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    let table = writer.into_inner().unwrap();
    let key = json!({ HOSTILE: 1, "b": 2 }).to_string();
    let header = HOSTILE.replace(['\r', '\n', '"'], "");
    for (name, content, shown) in [
        ("l.csv", format!("{header},b\n1,2\n").into_bytes(), "has no column"),
        ("l.csv", format!("\"{HOSTILE}\",b\n1,2\n").into_bytes(), "has no column"),
        ("l.csv", format!("{header};b\n1;2\n").into_bytes(), "not separated by commas"),
        ("l.tsv", format!("{header}\tb\n1\t2\n").into_bytes(), "has no column"),
        ("l.ndjson", format!("{key}\n").into_bytes(), "has no column"),
        ("l.parquet", table.clone(), "has no column"),
    ] {
        let directory = TestDir::new();
        directory.write(name, content);
        directory.write("job.toml", list_job(name, "account"));
        for command in ["plan", "export", "preview"] {
            refused(&directory, &[command, "job.toml"], shown);
        }
        assert_harmless(&directory.run(&["check", "job.toml"]));
    }
    let directory = TestDir::new();
    directory.write("l.parquet", table);
    // Control characters are not accepted in a job, direction changes are.
    directory.write("job.toml", list_job("l.parquet", "\u{202e}y"));
    refused(&directory, &["plan", "job.toml"], "has no column");
}

#[test]
fn invalid_and_odd_accounts_of_a_list() {
    let accounts = [format!("@TLS#{ON_ONE_LINE}"), format!("a{ON_ONE_LINE}"), "u1".to_owned()];
    let directory = TestDir::with_job(QUICK_JOB, &accounts);
    for command in ["plan", "check", "preview", "export"] {
        for format in ["text", "json"] {
            let output = directory.run(&[command, "job.toml", "--log-format", format]);
            assert_harmless(&output);
            let shows_it = output.stdout.contains("\\u{1b}") || output.stderr.contains("\\u{1b}");
            assert!(shows_it || !["plan", "preview"].contains(&command), "{output}");
        }
    }
    let only_invalid = TestDir::with_job(QUICK_JOB, [format!("@TLS#{ON_ONE_LINE}")]);
    refused(&only_invalid, &["export", "job.toml"], "@TLS#x");
    refused(&only_invalid, &["plan", "job.toml"], "@TLS#x");
}

#[test]
fn files_of_a_directory() {
    let directory = TestDir::new();
    for name in ["a", "b"] {
        directory.write(&format!("lists/{ON_ONE_LINE}{name}.csv"), "id,n\n,1\nu1,2\nid,n\n");
    }
    directory.write("job.toml", list_job("lists/*.csv", "id"));
    for command in ["plan", "check", "preview", "export"] {
        for format in ["text", "json"] {
            let output = directory.run(&[command, "job.toml", "--log-format", format]);
            assert_harmless(&output);
            assert!(command == "check" || output.to_string().contains("u{1b}[2J"), "{output}");
        }
    }
}

#[test]
fn a_row_of_parquet_is_not_called_a_line() {
    let ids: ArrayRef = Arc::new(StringArray::from(vec![Some("u1"), None]));
    let batch = RecordBatch::try_from_iter_with_nullable([("id", ids, true)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    let directory = TestDir::new();
    directory.write("l.parquet", writer.into_inner().unwrap());
    directory.write("job.toml", list_job("l.parquet", "id"));
    let plan = directory.run(&["plan", "job.toml"]);
    assert!(plan.stdout.contains("on row 2, \"\" is empty"), "{plan}");
    let preview = directory.run(&["preview", "job.toml"]);
    assert!(preview.stderr.contains("(row 2)"), "{preview}");
}

#[test]
fn arguments_paths_and_variables() {
    let directory = TestDir::with_job(QUICK_JOB, ["u1"]);
    let set = |key: &str| format!("{key}={ON_ONE_LINE}");
    for arguments in [
        vec!["plan", ON_ONE_LINE],
        vec![ON_ONE_LINE],
        vec!["export", "job.toml", "--date", ON_ONE_LINE],
        vec!["export", "job.toml", ON_ONE_LINE],
        vec!["usersig", ON_ONE_LINE],
        vec!["emulate", "--faults", ON_ONE_LINE],
        vec!["emulate", "--profiles", ON_ONE_LINE],
        vec!["emulate", "--secret-key-env", ON_ONE_LINE],
    ] {
        refused(&directory, &arguments, "u{1b}[2J");
    }
    // A value that may be a secret is not shown at all.
    refused(&directory, &["plan", "job.toml", "--set", ON_ONE_LINE], "not shown");
    for key in [
        "accounts.path",
        "accounts.format",
        "api.region",
        "api.base_url",
        "api.secret_key_env",
        "api.secret_key_file",
        "output.path",
        "limits.max_failed",
        ON_ONE_LINE,
    ] {
        for command in ["plan", "check", "export"] {
            let output = directory.run(&[command, "job.toml", "--set", &set(key)]);
            assert_harmless(&output);
        }
    }
    // A job and a list in a directory with such a name, and the paths in every message.
    let job = QUICK_JOB.replace("[emulator.rate]", "[emulator.rate]\nunknown = 1");
    for (name, job) in [("job.toml", QUICK_JOB), ("broken.toml", &job)] {
        directory.write(&format!("{ON_ONE_LINE}/{name}"), job);
    }
    directory.accounts(&format!("{ON_ONE_LINE}/accounts.txt"), ["u1", "u1", "@TLS#"]);
    for command in ["plan", "check", "preview", "export", "export"] {
        for name in ["job.toml", "broken.toml"] {
            let output = directory.run(&[command, &format!("{ON_ONE_LINE}/{name}")]);
            assert_harmless(&output);
        }
    }
}

#[test]
fn broken_toml_is_quoted_without_its_escapes() {
    let directory = TestDir::with_job(QUICK_JOB, ["u1"]);
    let quoted = in_toml(HOSTILE);
    for line in [
        format!("name = {ON_ONE_LINE}"),
        format!("{quoted} = 1"),
        format!("name = {quoted}"),
        format!("[{quoted}]\na = 1"),
        format!("name = \"{ON_ONE_LINE}"),
    ] {
        directory.write("broken.toml", format!("{line}\n{QUICK_JOB}"));
        for command in ["plan", "check", "export"] {
            let output = directory.run(&[command, "broken.toml"]);
            assert_harmless(&output);
            assert_eq!(output.code, Some(2), "{output}");
        }
    }
}

#[test]
fn texts_of_the_service() {
    let nick = |account: &str| {
        let value = json!({ "Tag": "Tag_Profile_IM_Nick", "Value": HOSTILE });
        item_of(account).replace(
            &json!({ "Tag": "Tag_Profile_IM_Nick", "Value": format!("nick of {account}") })
                .to_string(),
            &value.to_string(),
        )
    };
    let info = json!(HOSTILE).to_string();
    let failed_call = format!(r#"{{"ActionStatus":"FAIL","ErrorCode":70009,"ErrorInfo":{info}}}"#);
    let odd_call = format!(r#"{{"ActionStatus":{info},"ErrorCode":{info},"ErrorInfo":{info}}}"#);
    let servers = [
        ScriptedServer::start(move |_, accounts| {
            Response::of_items(
                &accounts.iter().map(|account| nick(account)).collect::<Vec<_>>(),
                "",
            )
        }),
        ScriptedServer::start(move |_, _| Response::ok(failed_call.clone())),
        ScriptedServer::start(move |_, _| Response::ok(odd_call.clone())),
        ScriptedServer::start(move |_, accounts| {
            let item = |account: &String| {
                json!({"To_Account": account, "ResultCode": 40006, "ResultInfo": HOSTILE})
                    .to_string()
            };
            Response::of_items(&accounts.iter().map(item).collect::<Vec<_>>(), "")
        }),
        ScriptedServer::start(|_, _| Response {
            status: "403 Forbidden",
            headers: vec![format!("Server: {}", "a\u{9b}b")],
            body: HOSTILE.into(),
        }),
        ScriptedServer::start(|_, _| Response::ok(HOSTILE)),
    ];
    for server in &servers {
        let directory = server.directory(["u1", "u2"]);
        for command in ["check", "preview", "export"] {
            for format in ["text", "json"] {
                let output = directory.run(&[
                    command,
                    "job.toml",
                    "--log-format",
                    format,
                    "--set",
                    "retry.outage_patience=1s",
                    "--set",
                    "retry.max_attempts=2",
                ]);
                assert_harmless(&output);
            }
        }
    }
}

#[test]
fn values_in_a_preview() {
    let profile = json!({"account": "u1", "Tag_Profile_IM_Nick": HOSTILE}).to_string();
    let server = EmulatorServer::with_profiles(&profile);
    let directory = TestDir::with_job(QUICK_JOB, ["u1"]).env(SECRET_VARIABLE, server.secret_key());
    let overrides = server.overrides();
    let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
    let output = directory.run(&[&["preview", "job.toml"], overrides.as_slice()].concat());
    assert_harmless(&output);
    assert!(output.stdout.contains(r"x\u{1b}[2J"), "{output}");
}

#[test]
fn claims_of_a_usersig_and_proxies() {
    let claims = json!({"TLS.ver": "2.0", "TLS.identifier": HOSTILE, "TLS.sdkappid": 1400000000_u64, "TLS.expire": 1, "TLS.time": 1, "TLS.sig": "AA=="});
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut zlib, claims.to_string().as_bytes()).unwrap();
    let sig = base64::engine::general_purpose::STANDARD.encode(zlib.finish().unwrap());
    let sig = sig.replace('+', "*").replace('/', "-").replace('=', "_");
    let directory = TestDir::with_job(QUICK_JOB, ["u1"]);
    let output = directory.run_with_input(&["usersig", "--inspect"], sig.as_bytes());
    assert_harmless(&output);
    assert!(output.stdout.contains(r"x\u{1b}[2J"), "{output}");
    let directory = TestDir::with_job(QUICK_JOB, ["u1"])
        .env("HTTPS_PROXY", &format!("http://{ON_ONE_LINE}:1"))
        .env(SECRET_VARIABLE, "0123456789abcdef");
    let job = QUICK_JOB.replace(
        "emulator = true",
        &format!(
            "region = \"china\"\nsdkappid = 1400000000\nsecret_key_env = \"{SECRET_VARIABLE}\""
        ),
    );
    directory.write("job.toml", job);
    for command in ["check", "export"] {
        assert_harmless(&directory.run(&[
            command,
            "job.toml",
            "--set",
            "retry.outage_patience=1s",
        ]));
    }
}
