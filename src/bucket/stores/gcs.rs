//! Google Cloud Storage.

use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};

use super::{Setup, Stores, no_retries, options};
use crate::bucket::error::BucketError;

const ENDPOINT: &str = "https://storage.googleapis.com";

/// Variables of credentials.
const CREDENTIALS: [(&str, GoogleConfigKey); 5] = [
    ("GOOGLE_SERVICE_ACCOUNT", GoogleConfigKey::ServiceAccount),
    ("GOOGLE_SERVICE_ACCOUNT_PATH", GoogleConfigKey::ServiceAccount),
    ("GOOGLE_SERVICE_ACCOUNT_KEY", GoogleConfigKey::ServiceAccountKey),
    ("GOOGLE_APPLICATION_CREDENTIALS", GoogleConfigKey::ApplicationCredentials),
    ("GOOGLE_BEARER_TOKEN", GoogleConfigKey::BearerToken),
];

pub fn open(setup: &Setup) -> Result<Stores, BucketError> {
    setup.ensure_no_settings_of_s3()?;
    let endpoint = setup.settings.endpoint.as_deref().unwrap_or(ENDPOINT);
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_bucket_name(setup.url.bucket())
        .with_base_url(endpoint)
        .with_skip_signature(setup.environment.is_true("GOOGLE_SKIP_SIGNATURE"))
        .with_retry(no_retries())
        .with_client_options(options())
        .with_http_connector(setup.transport(endpoint));
    let mut is_set = false;
    for (name, key) in CREDENTIALS {
        if let Some(value) = setup.environment.get(name) {
            builder = builder.with_config(key, value);
            is_set = true;
        }
    }
    let default_file =
        setup.environment.home(".config/gcloud/application_default_credentials.json");
    let has_default = default_file.is_some_and(|file| file.is_file());
    let store = builder.build().map_err(|error| setup.not_built(&error))?;
    let searched = (!is_set && !has_default).then(|| {
        "GOOGLE_APPLICATION_CREDENTIALS and GOOGLE_SERVICE_ACCOUNT are not set, and there are no application default \
         credentials in ~/.config/gcloud"
            .to_owned()
    });
    Ok(Stores { searched, ..Stores::of(store) })
}
