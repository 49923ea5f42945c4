use std::fs;
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::job::{Compression, Format, IfExists};
use crate::snapshot::layout::{rejected_lines_file, staged_name};
use crate::snapshot::sidecars::{Category, LinesFormat};
use crate::snapshot::store::local::LocalStore;

const PART: u64 = 20;
const CHUNK: u64 = 5;

fn rows(ordinals: &[u64]) -> RecordBatch {
    let accounts = ordinals.iter().map(|ordinal| format!("a{ordinal}"));
    let column: ArrayRef = Arc::new(StringArray::from_iter_values(accounts));
    RecordBatch::try_from_iter([("account", column)]).unwrap()
}

fn failed(ordinal: u64) -> FailedAccount {
    FailedAccount {
        ordinal,
        account: format!("a{ordinal}"),
        category: Category::NotFound,
        error_code: Some(40003),
        error_info: String::new(),
        attempts: 1,
        last_attempt_at: Timestamp::UNIX_EPOCH,
        input_line: ordinal + 1,
    }
}

fn rejected(ordinal: u64) -> RejectedValue {
    let value = format!("v{ordinal}");
    let account = format!("a{ordinal}");
    RejectedValue { ordinal, account, tag: "t".to_owned(), expected_type: "uint32", value }
}

/// The outcome of an account: a row or a failure, at the first call or in a retry.
#[derive(Debug, Clone, Copy, PartialEq)]
enum TestOutcome {
    FirstRow,
    FirstFailure,
    LateRow,
    LateFailure,
}

#[derive(Debug, Clone)]
enum Message {
    First(u64),
    Late(Vec<u64>),
    EndOfList,
}

/// The messages for accounts with these outcomes: first calls in list order, then retries in chunks of 7.
fn messages(outcomes: &[TestOutcome]) -> Vec<Message> {
    let total = outcomes.len() as u64;
    let mut messages: Vec<Message> =
        (0..total).step_by(CHUNK as usize).map(Message::First).collect();
    let is_late = |ordinal: &u64| {
        matches!(
            outcomes[usize::try_from(*ordinal).unwrap()],
            TestOutcome::LateRow | TestOutcome::LateFailure
        )
    };
    let late: Vec<u64> = (0..total).filter(is_late).collect();
    messages.extend(late.chunks(7).map(|ordinals| Message::Late(ordinals.to_vec())));
    messages.push(Message::EndOfList);
    messages
}

/// The files that the messages give, by name, and the committed parts.
fn write(
    outcomes: &[TestOutcome],
    messages: &[Message],
    format: Format,
    budget: usize,
) -> (Vec<(String, Vec<u8>)>, Vec<CommittedPart>) {
    let directory = tempfile::tempdir().unwrap();
    let settings = OutputSettings {
        path: directory.path().to_owned(),
        table_root: directory.path().to_owned(),
        format,
        compression: Compression::None,
        accounts_per_part: PART,
        if_exists: IfExists::Replace,
        bucket: None,
    };
    let schema = rows(&[]).schema();
    let store = LocalStore::beside(&directory.path().join("out"));
    fs::create_dir_all(store.staged_snapshot()).unwrap();
    let mut writer = SnapshotWriter::new(settings, schema, CHUNK, 0, Arc::new(store.clone()));
    writer.buffer = RowBuffer::new(directory.path(), budget);
    let total = outcomes.len() as u64;
    let of = |ordinals: &[u64], outcome: TestOutcome| -> Vec<u64> {
        let matches = |ordinal: &u64| outcomes[usize::try_from(*ordinal).unwrap()] == outcome;
        ordinals.iter().copied().filter(matches).collect()
    };
    let mut parts = Vec::new();
    for message in messages {
        match message {
            Message::First(start) => {
                let ordinals = *start..(*start + CHUNK).min(total);
                let all: Vec<u64> = ordinals.clone().collect();
                let with_rows = of(&all, TestOutcome::FirstRow);
                let result = ChunkResult {
                    ordinals,
                    rows: rows(&with_rows),
                    rejected: with_rows.iter().map(|ordinal| rejected(*ordinal)).collect(),
                    failed: of(&all, TestOutcome::FirstFailure).into_iter().map(failed).collect(),
                };
                parts.extend(writer.add_chunk(result).unwrap());
            }
            Message::Late(ordinals) => {
                let with_rows = of(ordinals, TestOutcome::LateRow);
                let result = RetryResult {
                    rows: rows(&with_rows),
                    rejected: with_rows.iter().map(|ordinal| rejected(*ordinal)).collect(),
                    ordinals: with_rows,
                    failed: of(ordinals, TestOutcome::LateFailure)
                        .into_iter()
                        .map(failed)
                        .collect(),
                };
                parts.extend(writer.add_retry(result).unwrap());
            }
            Message::EndOfList => parts.extend(writer.end_of_list(total).unwrap()),
        }
    }
    assert_eq!(writer.open_parts(), 0);
    let directories =
        [store.root(), &store.staged_snapshot()].map(|path| fs::read_dir(path).unwrap());
    let mut files: Vec<(String, Vec<u8>)> = directories
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_file())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    (files, parts)
}

#[test]
fn rows_of_retries_follow_those_of_first_calls() {
    let outcomes: Vec<TestOutcome> = (0..8)
        .map(|ordinal| if ordinal == 1 { TestOutcome::LateRow } else { TestOutcome::FirstRow })
        .collect();
    let (files, parts) = write(&outcomes, &messages(&outcomes), Format::Csv, usize::MAX);
    let part = files.iter().find(|(name, _)| *name == staged_name("part-00000.csv")).unwrap();
    let text = String::from_utf8(part.1.clone()).unwrap();
    assert_eq!(text, "account\na0\na2\na3\na4\na5\na6\na7\na1\n");
    assert_eq!(parts[0].rows, 8);
    let rejected = rejected_lines_file("part-00000.csv", LinesFormat::Tsv);
    let lines = files.iter().find(|(name, _)| *name == rejected).unwrap();
    assert!(String::from_utf8_lossy(&lines.1).ends_with("a7\tt\tuint32\tv7\na1\tt\tuint32\tv1\n"));
}

fn any_outcome() -> impl Strategy<Value = TestOutcome> {
    prop_oneof![
        6 => Just(TestOutcome::FirstRow),
        1 => Just(TestOutcome::FirstFailure),
        2 => Just(TestOutcome::LateRow),
        1 => Just(TestOutcome::LateFailure),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Guarantee 3: files depend on the responses, never on their order or on spilling.
    #[test]
    fn files_do_not_depend_on_the_order_of_responses(
        (outcomes, shuffled) in proptest::collection::vec(any_outcome(), 1..75)
            .prop_flat_map(|outcomes| { let messages = messages(&outcomes); (Just(outcomes), Just(messages).prop_shuffle()) }),
        parquet: bool,
        spills: bool,
    ) {
        let format = if parquet { Format::Parquet } else { Format::Csv };
        let (expected, _) = write(&outcomes, &messages(&outcomes), format, usize::MAX);
        let (files, parts) = write(&outcomes, &shuffled, format, if spills { 0 } else { usize::MAX });
        prop_assert_eq!(files, expected);
        let processed: u64 = parts.iter().map(|part| part.rows + part.failed_accounts()).sum();
        prop_assert_eq!(processed, outcomes.len() as u64);
    }
}
