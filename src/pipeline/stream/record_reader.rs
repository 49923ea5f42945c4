//! The thread that reads records: valid accounts go to the dispatcher in chunks, all others to the writer.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::collector::ChunkCollector;
use super::sink::StreamMessage;
use super::{FailedRecord, OpenRecords, SharedRepeats, StreamCounts};
use crate::accounts::{AccountName, InvalidReason, Record, RecordStream, RecordUnit};
use crate::pipeline::capacities::CHUNKS_PER_BLOCK;
use crate::pipeline::chunk::Chunk;
use crate::pipeline::source::SourceError;
use crate::pipeline::writer_channel::WriterSender;
use crate::snapshot::checkpoint::RoundEnd;
use crate::snapshot::sidecars::Category;

/// How long a record waits for others that fill its chunk.
const LINGER: Duration = Duration::from_millis(250);

/// Records that are not accounts, sent together; their texts have up to this size, or one has more.
const MAX_NOT_ACCOUNTS: usize = 256;
const MAX_NOT_ACCOUNTS_BYTES: usize = 64 * 1024;

/// How much of a record is repeated that has no account.
const SHOWN_RECORD_CHARS: usize = 200;

/// Where the records go.
pub struct RecordReader {
    pub blocks: mpsc::Sender<Vec<Chunk>>,
    pub not_accounts: WriterSender<StreamMessage>,
    /// For the channel to the writer, which is bounded by memory as well.
    pub runtime: Handle,
    pub repeats: SharedRepeats,
    pub counts: Arc<StreamCounts>,
}

/// Reads records until they end or the run has ended.
pub fn read_records(
    records: Box<OpenRecords>,
    target: RecordReader,
) -> Result<RoundEnd, SourceError> {
    let mut records = records()?;
    let mut collected = Collected::new(&target);
    loop {
        if let Some(since) = collected.since
            && !records.is_ready(Duration::ZERO)
            && !records.is_ready(LINGER.saturating_sub(since.elapsed()))
            && collected.send().is_break()
        {
            break;
        }
        let advanced = records.advance();
        if !matches!(advanced, Ok(true)) {
            let _ = collected.send();
            advanced?;
            break;
        }
        if collected.add(&records).is_break() {
            break;
        }
    }
    Ok(RoundEnd { accounts: collected.chunk.accounts(), duplicates: 0 })
}

/// What has been read and not sent.
struct Collected<'t> {
    target: &'t RecordReader,
    chunk: ChunkCollector,
    block: Vec<Chunk>,
    not_accounts: Vec<FailedRecord>,
    not_accounts_bytes: usize,
    /// Records that are not counted yet.
    records: u64,
    /// When the first of them was read.
    since: Option<Instant>,
}

impl<'t> Collected<'t> {
    fn new(target: &'t RecordReader) -> Self {
        Collected {
            target,
            chunk: ChunkCollector::default(),
            block: Vec::with_capacity(CHUNKS_PER_BLOCK),
            not_accounts: Vec::new(),
            not_accounts_bytes: 0,
            records: 0,
            since: None,
        }
    }

    /// Adds the current record; `Break` if nothing receives it any more.
    fn add(&mut self, records: &RecordStream) -> ControlFlow<()> {
        self.since.get_or_insert_with(Instant::now);
        self.records += 1;
        let record = records.record();
        let bytes = record.raw.bytes().len();
        let name = |text| AccountName::from(text).map_err(|_| InvalidReason::TooLong { bytes });
        match record.account().and_then(name) {
            Ok(name) => {
                self.chunk.add(name, record.line);
                if !self.chunk.is_full() {
                    return ControlFlow::Continue(());
                }
                self.end_chunk();
                // A slow input does not fill a block in time.
                let is_due = || self.since.is_some_and(|since| since.elapsed() >= LINGER);
                match self.block.len() == CHUNKS_PER_BLOCK || is_due() {
                    true => self.send(),
                    false => ControlFlow::Continue(()),
                }
            }
            Err(reason) => self.add_failed(not_account(record, reason, records.unit())),
        }
    }

    fn add_failed(&mut self, record: FailedRecord) -> ControlFlow<()> {
        self.not_accounts_bytes += record.text_bytes();
        self.not_accounts.push(record);
        let is_full = self.not_accounts.len() == MAX_NOT_ACCOUNTS
            || self.not_accounts_bytes >= MAX_NOT_ACCOUNTS_BYTES;
        if is_full { self.send() } else { ControlFlow::Continue(()) }
    }

    fn end_chunk(&mut self) {
        let (chunk, repeats) = self.chunk.take();
        if !repeats.is_empty() {
            self.target.repeats.extend(repeats.into_iter());
        }
        self.block.push(chunk);
    }

    /// Sends all of it; `Break` if nothing receives it any more, since the run has ended and reports why.
    fn send(&mut self) -> ControlFlow<()> {
        if !self.chunk.is_empty() {
            self.end_chunk();
        }
        self.target.counts.add_read(std::mem::take(&mut self.records));
        self.since = None;
        let mut is_received = true;
        if !self.not_accounts.is_empty() {
            let message = StreamMessage::NotAccounts(std::mem::take(&mut self.not_accounts));
            let kib = std::mem::take(&mut self.not_accounts_bytes) / 1024;
            let kib = u32::try_from(kib).unwrap_or(u32::MAX);
            let RecordReader { not_accounts, runtime, .. } = self.target;
            is_received = runtime.block_on(not_accounts.send(message, kib));
        }
        if !self.block.is_empty() {
            let next = Vec::with_capacity(CHUNKS_PER_BLOCK);
            let block = std::mem::replace(&mut self.block, next);
            is_received &= self.target.blocks.blocking_send(block).is_ok();
        }
        if is_received { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// A record that is not an account.
fn not_account(record: Record<'_>, reason: InvalidReason, unit: RecordUnit) -> FailedRecord {
    let text = String::from_utf8_lossy(record.raw.bytes()).into_owned();
    let place = || format!("{unit} {} {reason}", record.line);
    let (account, error_info) = match record.fault {
        None => (Some(text), reason.to_string()),
        Some(InvalidReason::Null) => (None, place()),
        Some(_) => {
            let mut shown: String = text.chars().take(SHOWN_RECORD_CHARS).collect();
            if shown.len() < text.len() {
                shown.push('…');
            }
            (None, format!("{}: {shown}", place()))
        }
    };
    FailedRecord {
        account,
        category: Category::InvalidAccount,
        error_code: None,
        error_info,
        attempts: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::RawAccount;

    fn failed(bytes: &[u8], reason: InvalidReason) -> (Option<String>, String) {
        let fault = Some(reason).filter(|reason| match reason {
            InvalidReason::NotUtf8 => bytes.starts_with(b"{"),
            InvalidReason::Null | InvalidReason::NotAnObject => true,
            _ => false,
        });
        let record = Record { line: 7, raw: RawAccount::Bytes(bytes), fault };
        let FailedRecord { account, error_info, .. } =
            not_account(record, reason, RecordUnit::Line);
        (account, error_info)
    }

    #[test]
    fn a_record_with_an_account_keeps_it_and_any_other_says_where_it_is() {
        let long = "x".repeat(300);
        let text = |text: &str| Some(text.to_owned());
        let too_long = InvalidReason::TooLong { bytes: 300 };
        let expected = (text(&long), "has 300 bytes, but the service allows 32".to_owned());
        assert_eq!(failed(long.as_bytes(), too_long), expected);
        assert_eq!(failed(b"", InvalidReason::Empty), (text(""), "is empty".to_owned()));
        let expected = (text("a\u{fffd}"), "is not UTF-8".to_owned());
        assert_eq!(failed(b"a\xff", InvalidReason::NotUtf8), expected);
        let expected = (None, "line 7 is not UTF-8: {\u{fffd}".to_owned());
        assert_eq!(failed(b"{\xff", InvalidReason::NotUtf8), expected);
        let expected = (None, "line 7 has null in place of the account".to_owned());
        assert_eq!(failed(b"", InvalidReason::Null), expected);
        let expected = (None, format!("line 7 is not a JSON object: {}…", "x".repeat(200)));
        assert_eq!(failed(long.as_bytes(), InvalidReason::NotAnObject), expected);
    }
}
