//! Whole runs against a scripted service, in virtual time.

use std::path::Path;

use tokio::time::Instant;

use super::*;
use crate::accounts::{
    AccountList, DistinctAccounts, DuplicateRemoval, ListFormat, ListPath, ListSource,
};
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::job::{Compression, Format, IfExists, OutputSettings};
use crate::pipeline::events::Event;
use crate::snapshot::checkpoint::RunHeader;
use crate::snapshot::run_totals::RunTotals;
use crate::snapshot::store::Store;
use crate::snapshot::store::local::LocalStore;
use crate::table::{ColumnType, schema};

pub const ACCOUNTS_PER_PART: u64 = 1000;

/// More than any of these runs puts into a queue. Virtual time advances while a run waits for a thread, so these never do.
pub const UNBOUNDED: usize = 10_000;

/// The result of a scripted run.
pub struct FinishedRun {
    pub result: Result<Journal, RunError>,
    /// Lines of all parts in order, without headers.
    pub rows: Vec<String>,
    /// Account and category of every failed account.
    pub failed: HashMap<String, String>,
    pub calls: Vec<(Duration, Vec<String>)>,
    pub events: Vec<String>,
    pub took: Duration,
}

impl FinishedRun {
    pub fn accounts_with_rows(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.split(',').next().unwrap()).collect()
    }

    /// Every account has exactly one row or one failure.
    pub fn assert_conserved(&self, accounts: u64) {
        let mut seen = self.accounts_with_rows();
        seen.extend(self.failed.keys().map(String::as_str));
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all, "an account appears twice");
        assert_eq!(all as u64, accounts);
    }

    pub fn assert_rate(&self, limit: usize) {
        for (first, (start, _)) in self.calls.iter().enumerate() {
            let in_second = self.calls[first..]
                .iter()
                .take_while(|(at, _)| *at < *start + Duration::from_secs(1))
                .count();
            assert!(in_second <= limit, "{in_second} calls in the second from {start:?}");
        }
    }
}

pub fn columns() -> Vec<Column> {
    vec![Column {
        tag: "Tag_Profile_IM_Nick".to_owned(),
        name: "nick".to_owned(),
        column_type: ColumnType::String,
    }]
}

pub fn run_settings(accounts: u64, accounts_per_part: u64) -> RunSettings {
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
        committed: BTreeMap::new(),
        has_rows: false,
        processed_before: 0,
        totals_before: RunTotals::default(),
    }
}

pub fn output_settings(directory: &Path, accounts_per_part: u64) -> OutputSettings {
    OutputSettings {
        path: directory.to_owned(),
        table_root: directory.to_owned(),
        format: Format::Csv,
        compression: Compression::None,
        accounts_per_part,
        if_exists: IfExists::Replace,
        bucket: None,
    }
}

/// Runs over the accounts `a0`, `a1`, … against a script.
pub fn run_scripted(
    accounts: u64,
    script: impl Fn(u64, Duration, &[String]) -> ScriptedResponse + Send + Sync + 'static,
) -> FinishedRun {
    run_scripted_in_parts(accounts, ACCOUNTS_PER_PART, script)
}

pub fn run_scripted_in_parts(
    accounts: u64,
    accounts_per_part: u64,
    script: impl Fn(u64, Duration, &[String]) -> ScriptedResponse + Send + Sync + 'static,
) -> FinishedRun {
    run_scripted_with(accounts, |settings| settings.accounts_per_part = accounts_per_part, script)
}

pub fn run_scripted_with(
    accounts: u64,
    change: impl FnOnce(&mut RunSettings),
    script: impl Fn(u64, Duration, &[String]) -> ScriptedResponse + Send + Sync + 'static,
) -> FinishedRun {
    let mut settings = run_settings(accounts, ACCOUNTS_PER_PART);
    change(&mut settings);
    let accounts_per_part = settings.accounts_per_part;
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::beside(&directory.path().join("out"));
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
        let service = Arc::new(ScriptedService {
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
        let result = run_with(channels, Arc::clone(&service), settings, run_context, None).await;
        let took = service.started.elapsed();
        (service, result, took)
    });
    let calls = std::mem::take(&mut *service.calls.lock().unwrap());
    let rows = lines_of(&store.staged_snapshot(), ".part-", 1);
    let failed = lines_of(store.root(), "failed-", 0)
        .into_iter()
        .map(|line| {
            let mut fields = line.split('\t');
            (fields.next().unwrap().to_owned(), fields.next().unwrap().to_owned())
        })
        .collect();
    FinishedRun { result, rows, failed, calls, events, took }
}

pub fn header() -> RunHeader {
    RunHeader {
        version: crate::snapshot::journal::VERSION,
        run_id: "r".to_owned(),
        date: "2026-11-22".to_owned(),
        started_at: String::new(),
        content: std::collections::BTreeMap::new(),
    }
}

pub fn list_of(accounts: u64, directory: &Path) -> DistinctAccounts {
    let path = directory.join("list.txt");
    let lines: String = (0..accounts).map(|n| format!("a{n}\n")).collect();
    std::fs::write(&path, lines).unwrap();
    let source = ListSource {
        path: ListPath::File(path),
        format: Some(ListFormat::Txt),
        column: None,
        duplicates: DuplicateRemoval::Exact,
        memory_bytes: ListSource::DEFAULT_MEMORY_BYTES,
    };
    let list = AccountList::open(&source, directory).unwrap();
    let scan = list.scan(&mut |_| Ok(()), &mut |_| {}).unwrap();
    list.distinct(&scan).unwrap()
}

pub fn lines_of(directory: &Path, prefix: &str, header_lines: usize) -> Vec<String> {
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

pub fn is_in_order(accounts: &[&str]) -> bool {
    let numbers: Vec<u64> = accounts.iter().map(|name| name[1..].parse().unwrap()).collect();
    numbers.windows(2).all(|pair| pair[0] < pair[1])
}
