//! `emulate` as people and scripts use it, and signals: to it, and to an export in the midst of a call.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout};

use crate::support::{Output, QUICK_JOB, TestDir, end_of};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const PORTRAIT_GET: &str = "v4/profile/portrait_get";
const NICK: &str = "Tag_Profile_IM_Nick";

/// A running `emulate`; killed when a test ends without having stopped it.
struct Emulate {
    child: Option<Child>,
    stdout: BufReader<ChildStdout>,
    /// Where it says it is: `http://ADDRESS:PORT`.
    base_url: String,
    arguments: Vec<String>,
}

impl Emulate {
    /// Starts it on a free port and reads its address.
    fn start(directory: &TestDir, more: &[&str]) -> Emulate {
        let arguments = [&["emulate", "--listen", "127.0.0.1:0"], more].concat();
        let mut child = directory.spawn(&arguments);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let base_url = line.trim_end().to_owned();
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        Emulate { child: Some(child), stdout, base_url, arguments }
    }

    fn authority(&self) -> &str {
        self.base_url.strip_prefix("http://").unwrap_or_else(|| panic!("{:?}", self.base_url))
    }

    /// Sends a request; gives back the head and the body of the answer.
    fn ask(&self, first_line: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.authority()).unwrap();
        let host = self.authority();
        let length = body.len();
        write!(
            stream,
            "{first_line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }

    /// The URL of a command with all five parameters right, without the host.
    fn path_of(&self, command: &str) -> String {
        let (_, page) = self.ask("GET /", "");
        let (_, call) = page.split_once("<pre>curl '").unwrap();
        let url = call.split_once('\'').unwrap().0;
        let path = url.strip_prefix(&self.base_url).unwrap().replace("&amp;", "&");
        path.replace("v4/profile/portrait_get", command)
    }

    /// Calls a command; gives back the answer's bytes as text.
    fn call(&self, command: &str, body: &Value) -> String {
        let (head, answer) =
            self.ask(&format!("POST {}", self.path_of(command)), &body.to_string());
        assert!(head.starts_with("http/1.1 200"), "{head}");
        answer
    }

    fn call_json(&self, command: &str, body: &Value) -> Value {
        let answer = self.call(command, body);
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// Sends it a signal and waits for its end; gives back what it said, after its address.
    fn stop(mut self, signal: Signal) -> Output {
        let child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut output = end_of(child, &arguments);
        self.stdout.read_to_string(&mut output.stdout).unwrap();
        output
    }
}

impl Drop for Emulate {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// Overrides that point a job to the emulator.
fn overrides(emulate: &Emulate) -> [String; 3] {
    [
        format!("api.base_url={}", emulate.base_url),
        "api.sdkappid=1400000000".to_owned(),
        "api.secret_key_env=IM_SECRET_KEY".to_owned(),
    ]
}

fn export(directory: &TestDir, emulate: &Emulate) -> Output {
    let overrides = overrides(emulate);
    let arguments: Vec<&str> = overrides.iter().flat_map(|key| ["--set", key.as_str()]).collect();
    directory.export(&arguments)
}

fn directory() -> TestDir {
    TestDir::with_job(QUICK_JOB, ["a", "b", "c"])
        .env("IM_SECRET_KEY", "one_of_ours_and_not_of_the_console")
}

#[test]
fn emulate_prints_its_address_and_serves_a_page() {
    let directory = TestDir::new();
    let emulate = Emulate::start(&directory, &[]);
    let port: u16 = emulate.base_url.strip_prefix("http://127.0.0.1:").unwrap().parse().unwrap();
    assert_ne!(port, 0);

    let (head, page) = emulate.ask("GET /", "");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
    for text in [
        "<!doctype html>",
        "<title>im-profiles emulator</title>",
        "/v4/SERVICE/COMMAND?sdkappid=…&amp;identifier=…&amp;usersig=…&amp;random=…&amp;contenttype=json",
        "v4/profile/portrait_get",
        "v4/profile/portrait_set",
        "v4/im_open_login_svc/account_import",
        "v4/im_open_login_svc/multiaccount_import",
        "v4/im_open_login_svc/account_check",
        "v4/im_open_login_svc/account_delete",
        "1400000000",
        "administrator",
        "/__stats",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    let (head, body) = emulate.ask("HEAD /", "");
    assert!(head.starts_with("http/1.1 200") && body.is_empty(), "{head}\n{body}");
    let (head, _) = emulate.ask("GET /favicon.ico", "");
    assert!(head.starts_with("http/1.1 "), "{head}");
}

#[test]
fn example_call_on_the_page_works() {
    let emulate = Emulate::start(&TestDir::new(), &[]);
    let (_, page) = emulate.ask("GET /", "");
    let (_, call) = page.split_once("<pre>curl '").unwrap();
    let (url, rest) = call.split_once('\'').unwrap();
    let (_, rest) = rest.split_once("-d '").unwrap();
    let (body, _) = rest.split_once('\'').unwrap();
    let path = url.strip_prefix(&emulate.base_url).unwrap().replace("&amp;", "&");
    let (head, answer) = emulate.ask(&format!("POST {path}"), &body.replace("&quot;", "\""));
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["ErrorCode"], 0, "{answer}");
    assert_eq!(answer["UserProfileItem"].as_array().unwrap().len(), 2, "{answer}");
    let (_, stats) = emulate.ask("GET /__stats", "");
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(stats["commands"]["portrait_get"]["calls"], 1, "{stats}");
    assert_eq!(stats["accounts"], 2, "{stats}");
}

#[test]
fn every_url_parameter_is_checked() {
    let emulate = Emulate::start(&TestDir::new(), &[]);
    let good = emulate.path_of(PORTRAIT_GET);
    let body = json!({ "To_Account": ["a"], "TagList": [NICK] }).to_string();
    let code = |path: &str| {
        let (_, answer) = emulate.ask(&format!("POST {path}"), &body);
        serde_json::from_str::<Value>(&answer).unwrap()["ErrorCode"].as_i64().unwrap()
    };
    assert_eq!(code(&good), 0);
    for (parameter, wrong, expected) in [
        ("&random=1", "", 60002),
        ("random=1", "random=4294967296", 60002),
        ("random=1", "random=-1", 60002),
        ("random=1", "random=text", 60002),
        ("sdkappid=1400000000", "sdkappid=+1400000000", 60006),
        ("sdkappid=1400000000", "sdkappid=%201400000000", 60006),
        ("sdkappid=1400000000", "sdkappid=", 60012),
        ("contenttype=json", "contenttype=xml", 60025),
        ("&contenttype=json", "", 60025),
        ("identifier=administrator", "identifier=", 60025),
        ("identifier=administrator", "identifier=admin", 70013),
        ("usersig=", "usersig=&other=", 70002),
        ("usersig=", "usersig=AAAA", 70003),
    ] {
        assert!(good.contains(parameter), "{parameter} {good}");
        assert_eq!(code(&good.replacen(parameter, wrong, 1)), expected, "{wrong}");
    }
}

#[test]
fn custom_tags_come_from_the_profiles_file_or_the_settings() {
    let directory = TestDir::new();
    directory.write(
        "profiles.ndjson",
        "{\"account\":\"a\",\"Tag_Profile_Custom_Tier\":\"gold\"}\n{\"account\":\"b\"}\n",
    );
    directory.write(
        "settings.toml",
        "population.custom_tags = { Tag_Profile_Custom_Rank = 'number' }\n",
    );
    let code = |arguments: &[&str], tag: &str| {
        let emulate = Emulate::start(&directory, arguments);
        let body = json!({ "To_Account": ["a"], "TagList": [NICK, tag] });
        emulate.call_json(PORTRAIT_GET, &body)["ErrorCode"].as_i64().unwrap()
    };
    let (profiles, settings) = (["--profiles", "profiles.ndjson"], ["--faults", "settings.toml"]);
    assert_eq!(code(&profiles, "Tag_Profile_Custom_Tier"), 0);
    assert_eq!(code(&profiles, "Tag_Profile_Custom_Rank"), 40009);
    assert_eq!(code(&settings, "Tag_Profile_Custom_Rank"), 0);
    assert_eq!(code(&settings, "Tag_Profile_Custom_Tier"), 40009);
    assert_eq!(code(&[], "Tag_Profile_Custom_Tier"), 40009);
}

#[test]
fn emulator_of_a_job_has_the_custom_tags_of_its_columns() {
    let directory = directory();
    let columns = "columns=[{ tag = 'Tag_Profile_Custom_Tier', name = 'tier' }, \
                   { tag = 'Tag_Profile_Custom_Age', name = 'age', type = 'uint64' }]";
    directory.export(&["--set", columns]).expect_code(0);
    let table = directory.snapshot("out").table();
    assert_eq!(table.accounts(), ["a", "b", "c"]);
    let others = "emulator.population.custom_tags={ Tag_Profile_Custom_Other = 'text' }";
    let output = directory.export(&["--set", columns, "--set", others]).expect_code(4);
    assert!(output.error().contains("40009"), "{output}");
}

#[test]
fn deleted_account_is_unknown_until_reimported() {
    let directory = TestDir::new();
    directory.write("settings.toml", "open_questions.reimport_deleted = true\n");
    for (arguments, import_code) in [(&[][..], 70399), (&["--faults", "settings.toml"][..], 0)] {
        let emulate = Emulate::start(&directory, arguments);
        let service = "v4/im_open_login_svc";
        let delete = json!({ "DeleteItem": [{ "UserID": "a" }, { "UserID": "@TLS#NOT_FOUND" }] });
        let deleted = emulate.call_json(&format!("{service}/account_delete"), &delete);
        assert_eq!((&deleted["ActionStatus"], &deleted["ErrorCode"]), (&json!("OK"), &json!(0)));
        let first = json!({ "UserID": "a", "ResultCode": 0, "ResultInfo": "" });
        assert_eq!(deleted["ResultItem"][0], first);
        assert_eq!(deleted["ResultItem"][1]["ResultCode"], 70402);
        let again = emulate.call_json(
            &format!("{service}/account_delete"),
            &json!({ "DeleteItem": [{ "UserID": "a" }] }),
        );
        let not_there = "Err_TLS_PT_Open_Login_Account_Not_Exist";
        let item = json!({ "UserID": "a", "ResultCode": 70107, "ResultInfo": not_there });
        assert_eq!((&again["ErrorCode"], &again["ResultItem"]), (&json!(0), &json!([item])));

        let get = json!({ "To_Account": ["a", "b"], "TagList": [NICK] });
        let got = emulate.call_json(PORTRAIT_GET, &get);
        assert_eq!(got["UserProfileItem"][0]["ResultCode"], 40003);
        assert_eq!(got["UserProfileItem"][1]["ResultCode"], 0);
        assert_eq!(got["Fail_Account"], json!(["a"]));
        let check = json!({ "CheckItem": [{ "UserID": "a" }, { "UserID": "b" }] });
        let checked = emulate.call_json(&format!("{service}/account_check"), &check);
        assert_eq!(checked["ResultItem"][0]["AccountStatus"], "NotImported");
        assert_eq!(checked["ResultItem"][1]["AccountStatus"], "Imported");

        let import = json!({ "UserID": "a", "Nick": "New" });
        let imported = emulate.call_json(&format!("{service}/account_import"), &import);
        assert_eq!(imported["ErrorCode"], import_code);
        let got = emulate.call_json(PORTRAIT_GET, &get);
        let code = if import_code == 0 { 0 } else { 40003 };
        assert_eq!(got["UserProfileItem"][0]["ResultCode"], code, "{got}");
    }
}

/// What comes over the wire when an answer contradicts itself, byte for byte.
#[test]
fn contradictions_and_unusual_bodies_are_served() {
    let directory = TestDir::new();
    directory.write("profiles.ndjson", "{\"account\":\"a\",\"Tag_Profile_IM_Nick\":\"N\"}\n");
    let answer = |settings: &str| {
        directory.write("settings.toml", settings);
        let arguments = ["--profiles", "profiles.ndjson", "--faults", "settings.toml"];
        let emulate = Emulate::start(&directory, &arguments);
        emulate.call(PORTRAIT_GET, &json!({ "To_Account": ["a"], "TagList": [NICK] }))
    };
    let profile = r#""To_Account":"a","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"N"}]"#;
    let end = r#""ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#;
    let right =
        format!(r#"{{"UserProfileItem":[{{{profile},"ResultCode":0,"ResultInfo":""}}],{end}"#);
    assert_eq!(answer(""), right);
    assert_eq!(answer("oddities.byte_order_mark = 1.0"), format!("\u{feff}{right}"));
    assert_eq!(answer("oddities.missing_code = 1.0"), right.replace(r#""ResultCode":0,"#, ""));
    assert_eq!(
        answer("oddities.failed_without_item = 1.0"),
        format!(r#"{{"UserProfileItem":[],"Fail_Account":["a"],{end}"#)
    );
    assert_eq!(
        answer("oddities.failed_with_profile = 1.0"),
        right.replace(r#"}],"Act"#, r#"}],"Fail_Account":["a"],"Act"#)
    );
    assert_eq!(
        answer("oddities.bare_item = 1.0"),
        format!(r#"{{"UserProfileItem":[{{"To_Account":"a","ResultInfo":""}}],{end}"#)
    );
    let fail = answer("faults.fail_with_code_zero.rate = 1.0");
    let expected = right
        .replace(r#""OK""#, r#""FAIL""#)
        .replace(r#""ErrorInfo":"""#, r#""ErrorInfo":"internal error, please try again""#);
    assert_eq!(fail, expected);
    let unreadable = answer("oddities.unreadable_code = 1.0");
    let codes = ["null", "\"OK\"", "true", "false"];
    assert!(
        codes.iter().any(|code| unreadable
            == right.replace(r#""ResultCode":0"#, &format!(r#""ResultCode":{code}"#))),
        "{unreadable}"
    );
    let marker = answer("oddities.failed_marker = 1.0");
    let words = "Err_Profile_PortraitGet_Read_Custom_Data_Fail";
    let markers = ["@TLS#NOT_FOUND", "@TLS#ERROR", ""];
    assert!(
        markers.iter().any(|name| marker
            == format!(
                r#"{{"UserProfileItem":[{{"To_Account":"{name}","ResultCode":40006,"ResultInfo":"{words}"}}],"Fail_Account":["a"],{end}"#
            )),
        "{marker}"
    );
}

#[test]
fn both_signals_shut_down_gracefully() {
    for signal in [Signal::TERM, Signal::INT] {
        let emulate = Emulate::start(&TestDir::new(), &[]);
        emulate.ask("GET /", "");
        let output = emulate.stop(signal).expect_code(0);
        assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""), "{output}");
    }
}

#[test]
fn idle_and_hanging_calls_do_not_block_shutdown() {
    let directory = directory();
    directory.write("faults.toml", "[faults]\nhang = { rate = 1.0 }\nhang_ms = 3_600_000\n");
    let emulate = Emulate::start(&directory, &["--faults", "faults.toml"]);
    let idle = TcpStream::connect(emulate.authority()).unwrap();
    let (_, page) = emulate.ask("GET /", "");
    let (_, call) = page.split_once("<pre>curl '").unwrap();
    let path = call.split_once('\'').unwrap().0.strip_prefix(&emulate.base_url).unwrap();
    let mut hanging = TcpStream::connect(emulate.authority()).unwrap();
    let body = r#"{"To_Account":["a"],"TagList":["Tag_Profile_IM_Nick"]}"#;
    let (path, length) = (path.replace("&amp;", "&"), body.len());
    write!(hanging, "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
    while !emulate.ask("GET /__stats", "").1.contains(r#""hang":1"#) {}
    emulate.stop(Signal::TERM).expect_code(0);
    drop(idle);
}

#[test]
fn emulate_serves_the_given_profiles() {
    let directory = directory();
    directory.write(
        "profiles.ndjson",
        "{\"account\":\"c\",\"Tag_Profile_IM_Nick\":\"Carol, \\\"C\\\"\",\"Tag_Profile_IM_Level\":3}\n\n\
         {\"account\":\"a\",\"Tag_Profile_IM_Nick\":\"\",\"Tag_Profile_IM_Level\":null}\n",
    );
    let more = ["--profiles", "profiles.ndjson", "--secret-key-env", "IM_SECRET_KEY"];
    let emulate = Emulate::start(&directory, &more);
    export(&directory, &emulate).expect_code(0);
    let snapshot = directory.snapshot("out");
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        snapshot.table().rows,
        [vec![some("a"), some(""), None], vec![some("c"), some("Carol, \"C\""), some("3")]]
    );
    let failed = snapshot.failed();
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].account.as_str(), failed[0].category.as_str()), ("b", "not_found"));
}

#[test]
fn emulate_accepts_the_given_credentials() {
    let directory = directory();
    let more = [
        "--secret-key-env",
        "IM_SECRET_KEY",
        "--admin",
        "root",
        "--admin",
        "joe",
        "--sdkappid",
        "14",
    ];
    let emulate = Emulate::start(&directory, &more);
    let overrides = overrides(&emulate);
    let app_14 = ["--set", &overrides[0], "--set", &overrides[2], "--set", "api.sdkappid=14"];
    directory.export(&[&app_14[..], &["--set", "api.identifier=joe"]].concat()).expect_code(0);
    directory.export(&app_14).expect_code(4).expect_stderr(&["code 60010"]);
    export(&directory, &emulate).expect_code(4).expect_stderr(&["code 60006"]);
    let (_, page) = emulate.ask("GET /", "");
    assert!(!page.contains("one_of_ours"), "its page shows the secret key");
}

#[test]
fn invalid_arguments_and_files_are_refused() {
    let directory = TestDir::new();
    directory.write(
        "faults.toml",
        "seed = 7\n\n[faults]\nreset = { rate = 0.1 }\nhangs = { rate = 0.1 }\n",
    );
    directory.write("rates.toml", "[faults]\nhttp_statuses = [503]\nreset = { rate = 1.1 }\n");
    directory.write("profiles.ndjson", "{\"account\":\"a\"}\n{\"acount\":\"b\"}\n");
    let refused = |arguments: &[&str]| {
        let output = directory.run(&[&["emulate"], arguments].concat()).expect_code(2);
        assert_eq!(output.stdout, "", "no address may be printed\n{output}");
        output.error().to_owned()
    };
    insta::assert_snapshot!(refused(&["--faults", "faults.toml"]), @"faults.toml:5: faults.hangs: is not a known key; did you mean hang?");
    insta::assert_snapshot!(refused(&["--faults", "rates.toml"]), @"rates.toml:3: faults.reset.rate: 1.1 is not a share; write a number from 0.0 to 1.0");
    insta::assert_snapshot!(refused(&["--faults", "gone.toml"]), @"gone.toml: the file does not exist; check the path");
    insta::assert_snapshot!(refused(&["--profiles", "profiles.ndjson"]), @r#"profiles.ndjson cannot be used: line 2: "account" is missing or not a string; write one object per line, such as {"account":"id","Tag_Profile_IM_Nick":"N"}"#);
    insta::assert_snapshot!(refused(&["--profiles", "gone.ndjson"]), @"cannot read gone.ndjson, which --profiles names: No such file or directory (os error 2); correct the path");
    insta::assert_snapshot!(refused(&["--secret-key-env", "IM_KEY"]), @"the environment variable IM_KEY, which --secret-key-env names, is not set, or is empty; set it to the app's secret key");
    insta::assert_snapshot!(refused(&["--listen", "localhost"]), @"invalid value 'localhost' for '--listen <ADDRESS:PORT>': write an IP address and a port, such as 127.0.0.1:8080");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let listener = TcpListener::bind(taken).unwrap();
    insta::assert_snapshot!(refused(&["--listen", &taken.to_string()]).replace(&taken.to_string(), "[taken]"), @"cannot listen on [taken]: Address already in use (os error 98); choose another --listen, or port 0 for a free one");
    drop(listener);
}

/// An export in the midst of a call to a service that never answers.
struct CallingExport {
    child: Child,
    arguments: Vec<String>,
    _silent_service: (TcpListener, TcpStream),
}

impl CallingExport {
    /// Starts it and waits for its call.
    fn start(directory: &TestDir, more: &str) -> CallingExport {
        let service = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let base_url = format!("api.base_url=http://{}", service.local_addr().unwrap());
        let keys = [&base_url, "api.sdkappid=14", "api.secret_key_env=IM_SECRET_KEY", more];
        let keys = keys.into_iter().flat_map(|key| ["--set", key]);
        let arguments: Vec<&str> =
            ["export", "job.toml", "--json"].into_iter().chain(keys).collect();
        let child = directory.spawn(&arguments);
        let (mut call, _) = service.accept().unwrap();
        assert!(call.read(&mut [0; 16]).unwrap() > 0);
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        CallingExport { child, arguments, _silent_service: (service, call) }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn end(self) -> Output {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        end_of(self.child, &arguments)
    }
}

const SIGNALS: [(Signal, i32, &str); 2] =
    [(Signal::TERM, 143, "SIGTERM"), (Signal::INT, 130, "SIGINT")];

#[test]
fn stopped_export_prints_the_resume_command_and_changes_nothing() {
    for (signal, code, name) in SIGNALS {
        let directory = directory();
        directory.export(&[]).expect_code(0);
        let before = fs::read(directory.path("out/_manifest.json")).unwrap();
        let export = CallingExport::start(&directory, "api.timeout=100ms");
        export.signal(signal);
        let arguments = export.arguments.join(" ");
        let output = export.end().expect_code(code);
        let reported =
            format!("stopped by {name}; kept 0 of 1 part (0 of 3 accounts); resume with: ");
        let command = output.error().strip_prefix(&reported).unwrap_or_else(|| panic!("{output}"));
        assert!(command.contains(&arguments) && command.contains(" --date="), "{output}");
        assert_eq!(output.summary()["exit_code"], code, "{output}");
        assert_eq!(fs::read(directory.path("out/_manifest.json")).unwrap(), before, "{output}");
        directory.export(&[]).expect_code(0);
        assert_eq!(directory.snapshot("out").table().accounts(), ["a", "b", "c"]);
    }
}

/// The first signal lets calls end, however long that takes; the second does not wait.
#[test]
fn second_signal_exits_immediately() {
    for (signal, code, _) in SIGNALS {
        let directory = directory();
        let mut export = CallingExport::start(&directory, "api.timeout=5m");
        let mut stderr = BufReader::new(export.child.stderr.take().unwrap());
        export.signal(signal);
        let mut line = String::new();
        while !line.contains("a second signal exits immediately") {
            line.clear();
            assert!(
                stderr.read_line(&mut line).unwrap() > 0,
                "nothing was said of a second signal"
            );
        }
        export.signal(signal);
        export.end().expect_code(code);
        directory.export(&[]).expect_code(0);
    }
}
