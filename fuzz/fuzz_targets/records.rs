//! Reads arbitrary bytes as a stream of records of each format. Nothing panics, and it makes no difference where the bytes are
//! split.

#![no_main]

use std::io::{Cursor, Read};
use std::time::Duration;

use im_profiles::internals::{RecordFormat, RecordSettings, RecordStream};
use libfuzzer_sys::fuzz_target;

/// The text of each record; `None` if the bytes are refused.
fn records(settings: &RecordSettings, pipe: impl Read + Send + 'static) -> Option<Vec<Vec<u8>>> {
    let mut stream = RecordStream::open(settings, pipe).ok()?;
    let mut records = Vec::new();
    while stream.is_ready(Duration::from_secs(60)) && stream.advance().ok()? {
        records.push(stream.record().raw.bytes().to_vec());
    }
    Some(records)
}

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (kind, split, bytes) = input;
    let format = match kind % 5 {
        0 => RecordFormat::Csv,
        1 => RecordFormat::Txt,
        2 => RecordFormat::Ndjson,
        3 => RecordFormat::Tsv,
        _ => RecordFormat::Arrow,
    };
    let settings = RecordSettings { format, column: None, max_batch_bytes: 1 << 20 };
    let whole = records(&settings, Cursor::new(bytes.to_vec()));
    let (first, second) = bytes.split_at(usize::from(split) % (bytes.len() + 1));
    let pipe = Cursor::new(first.to_vec()).chain(Cursor::new(second.to_vec()));
    let split = records(&settings, pipe);
    // What other content is may be guessed from the start alone.
    if let (Some(whole), Some(split)) = (whole, split) {
        assert_eq!(whole, split);
    }
});
