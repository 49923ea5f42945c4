//! The interface of a bucket: every call blocks its thread.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use object_store::client::HttpService;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::copy::copy;
use super::driver::Driver;
use super::environment::StoreEnvironment;
use super::error::BucketError;
use super::health::Health;
use super::network::{StoreNetwork, Timeouts};
use super::objects::{BucketState, Object, ObjectInfo, Put, Version, When};
use super::reader::{BucketReader, reader};
use super::retry::Retries;
use super::session::{Session, SharedSession};
use super::settings::{BucketSettings, Patience};
use super::stores::Setup;
use super::transport::Transport;
use super::url::{BucketUrl, Scheme};

/// Requests of one call that are made at once.
const AT_ONCE: usize = 32;

/// A bucket or container. Copies share connections, state and interruption.
#[derive(Debug, Clone)]
pub struct Bucket {
    session: SharedSession,
    driver: Driver,
}

/// What makes the requests of a bucket.
pub struct Parts {
    pub network: Arc<dyn HttpService>,
    pub driver: Driver,
}

impl Bucket {
    /// Makes no request.
    ///
    /// # Errors
    /// When credentials are missing, or the store does not support a setting.
    pub fn open(
        url: &BucketUrl,
        settings: &BucketSettings,
        patience: Patience,
    ) -> Result<Bucket, BucketError> {
        let network =
            StoreNetwork::new(Timeouts::default()).map_err(|_| BucketError::Unsupported {
                problem: "the HTTPS client could not be set up".to_owned(),
                fix: "check the system's certificates, or SSL_CERT_FILE".to_owned(),
            })?;
        let environment = &StoreEnvironment::of_process();
        if let Some(name) = environment.first_unprintable() {
            return Err(BucketError::Unsupported {
                problem: format!("{name} contains a line break or another control character"),
                fix: "set it to the value alone".to_owned(),
            });
        }
        Bucket::assemble(
            url,
            settings,
            patience,
            environment,
            Parts { network: Arc::new(network), driver: Driver::shared()? },
        )
    }

    /// Makes a bucket from its parts, which tests replace.
    pub fn assemble(
        url: &BucketUrl,
        settings: &BucketSettings,
        patience: Patience,
        environment: &StoreEnvironment,
        parts: Parts,
    ) -> Result<Bucket, BucketError> {
        let Parts { network, driver } = parts;
        let root = url.with_key("");
        let health = Arc::new(Health::new(root.to_string()));
        let transport = Transport::new(network, health.clone());
        let stores = Setup { url, settings, environment, transport }.open()?;
        let interrupted = watch::Sender::new(None);
        let searched = stores.searched.clone();
        let retries = Retries { health, patience, interrupted, searched };
        let session = Arc::new(Session { root, stores, retries });
        Ok(Bucket { session, driver })
    }

    /// The URL of a key, for messages.
    pub fn url(&self, key: &str) -> BucketUrl {
        self.session.root.with_key(key)
    }

    /// Runs a task of the session and blocks until it ends.
    pub fn run<T, F>(
        &self,
        action: &'static str,
        task: impl FnOnce(SharedSession) -> F,
    ) -> Result<T, BucketError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, BucketError>> + Send + 'static,
    {
        self.driver.run(task(self.session.clone())).unwrap_or_else(|| {
            Err(BucketError::Aborted { operation: self.session.operation(action, "") })
        })
    }

    /// Reads a small object; `None` if there is none.
    pub fn get(&self, key: &str) -> Result<Option<Object>, BucketError> {
        let key = key.to_owned();
        self.run("read", |session| async move { session.get(&key).await })
    }

    /// Looks an object up without its content.
    pub fn head(&self, key: &str) -> Result<Option<ObjectInfo>, BucketError> {
        let key = key.to_owned();
        self.run("look up", |session| async move { session.head(&key).await })
    }

    /// Looks many objects up, in the order of their keys.
    pub fn head_all(&self, keys: &[String]) -> Result<Vec<Option<ObjectInfo>>, BucketError> {
        let keys = keys.to_vec();
        self.run("look up", |session| {
            at_once(keys, move |key| {
                let session = session.clone();
                async move { session.head(&key).await }
            })
        })
    }

    /// Writes a small object.
    pub fn put(
        &self,
        key: &str,
        content: impl Into<Bytes>,
        when: When,
    ) -> Result<Put, BucketError> {
        let (key, content) = (key.to_owned(), content.into());
        self.run("write", |session| async move { session.put(&key, content, when).await })
    }

    /// Copies objects within the bucket, each from its first key to its second. It may be repeated.
    pub fn copy_all(&self, copies: &[(String, String)]) -> Result<(), BucketError> {
        let copies = copies.to_vec();
        let copied = self.run("copy", |session| {
            at_once(copies, move |(from, to)| {
                let session = session.clone();
                async move { copy(session, from, to).await }
            })
        });
        copied.map(drop)
    }

    /// Deletes objects; absent ones are fine.
    pub fn delete_all(&self, keys: Vec<String>) -> Result<(), BucketError> {
        self.run("delete", |session| async move { session.delete_all(keys).await })
    }

    /// Everything below `prefix/`, by key.
    pub fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, BucketError> {
        let prefix = prefix.to_owned();
        self.run("list", |session| async move { session.list(&prefix).await })
    }

    /// The names directly below `prefix/` that have objects below them.
    pub fn list_directory(&self, prefix: &str) -> Result<Vec<String>, BucketError> {
        let prefix = prefix.to_owned();
        self.run("list", |session| async move { session.list_directory(&prefix).await })
    }

    /// Streams one version of an object.
    pub fn read(&self, key: &str, version: &Version) -> Result<BucketReader, BucketError> {
        let (reader, task) = reader(self.session.clone(), key.to_owned(), version.clone());
        self.driver.spawn(task);
        Ok(reader)
    }

    /// Whether the conditions of writes are atomic.
    pub fn is_conditional(&self) -> bool {
        self.session.root.scheme() != Scheme::Cos
    }

    /// From now on nothing is retried: waits end with [`BucketError::Interrupted`].
    pub fn interrupt(&self) {
        self.session.retries.interrupted.send_replace(Some(tokio::time::Instant::now()));
    }

    /// What the bucket is doing.
    pub fn state(&self) -> BucketState {
        self.session.retries.health.state()
    }
}

/// Does something with every item, many at once; the results are in the order of the items.
pub async fn at_once<I, T, F>(items: Vec<I>, act: impl Fn(I) -> F) -> Result<Vec<T>, BucketError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, BucketError>> + Send + 'static,
{
    let mut results: Vec<Option<T>> = Vec::new();
    results.resize_with(items.len(), || None);
    let mut items = items.into_iter().enumerate();
    let mut tasks = JoinSet::new();
    loop {
        while tasks.len() < AT_ONCE
            && let Some((index, item)) = items.next()
        {
            let task = act(item);
            tasks.spawn(async move { (index, task.await) });
        }
        match tasks.join_next().await {
            None => return Ok(results.into_iter().flatten().collect()),
            Some(Ok((index, result))) => results[index] = Some(result?),
            // The caller reports that its task ended.
            Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}
