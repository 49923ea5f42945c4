//! Whole streams against a scripted service.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;
use tokio::time::Instant;

use super::*;
use crate::accounts::{RecordFormat, RecordSettings};
use crate::pipeline::events::UNKNOWN_ACCOUNTS;
use crate::pipeline::tests::{ScriptedResponse, ScriptedService, body_of, ok, run_settings};
use crate::snapshot::sidecars::Category;

/// What a stream wrote.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    /// The objects of NDJSON.
    fn rows(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap();
        let lines = str::from_utf8(&bytes).unwrap().lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The result of a stream, its calls and its counts.
struct Ended {
    result: Result<(), RunError>,
    calls: Vec<Vec<String>>,
    counts: Arc<StreamCounts>,
}

/// Streams one account per line from `input` to `output`, as NDJSON.
fn stream_to(
    input: impl io::Read + Send + 'static,
    output: impl Write + Send + 'static,
    script: impl Fn(u64, Duration, &[String]) -> ScriptedResponse + Send + Sync + 'static,
) -> Ended {
    stream_from(RecordFormat::Txt, input, output, script)
}

/// The records of a format, without a column of the job.
fn records_of(format: RecordFormat) -> RecordSettings {
    RecordSettings { format, column: None, max_batch_bytes: 1 << 20 }
}

fn stream_from(
    format: RecordFormat,
    input: impl io::Read + Send + 'static,
    output: impl Write + Send + 'static,
    script: impl Fn(u64, Duration, &[String]) -> ScriptedResponse + Send + Sync + 'static,
) -> Ended {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let counts = Arc::new(StreamCounts::default());
    let records = records_of(format);
    let ends = StreamEnds {
        records: Box::new(move || RecordStream::open(&records, input)),
        output: Box::new(output),
        format: OutputFormat::Ndjson,
        calls_per_second_of_app: 0,
        counts: Arc::clone(&counts),
    };
    let mut settings = run_settings(UNKNOWN_ACCOUNTS, u64::MAX);
    settings.calls_per_second = 0;
    settings.retry.initial_backoff = Duration::from_millis(1);
    settings.retry.max_attempts = 3;
    let (service, result) = runtime.block_on(async {
        let service = Arc::new(ScriptedService {
            script: Box::new(script),
            started: Instant::now(),
            calls: Mutex::default(),
            sig_generation: Mutex::default(),
        });
        let (_stop, mut stop) = mpsc::channel(1);
        let context = RunContext {
            random: fastrand::Rng::with_seed(7),
            wall_clock: || Timestamp::UNIX_EPOCH,
            observer: &mut |_| {},
            stop: &mut stop,
        };
        let result = run_stream(Arc::clone(&service), settings, ends, context).await;
        (service, result)
    });
    runtime.shutdown_background();
    let calls = std::mem::take(&mut *service.calls.lock().unwrap());
    Ended { result, calls: calls.into_iter().map(|(_, accounts)| accounts).collect(), counts }
}

fn lines<'a>(accounts: impl IntoIterator<Item = &'a str>) -> Cursor<Vec<u8>> {
    Cursor::new(
        accounts.into_iter().map(|account| format!("{account}\n")).collect::<String>().into_bytes(),
    )
}

/// The rows of an account as texts of its nick, outcome, code, info and attempts.
fn rows_of(rows: &[Value], account: &str) -> Vec<String> {
    let is_of = |row: &&Value| row["account"] == account;
    let text = |row: &Value| {
        let cells = ["nick", "outcome", "error_code", "error_info", "attempts"];
        cells.map(|cell| row[cell].to_string()).join(" ")
    };
    rows.iter().filter(is_of).map(text).collect()
}

#[test]
fn every_record_has_a_row_with_its_outcome() {
    let (written, attempts) = (Written::default(), Mutex::new(HashMap::<String, u32>::new()));
    let names = [
        "good",
        "late",
        "unknown",
        "broken",
        "too long: 0123456789012345678901234567",
        "good",
        "good",
    ];
    let ended = stream_to(lines(names), written.clone(), move |_, _, accounts| {
        let mut attempts = attempts.lock().unwrap();
        let codes = accounts.iter().filter_map(|account| {
            let times = attempts.entry(account.clone()).or_default();
            *times += 1;
            match account.as_str() {
                "late" if *times < 3 => Some((account.clone(), 40006)),
                "unknown" => Some((account.clone(), 40003)),
                "broken" => Some((account.clone(), 40006)),
                _ => None,
            }
        });
        ScriptedResponse::Codes(codes.collect())
    });
    ended.result.unwrap();
    let rows = written.rows();
    assert_eq!(rows.len(), names.len());
    assert_eq!(rows_of(&rows, "good"), vec![r#""n-good" "exported" null null 1"#; 3]);
    assert_eq!(rows_of(&rows, "late"), [r#""n-late" "exported" null null 3"#]);
    let unknown = rows_of(&rows, "unknown");
    assert!(
        unknown[0].starts_with(r#"null "not_found" 40003 ""#) && unknown[0].ends_with("\" 1"),
        "{unknown:?}"
    );
    let broken = rows_of(&rows, "broken");
    assert!(
        broken[0].starts_with(r#"null "internal_error" 40006 ""#) && broken[0].ends_with("\" 3"),
        "{broken:?}"
    );
    assert_eq!(
        rows_of(&rows, names[4]),
        [r#"null "invalid_account" null "has 38 bytes, but the service allows 32" 0"#]
    );
    assert_eq!((ended.counts.read(), ended.counts.exported()), (7, 4));
    assert_eq!(Category::ALL.map(|category| ended.counts.failed(category)), [1, 1, 0, 0, 1]);
    assert!(
        ended.calls.iter().all(|accounts| accounts.iter().filter(|it| *it == "good").count() <= 1)
    );
}

#[test]
fn an_account_is_requested_once_per_chunk_and_has_a_row_for_each_record() {
    let written = Written::default();
    // 30,000 records of 150 accounts, and one account ten thousand times.
    let names: Vec<String> = (0..30_000).map(|n| format!("a{}", n % 150)).collect();
    let all = names.iter().map(String::as_str).chain(std::iter::repeat_n("same", 10_000));
    let ended = stream_to(lines(all), written.clone(), |_, _, _| ok());
    ended.result.unwrap();
    let mut times = HashMap::<String, u32>::new();
    for row in written.rows() {
        *times.entry(row["account"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(times.remove("same"), Some(10_000));
    assert!(times.len() == 150 && times.values().all(|times| *times == 200), "{times:?}");
    for accounts in &ended.calls {
        let mut distinct = accounts.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), accounts.len());
    }
}

#[test]
fn a_value_that_does_not_fit_is_named_in_its_row() {
    let written = Written::default();
    let ended = stream_to(lines(["a", "a", "b"]), written.clone(), |_, _, accounts| {
        let body = body_of(accounts, &[]);
        ScriptedResponse::Body(body.replacen("\"n-a\"", "[1]", 1))
    });
    ended.result.unwrap();
    let rows = written.rows();
    let note = r#"null "exported" null "the value of Tag_Profile_IM_Nick is not of type string: \"[1]\"" 1"#;
    assert_eq!(rows_of(&rows, "a"), [note; 2]);
    assert_eq!(rows_of(&rows, "b"), [r#""n-b" "exported" null null 1"#]);
}

/// Accepts so many bytes; then its reader is gone.
struct ClosesAfter(usize);

impl Write for ClosesAfter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_is_gone_ends_the_stream() {
    let names: Vec<String> = (0..200_000).map(|n| format!("a{n}")).collect();
    let ended =
        stream_to(lines(names.iter().map(String::as_str)), ClosesAfter(5000), |_, _, _| ok());
    let result = ended.result.unwrap_err();
    assert!(matches!(result, RunError::Stopped(StopCause::OutputClosed)), "{result:?}");
    assert!(ended.calls.len() < 2000 && ended.counts.written() < ended.counts.read());
}

#[test]
fn a_refused_call_ends_the_stream_without_the_end_of_its_rows() {
    let written = Written::default();
    let ended = stream_to(lines(["a"]), written.clone(), |_, _, _| ScriptedResponse::Code(70003));
    assert!(matches!(ended.result.unwrap_err(), RunError::Refused(_)));
    assert!(written.rows().is_empty());
}

/// Accepts nothing until it is opened.
struct Gate(Arc<(Mutex<bool>, Condvar)>, Written);

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut is_open = self.0.0.lock().unwrap();
        while !*is_open {
            is_open = self.0.1.wait(is_open).unwrap();
        }
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_stands_still_holds_up_the_calls_and_loses_nothing() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let (written, opened) = (Written::default(), Arc::clone(&gate));
    let names: Vec<String> = (0..200_000).map(|n| format!("a{n}")).collect();
    let made = Arc::new(Mutex::new(0));
    let calls_so_far = Arc::clone(&made);
    let calls_while_shut = std::thread::spawn(move || {
        // Until no call was made for a while: that the wait is too short on a busy machine only hides calls.
        let (mut calls, mut quiet) = (0, 0);
        while quiet < 20 {
            std::thread::sleep(Duration::from_millis(50));
            let now = *calls_so_far.lock().unwrap();
            quiet = if now == calls { quiet + 1 } else { 0 };
            calls = now;
        }
        *opened.0.lock().unwrap() = true;
        opened.1.notify_all();
        calls
    });
    let ended = stream_to(
        lines(names.iter().map(String::as_str)),
        Gate(gate, written.clone()),
        move |_, _, _| {
            *made.lock().unwrap() += 1;
            ok()
        },
    );
    ended.result.unwrap();
    assert_eq!((ended.calls.len(), ended.counts.exported()), (2000, 200_000));
    assert_eq!(written.rows().len(), 200_000);
    // The queue to the writer, the messages to flush, the calls in flight, and those of one flush more.
    let calls = calls_while_shut.join().unwrap();
    assert!((1..=256 + 3 * 32 + 64).contains(&calls), "{calls} calls");
}

/// Delivers what is sent, and ends with the sender.
struct LivePipe(Receiver<Vec<u8>>);

impl io::Read for LivePipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.recv().unwrap_or_default();
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

/// Sends the next account for each row that it receives.
struct AsksAgain {
    accounts: std::sync::mpsc::Sender<Vec<u8>>,
    left: Vec<&'static str>,
    written: Written,
}

impl Write for AsksAgain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(next) = self.left.pop().filter(|_| !bytes.is_empty()) {
            self.accounts.send(next.as_bytes().to_vec()).unwrap();
        } else if !bytes.is_empty() {
            // The end of the input.
            self.accounts = channel().0;
        }
        self.written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_record_has_its_row_before_the_next_one_is_there() {
    let (sender, accounts) = channel();
    sender.send(b"first\n".to_vec()).unwrap();
    let written = Written::default();
    let output =
        AsksAgain { accounts: sender, left: vec!["third\n", "second\n"], written: written.clone() };
    // The second one fails once while there is nothing else to request.
    let ended = stream_to(LivePipe(accounts), output, |number, _, _| match number {
        1 => ScriptedResponse::Broken,
        _ => ok(),
    });
    ended.result.unwrap();
    let names: Vec<Value> = written.rows().iter().map(|row| row["account"].clone()).collect();
    assert_eq!(names, ["first", "second", "third"]);
    assert_eq!(written.rows()[1]["attempts"], 2);
}

/// The account of each record, or `None` where there is none; an error if the content is refused.
fn accounts_of(
    format: RecordFormat,
    bytes: &[u8],
) -> Result<Vec<Option<String>>, RecordStreamError> {
    let mut records = RecordStream::open(&records_of(format), Cursor::new(bytes.to_vec()))?;
    let mut accounts = Vec::new();
    while records.advance()? {
        let record = records.record();
        let text = String::from_utf8_lossy(record.raw.bytes()).into_owned();
        accounts.push(record.fault.is_none().then_some(text));
    }
    Ok(accounts)
}

fn any_content() -> impl Strategy<Value = (RecordFormat, Vec<u8>)> {
    use RecordFormat::{Arrow, Csv, Ndjson, Tsv, Txt};
    let format = prop::sample::select(vec![Arrow, Csv, Tsv, Txt, Ndjson]);
    let words = prop::sample::select(vec![
        "account\n",
        "a",
        "b",
        "@TLS#",
        "\n",
        "\r\n",
        ",",
        "\t",
        "\"",
        " ",
        "{\"account\":\"a\"}\n",
        "{\"account\":null}\n",
        "[1]\n",
        "0123456789012345678901234567890123",
    ]);
    let piece = prop_oneof![
        9 => words.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    let content = prop::collection::vec(piece, 0..80).prop_map(|pieces| pieces.concat());
    (format, content, any::<bool>()).prop_map(|(format, content, has_header)| {
        let header = if has_header { b"account\n".to_vec() } else { Vec::new() };
        (format, [header, content].concat())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_of_any_bytes_has_one_row_or_the_bytes_are_refused((format, bytes) in any_content()) {
        let written = Written::default();
        let expected = accounts_of(format, &bytes);
        let ended = stream_from(format, Cursor::new(bytes), written.clone(), |number, _, accounts| {
            match number % 3 {
                0 => ScriptedResponse::Codes(vec![(accounts[0].clone(), 40006)]),
                1 => ScriptedResponse::Codes(accounts.iter().take(1).map(|it| (it.clone(), 40003)).collect()),
                _ => ok(),
            }
        });
        match expected {
            Err(_) => prop_assert!(matches!(ended.result, Err(RunError::Source(_))), "{:?}", ended.result),
            Ok(mut expected) => {
                prop_assert!(ended.result.is_ok(), "{:?}", ended.result);
                let mut accounts: Vec<Option<String>> =
                    written.rows().iter().map(|row| row["account"].as_str().map(str::to_owned)).collect();
                accounts.sort();
                expected.sort();
                prop_assert_eq!(accounts, expected);
            }
        }
    }
}
