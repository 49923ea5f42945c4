//! The operations on one bucket, as tasks of the driver.

use std::sync::Arc;

use object_store::list::{PaginatedListOptions, PaginatedListResult};
use object_store::path::Path;
use object_store::{GetOptions, GetResult, ObjectMeta};

use super::error::{BucketError, Operation};
use super::objects::{Object, ObjectInfo, Version};
use super::response_text::sanitize;
use super::retry::{Attempted, Retries};
use super::stores::Stores;
use super::url::{BucketUrl, Scheme};

/// The longest object that is read at once.
pub const MAX_SMALL_BYTES: u64 = 64 * 1024 * 1024;

/// One bucket.
#[derive(Debug)]
pub struct Session {
    /// The bucket itself.
    pub root: BucketUrl,
    pub stores: Stores,
    pub retries: Retries,
}

impl Session {
    pub fn operation(&self, action: &'static str, key: &str) -> Operation {
        Operation { action, url: Box::new(self.root.with_key(key)) }
    }

    /// A key as the client library has it.
    pub fn path(&self, key: &str) -> Result<Path, BucketError> {
        Path::parse(key).map_err(|error| BucketError::Unsupported {
            problem: format!(
                "{} has a name that cannot be used ({})",
                self.root.with_key(key),
                sanitize(&error.to_string())
            ),
            fix: "write another one".to_owned(),
        })
    }

    /// The version of an object, in the notation of a header, which not every list has.
    pub fn version(&self, etag: Option<String>, generation: Option<String>) -> Version {
        let quoted = |etag: String| match etag.contains('"') {
            true => etag,
            false => format!("\"{etag}\""),
        };
        Version {
            etag: etag.map(quoted),
            // The versions of other stores are no conditions of a write.
            generation: generation.filter(|_| self.root.scheme() == Scheme::Gs),
        }
    }

    fn info(&self, meta: ObjectMeta) -> ObjectInfo {
        ObjectInfo {
            key: meta.location.to_string(),
            bytes: meta.size,
            version: self.version(meta.e_tag, meta.version),
        }
    }

    pub async fn get(&self, key: &str) -> Result<Option<Object>, BucketError> {
        let path = self.path(key)?;
        let operation = self.operation("read", key);
        let read = || async {
            let found = self.stores.objects.get_opts(&path, GetOptions::default()).await?;
            let meta = with_etag(found.meta.clone())?;
            let content = match meta.size {
                0..=MAX_SMALL_BYTES => Some(found.bytes().await?),
                _ => None,
            };
            Ok((meta, content))
        };
        match self.retries.run(&operation, read).await? {
            Attempted::Done((meta, Some(content))) => {
                Ok(Some(Object { content, version: self.version(meta.e_tag, meta.version) }))
            }
            Attempted::Done((meta, None)) => {
                Err(BucketError::TooLarge { url: *operation.url, bytes: meta.size })
            }
            Attempted::Missing | Attempted::Conflict => Ok(None),
        }
    }

    pub async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, BucketError> {
        let path = self.path(key)?;
        let operation = self.operation("look up", key);
        let options = || GetOptions::new().with_head(true);
        let head =
            || async { with_etag(self.stores.objects.get_opts(&path, options()).await?.meta) };
        Ok(match self.retries.run(&operation, head).await? {
            Attempted::Done(meta) => Some(self.info(meta)),
            Attempted::Missing | Attempted::Conflict => None,
        })
    }

    /// One page of the objects below a prefix.
    pub async fn page(
        &self,
        prefix: &str,
        delimiter: Option<&'static str>,
        token: Option<String>,
    ) -> Result<PaginatedListResult, BucketError> {
        let operation = self.operation("list", prefix);
        let below = (!prefix.is_empty()).then(|| format!("{prefix}/"));
        let list = || {
            let options = PaginatedListOptions {
                delimiter: delimiter.map(Into::into),
                page_token: token.clone(),
                ..PaginatedListOptions::default()
            };
            self.stores.lists.list_paginated(below.as_deref(), options)
        };
        match self.retries.run(&operation, list).await? {
            Attempted::Done(page) => Ok(page),
            Attempted::Missing | Attempted::Conflict => {
                let reason = "status 404".to_owned();
                Err(BucketError::NoBucket { operation, reason })
            }
        }
    }

    pub async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, BucketError> {
        let prefix = prefix.trim_end_matches('/');
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let page = self.page(prefix, None, token).await?;
            found.extend(page.result.objects.into_iter().map(|meta| self.info(meta)));
            token = page.page_token;
            if token.is_none() {
                break;
            }
        }
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(without_directory_marks(found, prefix))
    }

    pub async fn list_directory(&self, prefix: &str) -> Result<Vec<String>, BucketError> {
        let prefix = prefix.trim_end_matches('/');
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let page = self.page(prefix, Some("/"), token).await?;
            let name = |path: Path| path.filename().map(str::to_owned);
            names.extend(page.result.common_prefixes.into_iter().filter_map(name));
            token = page.page_token;
            if token.is_none() {
                break;
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The response to a read of an object from a byte on, if it still has this version.
    pub async fn open(
        &self,
        key: &str,
        version: &Version,
        offset: u64,
    ) -> Result<GetResult, BucketError> {
        let path = self.path(key)?;
        let operation = self.operation("read", key);
        let read = || {
            let mut options = GetOptions::new().with_if_match(version.etag.clone());
            if offset > 0 {
                options = options.with_range(Some(offset..));
            }
            self.stores.objects.get_opts(&path, options)
        };
        match self.retries.run(&operation, read).await? {
            Attempted::Done(found) => {
                let etag = self.version(found.meta.e_tag.clone(), None).etag;
                if version.etag.is_some() && etag != version.etag {
                    return Err(BucketError::Changed { url: *operation.url });
                }
                Ok(found)
            }
            Attempted::Missing if offset == 0 => Err(BucketError::Missing { url: *operation.url }),
            Attempted::Missing | Attempted::Conflict => {
                Err(BucketError::Changed { url: *operation.url })
            }
        }
    }
}

/// Shared by the tasks of a bucket.
pub type SharedSession = Arc<Session>;

/// Every object of a store has an ETag; other servers, such as a proxy, respond without one.
fn with_etag(meta: ObjectMeta) -> object_store::Result<ObjectMeta> {
    match meta.e_tag {
        Some(_) => Ok(meta),
        None => Err(object_store::Error::Generic { store: "", source: "it has no ETag".into() }),
    }
}

/// Some tools mark a directory with an empty object `prefix/` or `directory/`, which the client library reads without its
/// slash.
fn without_directory_marks(sorted: Vec<ObjectInfo>, prefix: &str) -> Vec<ObjectInfo> {
    let is_mark = |index: usize, object: &ObjectInfo| {
        let below = format!("{}/", object.key);
        object.key == prefix
            || object.bytes == 0
                && sorted[index..]
                    .iter()
                    .skip(1)
                    .take_while(|it| it.key.starts_with(&object.key))
                    .any(|it| it.key.starts_with(&below))
    };
    let marks: Vec<bool> =
        sorted.iter().enumerate().map(|(index, object)| is_mark(index, object)).collect();
    sorted
        .into_iter()
        .zip(marks)
        .filter(|(_, is_mark)| !is_mark)
        .map(|(object, _)| object)
        .collect()
}
