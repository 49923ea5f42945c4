//! Whole runs against a scripted service, in virtual time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;

use tokio::time::Instant;

use super::*;
use crate::accounts::{AccountList, DistinctAccounts, ListFormat, ListPath, ListSource};
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::api::response_body::ResponseBody;
use crate::api::transport::TransportFailure;
use crate::pipeline::events::Event;
use crate::snapshot::checkpoint::RunHeader;
use crate::snapshot::manifest::FailureSummary;
use crate::snapshot::settings::{Compression, Format, IfExists, OutputSettings};
use crate::snapshot::sidecars::Category;
use crate::snapshot::store::local::LocalStore;
use crate::table::{ColumnType, schema};
use crate::util::exit_code::HasExitCode;

const ACCOUNTS_PER_PART: u64 = 1000;

/// More than any of these runs puts into a queue. Virtual time runs on while a run waits for a thread, so here it never does.
const UNBOUNDED: usize = 10_000;

/// What the scripted service does with a call: its number from 0, its time, and the accounts asked.
type Script = dyn Fn(u64, Duration, &[String]) -> Answered + Send + Sync;

enum Answered {
    /// A code for each account it names; all others have a row.
    With(Vec<(String, i64)>),
    /// This body.
    Body(String),
    /// The whole call fails with this code.
    Code(i64),
    /// The call breaks.
    Broken,
    /// The answer is beyond the cap.
    TooLarge,
    /// The call fails with this HTTP status.
    Status(u16),
    /// The call fails so on its way.
    Failing(TransportFailure),
    /// The answer, with `Retry-After`.
    RetryAfter(Duration, Box<Answered>),
    /// All have a row, after so long.
    After(Duration),
}

fn ok() -> Answered {
    Answered::With(Vec::new())
}

struct Scripted {
    script: Box<Script>,
    started: Instant,
    /// Time and accounts of every call.
    calls: Mutex<Vec<(Duration, Vec<String>)>>,
    sig_generation: Mutex<SigGeneration>,
}

impl Service for Scripted {
    async fn call(&self, request: String, _random: u32, departure: Departure) -> CallResult {
        drop(departure);
        let sig_generation = self.sig_generation();
        let at = self.started.elapsed();
        let request: serde_json::Value = serde_json::from_str(&request).unwrap();
        let accounts: Vec<String> = serde_json::from_value(request["To_Account"].clone()).unwrap();
        let number = {
            let mut calls = self.calls.lock().unwrap();
            calls.push((at, accounts.clone()));
            calls.len() as u64 - 1
        };
        let mut answered = (self.script)(number, at, &accounts);
        let mut retry_after = None;
        if let Answered::RetryAfter(pause, inner) = answered {
            (retry_after, answered) = (Some(pause), *inner);
        }
        let body = match answered {
            Answered::With(codes) => Ok(body_of(&accounts, &codes)),
            Answered::Body(body) => Ok(body),
            Answered::Code(code) => Ok(format!(
                r#"{{"ActionStatus":"FAIL","ErrorCode":{code},"ErrorInfo":"scripted"}}"#
            )),
            Answered::Broken => Err(TransportFailure::Connection("broken".to_owned()).into()),
            Answered::TooLarge => Err(TransportFailure::TooLarge(1).into()),
            Answered::Status(status) => Err(TransportFailure::Status(status).into()),
            Answered::Failing(failure) => Err(failure.into()),
            Answered::RetryAfter(..) => unreachable!("a pause of a pause"),
            Answered::After(latency) => {
                tokio::time::sleep(latency).await;
                Ok(body_of(&accounts, &[]))
            }
        };
        tokio::time::sleep(Duration::from_millis(20)).await;
        CallResult {
            body: body.map(ResponseBody::from),
            sig_generation,
            retry_after,
            server_time: None,
        }
    }

    fn sig_generation(&self) -> SigGeneration {
        *self.sig_generation.lock().unwrap()
    }

    fn renew_signature(&self) -> bool {
        let mut generation = self.sig_generation.lock().unwrap();
        *generation = generation.next();
        true
    }
}

fn body_of(accounts: &[String], codes: &[(String, i64)]) -> String {
    let codes: HashMap<&str, i64> =
        codes.iter().map(|(account, code)| (account.as_str(), *code)).collect();
    let items: Vec<String> = accounts
        .iter()
        .map(|account| match codes.get(account.as_str()) {
            Some(code) => format!(r#"{{"To_Account":"{account}","ResultCode":{code}}}"#),
            None => format!(
                r#"{{"To_Account":"{account}","ProfileItem":[{{"Tag":"Tag_Profile_IM_Nick","Value":"n-{account}"}}],"ResultCode":0}}"#
            ),
        })
        .collect();
    format!(r#"{{"UserProfileItem":[{}],"ActionStatus":"OK","ErrorCode":0}}"#, items.join(","))
}

/// What a scripted run left.
struct Ended {
    result: Result<RunResult, RunError>,
    /// Lines of all parts in order, without headers.
    rows: Vec<String>,
    /// Account and category of every failed account.
    failed: HashMap<String, String>,
    calls: Vec<(Duration, Vec<String>)>,
    events: Vec<String>,
    took: Duration,
}

impl Ended {
    fn accounts_with_rows(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.split(',').next().unwrap()).collect()
    }

    /// Promise 1: every account has a row or a reason, and none has both or two.
    fn assert_conserved(&self, accounts: u64) {
        let mut seen = self.accounts_with_rows();
        seen.extend(self.failed.keys().map(String::as_str));
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all, "an account is there twice");
        assert_eq!(all as u64, accounts);
    }

    fn assert_rate(&self, limit: usize) {
        for (first, (start, _)) in self.calls.iter().enumerate() {
            let in_second = self.calls[first..]
                .iter()
                .take_while(|(at, _)| *at < *start + Duration::from_secs(1))
                .count();
            assert!(in_second <= limit, "{in_second} calls in the second from {start:?}");
        }
    }
}

fn columns() -> Vec<Column> {
    vec![Column {
        tag: "Tag_Profile_IM_Nick".to_owned(),
        name: "nick".to_owned(),
        column_type: ColumnType::String,
    }]
}

fn run_settings(accounts: u64, accounts_per_part: u64) -> RunSettings {
    RunSettings {
        columns: columns(),
        tag_list: r#"["Tag_Profile_IM_Nick"]"#.to_owned(),
        calls_per_second: 200,
        first_call_delay: Duration::ZERO,
        max_in_flight: 64,
        retry: RetrySettings {
            max_attempts: 6,
            initial_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
            outage_patience: Duration::from_secs(600),
        },
        accounts_per_part,
        accounts_to_request: accounts,
        committed: BTreeSet::new(),
        has_rows: false,
        processed_before: 0,
    }
}

fn output_settings(directory: &Path, accounts_per_part: u64) -> OutputSettings {
    OutputSettings {
        path: directory.to_owned(),
        format: Format::Csv,
        compression: Compression::None,
        accounts_per_part,
        if_exists: IfExists::Replace,
    }
}

/// Runs over the accounts `a0`, `a1`, … against a script.
fn run_scripted(
    accounts: u64,
    script: impl Fn(u64, Duration, &[String]) -> Answered + Send + Sync + 'static,
) -> Ended {
    run_scripted_in_parts(accounts, ACCOUNTS_PER_PART, script)
}

fn run_scripted_in_parts(
    accounts: u64,
    accounts_per_part: u64,
    script: impl Fn(u64, Duration, &[String]) -> Answered + Send + Sync + 'static,
) -> Ended {
    run_scripted_with(accounts, |settings| settings.accounts_per_part = accounts_per_part, script)
}

fn run_scripted_with(
    accounts: u64,
    change: impl FnOnce(&mut RunSettings),
    script: impl Fn(u64, Duration, &[String]) -> Answered + Send + Sync + 'static,
) -> Ended {
    let mut settings = run_settings(accounts, ACCOUNTS_PER_PART);
    change(&mut settings);
    let accounts_per_part = settings.accounts_per_part;
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::new(&directory.path().join("out")).unwrap();
    std::fs::create_dir_all(store.staged_snapshot()).unwrap();
    let output = output_settings(directory.path(), accounts_per_part);
    let chunk_accounts = MAX_ACCOUNTS_PER_CALL as u64;
    let writer =
        SnapshotWriter::new(output, schema(&columns()), chunk_accounts, 0, Arc::new(store.clone()));
    let list = list_of(accounts, directory.path());
    let capacities = QueueCapacities { prefetched_blocks: UNBOUNDED, writer_messages: UNBOUNDED };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let mut events = Vec::new();
    let (service, result, took) = runtime.block_on(async {
        let service = Arc::new(Scripted {
            script: Box::new(script),
            started: Instant::now(),
            calls: Mutex::default(),
            sig_generation: Mutex::default(),
        });
        let (_stop, mut stopped) = mpsc::channel(1);
        let run_context = RunContext {
            random: fastrand::Rng::with_seed(7),
            wall_clock: || Timestamp::UNIX_EPOCH,
            observer: &mut |event| {
                if !matches!(
                    event,
                    Event::CallEnded { .. }
                        | Event::Progress(_)
                        | Event::PartCommitted(_)
                        | Event::AccountsFailed { .. }
                        | Event::RoundEnded(_)
                ) {
                    events.push(format!("{event:?}"));
                }
            },
            stop: &mut stopped,
        };
        let journal = Journal::create(&store, header()).unwrap();
        let accounts = AccountSource::List(Box::new(list));
        let target = SnapshotTarget { writer, journal };
        let channels = WorkerChannels::open(accounts, &settings, target, capacities).unwrap();
        while !channels.reader.has_read_all() {
            std::thread::yield_now();
        }
        let result = run_with(channels, Arc::clone(&service), settings, run_context).await;
        let took = service.started.elapsed();
        (service, result, took)
    });
    let calls = std::mem::take(&mut *service.calls.lock().unwrap());
    let rows = lines_of(&store.staged_snapshot(), "part-", 1);
    let failed = lines_of(store.root(), "failed-", 0)
        .into_iter()
        .map(|line| {
            let mut fields = line.split(',');
            (fields.next().unwrap().to_owned(), fields.next().unwrap().to_owned())
        })
        .collect();
    Ended { result, rows, failed, calls, events, took }
}

fn header() -> RunHeader {
    RunHeader {
        version: crate::snapshot::journal::VERSION,
        run_id: "r".to_owned(),
        date: "2026-11-22".to_owned(),
        started_at: String::new(),
        content: std::collections::BTreeMap::new(),
    }
}

fn list_of(accounts: u64, directory: &Path) -> DistinctAccounts {
    let path = directory.join("list.txt");
    let lines: String = (0..accounts).map(|n| format!("a{n}\n")).collect();
    std::fs::write(&path, lines).unwrap();
    let source =
        ListSource { path: ListPath::File(path), format: Some(ListFormat::Txt), column: None };
    let list = AccountList::open(&source, directory).unwrap();
    let scan = list.scan(&mut |_| Ok(()), &mut |_| {}).unwrap();
    list.distinct(&scan).unwrap()
}

fn lines_of(directory: &Path, prefix: &str, header_lines: usize) -> Vec<String> {
    let mut paths: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix));
    paths.sort();
    let text = |path| std::fs::read_to_string(path).unwrap();
    paths
        .into_iter()
        .flat_map(|path| {
            text(path).lines().skip(header_lines).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

fn is_in_order(accounts: &[&str]) -> bool {
    let numbers: Vec<u64> = accounts.iter().map(|name| name[1..].parse().unwrap()).collect();
    numbers.windows(2).all(|pair| pair[0] < pair[1])
}

#[test]
fn undisturbed_rows_come_in_the_order_of_the_list_within_the_rate() {
    let ended = run_scripted(50_050, |_, _, _| ok());
    ended.assert_conserved(50_050);
    ended.assert_rate(200);
    assert!(is_in_order(&ended.accounts_with_rows()));
    assert_eq!(ended.rows[7], "a7,n-a7");
    assert_eq!(ended.calls.len(), 501);
    let seconds = ended.calls.last().unwrap().0.as_secs_f64();
    assert!(500.0 / seconds >= 200.0 * 0.99, "{seconds} s");
    let result = ended.result.unwrap();
    let parts = result.journal.checkpoint().parts();
    assert_eq!(parts.len(), 51);
    assert_eq!(parts[50].rows, 50);
    assert!(result.calls.peak_calls_per_second <= 200);
    assert!(ended.events.is_empty(), "{:?}", ended.events);
}

#[test]
fn an_empty_list_is_one_empty_part() {
    let ended = run_scripted(0, |_, _, _| ok());
    assert_eq!(ended.calls.len(), 0);
    assert_eq!(ended.result.unwrap().journal.checkpoint().parts().len(), 1);
}

#[test]
fn passing_failures_of_accounts_are_packed_and_come_late_in_their_part() {
    let asked: Mutex<HashMap<String, u32>> = Mutex::default();
    let ended = run_scripted(10_000, move |_, _, accounts| {
        let mut asked = asked.lock().unwrap();
        let failing = accounts.iter().filter(|account| account.ends_with('7')).filter(|account| {
            let times = asked.entry((*account).clone()).or_default();
            *times += 1;
            *times <= 2
        });
        Answered::With(failing.map(|account| (account.clone(), 40006)).collect())
    });
    ended.assert_conserved(10_000);
    ended.assert_rate(200);
    assert!(ended.failed.is_empty());
    for part in ended.accounts_with_rows().chunks(1000) {
        let (first, late) = part.split_at(900);
        assert!(is_in_order(first) && first.iter().all(|account| !account.ends_with('7')));
        assert!(is_in_order(late) && late.iter().all(|account| account.ends_with('7')));
    }
    // 100 first calls, and 1,000 accounts twice again: packed, that is hardly more than 20 calls.
    assert!(ended.calls.len() <= 135, "{}", ended.calls.len());
}

#[test]
fn attempts_are_used_up_and_the_code_is_told() {
    let ended = run_scripted(300, |_, _, accounts| {
        let failing = accounts.iter().filter(|account| account.ends_with("50"));
        Answered::With(failing.map(|account| (account.clone(), 40006)).collect())
    });
    ended.assert_conserved(300);
    assert_eq!(ended.failed.len(), 3);
    assert!(ended.failed.values().all(|category| category == "internal_error"));
    let asked = ended.calls.iter().flat_map(|(_, accounts)| accounts);
    assert_eq!(asked.filter(|account| *account == "a150").count(), 6);
    let failures = &ended.result.unwrap().journal.checkpoint().parts()[0].failed;
    let expected =
        FailureSummary { category: Category::InternalError, error_code: Some(40006), accounts: 3 };
    assert_eq!(failures, &[expected]);
}

#[test]
fn an_account_that_breaks_its_call_is_found_and_takes_nobody_with_it() {
    for code in [40001, 40002, 40003, 60015, 70206] {
        let ended = run_scripted(1000, move |_, _, accounts| {
            match accounts.iter().any(|account| account == "a123" || account == "a124") {
                true => Answered::Code(code),
                false => ok(),
            }
        });
        ended.assert_conserved(1000);
        let category = if code == 40003 { "not_found" } else { "rejected" };
        assert_eq!(ended.failed.len(), 2, "{code}");
        assert!(ended.failed.values().all(|found| found == category), "{code}");
        assert!(ended.calls.len() <= 10 + 2 * 14, "{code}: {} calls", ended.calls.len());
    }
}

#[test]
fn too_large_an_answer_is_asked_for_in_halves_and_is_passing_for_one_account() {
    let too_large = Mutex::new(0);
    let ended = run_scripted(300, move |_, _, accounts| {
        let mut too_large = too_large.lock().unwrap();
        let is_too_large = accounts.len() > 50 || (accounts[0] == "a7" && *too_large < 3);
        if is_too_large && accounts[0] == "a7" {
            *too_large += 1;
        }
        let holds_a7_among_others = accounts.len() > 1 && accounts.contains(&"a7".to_owned());
        if is_too_large || holds_a7_among_others { Answered::TooLarge } else { ok() }
    });
    ended.assert_conserved(300);
    assert!(ended.failed.is_empty(), "{:?}", ended.failed);
    assert!(ended.calls.iter().any(|(_, accounts)| accounts == &["a7".to_owned()]));
}

#[test]
fn an_account_that_breaks_the_connection_takes_nobody_with_it() {
    let ended = run_scripted(2000, |_, _, accounts| {
        match accounts.iter().any(|account| account == "a1234") {
            true => Answered::Broken,
            false => ok(),
        }
    });
    ended.assert_conserved(2000);
    assert_eq!(ended.failed.keys().collect::<Vec<_>>(), ["a1234"]);
    assert_eq!(ended.failed["a1234"], "no_answer");
}

#[test]
fn an_account_with_a_last_attempt_is_not_given_up_for_the_call_of_another() {
    for accounts in (110..=190).step_by(20) {
        let failures: Mutex<HashMap<String, u32>> = Mutex::default();
        let ended = run_scripted(accounts, move |_, _, requested| {
            if requested.iter().any(|account| account == "a105") {
                return Answered::Broken;
            }
            // These fail by a code of their own until one attempt is left, and are packed with the others in between.
            let mut failures = failures.lock().unwrap();
            let failing =
                requested.iter().filter(|account| account.ends_with('3')).filter(|account| {
                    let times = failures.entry((*account).clone()).or_default();
                    *times += 1;
                    *times <= 5
                });
            Answered::With(failing.map(|account| (account.clone(), 40006)).collect())
        });
        ended.assert_conserved(accounts);
        let lost: Vec<&String> = ended
            .failed
            .iter()
            .filter(|(account, category)| *account != "a105" && *category == "no_answer")
            .map(|(account, _)| account)
            .collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
}

#[test]
fn throttling_slows_down_costs_no_attempts_and_no_place() {
    let throttled_until = Duration::from_secs(3);
    let ended = run_scripted(60_000, move |_, at, _| {
        if at > Duration::from_secs(1) && at < throttled_until {
            Answered::Code(60007)
        } else {
            ok()
        }
    });
    ended.assert_conserved(60_000);
    assert!(is_in_order(&ended.accounts_with_rows()));
    assert!(ended.failed.is_empty());
    let in_the_third_second = |(at, _): &&(Duration, Vec<String>)| at.as_secs() == 2;
    let slow = ended.calls.iter().filter(in_the_third_second).count();
    assert!(slow < 30, "{slow} calls in a second of throttling");
    let result = ended.result.unwrap();
    assert!(result.calls.throttled > 0);
    assert_eq!(result.calls.account_retries, 0);
    assert!(ended.events.last().unwrap().contains("FullRateRestored"));
}

#[test]
fn throttling_without_end_stops_when_patience_ends() {
    let ended = run_scripted(1000, |_, _, _| Answered::Code(60011));
    assert_eq!(ended.result.unwrap_err().exit_code(), ExitCode::TryAgainLater);
    assert!(ended.took >= Duration::from_secs(600));
}

#[test]
fn an_outage_costs_no_attempts_and_no_place() {
    let ended = run_scripted(30_000, |_, at, _| {
        let is_out = at > Duration::from_millis(300) && at < Duration::from_secs(90);
        if is_out { Answered::Broken } else { ok() }
    });
    ended.assert_conserved(30_000);
    assert!(ended.failed.is_empty());
    assert!(is_in_order(&ended.accounts_with_rows()), "rows came late");
    let result = ended.result.unwrap();
    assert_eq!(result.calls.account_retries, 0);
    let during = ended.calls.iter().filter(|(at, _)| (2..90).contains(&at.as_secs())).count();
    assert!((3..=10).contains(&during), "{during} calls during the outage");
    assert!(ended.events[0].contains("OutageStarted"), "{:?}", ended.events);
    assert!(ended.events.last().unwrap().contains("OutageEnded"));
}

#[test]
fn an_outage_ends_the_run_when_patience_ends() {
    let ended = run_scripted(30_000, |_, _, _| Answered::Broken);
    let error = ended.result.unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::TryAgainLater);
    assert!((600..650).contains(&ended.took.as_secs()), "{:?}", ended.took);
}

#[test]
fn calls_that_fail_by_chance_are_no_outage() {
    let ended =
        run_scripted(
            20_000,
            |number, _, _| {
                if number.is_multiple_of(3) { Answered::Broken } else { ok() }
            },
        );
    ended.assert_conserved(20_000);
    assert!(ended.failed.is_empty(), "{:?}", ended.failed);
    assert!(!ended.events.iter().any(|event| event.contains("Outage")));
}

#[test]
fn every_fatal_code_stops_the_run_at_once() {
    for rule in crate::api::error_codes::RULES {
        if rule.class != crate::api::error_codes::Class::Fatal || rule.renews_signature {
            continue;
        }
        let code = rule.code;
        let ended = run_scripted(100_000, move |_, _, _| Answered::Code(code));
        let error = ended.result.unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::RefusedByService, "{code}");
        assert!(error.to_string().contains(&code.to_string()), "{error}");
        assert!(error.to_string().contains(rule.remedy), "{error}");
        assert!(ended.calls.len() <= 64, "{code}: {} calls", ended.calls.len());
    }
}

#[test]
fn a_refused_usersig_is_signed_anew_once() {
    for rule in crate::api::error_codes::RULES.iter().filter(|rule| rule.renews_signature) {
        let code = rule.code;
        let mended = run_scripted(
            2000,
            move |number, _, _| {
                if number < 3 { Answered::Code(code) } else { ok() }
            },
        );
        mended.assert_conserved(2000);
        assert!(mended.failed.is_empty());
        assert!(is_in_order(&mended.accounts_with_rows()), "{code}");
        let signed = |event: &&String| event.contains("UserSigRenewed");
        assert_eq!(mended.events.iter().filter(signed).count(), 1, "{code}");

        let hopeless = run_scripted(2000, move |_, _, _| Answered::Code(code));
        let expected = match rule.class {
            crate::api::error_codes::Class::Fatal => ExitCode::RefusedByService,
            _ => ExitCode::TryAgainLater,
        };
        assert_eq!(hopeless.result.unwrap_err().exit_code(), expected, "{code}");
        assert_eq!(hopeless.events.iter().filter(signed).count(), 1, "{code}");
    }
}

#[test]
fn codes_that_may_pass_are_waited_out_whatever_their_number() {
    for code in [60013, 60004, 60005, 65432, -10114, 40006] {
        let ended = run_scripted(4_000, move |_, at, _| {
            let is_out = at < Duration::from_secs(3);
            if is_out { Answered::Code(code) } else { ok() }
        });
        ended.assert_conserved(4_000);
        assert!(ended.failed.is_empty(), "{code}: {:?}", ended.failed);
        let result = ended.result.unwrap();
        assert_eq!(result.calls.account_retries, 0, "{code}");

        let always = run_scripted(4_000, move |_, _, _| Answered::Code(code));
        let error = always.result.unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::TryAgainLater, "{code}: {error}");
        assert!(always.took >= Duration::from_secs(600), "{code}: {:?}", always.took);
    }
}

#[test]
fn responses_that_cannot_be_used_are_an_outage_and_never_rows() {
    for body in [
        r#"{"ActionStatus":"FAIL","ErrorCode":0,"ErrorInfo":"busy"}"#,
        r#"{"ErrorCode":"busy","UserProfileItem":[]}"#,
        "[]",
        "{}",
        "<html>",
    ] {
        let ended = run_scripted(2000, move |_, at, _| {
            let is_out = at < Duration::from_secs(5);
            if is_out { Answered::Body(body.to_owned()) } else { ok() }
        });
        ended.assert_conserved(2000);
        assert!(ended.failed.is_empty(), "{body}");
        let always = run_scripted(2000, move |_, _, _| Answered::Body(body.to_owned()));
        assert_eq!(always.result.unwrap_err().exit_code(), ExitCode::TryAgainLater, "{body}");
        assert!(always.rows.is_empty(), "{body}");
    }
}

#[test]
fn a_refusal_by_status_stops_the_run_only_when_it_is_confirmed() {
    for status in [302, 400, 401, 403, 404, 405, 413] {
        let lone = run_scripted(
            4_000,
            move |number, _, _| {
                if number == 50 { Answered::Status(status) } else { ok() }
            },
        );
        lone.assert_conserved(4_000);
        assert!(lone.failed.is_empty(), "{status}: {:?}", lone.failed);

        let some = run_scripted(4_000, move |_, at, _| {
            let is_restarting = (500..1000).contains(&at.as_millis());
            if is_restarting { Answered::Status(status) } else { ok() }
        });
        some.assert_conserved(4_000);
        assert!(some.failed.is_empty(), "{status}: {:?}", some.failed);

        let always = run_scripted(4_000, move |_, _, _| Answered::Status(status));
        let error = always.result.unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::RefusedByService, "{status}");
        assert!(error.to_string().contains(&status.to_string()), "{error}");
        assert!(always.calls.len() <= 64 + 3, "{status}: {} calls", always.calls.len());
    }
}

#[test]
fn what_no_waiting_can_fix_is_reported_at_once_unless_something_got_through() {
    let unknown_host = || {
        Answered::Failing(TransportFailure::UnknownHost {
            host: "a.example".to_owned(),
            setting: "api.base_url",
        })
    };
    let never = run_scripted(20_000, move |_, _, _| unknown_host());
    let error = never.result.unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::TryAgainLater);
    assert!(error.to_string().contains("host name not found: a.example"), "{error}");
    assert!(never.took < Duration::from_secs(2), "{:?}", never.took);

    // The first host is unknown, its backup is there.
    let backup =
        run_scripted(
            20_000,
            move |_, at, _| {
                if at < Duration::from_millis(10) { unknown_host() } else { ok() }
            },
        );
    backup.assert_conserved(20_000);
    assert!(backup.failed.is_empty());

    // DNS is out for a while in mid-run: that passes.
    let later = run_scripted(20_000, move |_, at, _| {
        let is_out = (300..60_000).contains(&at.as_millis());
        if is_out { unknown_host() } else { ok() }
    });
    later.assert_conserved(20_000);
    assert!(later.failed.is_empty());
}

#[test]
fn one_account_that_is_refused_by_status_takes_nobody_with_it() {
    let ended = run_scripted(2000, |_, _, accounts| {
        match accounts.iter().any(|account| account == "a1234") {
            true => Answered::Status(403),
            false => ok(),
        }
    });
    ended.assert_conserved(2000);
    assert_eq!(ended.failed.keys().collect::<Vec<_>>(), ["a1234"]);
    assert_eq!(ended.failed["a1234"], "no_answer");
}

#[test]
fn a_pause_that_the_service_asks_for_is_kept_on_every_answer_that_may_pass() {
    let pause = Duration::from_secs(7);
    for failing in [
        || Answered::Status(503),
        || Answered::Status(429),
        || Answered::Code(60007),
        || Answered::Code(60008),
        || Answered::Body("{}".to_owned()),
    ] {
        let ended = run_scripted(50_000, move |number, _, _| {
            if number == 20 { Answered::RetryAfter(pause, Box::new(failing())) } else { ok() }
        });
        ended.assert_conserved(50_000);
        let (failed_at, _) = ended.calls[20];
        // Calls that were on their way when the answer came.
        let resumed_at =
            |(at, _): &&(Duration, Vec<String>)| *at > failed_at + Duration::from_millis(100);
        let (next, _) = ended.calls.iter().find(resumed_at).unwrap();
        assert!(*next >= failed_at + pause, "{next:?} {failed_at:?}");
        assert!(*next < failed_at + pause + Duration::from_secs(1), "{next:?} {failed_at:?}");
    }
}

#[test]
fn the_first_call_waits_for_the_second_of_an_earlier_process() {
    let delay = Duration::from_millis(700);
    let ended =
        run_scripted_with(300, |settings| settings.first_call_delay = delay, |_, _, _| ok());
    ended.assert_conserved(300);
    assert!(ended.calls.iter().all(|(at, _)| *at >= delay), "{:?}", ended.calls);
}

#[test]
fn accounts_in_doubt_are_retried_and_then_internal_errors() {
    // Each asks for rows of NULLs by a response that says too little, or too much.
    for item in [
        r#"{"To_Account":"NAME"}"#,
        r#"{"To_Account":"NAME","ProfileItem":[],"ResultCode":null}"#,
        r#"{"To_Account":"NAME","ProfileItem":[],"ResultCode":"OK"}"#,
        r#"{"To_Account":"NAME","ResultCode":0},{"To_Account":"NAME","ResultCode":40006}"#,
    ] {
        for failures in [2, u64::MAX] {
            let requests = Mutex::new(0);
            let ended = run_scripted(300, move |_, _, accounts| {
                let mut body = body_of(accounts, &[]);
                let mut requests = requests.lock().unwrap();
                if accounts.contains(&"a7".to_owned()) && *requests < failures {
                    *requests += 1;
                    let own = body_of(&["a7".to_owned()], &[]);
                    let own = &own[own.find('[').unwrap() + 1..own.rfind(']').unwrap()];
                    body = body.replace(own, &item.replace("NAME", "a7"));
                }
                Answered::Body(body)
            });
            ended.assert_conserved(300);
            let expected = if failures == 2 { None } else { Some("internal_error") };
            assert_eq!(ended.failed.get("a7").map(String::as_str), expected, "{item}");
            assert_eq!(ended.failed.len(), usize::from(failures != 2), "{item}");
            let calls =
                ended.calls.iter().filter(|(_, accounts)| accounts.contains(&"a7".to_owned()));
            assert_eq!(calls.count(), if failures == 2 { 3 } else { 6 }, "{item}");
        }
    }
}

#[test]
fn an_account_that_spoils_what_a_response_says_takes_nobody_with_it() {
    let bare = |accounts: &[String]| {
        let items = accounts.iter().map(|name| format!(r#"{{"To_Account":"{name}"}}"#));
        let items: Vec<String> = items.collect();
        format!(r#"{{"ErrorCode":0,"UserProfileItem":[{}]}}"#, items.join(","))
    };
    let all_failed = |accounts: &[String]| {
        let failed = serde_json::to_string(accounts).unwrap();
        body_of(accounts, &[]).replacen('{', &format!(r#"{{"Fail_Account":{failed},"#), 1)
    };
    let spoils: [fn(&[String]) -> String; 5] = [
        |_| r#"{"ErrorCode":0,"UserProfileItem":[]}"#.to_owned(),
        |_| r#"{"ErrorCode":0,"UserProfileItem":null}"#.to_owned(),
        |accounts| body_of(accounts, &[]).replacen('{', r#"{"Fail_Account":[null],"#, 1),
        bare,
        all_failed,
    ];
    for spoil in spoils {
        let ended = run_scripted(250, move |_, _, accounts| {
            let holds_culprit = accounts.iter().any(|account| account == "a142");
            Answered::Body(if holds_culprit { spoil(accounts) } else { body_of(accounts, &[]) })
        });
        ended.assert_conserved(250);
        assert_eq!(ended.failed.keys().collect::<Vec<_>>(), ["a142"]);
        assert!(ended.calls.len() < 40, "{} calls", ended.calls.len());
    }
}

#[test]
fn a_code_of_one_account_that_comes_before_any_row_is_confirmed_by_others() {
    // The account that has it is alone in the last chunk, and answered first.
    let ended = run_scripted(101, |_, _, accounts| match accounts {
        [alone] => Answered::With(vec![(alone.clone(), 40007)]),
        _ => Answered::After(Duration::from_millis(300)),
    });
    ended.assert_conserved(101);
    assert_eq!(ended.failed["a100"], "rejected");
    // Rows of an earlier process count as well.
    let ended = run_scripted_with(
        1,
        |settings| settings.has_rows = true,
        |_, _, accounts| Answered::With(vec![(accounts[0].clone(), 40007)]),
    );
    assert_eq!(ended.failed["a0"], "rejected");
    // One of many, the others fail for the moment.
    let ended = run_scripted(100, |number, _, accounts| {
        let code = |account: &String| if account == "a5" { 40007 } else { 40006 };
        let all = accounts.iter().map(|account| (account.clone(), code(account))).collect();
        match (number, accounts.contains(&"a5".to_owned())) {
            (0, _) => Answered::With(all),
            (_, true) => Answered::With(vec![("a5".to_owned(), 40007)]),
            _ => ok(),
        }
    });
    ended.assert_conserved(100);
    assert_eq!(ended.failed.keys().collect::<Vec<_>>(), ["a5"]);
    // A tag that is missing for everybody still stops the run.
    let ended = run_scripted(1000, |_, _, accounts| {
        Answered::With(accounts.iter().map(|account| (account.clone(), 40009)).collect())
    });
    assert_eq!(ended.result.unwrap_err().exit_code(), ExitCode::RefusedByService);
    assert!(ended.took < Duration::from_secs(5), "{:?}", ended.took);
}

#[test]
fn no_pause_is_longer_than_the_run_has_patience() {
    for failing in [|| Answered::Status(503), || Answered::Status(429), || Answered::Code(60007)] {
        let hour = Duration::from_secs(3600);
        let ended =
            run_scripted(20_000, move |_, _, _| Answered::RetryAfter(hour, Box::new(failing())));
        assert_eq!(ended.result.unwrap_err().exit_code(), ExitCode::TryAgainLater);
        assert!((600..620).contains(&ended.took.as_secs()), "{:?}", ended.took);
    }
    let short =
        |settings: &mut RunSettings| settings.retry.outage_patience = Duration::from_secs(30);
    let ended = run_scripted_with(1000, short, |_, _, _| Answered::Code(70050));
    assert_eq!(ended.result.unwrap_err().exit_code(), ExitCode::TryAgainLater);
    assert!(ended.took < Duration::from_secs(31), "{:?}", ended.took);
}

#[test]
fn a_service_that_throttles_every_call_is_left_nearly_alone() {
    let ended = run_scripted(20_000, |_, _, _| Answered::Code(60007));
    assert_eq!(ended.result.unwrap_err().exit_code(), ExitCode::TryAgainLater);
    let per_second = ended.calls.len() as f64 / ended.took.as_secs_f64();
    assert!(per_second < 8.0, "{per_second} calls a second");
}

#[test]
fn failed_accounts_with_rows_of_their_own_are_no_rows() {
    let ended = run_scripted(1000, |_, _, accounts| {
        let failed: Vec<&String> = accounts.iter().filter(|name| name.ends_with('3')).collect();
        let failed = serde_json::to_string(&failed).unwrap();
        let body = body_of(accounts, &[]);
        Answered::Body(body.replacen('{', &format!(r#"{{"Fail_Account":{failed},"#), 1))
    });
    ended.assert_conserved(1000);
    assert_eq!(ended.failed.len(), 100);
    assert!(
        ended
            .failed
            .iter()
            .all(|(name, category)| name.ends_with('3') && category == "internal_error")
    );
}

#[test]
fn markers_with_a_passing_code_are_resolved_alone_and_invent_no_code() {
    let ended = run_scripted(1000, |_, at, accounts| {
        let is_failing = |name: &String| name.ends_with("13") && at < Duration::from_secs(2);
        let is_unknown = |name: &String| name.ends_with('7');
        let items = accounts.iter().map(|name| match () {
            () if is_failing(name) => {
                r#"{"To_Account":"@TLS#ERROR","ResultCode":40006}"#.to_owned()
            }
            () if is_unknown(name) => {
                r#"{"To_Account":"@TLS#NOT_FOUND","ResultCode":70107}"#.to_owned()
            }
            () => format!(r#"{{"To_Account":"{name}","ProfileItem":[],"ResultCode":0}}"#),
        });
        let items: Vec<String> = items.collect();
        Answered::Body(format!(r#"{{"ErrorCode":0,"UserProfileItem":[{}]}}"#, items.join(",")))
    });
    ended.assert_conserved(1000);
    assert_eq!(ended.failed.len(), 100);
    assert!(
        ended.failed.iter().all(|(name, category)| name.ends_with('7') && category == "not_found")
    );
    let result = ended.result.unwrap();
    let parts = result.journal.checkpoint().parts();
    let codes = parts[0].failed.iter().map(|failure| failure.error_code);
    assert_eq!(codes.collect::<Vec<_>>(), [Some(70107)]);
}

#[test]
fn failures_of_other_kinds_do_not_make_a_passing_code_final() {
    // The last account is asked alone; it breaks, and gets 60008, in turns: never five times in a row.
    let ended = run_scripted(101, |number, _, accounts| match (accounts.len(), number) {
        (1, 0..=10) if number % 2 == 0 => Answered::Code(60008),
        (1, 0..=10) => Answered::With(vec![(accounts[0].clone(), 40006)]),
        _ => ok(),
    });
    ended.assert_conserved(101);
    assert!(ended.failed.values().all(|category| category != "rejected"), "{:?}", ended.failed);
    assert!(ended.calls.len() >= 7, "{}", ended.calls.len());
}

#[test]
fn a_lock_for_failed_signatures_is_waited_out_once() {
    let ended =
        run_scripted(2000, |number, _, _| if number == 0 { Answered::Code(70050) } else { ok() });
    ended.assert_conserved(2000);
    assert!(ended.took >= Duration::from_secs(61), "{:?}", ended.took);
    let hopeless = run_scripted(2000, |_, _, _| Answered::Code(70050));
    assert_eq!(hopeless.result.unwrap_err().exit_code(), ExitCode::RefusedByService);
    assert!(hopeless.took < Duration::from_secs(70), "{:?}", hopeless.took);
}

#[test]
fn a_service_that_rejects_everything_stops_the_run() {
    let ended = run_scripted(100_000, |_, _, _| Answered::Code(40001));
    let error = ended.result.unwrap_err();
    assert!(matches!(error, RunError::RejectsEverything(_)), "{error}");
    assert!(ended.calls.len() < 1000, "{} calls", ended.calls.len());
}

#[test]
fn markers_fewer_than_unknown_accounts_are_resolved_by_smaller_chunks() {
    let is_unknown = |account: &str| account.ends_with('3');
    let ended = run_scripted(1000, move |_, _, accounts| {
        let known: Vec<String> =
            accounts.iter().filter(|account| !is_unknown(account)).cloned().collect();
        let mut body = body_of(&known, &[]);
        if known.len() < accounts.len() {
            let separator = if known.is_empty() { "" } else { "," };
            let marker =
                format!(r#"[{{"To_Account":"@TLS#NOT_FOUND","ResultCode":40003}}{separator}"#);
            body = body.replacen('[', &marker, 1);
        }
        Answered::Body(body)
    });
    ended.assert_conserved(1000);
    assert_eq!(ended.failed.len(), 100);
    assert!(
        ended
            .failed
            .iter()
            .all(|(account, category)| is_unknown(account) && category == "not_found")
    );
}

#[test]
fn accounts_that_are_never_mentioned_are_no_answer() {
    let ended = run_scripted(1000, |_, _, accounts| {
        let mentioned: Vec<String> =
            accounts.iter().filter(|account| !account.ends_with("11")).cloned().collect();
        Answered::Body(body_of(&mentioned, &[]))
    });
    ended.assert_conserved(1000);
    assert_eq!(ended.failed.len(), 10);
    assert!(ended.failed.values().all(|category| category == "no_answer"));
}

#[test]
fn a_slow_call_holds_up_nothing_but_its_own_rows() {
    let slow = Duration::from_secs(4);
    let ended = run_scripted_in_parts(200_000, 100_000, move |number, _, _| {
        if number % 100 == 5 { Answered::After(slow) } else { ok() }
    });
    ended.assert_conserved(200_000);
    // A slow first answer is still a first answer.
    assert!(is_in_order(&ended.accounts_with_rows()));
    let quick = run_scripted_in_parts(200_000, 100_000, |_, _, _| ok());
    let last_call = |ended: &Ended| ended.calls.last().unwrap().0.as_secs_f64();
    assert!(
        last_call(&ended) < last_call(&quick) * 1.03,
        "{} {}",
        last_call(&ended),
        last_call(&quick)
    );
}

#[test]
fn answers_of_any_sort_lose_no_account() {
    for seed in 0..30 {
        let ended = run_scripted(3000, move |number, _, accounts| {
            let mut random = fastrand::Rng::with_seed(seed * 100_000 + number);
            match random.u32(0..20) {
                0 => Answered::Broken,
                1 => Answered::Code(60008),
                2 => Answered::Code(60007),
                3 => Answered::Code(40001),
                4 => Answered::Body("<html>".to_owned()),
                5 => Answered::Body(body_of(&accounts[..accounts.len() / 2], &[])),
                6 => Answered::After(Duration::from_secs(3)),
                7 => Answered::Body(format!("{}{}", body_of(accounts, &[]), "x")),
                8 => Answered::Code(79_999),
                _ => {
                    let mut codes = Vec::new();
                    for account in accounts {
                        if random.u32(0..10) == 0 {
                            let code = *random.choice(&[40006, 40003, 40999]).unwrap();
                            codes.push((account.clone(), code));
                        }
                    }
                    Answered::With(codes)
                }
            }
        });
        assert!(ended.result.is_ok(), "seed {seed}: {:?}", ended.result.map(drop));
        ended.assert_conserved(3000);
        ended.assert_rate(200);
    }
}
