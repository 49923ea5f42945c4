//! `stream`: records in on standard input, a row for each out on standard output.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int64Type};
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::scripted::{Response, ScriptedServer, item_of};
use crate::support::stops::with_faults;
use crate::support::{EmulatorServer, Output, QUICK_JOB, TestDir, end_of, settings_of, wait_until};

/// A job without an account list and without an output.
const STREAM_JOB: &str = r#"
name = "stream"

[api]
emulator = true
calls_per_second = 0

[[columns]]
tag = "Tag_Profile_IM_Nick"
name = "nick"

[retry]
initial_backoff = "1ms"
max_backoff = "5ms"
outage_patience = "30s"

[emulator.rate]
portrait_get = 0
"#;

const TEXT: [&str; 6] = ["stream", "job.toml", "--input", "txt", "--output", "ndjson"];

fn directory() -> TestDir {
    let directory = TestDir::new();
    directory.write("job.toml", STREAM_JOB);
    directory
}

/// A directory for a stream that calls `server`, and the arguments for it.
fn against(server: &EmulatorServer, arguments: &[&str]) -> (TestDir, Vec<String>) {
    let directory = directory().env(SECRET_VARIABLE, server.secret_key());
    let arguments = arguments.iter().map(|it| (*it).to_owned());
    (directory, arguments.chain(server.overrides()).collect())
}

fn run(directory: &TestDir, arguments: &[String], input: &[u8]) -> Output {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    directory.run_with_input(&arguments, input)
}

fn rows(ndjson: &str) -> Vec<Value> {
    ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How many rows have each outcome.
fn outcomes(rows: &[Value]) -> BTreeMap<String, usize> {
    let mut outcomes = BTreeMap::new();
    for row in rows {
        *outcomes.entry(row["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    outcomes
}

fn arrow_of(batches: &[Vec<Option<&str>>]) -> Vec<u8> {
    let batches: Vec<RecordBatch> = batches
        .iter()
        .map(|rows| {
            let column: ArrayRef = Arc::new(StringArray::from(rows.clone()));
            RecordBatch::try_from_iter_with_nullable([("account", column, true)]).unwrap()
        })
        .collect();
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

/// Runs it with bytes as standard output, which Arrow is.
fn run_to_arrow(directory: &TestDir, arguments: &[&str], input: Vec<u8>) -> Vec<RecordBatch> {
    let mut child = directory.spawn(arguments);
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let mut bytes = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
    writer.join().unwrap();
    end_of(child, arguments).expect_code(0);
    StreamReader::try_new(bytes.as_slice(), None).unwrap().map(Result::unwrap).collect()
}

#[test]
fn rows_are_those_of_an_export() {
    const COLUMNS: &str = r#"
[[columns]]
tag = "Tag_Profile_IM_BirthDay"
name = "birth_day"
type = "date"

[[columns]]
tag = "Tag_Profile_IM_SelfSignature"
name = "signature"

[[columns]]
tag = "Tag_Profile_Custom_Points"
name = "points"
type = "uint64"

[emulator.population]
invalid_birthdays = 0.05

[emulator.faults]
unknown = { rate = 0.1 }
transient = { rate = 0.02 }
"#;
    let mut names: Vec<String> = (0..3000).map(|n| format!("u{n}")).collect();
    names.extend(["u1".to_owned(), "x".repeat(33), "@TLS#x".to_owned(), "a,\"b\"".to_owned()]);
    let job = format!("{}{COLUMNS}", QUICK_JOB.replace("[emulator.rate]\n", "[emulator]\nrate."));
    let directory = TestDir::with_job(&job, &names);
    directory
        .export(&["--set", "output.format=csv", "--set", "output.compression=none"])
        .expect_code(0);
    let exported = std::fs::read_to_string(directory.path("out/part-00000.csv")).unwrap();
    let list: String = names.iter().map(|name| format!("{name}\n")).collect();
    let streamed = directory
        .run_with_input(
            &["stream", "job.toml", "--input", "txt", "--output", "csv"],
            list.as_bytes(),
        )
        .expect_code(0)
        .stdout;
    let records = |text: &str| {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader.records().map(Result::unwrap).collect::<Vec<_>>()
    };
    let columns = 6;
    let cells = |record: &csv::StringRecord| -> Vec<String> {
        record.iter().take(columns).map(str::to_owned).collect()
    };
    let (exported, streamed) = (records(&exported), records(&streamed));
    assert_eq!(streamed.len(), names.len());
    let mut of_export: Vec<_> = exported.iter().map(cells).collect();
    // The list has it twice, and an export removes duplicates.
    let repeated = of_export.iter().find(|row| row[0] == "u1").cloned();
    of_export.extend(repeated);
    let with_row = streamed.iter().filter(|record| &record[columns] == "exported");
    let mut of_stream: Vec<_> = with_row.map(cells).collect();
    of_export.sort();
    of_stream.sort();
    assert!(of_stream.len() > 2000);
    assert_eq!(of_stream, of_export);
    let count = |outcome: &str| streamed.iter().filter(|it| &it[columns] == outcome).count();
    assert!(count("not_found") > 100 && count("invalid_account") == 2, "{}", count("not_found"));
}

#[test]
fn arrow_in_gives_arrow_out_with_the_types_of_engines() {
    let directory = TestDir::new();
    let columns = r#"
[[columns]]
tag = "Tag_Profile_Custom_Points"
name = "points"
type = "uint64"

[[columns]]
tag = "Tag_Profile_IM_Level"
name = "level"
type = "uint32"
"#;
    directory.write("job.toml", STREAM_JOB.replace("[retry]", &format!("{columns}\n[retry]")));
    let many: Vec<String> = (0..10_000).map(|n| format!("u{n}")).collect();
    let many: Vec<Option<&str>> = many.iter().map(|name| Some(name.as_str())).collect();
    let input = arrow_of(&[vec![None, Some("a"), Some("a")], vec![], many]);
    let batches = run_to_arrow(&directory, &["stream", "job.toml"], input);
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 10_003);
    assert!(batches.iter().all(|batch| batch.num_rows() <= 4096));
    let schema = batches[0].schema();
    let fields: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            let null = if field.is_nullable() { "" } else { " not null" };
            format!("{} {}{null}", field.name(), field.data_type())
        })
        .collect();
    let expected = [
        "account Utf8",
        "nick Utf8",
        "points Decimal128(20, 0)",
        "level Int64",
        "outcome Utf8 not null",
        "error_code Int64",
        "error_info Utf8",
        "attempts Int32 not null",
    ];
    assert_eq!(fields, expected);
    assert_eq!(
        schema.metadata().get("im_profiles.version").map(String::as_str),
        Some(env!("CARGO_PKG_VERSION"))
    );
    let mut times = BTreeMap::<Option<String>, u32>::new();
    for batch in &batches {
        let accounts = batch.column(0).as_string::<i32>();
        accounts.iter().for_each(|it| *times.entry(it.map(str::to_owned)).or_default() += 1);
        assert!(batch.column(2).as_primitive_opt::<Decimal128Type>().is_some());
        assert!(batch.column(3).as_primitive_opt::<Int64Type>().is_some());
    }
    assert_eq!((times[&None], times[&Some("a".to_owned())], times.len()), (1, 2, 10_002));
    // The same schema without a record, and without a call.
    let of_schema = directory.spawn(&["stream", "job.toml", "--print-schema"]);
    let bytes = of_schema.wait_with_output().unwrap().stdout;
    assert_eq!(StreamReader::try_new(bytes.as_slice(), None).unwrap().schema(), schema);
    let empty = run_to_arrow(&directory, &["stream", "job.toml"], arrow_of(&[vec![]]));
    assert!(empty.is_empty());
}

#[test]
fn nothing_is_on_disk_and_nothing_is_needed_there() {
    let directory = directory();
    let before = directory.names("");
    let output = directory.run_with_input(&TEXT, b"a\nb\n").expect_code(0);
    assert_eq!(rows(&output.stdout).len(), 2);
    assert_eq!(directory.names(""), before);
    // An export of the same job needs more.
    directory.export(&[]).expect_code(2).expect_stderr(&["accounts.path"]);
}

/// A child whose rows are read one by one.
struct Conversation {
    child: Child,
    rows: BufReader<std::process::ChildStdout>,
}

impl Conversation {
    fn start(directory: &TestDir, arguments: &[&str]) -> Conversation {
        let mut child = directory.spawn(arguments);
        let rows = BufReader::new(child.stdout.take().unwrap());
        Conversation { child, rows }
    }

    fn write(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    fn row(&mut self) -> Value {
        let mut line = String::new();
        self.rows.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

#[test]
fn each_record_has_its_row_before_the_input_ends() {
    let directory = directory();
    let mut conversation = Conversation::start(&directory, &TEXT);
    for account in ["a", "b", "a"] {
        conversation.write(&format!("{account}\n"));
        assert_eq!(conversation.row()["account"], account);
    }
    conversation.write("a\nb\n@TLS#c\n");
    let mut accounts: Vec<String> =
        (0..3).map(|_| conversation.row()["account"].as_str().unwrap().to_owned()).collect();
    accounts.sort();
    assert_eq!(accounts, ["@TLS#c", "a", "b"]);
    drop(conversation.child.stdin.take());
    end_of(conversation.child, &TEXT).expect_code(0);
}

#[test]
fn a_reader_that_goes_away_while_the_stream_is_idle_ends_it_quietly() {
    let directory = directory();
    let quiet = [&TEXT[..], &["-q"]].concat();
    let mut conversation = Conversation::start(&directory, &quiet);
    conversation.write("a\n");
    assert_eq!(conversation.row()["outcome"], "exported");
    // Standard input stays open.
    let stdin = conversation.child.stdin.take();
    drop(conversation.rows);
    let output = end_of(conversation.child, &quiet).expect_code(0);
    assert_eq!(output.stderr, "");
    drop(stdin);
}

#[test]
fn a_reader_that_goes_away_too_early_is_reported() {
    let server = EmulatorServer::start(with_faults("latency_ms = 20"));
    let (directory, arguments) = against(&server, &TEXT);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut conversation = Conversation::start(&directory, &arguments);
    let mut stdin = conversation.child.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || {
        let names = (0..1_000_000).map(|n| format!("u{n}\n"));
        // The pipe breaks when the process ends.
        names.into_iter().try_for_each(|name| stdin.write_all(name.as_bytes())).is_err()
    });
    conversation.row();
    drop(conversation.rows);
    let output = end_of(conversation.child, &arguments).expect_code(141);
    assert!(
        output.error().starts_with("the reader of standard output closed it too early (wrote "),
        "{output}"
    );
    assert!(feeding.join().unwrap());
    assert!(server.calls() < 10_000);
}

#[test]
fn a_signal_ends_it_while_it_waits_for_records() {
    let directory = directory();
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129)] {
        let mut conversation = Conversation::start(&directory, &TEXT);
        conversation.write("a\n");
        conversation.row();
        kill_process(Pid::from_child(&conversation.child), signal).unwrap();
        let stdin = conversation.child.stdin.take();
        let output = end_of(conversation.child, &TEXT).expect_code(code);
        assert!(output.error().ends_with("; wrote 1 row for 1 record read"), "{output}");
        drop(stdin);
    }
}

#[test]
fn a_signal_ends_it_while_its_reader_stands_still() {
    let server = EmulatorServer::start(with_faults(""));
    let (directory, arguments) = against(&server, &TEXT);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut child = directory.spawn(&arguments);
    let mut stdin = child.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || {
        (0..500_000).try_for_each(|n| stdin.write_all(format!("u{n}\n").as_bytes())).is_err()
    });
    // More rows than the pipe holds.
    wait_until("calls", || server.calls() > 50);
    let stdout = child.stdout.take();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let status = child.wait().unwrap();
    drop(stdout);
    assert_eq!(status.code(), Some(143));
    assert!(feeding.join().unwrap());
}

#[test]
fn failures_have_the_codes_and_messages_of_an_export() {
    let server = EmulatorServer::start(with_faults(""));
    let (directory, arguments) = against(&server, &TEXT);
    let wrong_key = directory.env(SECRET_VARIABLE, &"0".repeat(64));
    let output = run(&wrong_key, &arguments, b"a\n").expect_code(4);
    assert!(output.error().starts_with("the service refused the call: code 70009"), "{output}");
    assert_eq!(output.stdout, "");

    let directory = self::directory();
    let missing = directory.run_with_input(&["stream", "nosuch.toml"], b"").expect_code(2);
    assert!(missing.error().contains("nosuch.toml: the file does not exist"), "{missing}");
    let named = [&TEXT[..], &["--set", "columns.0.name=Outcome"]].concat();
    let named = directory.run_with_input(&named, b"").expect_code(2);
    assert!(
        named.error().contains("which is the name of a column that every stream has"),
        "{named}"
    );
    let not_arrow = ["stream", "job.toml", "--output", "csv"];
    let not_arrow = directory.run_with_input(&not_arrow, b"account\na\n").expect_code(2);
    assert!(not_arrow.error().starts_with("standard input is not an Arrow stream"), "{not_arrow}");
    let no_column = ["stream", "job.toml", "--input", "csv", "--output", "csv"];
    let no_column = directory.run_with_input(&no_column, b"a\nb\n").expect_code(2);
    assert!(no_column.error().contains("accounts.column"), "{no_column}");

    let unreachable = server.overrides();
    drop(server);
    let directory =
        self::directory().env(SECRET_VARIABLE, im_profiles::emulator::EMULATOR_SECRET_KEY);
    let arguments: Vec<String> =
        TEXT.iter().map(|it| (*it).to_owned()).chain(unreachable).collect();
    let patience = ["--set", "retry.outage_patience=50ms"].map(str::to_owned);
    let output = run(&directory, &[arguments, patience.to_vec()].concat(), b"a\n").expect_code(75);
    assert!(output.error().starts_with("no call succeeded for "), "{output}");
    let deadline = [&TEXT[..], &["--set", "limits.deadline=100ms"]].concat();
    let mut conversation = Conversation::start(&directory, &deadline);
    let stdin = conversation.child.stdin.take();
    let output = end_of(conversation.child, &deadline).expect_code(75);
    assert!(
        output.error().starts_with("limits.deadline (100 ms) was reached before the records ended"),
        "{output}"
    );
    drop(stdin);
}

#[test]
fn input_that_breaks_off_is_refused_and_what_was_read_before_has_its_row() {
    let directory = directory();
    let arguments = ["stream", "job.toml", "--input", "csv", "--output", "ndjson"];
    let output = directory.run_with_input(&arguments, b"account\na\nb\n\"c\n").expect_code(2);
    assert!(output.error().contains("line 4"), "{output}");
    let accounts: Vec<Value> =
        rows(&output.stdout).iter().map(|it| it["account"].clone()).collect();
    assert_eq!(accounts, ["a", "b"]);
}

#[test]
fn the_shares_of_several_processes_stay_within_the_limit() {
    let settings = "rate.portrait_get = 40\nseed = 1";
    let server = EmulatorServer::start(settings_of(settings));
    let names: String = (0..6000).map(|n| format!("u{n}\n")).collect();
    let rate = ["--set", "api.calls_per_second=40", "-q"];
    let (directory, _) = against(&server, &TEXT);
    let directory = &directory;
    std::thread::scope(|scope| {
        for share in ["20/40", "13/40", "7/40"] {
            let (_, arguments) =
                against(&server, &[&TEXT[..], &rate, &["--rate-share", share]].concat());
            let input = names.as_bytes()[..names.len() / 3].to_vec();
            scope.spawn(move || {
                // Two processes that follow each other.
                for _ in 0..2 {
                    run(directory, &arguments, &input).expect_code(0);
                }
            });
        }
    });
    let stats = server.emulator.stats();
    let peak = stats.portrait_get().peak_calls_per_second();
    assert!(stats.portrait_get().calls() >= 120 && peak <= 40, "{peak}");
    // It enforces the limit.
    assert_eq!(stats.responses_with_code(60007), 0);
    let refused = directory.run(&[
        "stream",
        "job.toml",
        "--set",
        "api.calls_per_second=3",
        "--rate-share",
        "1/4",
    ]);
    assert!(
        refused.expect_code(2).error().starts_with("--rate-share 1/4 of api.calls_per_second (3)")
    );
}

#[test]
fn every_kind_of_outcome_says_why() {
    let server = ScriptedServer::start(|_, accounts| {
        let item = |account: &String| match account.as_str() {
            "rejected" => {
                r#"{"To_Account":"rejected","ResultCode":40001,"ResultInfo":"bad \u0007 text"}"#
                    .to_owned()
            }
            "absent" => r#"{"To_Account":"other","ResultCode":0,"ProfileItem":[]}"#.to_owned(),
            account => item_of(account),
        };
        Response::of_items(&accounts.iter().map(item).collect::<Vec<_>>(), "")
    });
    let directory = server.directory([""; 0]);
    let output = directory.run_with_input(&TEXT, b"good\nrejected\nabsent\n").expect_code(0);
    let rows = rows(&output.stdout);
    let expected = [("exported", 1), ("no_answer", 1), ("rejected", 1)];
    assert_eq!(outcomes(&rows), expected.map(|(name, count)| (name.to_owned(), count)).into());
    let of = |account: &str| rows.iter().find(|row| row["account"] == account).unwrap();
    assert_eq!(of("rejected")["error_code"], 40001);
    assert_eq!((&of("good")["error_info"], &of("good")["attempts"]), (&Value::Null, &1.into()));
    assert_eq!(of("absent")["error_info"], "the response does not mention the account");
    assert!(of("absent")["attempts"].as_u64().unwrap() > 1);
}

#[test]
fn the_secret_is_nowhere() {
    let key = "1c".repeat(32);
    let server = EmulatorServer::start(with_faults(""));
    let (directory, arguments) = against(&server, &TEXT);
    let directory = directory.env(SECRET_VARIABLE, &key);
    let verbose = [arguments, vec!["-vv".to_owned()]].concat();
    let output = run(&directory, &verbose, b"a\n").expect_code(4);
    assert!(!output.stderr.contains(&key) && !output.stderr.contains("usersig="), "{output}");
}

#[test]
fn a_full_disk_is_an_error_of_the_output() {
    let directory = directory();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_im-profiles"))
        .args(TEXT)
        .current_dir(directory.root())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"a\n").unwrap();
    let output = end_of(child, &TEXT).expect_code(1);
    assert!(output.error().starts_with("could not write standard output"), "{output}");
}
