//! Records of each format, however the bytes arrive, and refusals.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use arrow_array::builder::{BinaryViewBuilder, StringDictionaryBuilder, StringViewBuilder};
use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, BinaryArray, Decimal128Array, Float64Array, Int64Array, LargeStringArray, NullArray,
    RecordBatch, StringArray, UInt64Array,
};
use arrow_ipc::writer::StreamWriter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::accounts::InvalidReason;
use crate::util::failure::chain;

/// Longer than a thread takes to read what is there, on any machine.
const LONG: Duration = Duration::from_secs(600);

/// A pipe that delivers these pieces, each by one read, and then ends.
struct Pieces(VecDeque<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.0.pop_front() else { return Ok(0) };
        let length = piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        piece.drain(..length);
        if !piece.is_empty() {
            self.0.push_front(piece);
        }
        Ok(length)
    }
}

/// A pipe that delivers what is sent to it, and ends with the sender.
struct LivePipe(Receiver<Vec<u8>>, Vec<u8>);

impl Read for LivePipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.1.is_empty() {
            self.1 = self.0.recv().unwrap_or_default();
        }
        let length = self.1.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.1[..length]);
        self.1.drain(..length);
        Ok(length)
    }
}

fn live_pipe() -> (Sender<Vec<u8>>, LivePipe) {
    let (sender, receiver) = channel();
    (sender, LivePipe(receiver, Vec::new()))
}

fn settings(format: RecordFormat) -> RecordSettings {
    RecordSettings { format, column: None, max_batch_bytes: 1 << 20 }
}

type Records = Vec<(Vec<u8>, Result<(), InvalidReason>)>;

/// The text of each record and whether it is an account, or the message of the refusal.
fn records_in(settings: &RecordSettings, pieces: Vec<Vec<u8>>) -> Result<Records, String> {
    let read = || -> Result<Records, RecordStreamError> {
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        let mut stream = RecordStream::open(settings, Pieces(pieces))?;
        let mut records = Vec::new();
        // A run waits before each record.
        while stream.is_ready(LONG) && stream.advance()? {
            let record = stream.record();
            records.push((record.raw.bytes().to_vec(), record.account().map(drop)));
        }
        assert!(!stream.advance()?, "the end is final");
        Ok(records)
    };
    read().map_err(|error| chain(&error))
}

fn accounts_in(format: RecordFormat, text: &str) -> Vec<String> {
    let records = records_in(&settings(format), vec![text.as_bytes().to_vec()]).unwrap();
    records.into_iter().map(|(text, _)| String::from_utf8(text).unwrap()).collect()
}

fn refusal(format: RecordFormat, column: Option<&str>, bytes: &[u8]) -> String {
    let column = column.map(str::to_owned);
    records_in(&RecordSettings { column, ..settings(format) }, vec![bytes.to_vec()]).unwrap_err()
}

fn ipc(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn batch(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("account", column, true)]).unwrap()
}

fn names(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// An empty stream of texts from a big-endian machine.
fn big_endian() -> Vec<u8> {
    const SCHEMA: &str = "/////3gAAAAQAAAAAAAKAAwACgAJAAQACgAAABAAAAAAAQQACAAMAAoABAAIAAAACAAAAAAAAQABAAAAFAAAABAAFAAQAA8ADgAIAAAABAAQAAAAEAAAABQAAAAAAAUBEAAAAAAAAAAEAAQABAAAAAcAAABhY2NvdW50AAAAAAA=";
    let end = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    [STANDARD.decode(SCHEMA).unwrap(), end.to_vec()].concat()
}

/// Cuts bytes at positions in thousandths of their length.
fn cut(bytes: &[u8], positions: &[usize]) -> Vec<Vec<u8>> {
    let mut positions: Vec<usize> = positions.iter().map(|it| it * bytes.len() / 1000).collect();
    positions.sort_unstable();
    positions.push(bytes.len());
    let mut start = 0;
    positions
        .into_iter()
        .map(|end| bytes[std::mem::replace(&mut start, end)..end].to_vec())
        .collect()
}

#[test]
fn text_formats_have_the_records_of_a_list() {
    use RecordFormat::{Csv, Ndjson, Tsv, Txt};
    assert_eq!(accounts_in(Txt, "\u{feff}a\r\n\n b \rc"), ["a", "b", "c"]);
    assert_eq!(accounts_in(Csv, "x,account\n1,a\n\n2,\"b\nc\"\n3\n"), ["a", "b\nc", ""]);
    assert_eq!(accounts_in(Tsv, "account\tx\na,b\t1\n"), ["a,b"]);
    assert_eq!(accounts_in(Ndjson, "{\"account\":\"a\"}\n{\"account\":7}\n"), ["a", "7"]);
    for format in [Csv, Tsv, Txt, Ndjson] {
        assert!(accounts_in(format, "").is_empty(), "{format:?}");
    }
}

#[test]
fn a_record_that_repeats_the_header_is_a_record() {
    assert_eq!(accounts_in(RecordFormat::Csv, "account\naccount\n\"account\"\n"), ["account"; 2]);
}

#[test]
fn the_account_is_in_the_column_of_the_job() {
    let column = |column: &str| Some(column.to_owned());
    let csv = RecordSettings { column: column("uid"), ..settings(RecordFormat::Csv) };
    let records = records_in(&csv, vec![b"account,uid\na,1\n".to_vec()]).unwrap();
    assert_eq!(records, [(b"1".to_vec(), Ok(()))]);
    let arrow = RecordSettings { column: column("uid"), ..settings(RecordFormat::Arrow) };
    let columns = [("account", names(&[Some("a")])), ("uid", names(&[Some("1")]))];
    let bytes = ipc(&[RecordBatch::try_from_iter(columns).unwrap()]);
    assert_eq!(records_in(&arrow, vec![bytes]).unwrap(), [(b"1".to_vec(), Ok(()))]);
}

#[test]
fn arrow_columns_of_texts_and_integers_are_accounts() {
    let values = [Some("a"), None, Some("-7")];
    let mut dictionary = StringDictionaryBuilder::<Int8Type>::new();
    let mut view = StringViewBuilder::new();
    let mut binary_view = BinaryViewBuilder::new();
    for value in values {
        dictionary.append_option(value);
        view.append_option(value);
        binary_view.append_option(value);
    }
    let texts: Vec<ArrayRef> = vec![
        names(&values),
        Arc::new(LargeStringArray::from(values.to_vec())),
        Arc::new(view.finish()),
        Arc::new(binary_view.finish()),
        Arc::new(BinaryArray::from_iter(values)),
        Arc::new(dictionary.finish()),
    ];
    let read = |column: ArrayRef| {
        records_in(&settings(RecordFormat::Arrow), vec![ipc(&[batch(column)])]).unwrap()
    };
    let null = || (Vec::new(), Err(InvalidReason::Null));
    for column in texts {
        let name = column.data_type().to_string();
        let expected = [(b"a".to_vec(), Ok(())), null(), (b"-7".to_vec(), Ok(()))];
        assert_eq!(read(column), expected, "{name}");
    }
    let numbers: Vec<(ArrayRef, &str)> = vec![
        (Arc::new(Int64Array::from(vec![Some(i64::MIN), None])), "-9223372036854775808"),
        (Arc::new(UInt64Array::from(vec![Some(u64::MAX), None])), "18446744073709551615"),
        (
            Arc::new(
                Decimal128Array::from(vec![Some(12), None]).with_precision_and_scale(9, 0).unwrap(),
            ),
            "12",
        ),
    ];
    for (column, text) in numbers {
        assert_eq!(read(column), [(text.as_bytes().to_vec(), Ok(())), null()]);
    }
    assert_eq!(read(Arc::new(NullArray::new(2))), [null(), null()]);
    let no_values = StringDictionaryBuilder::<Int8Type>::new();
    let mut no_values = no_values;
    no_values.append_null();
    assert_eq!(read(Arc::new(no_values.finish())), [null()]);
    let binary = BinaryArray::from_iter([Some(&b"a\xff"[..]), Some(b"a\0")]);
    let faults: Vec<_> = read(Arc::new(binary)).into_iter().map(|(_, fault)| fault).collect();
    assert_eq!(faults, [Err(InvalidReason::NotUtf8), Err(InvalidReason::HasNul)]);
}

#[test]
fn other_content_is_refused_with_the_fix() {
    use RecordFormat::{Arrow, Csv, Ndjson, Tsv, Txt};
    let column: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
    let floats = ipc(&[batch(column)]);
    let pair = ipc(&[RecordBatch::try_from_iter([("a", names(&[])), ("b", names(&[]))]).unwrap()]);
    let refusals = [
        refusal(Arrow, None, b""),
        refusal(Arrow, None, b"account\na\n"),
        refusal(Arrow, None, b"ARROW1\0\0"),
        refusal(Arrow, None, &floats),
        refusal(Arrow, None, &pair),
        refusal(Csv, None, &floats),
        refusal(Txt, None, b"\x1f\x8b\x08\0"),
        refusal(Csv, None, b"uid,name\n1,x\n"),
        refusal(Csv, None, b"account\tname\n1\tx\n"),
        refusal(Tsv, Some("account"), b"account,name\n1,x\n"),
        refusal(Txt, None, b"a\0\n\0b\0\n\0"),
        refusal(Ndjson, None, b"{\"uid\":1}\n"),
        refusal(Ndjson, None, b"[{\"account\":1}]\n"),
        refusal(Csv, None, b"account\n\"a\n"),
        refusal(Csv, None, b"a\nb\n"),
        refusal(Csv, None, b"\n\n"),
        refusal(Arrow, None, &big_endian()),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    standard input is empty, but an Arrow stream starts with its schema; check the command that writes to it
    standard input is not an Arrow stream; use --input csv, tsv, txt or ndjson for text
    standard input is not an Arrow stream; it is an Arrow file (Feather), so write it as a stream
    column "account" of account list standard input holds values of type Float64; make it a string or integer column
    account list standard input has no column "account"; it has a, b; correct `accounts.column`
    account list standard input is an Arrow stream, not csv; use --input arrow
    account list standard input is a gzip file, not txt; decompress it on the way: zcat LIST | im-profiles stream JOB
    account list standard input has no column "account"; it has uid, name; correct `accounts.column`
    account list standard input is not separated by commas (its first line is "account\tname"); use --input tsv
    account list standard input is not separated by tabs (its first line is "account,name"); use --input csv
    account list standard input is text in UTF-32LE, not UTF-8; convert it: iconv -f UTF-32LE -t UTF-8 OLD > NEW
    account list standard input has no column "account"; it has uid; correct `accounts.column`
    account list standard input is a JSON array, not ndjson; convert it with jq 1.7 or later: jq -c '.[]' OLD > NEW
    line 2 of account list standard input: the record that starts here has a quote that is never closed; close or double it
    account list standard input has no column "account"; it has a; correct `accounts.column`
    standard input is empty lines, but csv and tsv start with a line of column names; use --input txt if there is none
    standard input is a big-endian Arrow stream; write it on a little-endian machine
    "#);
}

#[test]
fn a_stream_that_ends_early_or_is_damaged_is_refused_after_its_whole_batches() {
    let bytes = ipc(&[batch(names(&[Some("a"), Some("b")])), batch(names(&[Some("c")]))]);
    // The end of the stream has 8 bytes, and readers do without it.
    assert_eq!(
        records_in(&settings(RecordFormat::Arrow), vec![bytes[..bytes.len() - 8].to_vec()])
            .unwrap()
            .len(),
        3
    );
    for length in 1..bytes.len() - 8 {
        let mut seen = 0;
        let outcome = RecordStream::open(
            &settings(RecordFormat::Arrow),
            Pieces([bytes[..length].to_vec()].into()),
        )
        .and_then(|mut stream| {
            while stream.advance()? {
                seen += 1;
            }
            Ok(())
        });
        assert!([0, 2, 3].contains(&seen), "{seen} of {length}");
        if let Err(error) = outcome {
            let is_expected = matches!(
                error,
                RecordStreamError::Truncated
                    | RecordStreamError::NotArrow { .. }
                    | RecordStreamError::NoSchema
            );
            assert!(is_expected, "{length}: {error:?}");
        }
    }
}

#[test]
fn a_batch_beyond_the_limit_is_refused_before_it_is_in_memory() {
    let long = "x".repeat(900);
    let column = names(&vec![Some(long.as_str()); 1000]);
    let limited = RecordSettings { max_batch_bytes: 500_000, ..settings(RecordFormat::Arrow) };
    let small = batch(names(&[Some("a")]));
    let bytes = ipc(&[small, batch(column)]);
    insta::assert_snapshot!(records_in(&limited, vec![bytes.clone()]).unwrap_err(), @"a record batch on standard input is larger than limits.memory (488.28 KiB); write smaller record batches, or raise limits.memory");
    assert_eq!(records_in(&settings(RecordFormat::Arrow), vec![bytes]).unwrap().len(), 1001);
    // A length that nothing follows.
    let mut lies = vec![0xff; 4];
    lies.extend(0x7fff_ffff_u32.to_le_bytes());
    let refused = refusal(RecordFormat::Arrow, None, &lies);
    assert!(refused.contains("ends within a message"), "{refused}");
}

#[test]
fn records_are_there_as_soon_as_their_line_or_batch_is() {
    let first = ipc(&[batch(names(&[Some("a"), Some("b")]))]);
    let first = first[..first.len() - 8].to_vec();
    for (format, text) in [(RecordFormat::Txt, b"a\nb\n\n".to_vec()), (RecordFormat::Arrow, first)]
    {
        let (sender, pipe) = live_pipe();
        sender.send(text).unwrap();
        let mut stream = RecordStream::open(&settings(format), pipe).unwrap();
        for account in ["a", "b"] {
            assert!(stream.is_ready(LONG) && stream.advance().unwrap());
            assert_eq!(stream.record().account(), Ok(account));
        }
        assert!(!stream.is_ready(Duration::ZERO), "{format:?}: nothing more was written");
        drop(sender);
        assert!(stream.is_ready(LONG) && !stream.advance().unwrap());
    }
}

fn text_format() -> impl Strategy<Value = RecordFormat> {
    use RecordFormat::{Csv, Ndjson, Tsv, Txt};
    prop_oneof![Just(Csv), Just(Tsv), Just(Txt), Just(Ndjson)]
}

/// Bytes that mean something to a format, and any others.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop_oneof![
        8 => prop::sample::select(vec![
            "\n", "\r\n", "\r", ",", "\t", "\"", "\"\"", "account", "a", "b", " ", "{\"account\":\"x\"}", "{\"account\":null}", "{}", "\u{feff}", "张"
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..3),
    ];
    (any::<bool>(), prop::collection::vec(pieces, 0..60)).prop_map(|(has_header, pieces)| {
        let header = if has_header { b"account\n".to_vec() } else { Vec::new() };
        [header, pieces.concat()].concat()
    })
}

proptest! {
    #[test]
    fn any_bytes_give_the_same_records_however_they_arrive(
        format in text_format(),
        bytes in content(),
        positions in prop::collection::vec(0usize..1000, 0..8),
    ) {
        let whole = records_in(&settings(format), vec![bytes.clone()]);
        let in_pieces = records_in(&settings(format), cut(&bytes, &positions));
        // The kind of other content is guessed from what is there first.
        if whole.is_ok() && in_pieces.is_ok() {
            prop_assert_eq!(whole, in_pieces);
        }
    }

    #[test]
    fn arrow_gives_every_value_of_every_batch(
        batches in prop::collection::vec(prop::collection::vec(prop::option::of("[a-z]{0,40}"), 0..20), 1..5),
        positions in prop::collection::vec(0usize..1000, 0..8),
    ) {
        let values = |rows: &[Option<String>]| names(&rows.iter().map(Option::as_deref).collect::<Vec<_>>());
        let bytes = ipc(&batches.iter().map(|rows| batch(values(rows))).collect::<Vec<_>>());
        let read = records_in(&settings(RecordFormat::Arrow), cut(&bytes, &positions)).unwrap();
        let read: Vec<Option<String>> = read
            .into_iter()
            .map(|(text, fault)| (fault != Err(InvalidReason::Null)).then(|| String::from_utf8(text).unwrap()))
            .collect();
        prop_assert_eq!(read, batches.concat());
    }

    #[test]
    fn damaged_arrow_gives_records_or_a_refusal(
        changes in prop::collection::vec((0usize..1000, any::<u8>()), 1..6),
        positions in prop::collection::vec(0usize..1000, 0..3),
    ) {
        let rows = [Some("a"), None, Some("bb"), Some("a")];
        let mut dictionary = StringDictionaryBuilder::<Int8Type>::new();
        rows.iter().for_each(|value| dictionary.append_option(*value));
        let dictionary: ArrayRef = Arc::new(dictionary.finish());
        let columns = [("account", dictionary, true), ("other", names(&rows), true)];
        let rows = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let mut bytes = ipc(&[rows.clone(), rows]);
        for (position, byte) in changes {
            let position = position * bytes.len() / 1000;
            bytes[position] = byte;
        }
        if let Ok(records) = records_in(&settings(RecordFormat::Arrow), cut(&bytes, &positions)) {
            prop_assert!(records.len() <= 1 << 20);
        }
    }
}
