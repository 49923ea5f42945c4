//! Operations of a bucket beside those on single objects.

use object_store::multipart::PartId;
use object_store::{MultipartId, PutPayload};

use super::error::BucketError;
use super::handle::{Bucket, at_once};
use super::objects::Object;
use super::retry::Attempted;

impl Bucket {
    /// Reads many small objects, in the order of their keys.
    pub fn get_all(&self, keys: &[String]) -> Result<Vec<Option<Object>>, BucketError> {
        let keys = keys.to_vec();
        self.run("read", |session| {
            at_once(keys, move |key| {
                let session = session.clone();
                async move { session.get(&key).await }
            })
        })
    }

    /// The names below `prefix/`, of the first page of the list.
    pub fn first_names(&self, prefix: &str) -> Result<Vec<String>, BucketError> {
        let prefix = prefix.trim_end_matches('/').to_owned();
        self.run("list", |session| async move {
            let page = session.page(&prefix, None, None).await?;
            let below = format!("{prefix}/");
            let objects = page.result.objects.iter();
            // The object of the prefix itself is the mark of a directory.
            let names = objects.filter_map(|object| object.location.as_ref().strip_prefix(&below));
            Ok(names.map(str::to_owned).collect())
        })
    }

    /// Writes a small object as an upload in pieces, to try one.
    pub fn put_in_pieces(&self, key: &str, content: &'static str) -> Result<(), BucketError> {
        let key = key.to_owned();
        self.run("write", |session| async move {
            let path = session.path(&key)?;
            let operation = session.operation("write", &key);
            let write = || async {
                let multipart = &session.stores.multipart;
                let id: MultipartId = multipart.create_multipart(&path).await?;
                let payload = PutPayload::from_static(content.as_bytes());
                let piece: PartId = multipart.put_part(&path, &id, 0, payload).await?;
                multipart.complete_multipart(&path, &id, vec![piece]).await
            };
            match session.retries.run(&operation, write).await? {
                Attempted::Done(_) => Ok(()),
                Attempted::Missing | Attempted::Conflict => {
                    Err(BucketError::Missing { url: *operation.url })
                }
            }
        })
    }
}
