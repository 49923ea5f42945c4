//! A run whose records come from standard input and whose rows go to standard output: a third sink, and the reader for it.
//! Rate, retries, throttling and outages are those of [`run`](super::run).
//!
//! ```text
//!  record reader (thread) ──chunks──► dispatcher (async) ──responses──► row writer (thread)
//!            │                                                              ▲
//!            └──────────────────── records that are not accounts ───────────┘
//! ```

mod batch;
mod collector;
mod counts;
mod encoder;
mod record_reader;
mod repeats;
pub mod sink;
mod writer;

use std::io::{self, Write};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use self::batch::FailedRecord;
pub use self::counts::StreamCounts;
pub use self::encoder::{OutputFormat, schema_message};
use self::record_reader::{RecordReader, read_records};
use self::repeats::SharedRepeats;
use self::sink::StreamSink;
use self::writer::{RowWriter, write_rows};
use super::capacities::QueueCapacities;
use super::dispatch::Dispatcher;
use super::list_reader::ListReader;
use super::observed_task::{DispatcherContext, run_observed};
use super::writer_channel::writer_channel;
use super::{RunContext, RunError, RunSettings, Service, StopCause, spawn_named};
use crate::accounts::{RecordStream, RecordStreamError};
use crate::util::disk_error::SystemError;

/// How long a reader may take for the rows that are left when a stream ends before its records.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// Opens the records; called on the thread that reads them, because it waits for the first ones.
pub type OpenRecords = dyn FnOnce() -> Result<RecordStream, RecordStreamError> + Send;

/// Where the records come from and where their rows go.
pub struct StreamEnds {
    pub records: Box<OpenRecords>,
    pub output: Box<dyn Write + Send>,
    pub format: OutputFormat,
    /// `api.calls_per_second`, for the metadata of Arrow.
    pub calls_per_second_of_app: u32,
    /// Counts records and rows.
    pub counts: Arc<StreamCounts>,
}

/// Standard output cannot be written.
fn output_error(error: io::Error) -> RunError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => RunError::Stopped(StopCause::OutputClosed),
        _ => RunError::Output(SystemError::on("write standard output")(error)),
    }
}

/// The threads and the ends of the channels to them.
struct StreamChannels {
    reader: ListReader,
    sink: StreamSink,
    writer: JoinHandle<Result<(), RunError>>,
}

impl StreamChannels {
    fn open(ends: StreamEnds, settings: &RunSettings) -> Result<StreamChannels, RunError> {
        let StreamEnds { records, output, format, calls_per_second_of_app, counts } = ends;
        let capacities = QueueCapacities::default();
        let (blocks, chunks) = mpsc::channel(capacities.prefetched_blocks);
        let (messages, received) = writer_channel(capacities.writer_messages);
        let repeats = SharedRepeats::default();
        let reader = RecordReader {
            blocks,
            not_accounts: messages.clone(),
            runtime: tokio::runtime::Handle::current(),
            repeats: repeats.clone(),
            counts: Arc::clone(&counts),
        };
        let reader = spawn_named("record-reader", move || read_records(records, reader))?;
        let columns = settings.columns.clone();
        let encoder = format.encoder(&columns, calls_per_second_of_app).map_err(RunError::Rows)?;
        let writer = RowWriter { output, encoder, columns, repeats, counts };
        let writer = spawn_named("row-writer", move || write_rows(writer, received))?;
        let reader = ListReader::new(chunks, reader).live();
        Ok(StreamChannels { reader, sink: StreamSink::new(messages), writer })
    }
}

/// Requests the account of every record and writes a row for each of them, until the records end.
pub async fn run_stream<S: Service>(
    service: Arc<S>,
    settings: RunSettings,
    ends: StreamEnds,
    context: RunContext<'_>,
) -> Result<(), RunError> {
    let counts = Arc::clone(&ends.counts);
    let channels = StreamChannels::open(ends, &settings)?;
    run_observed(context, None, |context| stream(channels, service, settings, context)).await??;
    counts.ensure_conserved()
}

async fn stream<S: Service>(
    channels: StreamChannels,
    service: Arc<S>,
    settings: RunSettings,
    context: DispatcherContext,
) -> Result<(), RunError> {
    let StreamChannels { reader, sink, writer } = channels;
    let mut dispatcher = Dispatcher::new(service, settings, reader, sink, context);
    let ended = match dispatcher.run().await {
        Ok(()) => dispatcher.reader.take_error().map_or(Ok(()), |error| Err(error.into())),
        ended => ended,
    };
    dispatcher.emit_final_events();
    let Dispatcher { sink, mut context, .. } = dispatcher;
    let finish = async {
        sink.finish(ended.is_ok()).await;
        let joined = tokio::task::spawn_blocking(|| writer.join()).await;
        joined.ok().and_then(Result::ok).ok_or(RunError::Panicked)?
    };
    // A reader of standard output that stands still holds up the rows that are left, but not the end of the process.
    let patience = async {
        match ended {
            Ok(()) => std::future::pending().await,
            Err(_) => tokio::time::sleep(READER_PATIENCE).await,
        }
    };
    let written = tokio::select! {
        written = finish => written,
        Some(cause) = context.stop.recv() => Err(RunError::Stopped(cause)),
        () = patience => Ok(()),
    };
    match ended {
        // If the writer has stopped by itself, its own error is the cause.
        Ok(()) | Err(RunError::WriterStopped) => written,
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
