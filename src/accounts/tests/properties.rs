//! Properties of any list.

use std::collections::HashSet;

use arrow_array::{ArrayRef, StringArray};
use proptest::prelude::*;

use super::*;
use crate::accounts::duplicates::Budget;

const FORMATS: [ListFormat; 5] =
    [ListFormat::Csv, ListFormat::Tsv, ListFormat::Txt, ListFormat::Ndjson, ListFormat::Parquet];

/// Reads a list that may be damaged; must not panic or hang.
fn try_read(bytes: &[u8], format: ListFormat) -> Option<ReadResult> {
    let file = ListOnDisk::new("l", bytes);
    let list =
        AccountList::open(&file.source(Some(format), Some(ANY_COLUMN)), file.directory.path())
            .ok()?;
    read(&list).ok()
}

fn likely_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"id",
        b",",
        b"\n",
        b"\r\n",
        b"\r",
        b"\"",
        b"{\"id\":",
        b"}",
        b"1",
        b"null",
        b"\xef\xbb\xbf",
        b"\xff",
        b"@TLS#",
        b" ",
        b"\x1f\x8b\x08",
        b"\x28\xb5\x2f\xfd",
        b"\\u0041",
        b"PAR1",
        b"\0",
    ];
    let likely = prop::collection::vec(prop::sample::select(pieces), 0..40)
        .prop_map(|pieces| pieces.concat());
    prop_oneof![likely, prop::collection::vec(any::<u8>(), 0..200)]
}

proptest! {
    #[test]
    fn distinct_accounts_are_the_first_occurrences(
        numbers in prop::collection::vec(0_u16..300, 0..1000), estimate in 0_u64..200,
        filter in prop_oneof![1_u64..1000, Just(1 << 20)], candidates in prop_oneof![0_usize..50, Just(1000)],
        marks in 1_u64..1000, accounts_in_partition in 1_u64..1000, open_pages in 0_u64..10_000,
        merge_buffers in 0_u64..1000) {
        let names: Vec<String> = numbers.iter().map(|number| format!("u{number}")).collect();
        let mut seen = HashSet::new();
        let first: Vec<(String, u64)> = (1..).zip(&names).filter(|(_, name)| seen.insert(name.as_str()))
            .map(|(line, name)| (name.clone(), line)).collect();
        let file = ListOnDisk::new("l.txt", names.join("\n").as_bytes());
        let mut list = file.open(None).unwrap();
        list.set_estimated_accounts(estimate);
        list.set_budget(Budget { filter, candidates, marks, accounts_in_partition, open_pages, merge_buffers });
        let found = read(&list).unwrap();
        prop_assert_eq!(found.duplicates as usize, names.len() - first.len());
        prop_assert_eq!(found.accounts, first);
    }

    #[test]
    fn any_bytes_in_any_format_are_handled(bytes in likely_bytes()) {
        for format in FORMATS {
            try_read(&bytes, format);
        }
    }

    #[test]
    fn text_lists_never_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assume!(!matches!(bytes.as_slice(), [0x1f, 0x8b, ..]));
        // Mostly ASCII accounts, so that no other encoding is detected.
        let bytes = [&bytes, b"\n".as_slice(), &b"user\n".repeat(200)].concat();
        prop_assume!(!matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]));
        let found = try_read(&bytes, ListFormat::Txt).expect("a text list is always readable");
        let lines = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.trim_ascii().is_empty()).count();
        let byte_order_mark_alone = bytes.starts_with(b"\xef\xbb\xbf") as usize;
        let total = found.accounts.len() + found.invalid.len() + found.duplicates as usize;
        prop_assert!(total == lines || total + byte_order_mark_alone == lines);
    }

    #[test]
    fn damaged_gzip_zstd_and_parquet_are_handled(
        kind in 0..3, at in any::<prop::sample::Index>(), byte in any::<u8>(), length in any::<prop::sample::Index>()) {
        let ids: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "a", "d"]));
        let (mut bytes, format) = match kind {
            0 => (gzip(b"a\nb\na\nd\n"), ListFormat::Txt),
            1 => (zstd(b"a\nb\na\nd\n"), ListFormat::Txt),
            _ => (parquet(&[(ANY_COLUMN, ids)]), ListFormat::Parquet),
        };
        let position = at.index(bytes.len());
        bytes[position] = byte;
        try_read(&bytes, format);
        bytes.truncate(length.index(bytes.len()));
        try_read(&bytes, format);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn lines_are_found_wherever_blocks_end(
        lengths in prop::collection::vec(prop_oneof![
            4 => 0_usize..40, 2 => 131_060_usize..131_090, 2 => 262_130_usize..262_160,
            1 => 1_048_570_usize..1_048_580, 1 => 1_500_000_usize..1_500_001], 0..12),
        line_end in prop::sample::select(vec!["\n", "\r\n", "\r"]), has_last_end in any::<bool>(),
        filler in prop::sample::select(vec!["x", "\u{e9}", "\u{1}"]), is_compressed in any::<bool>()) {
        let lines: Vec<String> = lengths.iter().map(|length| filler.repeat(*length)).collect();
        let end = if has_last_end { line_end } else { "" };
        let text = lines.join(line_end) + end;
        let bytes = if is_compressed { zstd(text.as_bytes()) } else { text.as_bytes().to_vec() };
        let found = read_bytes("l.txt", &bytes, None);
        let mut seen = HashSet::new();
        let is_account = |line: &str| !line.is_empty() && line.len() <= MAX_ACCOUNT_BYTES;
        let accounts: Vec<(String, u64)> = (1..).zip(&lines)
            .filter(|(_, line)| is_account(line) && seen.insert(line.as_str()))
            .map(|(number, line)| (line.clone(), number)).collect();
        prop_assert_eq!(found.accounts, accounts);
        let reason = |line: &str, is_last: bool| match line.len() + if is_last { end.len() } else { line_end.len() } {
            bytes if bytes > 1024 * 1024 => InvalidReason::LineTooLong,
            _ => InvalidReason::TooLong { bytes: line.len() },
        };
        let invalid: Vec<(u64, InvalidReason)> = (1..).zip(&lines)
            .filter(|(_, line)| line.len() > MAX_ACCOUNT_BYTES)
            .map(|(number, line)| (number, reason(line, number == lines.len() as u64))).collect();
        let found: Vec<_> = found.invalid.iter().map(|(line, _, reason)| (*line, *reason)).collect();
        prop_assert_eq!(found, invalid);
    }
}
