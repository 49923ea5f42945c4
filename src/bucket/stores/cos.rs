//! Tencent Cloud COS, which speaks the protocol of S3 in the virtual-hosted style only.

use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Conditions, Setup, Stores, bucket_endpoint, no_retries, options};
use crate::bucket::error::BucketError;

/// With it, a write fails if there is an object of the key.
const FORBID_OVERWRITE: HeaderName = HeaderName::from_static("x-cos-forbid-overwrite");

pub fn open(setup: &Setup) -> Result<Stores, BucketError> {
    let region = setup.settings.region.as_deref();
    let Some(region) =
        region.or_else(|| setup.environment.first(&["TENCENTCLOUD_REGION", "COS_REGION"]))
    else {
        return Err(setup.unsupported(
            "the region of the bucket is not known",
            "set store.region, such as \"ap-singapore\", or TENCENTCLOUD_REGION",
        ));
    };
    let endpoint = endpoint(setup, region)?;
    let plain = build(setup, region, &endpoint, HeaderMap::new())?;
    let value = HeaderValue::from_static("true");
    let create_only =
        build(setup, region, &endpoint, [(FORBID_OVERWRITE, value)].into_iter().collect())?;
    let conditions = Conditions::Checked { create_only: Arc::new(create_only) };
    Ok(Stores { conditions, ..Stores::of(plain) })
}

fn endpoint(setup: &Setup, region: &str) -> Result<String, BucketError> {
    let only = |key: &str| {
        setup.unsupported(format!("{key} is set, which cos:// does not support"), "remove it")
    };
    if setup.settings.kms_key.is_some() {
        return Err(only("store.kms_key"));
    }
    if setup.settings.checksum != crate::bucket::ChecksumKind::None {
        return Err(only("store.checksum"));
    }
    let bucket = setup.url.bucket();
    match &setup.settings.endpoint {
        None if setup.settings.path_style == Some(true) => Err(only("store.path_style = true")),
        None if !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => {
            Err(setup.unsupported("TENCENTCLOUD_REGION is not a region", "correct it"))
        }
        None => Ok(format!("https://{bucket}.cos.{region}.myqcloud.com")),
        // A server for tests; an address has no labels for the bucket.
        Some(endpoint) => {
            let is_address = Url::parse(endpoint)
                .is_ok_and(|url| url.domain().is_none_or(|domain| !domain.contains('.')));
            let is_path_style = setup.settings.path_style.unwrap_or(is_address);
            Ok(bucket_endpoint(endpoint, bucket, is_path_style))
        }
    }
}

fn build(
    setup: &Setup,
    region: &str,
    endpoint: &str,
    headers: HeaderMap,
) -> Result<AmazonS3, BucketError> {
    let environment = setup.environment;
    let id = environment.get("TENCENTCLOUD_SECRET_ID");
    let key = environment.get("TENCENTCLOUD_SECRET_KEY");
    let (Some(id), Some(key)) = (id, key) else {
        return Err(setup.no_credentials(
            "TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY are not both set",
            "set both, and TENCENTCLOUD_TOKEN for temporary keys",
        ));
    };
    let mut builder = AmazonS3Builder::new()
        .with_access_key_id(id.trim())
        .with_secret_access_key(key.trim())
        .with_bucket_name(setup.url.bucket())
        .with_region(region)
        .with_endpoint(endpoint)
        // The endpoint has the bucket in it already.
        .with_virtual_hosted_style_request(true)
        .with_retry(no_retries())
        .with_client_options(options().with_default_headers(headers))
        .with_http_connector(setup.transport(endpoint));
    if let Some(token) = environment.first(&["TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SESSION_TOKEN"]) {
        builder = builder.with_token(token.trim());
    }
    builder.build().map_err(|error| setup.not_built(&error))
}
