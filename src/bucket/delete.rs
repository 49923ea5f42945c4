//! Deletes objects, many with each request where the store can.

use futures_util::{StreamExt, stream};
use object_store::path::Path;

use super::attempt::Attempt;
use super::error::BucketError;
use super::fault::{StoreFault, classify};
use super::retry::Failures;
use super::session::Session;

/// Keys of one request: what S3 allows. The client library divides them further for other stores.
const KEYS_AT_ONCE: usize = 1000;

impl Session {
    pub async fn delete_all(&self, keys: Vec<String>) -> Result<(), BucketError> {
        let paths = keys.iter().map(|key| self.path(key)).collect::<Result<Vec<_>, _>>()?;
        for paths in paths.chunks(KEYS_AT_ONCE) {
            self.delete_batch(paths.to_vec()).await?;
        }
        Ok(())
    }

    /// Deletes the objects of some keys, and repeats it with those that remain.
    async fn delete_batch(&self, mut paths: Vec<Path>) -> Result<(), BucketError> {
        let mut failures = Failures::default();
        while let Some(first) = paths.first() {
            let operation = self.operation("delete", first.as_ref());
            let notes = Attempt::default();
            let locations = stream::iter(paths.clone().into_iter().map(Ok)).boxed();
            let deletion = self.stores.objects.delete_stream(locations).collect::<Vec<_>>();
            let results = notes.observe(deletion).await;
            // One result for all of them is the failure of a request.
            let is_per_key = results.len() == paths.len();
            let mut remaining = Vec::new();
            let mut failure = None;
            for (path, result) in paths.iter().zip(results) {
                let Err(error) = result else { continue };
                match classify(&error, &notes, &operation) {
                    StoreFault::Missing | StoreFault::Conflict => {}
                    StoreFault::Permanent(error) => return Err(error),
                    StoreFault::Transient(transient) => {
                        remaining.push(path.clone());
                        failure = Some(transient);
                    }
                }
            }
            let Some(transient) = failure else {
                self.retries.health.note_success();
                return Ok(());
            };
            if is_per_key {
                paths = remaining;
            }
            self.retries.wait(&mut failures, transient, &operation).await?;
        }
        Ok(())
    }
}
