//! Conditional writes of small objects.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{PutMode, PutOptions, PutPayload, UpdateVersion};

use super::error::{BucketError, Operation};
use super::fault::Transient;
use super::objects::{Put, Version, When};
use super::retry::{Attempted, Failures};
use super::session::Session;
use super::stores::Conditions;

/// Pieces of a payload, so that its progress can be seen.
const PIECE_BYTES: usize = 64 * 1024;

/// One write.
struct Write<'a> {
    operation: &'a Operation,
    path: &'a Path,
    content: &'a Bytes,
}

impl Session {
    pub async fn put(&self, key: &str, content: Bytes, when: When) -> Result<Put, BucketError> {
        let write = Write {
            operation: &self.operation("write", key),
            path: &self.path(key)?,
            content: &content,
        };
        let mut failures = Failures::default();
        loop {
            if let Some(version) = self.write(&write, &when).await? {
                self.retries.health.note_uploaded(content.len() as u64);
                return Ok(Put::Stored(version));
            }
            // Equal bytes are those of an earlier request whose response was lost.
            match self.get(key).await? {
                Some(found) if found.content == content => {
                    return Ok(Put::Stored(found.version));
                }
                Some(_) => return Ok(Put::Refused),
                None if matches!(when, When::Unchanged(_)) => return Ok(Put::Refused),
                // It was there a moment ago.
                None => {
                    let removed = Transient::new("the object appears and disappears");
                    self.retries.wait(&mut failures, removed, write.operation).await?;
                }
            }
        }
    }

    /// The version of the new object; `None` if the condition does not hold.
    async fn write(&self, write: &Write<'_>, when: &When) -> Result<Option<Version>, BucketError> {
        let mode = match when {
            When::Always => PutMode::Overwrite,
            When::Absent => PutMode::Create,
            When::Unchanged(Version { etag, generation }) => {
                PutMode::Update(UpdateVersion { e_tag: etag.clone(), version: generation.clone() })
            }
        };
        let Conditions::Checked { create_only } = &self.stores.conditions else {
            return self.write_with(&self.stores.objects, write, mode).await;
        };
        // The request cannot carry the condition, so it is checked before.
        let store = match when {
            When::Always => &self.stores.objects,
            When::Absent if self.head(write.path.as_ref()).await?.is_some() => return Ok(None),
            When::Absent => create_only,
            When::Unchanged(version) => {
                let found = self.head(write.path.as_ref()).await?;
                if found.is_none_or(|found| found.version != *version) {
                    return Ok(None);
                }
                &self.stores.objects
            }
        };
        self.write_with(store, write, PutMode::Overwrite).await
    }

    async fn write_with(
        &self,
        store: &std::sync::Arc<dyn object_store::ObjectStore>,
        write: &Write<'_>,
        mode: PutMode,
    ) -> Result<Option<Version>, BucketError> {
        let request =
            || store.put_opts(write.path, payload(write.content), PutOptions::from(mode.clone()));
        Ok(match self.retries.run(write.operation, request).await? {
            Attempted::Done(stored) => Some(self.version(stored.e_tag, stored.version)),
            Attempted::Conflict => None,
            // Without a bucket, or without the object that is to be replaced.
            Attempted::Missing => match mode {
                PutMode::Update(_) => None,
                _ => {
                    let operation = write.operation.clone();
                    let reason = "status 404".to_owned();
                    return Err(BucketError::NoBucket { operation, reason });
                }
            },
        })
    }
}

/// The bytes as the client library wants them.
pub fn payload(content: &Bytes) -> PutPayload {
    let pieces = content.len().div_ceil(PIECE_BYTES);
    let piece = |n: usize| content.slice(n * PIECE_BYTES..content.len().min((n + 1) * PIECE_BYTES));
    (0..pieces).map(piece).collect()
}
