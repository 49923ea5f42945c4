//! The client library's store of a bucket, set up from its URL, the settings and the environment.

mod azure;
mod cos;
mod gcs;
mod s3;

use std::fmt;
use std::sync::Arc;

use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use reqwest::Url;

use super::environment::StoreEnvironment;
use super::error::BucketError;
use super::response_text::sanitize;
use super::settings::{BucketSettings, ChecksumKind};
use super::transport::Transport;
use super::url::{BucketUrl, Scheme};

/// The interfaces of one store.
#[derive(Clone)]
pub struct Stores {
    pub objects: Arc<dyn ObjectStore>,
    pub multipart: Arc<dyn MultipartStore>,
    pub lists: Arc<dyn PaginatedListStore>,
    /// Whether the store honors the conditions of a write in a race.
    pub conditions: Conditions,
    /// Where credentials were searched before those of the machine itself, if these remain.
    pub searched: Option<String>,
}

/// How a condition of a write is made.
#[derive(Clone)]
pub enum Conditions {
    /// By the store.
    Atomic,
    /// By a look at the object before the write. The store here writes an object only if there is none, except in a race.
    Checked { create_only: Arc<dyn ObjectStore> },
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").field("searched", &self.searched).finish_non_exhaustive()
    }
}

impl Stores {
    pub fn of<S>(store: S) -> Stores
    where
        S: ObjectStore + MultipartStore + PaginatedListStore,
    {
        let store = Arc::new(store);
        Stores {
            objects: store.clone(),
            multipart: store.clone(),
            lists: store,
            conditions: Conditions::Atomic,
            searched: None,
        }
    }
}

/// From what a store is set up.
pub struct Setup<'a> {
    pub url: &'a BucketUrl,
    pub settings: &'a BucketSettings,
    pub environment: &'a StoreEnvironment,
    pub transport: Transport,
}

impl Setup<'_> {
    /// Makes no request.
    pub fn open(&self) -> Result<Stores, BucketError> {
        match self.url.scheme() {
            Scheme::S3 => s3::open(self),
            Scheme::Cos => cos::open(self),
            Scheme::Gs => gcs::open(self),
            Scheme::Az | Scheme::Abfss => azure::open(self),
        }
    }

    /// The transport of requests to an endpoint.
    fn transport(&self, endpoint: &str) -> Transport {
        self.transport.clone().for_authority(&authority(endpoint))
    }

    fn unsupported(&self, problem: impl fmt::Display, fix: impl Into<String>) -> BucketError {
        BucketError::Unsupported { problem: format!("{}: {problem}", self.url), fix: fix.into() }
    }

    fn no_credentials(&self, looked_for: impl Into<String>, fix: impl Into<String>) -> BucketError {
        BucketError::NoCredentials {
            url: Box::new(self.url.with_key("")),
            looked_for: looked_for.into(),
            fix: fix.into(),
        }
    }

    /// The client library refuses the settings or the files of credentials.
    fn not_built(&self, error: &object_store::Error) -> BucketError {
        let problem = format!(
            "the credentials or settings cannot be used ({})",
            sanitize(&error.to_string())
        );
        self.unsupported(
            problem,
            "check the environment variables of its credentials (docs/object-stores.md)",
        )
    }

    /// Refuses the settings that only S3 has.
    fn ensure_no_settings_of_s3(&self) -> Result<(), BucketError> {
        let BucketSettings { path_style, kms_key, checksum, .. } = self.settings;
        let set = [
            ("store.path_style", path_style.is_some()),
            ("store.kms_key", kms_key.is_some()),
            ("store.checksum", *checksum != ChecksumKind::None),
        ];
        match set.iter().find(|(_, is_set)| *is_set) {
            None => Ok(()),
            Some((key, _)) => Err(self.unsupported(
                format!("{key} is set, which only s3:// supports"),
                "remove it, since other stores encrypt and check objects by themselves",
            )),
        }
    }
}

/// Retries are decided in [`super::retry`].
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

/// The transport decides which schemes are allowed, since endpoints are validated.
fn options() -> ClientOptions {
    ClientOptions::new().with_allow_http(true)
}

/// Host and port of an endpoint, as in a request.
fn authority(endpoint: &str) -> String {
    Url::parse(endpoint).map_or_else(
        |_| String::new(),
        |url| {
            let host = url.host_str().unwrap_or_default();
            url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
        },
    )
}

/// An endpoint with the bucket in it: as the first label of the host, or as the first component of the path.
fn bucket_endpoint(endpoint: &str, bucket: &str, is_path_style: bool) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    match endpoint.split_once("://") {
        Some((_, host)) if !is_path_style && host.starts_with(&format!("{bucket}.")) => {
            endpoint.to_owned()
        }
        Some((scheme, host)) if !is_path_style => format!("{scheme}://{bucket}.{host}"),
        _ => format!("{endpoint}/{bucket}"),
    }
}
