use std::fs;
use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::snapshot::manifest::FailureSummary;
use crate::snapshot::sidecars::{Category, LinesFormat};
use crate::snapshot::store::local::LocalStore;
use crate::table::statistics::{BoundedValueCounts, ColumnStatistics, Values};
use crate::util::staged_file::FileInfo;

/// The journal of a run of two rounds. A later program must read it as it is.
const VERSION_1: &str = include_str!("version-1.ndjson");

fn header() -> RunHeader {
    let content = [("account list", "ab"), ("columns", "Tag_Profile_IM_Nick nick string; ")];
    RunHeader {
        version: 1,
        run_id: "00000000000000aa".to_owned(),
        date: "2026-11-22".to_owned(),
        started_at: "2026-11-22T03:00:00Z".to_owned(),
        content: content.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    }
}

fn info(bytes: u64) -> FileInfo {
    FileInfo { bytes, sha256: format!("{bytes:02x}") }
}

fn part(index: u64, ordinals: Range<u64>) -> CommittedPart {
    CommittedPart {
        index,
        file: format!("part-{index:05}.csv"),
        rows: ordinals.end - ordinals.start - 1,
        ordinals,
        file_info: info(10 + index),
        failed: vec![FailureSummary {
            category: Category::InternalError,
            error_code: Some(40006),
            accounts: 1,
        }],
        failed_lines: info(50),
        rejected_lines: info(0),
        lines_format: LinesFormat::Csv,
        rejected_values: 0,
        columns: Vec::new(),
    }
}

/// The entries of [`VERSION_1`]; the parts of a round are not committed in order.
fn entries() -> Vec<JournalEntry> {
    vec![
        JournalEntry::RunHeader(header()),
        JournalEntry::Part(part(1, 200..350)),
        JournalEntry::Part(part(0, 0..200)),
        JournalEntry::RoundEnd(RoundEnd { accounts: 350, duplicates: 3 }),
        JournalEntry::Part(part(2, 0..2)),
        JournalEntry::RoundEnd(RoundEnd { accounts: 2, duplicates: 0 }),
    ]
}

/// The checkpoint after the first `count` of the [`entries`].
fn checkpoint_after(count: usize) -> Checkpoint {
    let mut checkpoint = Checkpoint::new(header());
    for entry in entries().into_iter().take(count).skip(1) {
        match entry {
            JournalEntry::Part(part) => checkpoint.add_part(part).unwrap(),
            JournalEntry::RoundEnd(end) => checkpoint.end_round(end).unwrap(),
            JournalEntry::RunHeader(_) => unreachable!("a journal has one header"),
        }
    }
    checkpoint
}

fn lines_of(entries: &[JournalEntry]) -> Vec<String> {
    let mut checksum = String::new();
    let mut lines = Vec::new();
    for entry in entries {
        let line;
        (line, checksum) = encode_entry(entry, &checksum);
        lines.push(line);
    }
    lines
}

fn lines() -> Vec<String> {
    VERSION_1.split_inclusive('\n').map(str::to_owned).collect()
}

/// A store without a journal.
fn empty_store() -> (tempfile::TempDir, LocalStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::new(&directory.path().join("out")).unwrap();
    fs::create_dir(store.root()).unwrap();
    (directory, store)
}

/// A store with a journal.
fn store_with(journal: &[u8]) -> (tempfile::TempDir, LocalStore) {
    let (directory, store) = empty_store();
    fs::write(store.path(JOURNAL_FILE), journal).unwrap();
    (directory, store)
}

fn opened(journal: &[u8]) -> Result<Option<Checkpoint>, JournalError> {
    let (_directory, store) = store_with(journal);
    let journal = Journal::open(&store)?;
    Ok(journal.map(|journal| journal.checkpoint().clone()))
}

/// Why a journal is refused; the file does not change.
#[track_caller]
fn refusal(journal: &[u8]) -> String {
    let (_directory, store) = store_with(journal);
    let error = match Journal::open(&store) {
        Err(error) => error.to_string(),
        Ok(opened) => panic!("{opened:?} from {}", String::from_utf8_lossy(journal)),
    };
    assert_eq!(fs::read(store.path(JOURNAL_FILE)).unwrap(), journal, "{error}");
    assert!(error.contains(JOURNAL_FILE), "{error}");
    assert!(error.ends_with("start over with --restart"), "{error}");
    error
}

#[test]
fn a_journal_of_version_1_is_read_by_every_later_program() {
    assert_eq!(opened(VERSION_1.as_bytes()).unwrap(), Some(checkpoint_after(6)));
    assert_eq!(checkpoint_after(6).rounds.len(), 2);
    let files: Vec<u64> = checkpoint_after(6).parts().iter().map(|part| part.index).collect();
    assert_eq!(files, [0, 1, 2]);
}

#[test]
fn the_written_format_is_version_1() {
    let (_directory, store) = empty_store();
    let mut journal = Journal::create(&store, header()).unwrap();
    for (index, entry) in entries().into_iter().enumerate().skip(1) {
        // As after a stop at any entry.
        if index % 2 == 0 {
            journal = Journal::open(&store).unwrap().unwrap();
        }
        match entry {
            JournalEntry::Part(part) => journal.add_part(&part).unwrap(),
            JournalEntry::RoundEnd(end) => journal.end_round(end).unwrap(),
            JournalEntry::RunHeader(_) => unreachable!("a journal has one header"),
        }
    }
    assert_eq!(journal.checkpoint(), &checkpoint_after(6));
    let written = fs::read_to_string(store.path(JOURNAL_FILE)).unwrap();
    assert_eq!(written, VERSION_1);
    assert_eq!(Journal::read_header(&store).unwrap(), Some(header()));
}

#[test]
fn column_statistics_are_optional() {
    let counted = |characters: u64| ColumnStatistics {
        filled: 7,
        rejected: 1,
        values: Values::Text {
            characters: Some((0, characters)),
            distinct: BoundedValueCounts::default(),
        },
    };
    let (_directory, store) = store_with(lines()[..2].concat().as_bytes());
    let mut journal = Journal::open(&store).unwrap().unwrap();
    let part = CommittedPart { columns: vec![counted(3), counted(9)], ..part(0, 0..200) };
    journal.add_part(&part).unwrap();
    let read = Journal::open(&store).unwrap().unwrap();
    let columns: Vec<usize> =
        read.checkpoint().parts().iter().map(|part| part.columns.len()).collect();
    assert_eq!(columns, [2, 0]);
    assert_eq!(read.checkpoint().parts()[0], part);
}

#[test]
fn there_is_nothing_to_resume_without_a_complete_entry() {
    let (_directory, store) = empty_store();
    assert!(Journal::open(&store).unwrap().is_none());
    assert_eq!(Journal::read_header(&store).unwrap(), None);
    assert_eq!(opened(b"").unwrap(), None);
    assert_eq!(opened(b"\0\0\0\0").unwrap(), None);
}

#[test]
fn an_incomplete_last_entry_is_removed_and_can_be_written_again() {
    let lines = lines();
    let whole = lines[..4].concat();
    for tail in [&lines[4].as_bytes()[..30], b"\0\0\0", b"\xff\xfe", b"{"] {
        let (_directory, store) = store_with(&[whole.as_bytes(), tail].concat());
        let mut journal = Journal::open(&store).unwrap().unwrap();
        assert_eq!(journal.checkpoint(), &checkpoint_after(4));
        journal.add_part(&part(2, 0..2)).unwrap();
        let written = fs::read_to_string(store.path(JOURNAL_FILE)).unwrap();
        assert_eq!(written, lines[..5].concat());
    }
}

#[test]
fn reading_a_checkpoint_does_not_change_the_journal() {
    let whole: usize = lines()[..2].iter().map(String::len).sum();
    let (_directory, store) = store_with(&VERSION_1.as_bytes()[..whole + 9]);
    let path = store.path(JOURNAL_FILE);
    let value = Journal::read_checkpoint(&store).unwrap();
    assert_eq!(value, Some(checkpoint_after(2)));
    assert_eq!(std::fs::read(&path).unwrap(), &VERSION_1.as_bytes()[..whole + 9]);
    let nowhere = LocalStore::new(&store.path("nowhere")).unwrap();
    assert!(matches!(Journal::read_checkpoint(&nowhere), Ok(None)));
}

#[test]
fn any_flipped_bit_is_refused() {
    let last_byte = VERSION_1.len() - 1;
    for position in 0..last_byte {
        for bit in [0, 4] {
            let mut journal = VERSION_1.as_bytes().to_vec();
            journal[position] ^= 1 << bit;
            let line = VERSION_1[..position].matches('\n').count() + 1;
            let path = Path::new(JOURNAL_FILE);
            let refusal = parse(path, &journal).unwrap_err().to_string();
            let names_line = refusal.starts_with(&format!("line {line} of the checkpoint "));
            assert!(
                names_line || (line == 1 && refusal.contains("has version")),
                "byte {position}: {refusal}"
            );
        }
    }
    let journal = VERSION_1.replace("40006", "40007");
    assert!(refusal(journal.as_bytes()).starts_with("line 2 of the checkpoint "));
    // Without its line end the last line is an incomplete one.
    assert_eq!(opened(&VERSION_1.as_bytes()[..last_byte]).unwrap(), Some(checkpoint_after(5)));
}

#[test]
fn missing_repeated_and_moved_lines_are_refused() {
    for first in 0..5 {
        let mut swapped = lines();
        swapped.swap(first, first + 1);
        refusal(swapped.concat().as_bytes());

        let mut missing = lines();
        missing.remove(first);
        refusal(missing.concat().as_bytes());

        let mut repeated = lines();
        repeated.insert(first + 1, repeated[first].clone());
        let refusal = refusal(repeated.concat().as_bytes());
        assert!(refusal.contains("not in its place"), "{refusal}");
    }
}

#[test]
fn the_journal_of_another_program_is_refused() {
    let newer = VERSION_1.replacen("\"version\":1", "\"version\":2", 1);
    assert!(refusal(newer.as_bytes()).contains("has version 2, this program knows 1"));
    assert!(refusal(b"{\"version\":7,\"form\":\"another\"}\n").contains("has version 7"));
    for foreign in
        ["account,nick\na,b\n", "\0\0\0\0\n", "\n", "null\n", "[]\n", "{}\n", "\u{feff}{}\n"]
    {
        assert!(
            refusal(foreign.as_bytes()).starts_with("line 1 of the checkpoint "),
            "{foreign:?}"
        );
    }
}

/// Complete lines of a journal that no run would write.
#[test]
fn duplicate_and_lost_accounts_are_refused() {
    let end = |accounts| JournalEntry::RoundEnd(RoundEnd { accounts, duplicates: 0 });
    let start = || JournalEntry::RunHeader(header());
    for (entries, expected) in [
        (
            vec![
                start(),
                JournalEntry::Part(part(0, 0..200)),
                JournalEntry::Part(part(1, 199..300)),
            ],
            "part 1 overlaps",
        ),
        (
            vec![
                start(),
                JournalEntry::Part(part(1, 200..300)),
                JournalEntry::Part(part(0, 0..201)),
            ],
            "part 0 overlaps",
        ),
        (
            vec![start(), JournalEntry::Part(part(0, 0..200)), JournalEntry::Part(part(1, 0..200))],
            "part 1 overlaps",
        ),
        (vec![start(), JournalEntry::Part(part(1, 200..300)), end(300)], "gap at account 0"),
        (vec![start(), JournalEntry::Part(part(0, 0..200)), end(201)], "gap at account 200"),
        (
            vec![
                start(),
                JournalEntry::Part(part(0, 0..200)),
                JournalEntry::Part(part(2, 400..500)),
                end(500),
            ],
            "gap at account 200",
        ),
        (vec![start(), JournalEntry::Part(part(0, 0..200)), end(200), end(200)], "out of place"),
        (vec![start(), start()], "out of place"),
    ] {
        let line = entries.len();
        let refusal = refusal(lines_of(&entries).concat().as_bytes());
        assert!(refusal.starts_with(&format!("line {line} of ")), "{refusal}");
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn an_inconsistent_entry_is_not_written() {
    let (_directory, store) = store_with(lines()[..3].concat().as_bytes());
    let mut journal = Journal::open(&store).unwrap().unwrap();
    let overlap = journal.add_part(&part(2, 100..300)).unwrap_err();
    assert!(overlap.to_string().contains("part 2 overlaps an earlier one"), "{overlap}");
    let gap = journal.end_round(RoundEnd { accounts: 351, duplicates: 0 }).unwrap_err();
    assert!(gap.to_string().contains("a gap at account 350"), "{gap}");
    assert_eq!(journal.checkpoint(), &checkpoint_after(3));
    let written = fs::read_to_string(store.path(JOURNAL_FILE)).unwrap();
    assert_eq!(written, lines()[..3].concat());
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(Path::new("checkpoint"), &bytes);
    }

    #[test]
    fn any_change_to_a_journal_is_refused_or_read(
        start in 0..VERSION_1.len(),
        length in 0..200usize,
        other in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut journal = VERSION_1.as_bytes().to_vec();
        journal.splice(start..(start + length).min(VERSION_1.len()), other);
        if let Ok(Some(parsed)) = parse(Path::new("checkpoint"), &journal) {
            // Only a prefix of what was written is ever read.
            let whole = VERSION_1[..parsed.length].matches('\n').count();
            prop_assert_eq!(&VERSION_1.as_bytes()[..parsed.length], &journal[..parsed.length]);
            prop_assert_eq!(parsed.checkpoint, checkpoint_after(whole));
        }
    }

    #[test]
    fn a_truncated_journal_gives_its_complete_entries(cut in 0..=VERSION_1.len()) {
        let journal = &VERSION_1[..cut];
        let whole = journal.matches('\n').count();
        let expected = (whole > 0).then(|| checkpoint_after(whole));
        let parsed = parse(Path::new("checkpoint"), journal.as_bytes()).unwrap();
        prop_assert_eq!(parsed.map(|parsed| parsed.checkpoint), expected);
    }
}
