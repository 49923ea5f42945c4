//! Deletes objects.

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;

use super::error::BucketError;
use super::retry::Outcome;
use super::session::Session;

impl Session {
    pub async fn delete_all(&self, keys: Vec<String>) -> Result<(), BucketError> {
        for key in keys {
            let path = self.path(&key)?;
            let operation = self.operation("delete", &key);
            let delete = || async {
                let one = stream::iter([Ok::<Path, object_store::Error>(path.clone())]).boxed();
                self.stores.objects.delete_stream(one).try_for_each(|_| async { Ok(()) }).await
            };
            match self.retries.run(&operation, delete).await? {
                Outcome::Done(()) | Outcome::Missing | Outcome::Conflict => {}
            }
        }
        Ok(())
    }
}
