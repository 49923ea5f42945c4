//! The client library's store of a bucket, set up from its URL, the settings and the environment.

use std::fmt;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, Checksum, S3ConditionalPut};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::{ClientOptions, RetryConfig};

use super::error::BucketError;
use super::settings::{BucketSettings, ChecksumKind};
use super::transport::Transport;
use super::url::{BucketUrl, Scheme};

/// The interfaces of one store.
#[derive(Clone)]
pub struct Stores {
    pub objects: Arc<dyn ObjectStore>,
    pub multipart: Arc<dyn MultipartStore>,
    pub lists: Arc<dyn PaginatedListStore>,
}

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stores").finish_non_exhaustive()
    }
}

impl Stores {
    pub fn of<S: ObjectStore + MultipartStore + PaginatedListStore>(store: S) -> Stores {
        let store = Arc::new(store);
        Stores { objects: store.clone(), multipart: store.clone(), lists: store }
    }
}

/// Retries are decided in [`super::retry`].
fn no_retries() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}

pub fn open(
    url: &BucketUrl,
    settings: &BucketSettings,
    transport: Transport,
) -> Result<Stores, BucketError> {
    let options = ClientOptions::new();
    let built = match url.scheme() {
        Scheme::S3 | Scheme::Cos => {
            let mut builder = AmazonS3Builder::from_env()
                .with_bucket_name(url.bucket())
                .with_retry(no_retries())
                .with_client_options(options.with_allow_http(true))
                .with_conditional_put(S3ConditionalPut::ETagMatch)
                .with_http_connector(transport);
            if let Some(region) = &settings.region {
                builder = builder.with_region(region);
            }
            if let Some(endpoint) = &settings.endpoint {
                builder = builder.with_endpoint(endpoint);
            }
            if settings.checksum == ChecksumKind::Sha256 {
                builder = builder.with_checksum_algorithm(Checksum::SHA256);
            }
            builder.build().map(Stores::of)
        }
        Scheme::Gs => GoogleCloudStorageBuilder::from_env()
            .with_bucket_name(url.bucket())
            .with_retry(no_retries())
            .with_http_connector(transport)
            .build()
            .map(Stores::of),
        Scheme::Az | Scheme::Abfss => {
            let mut builder = MicrosoftAzureBuilder::from_env()
                .with_container_name(url.bucket())
                .with_retry(no_retries())
                .with_client_options(options.with_allow_http(true))
                .with_http_connector(transport);
            if let Some(endpoint) = &settings.endpoint {
                builder = builder.with_endpoint(endpoint.clone());
            }
            builder.build().map(Stores::of)
        }
    };
    built.map_err(|error| BucketError::Unsupported {
        problem: format!(
            "{url} cannot be used ({})",
            super::response_text::sanitize(&error.to_string())
        ),
        fix: "check the environment variables of its credentials".to_owned(),
    })
}
