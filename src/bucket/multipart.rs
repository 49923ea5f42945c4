//! Uploads an object in pieces. It appears when the upload is completed.

use std::future::Future;

use bytes::Bytes;
use object_store::multipart::PartId;
use object_store::path::Path;
use tokio::task::JoinSet;

use super::attempt::Attempt;
use super::error::{BucketError, Operation};
use super::fault::Transient;
use super::objects::Version;
use super::retry::{Attempted, Failures};
use super::session::{Session, SharedSession};
use super::write::payload;

/// Length of a piece, unless there would be too many.
const PIECE_BYTES: u64 = 8 * 1024 * 1024;
/// What S3 allows; other stores allow more.
const MAX_PIECES: u64 = 10_000;
const PIECES_IN_FLIGHT: usize = 2;

/// How an object is divided.
#[derive(Debug, Clone, Copy)]
pub struct Pieces {
    bytes: u64,
    piece_bytes: u64,
}

/// An upload that was started.
struct Started<'a> {
    operation: &'a Operation,
    path: &'a Path,
    id: String,
}

impl Pieces {
    pub fn of(bytes: u64) -> Pieces {
        Pieces { bytes, piece_bytes: PIECE_BYTES.max(bytes.div_ceil(MAX_PIECES)) }
    }

    /// Uploads the pieces that `read` returns by offset and length.
    pub async fn upload<F>(
        self,
        session: &SharedSession,
        key: &str,
        read: impl Fn(u64, u64) -> F + Clone + Send + 'static,
    ) -> Result<Version, BucketError>
    where
        F: Future<Output = Result<Bytes, BucketError>> + Send + 'static,
    {
        let (path, operation) = (session.path(key)?, session.operation("write", key));
        let mut failures = Failures::default();
        loop {
            let create = || session.stores.multipart.create_multipart(&path);
            let id = match session.retries.run(&operation, create).await? {
                Attempted::Done(id) => id,
                Attempted::Missing | Attempted::Conflict => return Err(not_found(&operation)),
            };
            let started = Started { operation: &operation, path: &path, id };
            let uploaded = match self.send(session, &started, &read).await {
                Ok(Some(parts)) => session.complete(&started, parts, self).await,
                other => other.map(|_| None),
            };
            match uploaded {
                Ok(Some(version)) => return Ok(version),
                Ok(None) => {
                    let lost = Transient::new("the store has lost the pieces of the upload");
                    session.retries.wait(&mut failures, lost, &operation).await?;
                }
                Err(error) => {
                    session.abandon(&started).await;
                    return Err(error);
                }
            }
        }
    }

    /// Sends all pieces; `None` if the store does not know the upload.
    async fn send<F>(
        self,
        session: &SharedSession,
        started: &Started<'_>,
        read: &(impl Fn(u64, u64) -> F + Clone + Send + 'static),
    ) -> Result<Option<Vec<PartId>>, BucketError>
    where
        F: Future<Output = Result<Bytes, BucketError>> + Send + 'static,
    {
        let count = self.bytes.div_ceil(self.piece_bytes) as usize;
        let mut parts: Vec<Option<PartId>> = vec![None; count];
        let mut next = 0;
        // Dropped with an error, it ends the pieces in flight.
        let mut tasks = JoinSet::new();
        loop {
            while tasks.len() < PIECES_IN_FLIGHT && next < count {
                let offset = next as u64 * self.piece_bytes;
                let length = self.piece_bytes.min(self.bytes - offset);
                let (session, read) = (session.clone(), read.clone());
                let (operation, path) = (started.operation.clone(), started.path.clone());
                let (index, id) = (next, started.id.clone());
                tasks.spawn(async move {
                    let content = read(offset, length).await?;
                    let store = &session.stores.multipart;
                    let send = || store.put_part(&path, &id, index, payload(&content));
                    let sent = session.retries.run(&operation, send).await?;
                    session.retries.health.note_uploaded(length);
                    Ok::<_, BucketError>((index, sent))
                });
                next += 1;
            }
            match tasks.join_next().await {
                None => return Ok(parts.into_iter().collect()),
                Some(Ok(Ok((index, Attempted::Done(part))))) => parts[index] = Some(part),
                Some(Ok(Ok((_, Attempted::Missing | Attempted::Conflict)))) => return Ok(None),
                Some(Ok(Err(error))) => return Err(error),
                // The caller reports that its task ended.
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
    }
}

fn not_found(operation: &Operation) -> BucketError {
    BucketError::NoBucket { operation: operation.clone(), reason: "status 404".to_owned() }
}

impl Session {
    /// Completes an upload; `None` if the store does not know it. A completion whose response was lost has removed the
    /// upload, so the object decides.
    async fn complete(
        &self,
        started: &Started<'_>,
        parts: Vec<PartId>,
        pieces: Pieces,
    ) -> Result<Option<Version>, BucketError> {
        let count = parts.len();
        let complete =
            || self.stores.multipart.complete_multipart(started.path, &started.id, parts.clone());
        match self.retries.run(started.operation, complete).await? {
            Attempted::Done(stored) => Ok(Some(self.version(stored.e_tag, stored.version))),
            Attempted::Missing | Attempted::Conflict => {
                let found = self.head(started.path.as_ref()).await?;
                let is_ours = |etag: &String| {
                    // The ETag of an object in pieces ends with their number on S3, and with nothing of the kind elsewhere.
                    let number = etag.trim_matches('"').rsplit_once('-').map(|(_, number)| number);
                    number.is_none_or(|number| number == count.to_string())
                };
                let found = found.filter(|it| it.bytes == pieces.bytes);
                Ok(found.map(|it| it.version).filter(|it| it.etag.as_ref().is_none_or(is_ours)))
            }
        }
    }

    /// Removes the pieces of an upload that cannot be completed, once and without regard to the result: a lifecycle rule of
    /// the bucket removes what remains.
    async fn abandon(&self, started: &Started<'_>) {
        let abort = self.stores.multipart.abort_multipart(started.path, &started.id);
        let _ = Attempt::default().observe(abort).await;
    }
}
