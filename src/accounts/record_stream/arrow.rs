//! Records of an Arrow IPC stream: the values of one column, batch by batch.
//!
//! A thread reads standard input, so that waiting for input does not hold up what has been read.

use std::io::{ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::{Endianness, root_as_message};
use arrow_schema::{ArrowError, Schema};

use super::arrow_column::{AccountColumn, unsuitable_kind};
use super::{RecordStreamError, position_of};
use crate::accounts::account_rules::InvalidReason;
use crate::accounts::error::ListError;
use crate::accounts::list_file::STDIN;
use crate::accounts::parquet::caught_panic::catch;
use crate::accounts::records::{RawAccount, Record};

/// The size of one read: the capacity of a pipe.
const READ_BYTES: usize = 64 * 1024;

/// Capacity of the channel of what was read. In addition, one read is under way and one is being decoded.
const READ_AHEAD: usize = 4;

/// What every Arrow stream starts with: the continuation marker of its first message.
const STREAM_MAGIC: [u8; 4] = [0xff; 4];

/// Reads the rows of all record batches in order.
pub struct ArrowRecords {
    reads: Receiver<Result<Vec<u8>, ListError>>,
    decoder: StreamDecoder,
    /// The rest of the last read.
    buffer: Buffer,
    /// Bytes of the messages since the last batch.
    message_bytes: u64,
    max_batch_bytes: u64,
    /// Position of the column.
    column: usize,
    batch: AccountColumn,
    next_in_batch: usize,
    /// Found while waiting for the next batch.
    early_error: Option<RecordStreamError>,
    has_ended: bool,
    /// Number of the current row, from 1.
    row: u64,
    account: Vec<u8>,
    fault: Option<InvalidReason>,
}

impl ArrowRecords {
    /// Reads the schema.
    pub fn open(
        pipe: impl Read + Send + 'static,
        wanted: Option<&str>,
        max_batch_bytes: u64,
    ) -> Result<Self, RecordStreamError> {
        let (sender, reads) = sync_channel(READ_AHEAD);
        thread::Builder::new()
            .name("list blocks".to_owned())
            .spawn(move || send_reads(pipe, &sender))
            .map_err(|source| ListError::Thread { list: STDIN.to_owned(), source })?;
        let mut records = Self {
            reads,
            decoder: StreamDecoder::new(),
            buffer: Buffer::from_vec(Vec::<u8>::new()),
            message_bytes: 0,
            max_batch_bytes,
            column: 0,
            batch: AccountColumn::default(),
            next_in_batch: 0,
            early_error: None,
            has_ended: false,
            row: 0,
            account: Vec::new(),
            fault: None,
        };
        let first_batch = records.read_schema()?;
        if let Some(schema) = records.decoder.schema() {
            records.column = account_column(&schema, wanted)?;
        }
        if let Some(batch) = first_batch {
            records.start_batch(&batch);
        }
        Ok(records)
    }

    /// Waits until [`Self::advance`] returns at once, at most so long; false if it does not by then.
    pub fn is_ready(&mut self, wait: Duration) -> bool {
        if self.has_row() {
            return true;
        }
        let until = Instant::now() + wait;
        while !self.has_row() && !self.has_ended && self.early_error.is_none() {
            if !self.buffer.is_empty() {
                self.early_error = self.decode_buffer().err();
                continue;
            }
            match self.reads.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(read) => self.early_error = self.decode(read).err(),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => return true,
            }
        }
        true
    }

    /// Advances to the next row; false at the end of the stream.
    pub fn advance(&mut self) -> Result<bool, RecordStreamError> {
        while !self.has_row() {
            if let Some(error) = self.early_error.take() {
                return Err(error);
            }
            if !self.buffer.is_empty() {
                self.decode_buffer()?;
                continue;
            }
            match self.reads.recv() {
                Ok(read) => self.decode(read)?,
                Err(_) => return self.end().map(|()| false),
            }
        }
        self.account.clear();
        let is_null = !self.batch.write(self.next_in_batch, &mut self.account);
        self.fault = is_null.then_some(InvalidReason::Null);
        self.next_in_batch += 1;
        self.row += 1;
        Ok(true)
    }

    pub fn record(&self) -> Record<'_> {
        Record { line: self.row, raw: RawAccount::Bytes(&self.account), fault: self.fault }
    }

    fn has_row(&self) -> bool {
        self.next_in_batch < self.batch.len()
    }

    /// Reads up to the schema; a batch may follow it in the same read.
    fn read_schema(&mut self) -> Result<Option<RecordBatch>, RecordStreamError> {
        let mut head = Vec::new();
        while head.len() < STREAM_MAGIC.len() {
            match self.reads.recv() {
                Ok(read) => head.extend(read?),
                Err(_) if head.is_empty() => return Err(RecordStreamError::NoSchema),
                Err(_) => break,
            }
        }
        if !head.starts_with(&STREAM_MAGIC) {
            return Err(RecordStreamError::NotArrow { remedy: remedy_for(&head) });
        }
        let mut start = head.clone();
        self.buffer = Buffer::from_vec(head);
        loop {
            let batch = self.next_batch()?;
            if batch.is_some() || self.decoder.schema().is_some() {
                ensure_is_little_endian(&start)?;
                return Ok(batch);
            }
            match self.reads.recv() {
                Ok(read) => {
                    let read = read?;
                    start.extend_from_slice(&read);
                    self.buffer = Buffer::from_vec(read);
                }
                Err(_) => return self.end().and(Err(RecordStreamError::NoSchema)),
            }
        }
    }

    fn decode(&mut self, read: Result<Vec<u8>, ListError>) -> Result<(), RecordStreamError> {
        self.buffer = Buffer::from_vec(read?);
        self.decode_buffer()
    }

    fn decode_buffer(&mut self) -> Result<(), RecordStreamError> {
        if let Some(batch) = self.next_batch()? {
            self.start_batch(&batch);
        }
        Ok(())
    }

    /// Decodes the buffer up to the next batch.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, RecordStreamError> {
        let before = self.buffer.len();
        let (decoder, buffer) = (&mut self.decoder, &mut self.buffer);
        let decoded = catch(|| decoder.decode(buffer))
            .unwrap_or_else(|| Err(ArrowError::IpcError("its parts are inconsistent".to_owned())));
        self.message_bytes += (before - self.buffer.len()) as u64;
        let max_bytes = self.max_batch_bytes;
        match decoded {
            Ok(batch) if self.message_bytes <= max_bytes => {
                if batch.is_some() {
                    self.message_bytes = 0;
                }
                Ok(batch)
            }
            Ok(_) => Err(RecordStreamError::BatchTooLarge { max_bytes }),
            Err(error) => Err(refusal_of(error)),
        }
    }

    fn start_batch(&mut self, batch: &RecordBatch) {
        // The library checks each batch against the schema.
        self.batch = AccountColumn::new(batch.column(self.column));
        self.next_in_batch = 0;
    }

    fn end(&mut self) -> Result<(), RecordStreamError> {
        self.has_ended = true;
        self.decoder.finish().map_err(|_| RecordStreamError::Truncated)
    }
}

/// Why the library cannot decode a message.
fn refusal_of(error: ArrowError) -> RecordStreamError {
    // It has no other sign of a compression that it was built without.
    let text = error.to_string();
    match text.contains("lz4") || text.contains("zstd") {
        true => RecordStreamError::Compressed,
        false => RecordStreamError::Damaged { source: error.into() },
    }
}

/// Refuses a stream whose schema, in its first message, says that numbers start with their highest byte: the library would
/// take them for the others.
fn ensure_is_little_endian(start: &[u8]) -> Result<(), RecordStreamError> {
    let schema =
        start.get(2 * STREAM_MAGIC.len()..).and_then(|message| root_as_message(message).ok());
    let schema = schema.and_then(|message| message.header_as_schema());
    match schema.is_some_and(|schema| schema.endianness() == Endianness::Big) {
        true => Err(RecordStreamError::BigEndian),
        false => Ok(()),
    }
}

/// Sends what `pipe` has, as it comes, until it ends or nobody receives any more.
fn send_reads(mut pipe: impl Read, reads: &SyncSender<Result<Vec<u8>, ListError>>) {
    loop {
        let mut read = vec![0; READ_BYTES];
        let message = match pipe.read(&mut read) {
            Ok(0) => return,
            Ok(length) => {
                read.truncate(length);
                Ok(read)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(source) => Err(ListError::Stdin { source }),
        };
        let is_error = message.is_err();
        if reads.send(message).is_err() || is_error {
            return;
        }
    }
}

/// Position of the column that holds the account.
fn account_column(schema: &Schema, wanted: Option<&str>) -> Result<usize, ListError> {
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let position = position_of(wanted, &names)?;
    match unsuitable_kind(schema.field(position).data_type()) {
        None => Ok(position),
        Some(found) => {
            let (list, column) = (STDIN.to_owned(), names[position].clone());
            Err(ListError::ColumnType { list, column, found })
        }
    }
}

fn remedy_for(head: &[u8]) -> &'static str {
    match head {
        [b'A', b'R', b'R', b'O', ..] => "it is an Arrow file (Feather), so write it as a stream",
        [b'P', b'A', b'R', b'1', ..] => {
            "it is a Parquet file, so read it with an engine that writes an Arrow stream"
        }
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            "it is compressed, so decompress it on the way"
        }
        _ => "use --input csv, tsv, txt or ndjson for text",
    }
}
