//! Reads an object as a stream.

use std::error::Error;
use std::io::{self, Read};
use std::sync::{Arc, mpsc};

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use object_store::client::HttpError;
use tokio::sync::Semaphore;

use super::attempt::RequestFailureKind;
use super::connection_error::connection_failure;
use super::error::BucketError;
use super::fault::Transient;
use super::objects::Version;
use super::response_text::sanitize;
use super::retry::Failures;
use super::session::{Session, SharedSession};

/// What is read ahead of the reader, in bytes.
const READ_AHEAD_BYTES: usize = 1024 * 1024;

type Piece = Result<Bytes, BucketError>;

/// The content of one version of an object. An interrupted response is resumed where it broke off. Errors are
/// [`io::Error::other`] of a [`BucketError`].
#[derive(Debug)]
pub struct BucketReader {
    pieces: mpsc::Receiver<Piece>,
    current: Bytes,
    /// What may still be read ahead.
    room: Arc<Semaphore>,
}

impl Read for BucketReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.recv() {
                Ok(Ok(piece)) => {
                    self.room.add_permits(permits(&piece) as usize);
                    self.current = piece;
                }
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Ok(0),
            }
        }
        let length = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}

impl Drop for BucketReader {
    fn drop(&mut self) {
        self.room.close();
    }
}

fn permits(piece: &Bytes) -> u32 {
    piece.len().min(READ_AHEAD_BYTES) as u32
}

/// A reader, and the task that fills it.
pub fn reader(
    session: SharedSession,
    key: String,
    version: Version,
) -> (BucketReader, impl Future<Output = ()> + Send + 'static) {
    let (sender, pieces) = mpsc::channel();
    let room = Arc::new(Semaphore::new(READ_AHEAD_BYTES));
    let reader = BucketReader { pieces, current: Bytes::new(), room: room.clone() };
    let task = async move {
        let outlet = Outlet { sender, room };
        if let Err(error) = fill(&session, &key, &version, &outlet).await {
            // The reader may be gone.
            let _ = outlet.sender.send(Err(error));
        }
    };
    (reader, task)
}

struct Outlet {
    sender: mpsc::Sender<Piece>,
    room: Arc<Semaphore>,
}

impl Outlet {
    /// Whether the reader still wants more.
    async fn send(&self, piece: Bytes) -> bool {
        match self.room.acquire_many(permits(&piece)).await {
            Ok(permit) => permit.forget(),
            Err(_) => return false,
        }
        self.sender.send(Ok(piece)).is_ok()
    }
}

async fn fill(
    session: &Session,
    key: &str,
    version: &Version,
    outlet: &Outlet,
) -> Result<(), BucketError> {
    let operation = session.operation("read", key);
    let mut offset = 0;
    let mut failures = Failures::default();
    loop {
        let found = session.open(key, version, offset).await?;
        let end = found.range.end;
        let mut stream = found.into_stream();
        let error = loop {
            match stream.next().await {
                Some(Ok(piece)) => {
                    offset += piece.len() as u64;
                    failures = Failures::default();
                    if !outlet.send(piece).await {
                        return Ok(());
                    }
                }
                Some(Err(error)) => break Some(error),
                None if offset < end => break None,
                None => return Ok(()),
            }
        };
        let reason =
            error.map_or("the response broke off".to_owned(), |error| break_reason(&error));
        session.retries.wait(&mut failures, Transient::new(reason), &operation).await?;
    }
}

/// Why the body of a response ended early. It was requested in an attempt that has succeeded.
fn break_reason(error: &object_store::Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn Error), |cause| (*cause).source());
    match causes.into_iter().find_map(|cause| cause.downcast_ref::<HttpError>()) {
        Some(error) => match connection_failure(error) {
            RequestFailureKind::Connection(reason) | RequestFailureKind::Untrusted(reason) => {
                reason
            }
            RequestFailureKind::Response(response) => response.text,
        },
        None => sanitize(&error.to_string()),
    }
}
