use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;

use proptest::prelude::*;

use super::replay::replay;
use super::*;
use crate::snapshot::manifest::FailureSummary;
use crate::snapshot::sidecars::{Category, LinesFormat};
use crate::snapshot::store::local::LocalStore;
use crate::table::statistics::{BoundedValueCounts, ColumnStatistics, Values};
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::staged_file::FileInfo;

/// The journals of a run of two rounds. A later program must read them as they are.
const VERSION_1: &str = include_str!("version-1.ndjson");
const VERSION_2: &str = include_str!("version-2.ndjson");

fn header() -> RunHeader {
    let content = [("account list", "ab"), ("columns", "Tag_Profile_IM_Nick nick string; ")];
    RunHeader {
        version: 2,
        run_id: "00000000000000aa".to_owned(),
        date: "2026-11-22".to_owned(),
        started_at: "2026-11-22T03:00:00Z".to_owned(),
        content: content.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    }
}

fn info(bytes: u64) -> FileInfo {
    FileInfo { bytes, sha256: format!("{bytes:02x}"), etag: None }
}

fn part(index: u64, ordinals: Range<u64>) -> CommittedPart {
    CommittedPart {
        index,
        file: format!("part-{index:05}.csv"),
        rows: ordinals.end - ordinals.start - 1,
        ordinals,
        accounts_digest: None,
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
        JournalEntry::Part(Box::new(part(1, 200..350))),
        JournalEntry::Part(Box::new(part(0, 0..200))),
        JournalEntry::RoundEnd(RoundEnd { accounts: 350, duplicates: 3 }),
        JournalEntry::Part(Box::new(part(2, 0..2))),
        JournalEntry::RoundEnd(RoundEnd { accounts: 2, duplicates: 0 }),
    ]
}

const TOTALS: RunTotals = RunTotals {
    calls: 12,
    failed: 2,
    throttled: 1,
    account_retries: 5,
    peak_calls_per_second: 7,
    learned_calls_per_second: None,
    intervals: 10,
    intervals_allowed: 12.5,
    seconds: 3.25,
};

/// The checkpoint after the first `count` of the [`entries`].
fn checkpoint_after(count: usize) -> Checkpoint {
    let mut checkpoint = Checkpoint { totals: TOTALS, ..Checkpoint::new(header()) };
    for entry in entries().into_iter().take(count).skip(1) {
        match entry {
            JournalEntry::Part(part) => checkpoint.add_part(*part).unwrap(),
            JournalEntry::RoundEnd(end) => checkpoint.end_round(end).unwrap(),
            JournalEntry::RunHeader(_) | JournalEntry::Stop => unreachable!("not among them"),
        }
    }
    checkpoint
}

/// The lines of entries with these rounds.
fn lines_of(entries: &[(JournalEntry, usize)]) -> Vec<String> {
    let mut encoder = LineEncoder::new(&header());
    entries.iter().map(|(entry, round)| encoder.encode(entry, *round, TOTALS)).collect()
}

fn lines() -> Vec<String> {
    VERSION_2.split_inclusive('\n').map(str::to_owned).collect()
}

/// A store without a journal.
fn empty_store() -> (tempfile::TempDir, LocalStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::beside(&directory.path().join("out"));
    fs::create_dir(store.root()).unwrap();
    (directory, store)
}

/// A store with a journal.
fn store_with(journal: &[u8]) -> (tempfile::TempDir, LocalStore) {
    let (directory, store) = empty_store();
    fs::write(store.path(JOURNAL_FILE), journal).unwrap();
    (directory, store)
}

/// The intact journal in a store, open for further entries.
fn resume(store: &LocalStore) -> Journal {
    let run = UnfinishedRun::read(store).unwrap().unwrap();
    assert_eq!(run.damage(store), None);
    Journal::resume(store, run).unwrap()
}

/// What is intact in a journal, and the numbers of its damaged lines.
fn read(journal: &[u8]) -> Option<(Checkpoint, Vec<usize>)> {
    let (_directory, store) = store_with(journal);
    let run = UnfinishedRun::read(&store).unwrap()?;
    let damage = run.damage(&store).map_or(Vec::new(), |damage| damage.lines);
    Some((run.checkpoint, damage.iter().map(|damaged| damaged.line).collect()))
}

/// Why a journal is refused; the file does not change.
#[track_caller]
fn refusal(journal: &[u8]) -> String {
    let (_directory, store) = store_with(journal);
    let error = match UnfinishedRun::read(&store) {
        Err(error) => {
            assert_eq!(error.exit_code(), ExitCode::BadUsage);
            error.to_string()
        }
        Ok(run) => match run.and_then(|run| run.damage(&store)) {
            Some(damage) => damage.to_string(),
            None => panic!("{}", String::from_utf8_lossy(journal)),
        },
    };
    assert_eq!(fs::read(store.path(JOURNAL_FILE)).unwrap(), journal, "{error}");
    assert!(error.contains(JOURNAL_FILE), "{error}");
    assert!(error.ends_with("start over with --restart"), "{error}");
    error
}

#[test]
fn a_journal_of_version_1_is_read_and_written_again_as_version_2() {
    let (_directory, store) = store_with(VERSION_1.as_bytes());
    let mut run = UnfinishedRun::read(&store).unwrap().unwrap();
    assert_eq!(run.damage(&store), None);
    assert_eq!(run.checkpoint.header.version, 1);
    run.checkpoint.header.version = 2;
    run.checkpoint.totals = TOTALS;
    assert_eq!(run.checkpoint, checkpoint_after(6));
    Journal::resume(&store, run).unwrap();
    let written = fs::read(store.path(JOURNAL_FILE)).unwrap();
    assert_eq!(read(&written), Some((checkpoint_after(6), vec![])));
}

#[test]
fn the_written_format_is_version_2() {
    let (_directory, store) = empty_store();
    let mut journal = Journal::create(&store, header()).unwrap();
    for (index, entry) in entries().into_iter().enumerate().skip(1) {
        // As after a stop at any entry.
        if index % 2 == 0 {
            journal = resume(&store);
        }
        journal.set_totals(TOTALS);
        match entry {
            JournalEntry::Part(part) => journal.add_part(&part).unwrap(),
            JournalEntry::RoundEnd(end) => journal.end_round(end).unwrap(),
            JournalEntry::RunHeader(_) | JournalEntry::Stop => unreachable!("not among them"),
        }
    }
    assert_eq!(journal.checkpoint(), &checkpoint_after(6));
    let written = fs::read_to_string(store.path(JOURNAL_FILE)).unwrap();
    assert_eq!(written, VERSION_2);
    journal.set_totals(RunTotals { calls: 99, ..TOTALS });
    journal.stop().unwrap();
    let read = UnfinishedRun::read(&store).unwrap().unwrap();
    assert_eq!(read.checkpoint.totals.calls, 99);
    assert_eq!(read.checkpoint.rounds, checkpoint_after(6).rounds);
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
    let mut journal = resume(&store);
    let part = CommittedPart { columns: vec![counted(3), counted(9)], ..part(0, 0..200) };
    journal.add_part(&part).unwrap();
    let read = resume(&store);
    let columns: Vec<usize> =
        read.checkpoint().parts().iter().map(|part| part.columns.len()).collect();
    assert_eq!(columns, [2, 0]);
    assert_eq!(read.checkpoint().parts()[0], part);
}

#[test]
fn there_is_nothing_to_resume_without_a_complete_line() {
    let (_directory, store) = empty_store();
    assert!(UnfinishedRun::read(&store).unwrap().is_none());
    assert_eq!(read(b""), None);
    assert_eq!(read(b"\0\0\0\0"), None);
    let nowhere = LocalStore::beside(&store.path("nowhere"));
    assert!(UnfinishedRun::read(&nowhere).unwrap().is_none());
}

#[test]
fn an_incomplete_last_line_is_removed_and_can_be_written_again() {
    let lines = lines();
    let whole = lines[..4].concat();
    for tail in [&lines[4].as_bytes()[..30], b"\0\0\0", b"\xff\xfe", b"{"] {
        let (_directory, store) = store_with(&[whole.as_bytes(), tail].concat());
        let mut journal = resume(&store);
        assert_eq!(journal.checkpoint(), &checkpoint_after(4));
        journal.add_part(&part(2, 0..2)).unwrap();
        let written = fs::read_to_string(store.path(JOURNAL_FILE)).unwrap();
        assert_eq!(written, lines[..5].concat());
    }
}

#[test]
fn any_flipped_bit_costs_its_own_line() {
    for (journal, is_chained) in [(VERSION_2, false), (VERSION_1, true)] {
        for position in 0..journal.len() - 1 {
            for bit in [0, 4] {
                let mut damaged = journal.as_bytes().to_vec();
                damaged[position] ^= 1 << bit;
                let line = journal[..position].matches('\n').count() + 1;
                let replayed = match replay(Path::new(JOURNAL_FILE), &damaged) {
                    Ok(replayed) => replayed.unwrap(),
                    Err(error) => {
                        assert!(is_chained && line == 1, "byte {position}: {error}");
                        continue;
                    }
                };
                assert_eq!(replayed.damage[0].line, line, "byte {position}: {:?}", replayed.damage);
                // A damaged line end joins two lines, and one within a line makes two of it.
                let is_line_end = journal.as_bytes()[position] == b'\n';
                if !is_chained && !is_line_end && damaged[position] != b'\n' {
                    assert_eq!(replayed.damage.len(), 1, "byte {position}: {:?}", replayed.damage);
                }
            }
        }
    }
}

/// The parts that a repair keeps when a line is damaged, by the number of the line.
#[test]
fn a_damaged_line_costs_no_other_part() {
    for (line, kept, ended_rounds) in [
        (1, &[0, 1, 2][..], 2),
        (2, &[0], 0),
        (3, &[1], 0),
        // A round that lost its end is open again, and the next one is void.
        (4, &[0, 1], 0),
        (5, &[0, 1], 1),
        (6, &[0, 1, 2], 1),
    ] {
        let mut damaged = lines();
        damaged[line - 1] = damaged[line - 1].replacen("00", "01", 1);
        let (checkpoint, lines) = read(damaged.concat().as_bytes()).unwrap();
        let parts: Vec<u64> = checkpoint.parts().iter().map(|part| part.index).collect();
        assert_eq!((&parts[..], &lines[..]), (kept, &[line][..]), "line {line}");
        let ended = checkpoint.rounds.iter().filter(|round| round.end.is_some()).count();
        assert_eq!(ended, ended_rounds, "line {line}");
        let RunHeader { run_id, date, started_at, .. } = checkpoint.header;
        let expected = header();
        assert_eq!(
            [run_id, date, started_at],
            [expected.run_id, expected.date, expected.started_at]
        );
        assert_eq!(checkpoint.totals, TOTALS);
    }
}

#[test]
fn what_a_repair_costs_is_counted() {
    let cost = |journal: &[String]| {
        let (_directory, store) = store_with(journal.concat().as_bytes());
        let damage = UnfinishedRun::read(&store).unwrap().unwrap().damage(&store).unwrap();
        (damage.dropped.accounts, damage.dropped.parts, damage.kept.parts)
    };
    let mut damaged = lines();
    damaged[1] = "{}\n".to_owned();
    // Part 1 with its 150 accounts, and the part of the next round with its 2.
    assert_eq!(cost(&damaged), (152, 2, 1));
    assert_eq!(cost(&damaged[..3]), (150, 1, 1));
    // The line that is damaged is the last one, and is not counted anywhere else.
    let mut damaged = lines();
    damaged[2] = damaged[2].replace("40006", "40007");
    assert_eq!(cost(&damaged[..3]), (200, 1, 1));
    let mut damaged = lines();
    damaged[0] = "\0\n".to_owned();
    assert_eq!(cost(&damaged), (0, 0, 3));
}

#[test]
fn unknown_cost_of_a_repair_is_not_a_number() {
    let mut damaged = lines();
    damaged[1] = "\0\n".to_owned();
    let (_directory, store) = store_with(damaged[..2].concat().as_bytes());
    let damage = UnfinishedRun::read(&store).unwrap().unwrap().damage(&store).unwrap().to_string();
    assert!(
        damage.contains("which requests any account of a damaged line again and keeps 0 parts"),
        "{damage}"
    );
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
        let (checkpoint, _) = read(repeated.concat().as_bytes()).unwrap();
        assert_eq!(checkpoint, checkpoint_after(6), "line {first}");
    }
}

#[test]
fn the_journal_of_another_program_is_refused() {
    let mut encoder = LineEncoder::new(&header());
    let newer = RunHeader { version: 3, ..header() };
    let newer = encoder.encode(&JournalEntry::RunHeader(newer), 0, TOTALS) + &lines()[1];
    assert!(refusal(newer.as_bytes()).contains("has version 3, this program knows 2"));
    assert!(refusal(b"{\"version\":7,\"form\":\"another\"}\n").contains("has version 7"));
    for foreign in
        ["account,nick\na,b\n", "\0\0\0\0\n", "\n", "null\n", "[]\n", "{}\n", "\u{feff}{}\n"]
    {
        let refusal = refusal(foreign.as_bytes());
        assert!(refusal.starts_with("line 1 of the journal "), "{foreign:?}");
        assert!(refusal.contains("nothing of the unfinished run can be kept"), "{foreign:?}");
    }
}

/// Complete lines of a journal that no run would write.
#[test]
fn duplicate_and_lost_accounts_are_refused() {
    let end = |accounts| (JournalEntry::RoundEnd(RoundEnd { accounts, duplicates: 0 }), 0);
    let start = || (JournalEntry::RunHeader(header()), 0);
    let entry = |index, ordinals| (JournalEntry::Part(Box::new(part(index, ordinals))), 0);
    for (entries, expected) in [
        (vec![start(), entry(0, 0..200), entry(1, 199..300)], "part 1 overlaps"),
        (vec![start(), entry(1, 200..300), entry(0, 0..201)], "part 0 overlaps"),
        (vec![start(), entry(0, 0..200), entry(1, 0..200)], "part 1 overlaps"),
        (vec![start(), entry(1, 200..300), end(300)], "gap at account 0"),
        (vec![start(), entry(0, 0..200), end(201)], "gap at account 200"),
        (vec![start(), entry(0, 0..200), entry(2, 400..500), end(500)], "gap at account 200"),
        (vec![start(), entry(0, 0..200), end(200), end(200)], "out of place"),
        (vec![start(), entry(0, 0..200), end(200), entry(1, 200..300)], "out of place"),
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
    let mut journal = resume(&store);
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
        let _ = replay(Path::new("checkpoint"), &bytes);
    }

    /// No change brings a part that was not written.
    #[test]
    fn any_change_to_a_journal_keeps_only_what_was_written(
        start in 0..VERSION_2.len(),
        length in 0..800usize,
        other in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut journal = VERSION_2.as_bytes().to_vec();
        journal.splice(start..(start + length).min(VERSION_2.len()), other);
        if let Ok(Some(replayed)) = replay(Path::new("checkpoint"), &journal) {
            let written = checkpoint_after(6);
            let kept = replayed.checkpoint(&BTreeSet::new()).unwrap();
            for (round, of_written) in kept.rounds.iter().zip(&written.rounds) {
                for (start, part) in &round.parts {
                    prop_assert_eq!(Some(part), of_written.parts.get(start));
                }
                prop_assert!(round.end.is_none() || round == of_written);
            }
            prop_assert!(kept.rounds.len() <= written.rounds.len());
            if replayed.damage.is_empty() {
                // Nothing but a prefix of what was written.
                prop_assert_eq!(&VERSION_2.as_bytes()[..replayed.length], &journal[..replayed.length]);
            }
        }
    }

    #[test]
    fn a_truncated_journal_gives_its_complete_entries(cut in 0..=VERSION_2.len()) {
        let journal = &VERSION_2[..cut];
        let whole = journal.matches('\n').count();
        // The first line is written before the first call.
        let totals = if whole == 1 { RunTotals::default() } else { TOTALS };
        let expected = (whole > 0).then(|| Checkpoint { totals, ..checkpoint_after(whole) });
        let replayed = replay(Path::new("checkpoint"), journal.as_bytes()).unwrap();
        prop_assert_eq!(replayed.map(|replayed| {
            assert_eq!(replayed.damage, []);
            replayed.checkpoint(&BTreeSet::new()).unwrap()
        }), expected);
    }
}
