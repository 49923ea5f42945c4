//! The first reading of the account list, on a thread of its own, so that a signal stops the run also while it waits for
//! the writer of standard input.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::interval;

use super::telemetry::RunTelemetry;
use crate::accounts::{AccountList, ListError, ListSource, Scan};
use crate::pipeline::{RunError, StopCause};
use crate::snapshot::layout::INVALID_ACCOUNTS_FILE;
use crate::snapshot::sidecars::{line_writer, write_invalid};
use crate::snapshot::store::Store;
use crate::util::disk_error::DiskError;
use crate::util::failure::Failure;
use crate::util::staged_file::FileInfo;

/// Interval between progress reports.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// The result of the first reading.
pub struct ReadList {
    pub list: AccountList,
    pub scan: Scan,
    /// Size and digest of the file with its invalid accounts.
    pub invalid_lines: FileInfo,
}

/// Reads the list once; invalid accounts are recorded in a file in the work directory.
///
/// # Errors
/// When the list cannot be read, or `stop` delivers a request to stop. The thread then ends with the process.
pub async fn read_list(
    source: &ListSource,
    store: &Arc<dyn Store>,
    telemetry: &mut RunTelemetry<'_>,
    stop: &mut mpsc::Receiver<StopCause>,
) -> Result<ReadList, Failure> {
    let entries = Arc::new(AtomicU64::new(0));
    let (source, store, counted) = (source.clone(), Arc::clone(store), Arc::clone(&entries));
    let on_tick = || telemetry.scanning(entries.load(Ordering::Relaxed));
    on_thread(move || read(&source, &*store, &counted), on_tick, stop).await
}

/// Counts the accounts of a list without the duplicates that it removes, which reads it once more.
///
/// # Errors
/// As for [`read_list`].
pub async fn count_accounts(
    read: &ReadList,
    stop: &mut mpsc::Receiver<StopCause>,
) -> Result<u64, Failure> {
    let distinct = read.list.distinct(&read.scan)?;
    on_thread(move || Ok(distinct.count()?), || {}, stop).await
}

/// Runs `work` on a thread of its own. When `stop` comes first, the thread ends with the process.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    mut on_tick: impl FnMut(),
    stop: &mut mpsc::Receiver<StopCause>,
) -> Result<T, Failure> {
    let (sender, mut receiver) = oneshot::channel();
    thread::Builder::new()
        .name("list-scan".to_owned())
        // The receiver is gone when the run has been stopped.
        .spawn(move || drop(sender.send(work())))
        .map_err(RunError::Thread)?;
    let mut progress = interval(PROGRESS_INTERVAL);
    loop {
        tokio::select! {
            done = &mut receiver => return done.map_err(|_| RunError::Panicked)?,
            Some(cause) = stop.recv() => return Err(RunError::Stopped(cause).into()),
            _ = progress.tick() => on_tick(),
        }
    }
}

fn read(source: &ListSource, store: &dyn Store, entries: &AtomicU64) -> Result<ReadList, Failure> {
    let list = AccountList::open(source, store.scratch())?;
    let path = store.path(INVALID_ACCOUNTS_FILE);
    let write_failure = |error: io::Error| DiskError::on("write", &path)(error);
    // It gets its final name only when it is complete, and is never written through a link.
    let file = store.stage(INVALID_ACCOUNTS_FILE)?;
    let mut csv = line_writer(file);
    let scan = list
        .scan(
            &mut |invalid| {
                let (account, info) = match invalid.account() {
                    Some(account) => (account, invalid.reason.to_string()),
                    None => ("", format!("{}: {}", invalid.reason, invalid.text)),
                };
                write_invalid(&mut csv, account, &info, invalid.line)
            },
            &mut |count| entries.store(count, Ordering::Relaxed),
        )
        .map_err(|error| match error {
            ListError::Report { source } => Failure::from(write_failure(source)),
            error => error.into(),
        })?;
    let file = csv.into_inner().map_err(|error| write_failure(error.into_error()))?;
    let invalid_lines = store.commit(file)?;
    Ok(ReadList { list, scan, invalid_lines })
}
