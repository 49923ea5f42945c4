//! S3, and stores that speak its protocol.

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum, S3ConditionalPut};
use reqwest::Url;

use super::{Setup, Stores, bucket_endpoint, no_retries, options};
use crate::bucket::aws_profile::{AwsProfile, ProfileError};
use crate::bucket::endpoint::parse_endpoint;
use crate::bucket::environment::StoreEnvironment;
use crate::bucket::error::BucketError;
use crate::bucket::settings::ChecksumKind;

/// Used where neither the job nor the environment names one, as other clients do.
const DEFAULT_REGION: &str = "us-east-1";

/// Variables that configure where the credentials of a pod or task come from.
const ISSUED: [(&str, AmazonS3ConfigKey); 6] = [
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AmazonS3ConfigKey::ContainerCredentialsRelativeUri),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AmazonS3ConfigKey::ContainerCredentialsFullUri),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AmazonS3ConfigKey::ContainerAuthorizationTokenFile),
    ("AWS_ENDPOINT_URL_STS", AmazonS3ConfigKey::StsEndpoint),
    ("AWS_ROLE_SESSION_NAME", AmazonS3ConfigKey::RoleSessionName),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", AmazonS3ConfigKey::MetadataEndpoint),
];

/// Where the keys come from.
struct KeySource {
    builder: AmazonS3Builder,
    profile: AwsProfile,
    /// What was searched before the metadata service, which remains.
    searched: Option<String>,
}

pub fn open(setup: &Setup) -> Result<Stores, BucketError> {
    let KeySource { builder, profile, searched } = credentials(setup)?;
    let environment = setup.environment;
    let region = setup.settings.region.clone();
    let region = region
        .or_else(|| environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]).map(str::to_owned))
        .or(profile.region)
        .unwrap_or_else(|| DEFAULT_REGION.to_owned());
    let endpoint = endpoint(setup, profile.endpoint.as_deref(), &region)?;
    let mut builder = builder
        .with_bucket_name(setup.url.bucket())
        .with_region(&region)
        .with_endpoint(&endpoint)
        // The endpoint has the bucket in it already.
        .with_virtual_hosted_style_request(true)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_retry(no_retries())
        .with_client_options(options())
        .with_http_connector(setup.transport(&endpoint));
    if region.starts_with("cn-") && environment.get("AWS_ENDPOINT_URL_STS").is_none() {
        let sts = format!("https://sts.{region}.amazonaws.com.cn");
        builder = builder.with_config(AmazonS3ConfigKey::StsEndpoint, sts);
    }
    if let Some(key) = &setup.settings.kms_key {
        builder = builder.with_sse_kms_encryption(key);
    }
    builder = match setup.settings.checksum {
        ChecksumKind::None => builder,
        ChecksumKind::Sha256 => builder.with_checksum_algorithm(Checksum::SHA256),
        ChecksumKind::Crc64Nvme => builder.with_checksum_algorithm(Checksum::CRC64NVME),
    };
    let store = builder.build().map_err(|error| setup.not_built(&error))?;
    Ok(Stores { searched, ..Stores::of(store) })
}

/// The standard chain: keys in the environment, the profile that the environment names, a token of a pod, a container's
/// credentials, the default profile, and then the metadata service of the machine.
fn credentials(setup: &Setup) -> Result<KeySource, BucketError> {
    let environment = setup.environment;
    let mut builder = AmazonS3Builder::new();
    if environment.is_true("AWS_SKIP_SIGNATURE") {
        let builder = builder.with_skip_signature(true);
        return Ok(KeySource { builder, profile: AwsProfile::default(), searched: None });
    }
    if environment.get("AWS_REQUEST_PAYER").is_some() {
        builder = builder.with_request_payer(true);
    }
    let is_named = environment.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]).is_some();
    // Region and endpoint may still be those of the profile; one that is not usable is not needed.
    let optional_profile = || AwsProfile::load(environment).unwrap_or_default();
    if let Some((id, secret)) = keys_in_environment(setup)? {
        let token = environment.first(&["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"]);
        let builder = with_keys(builder, id, secret, token);
        return Ok(KeySource { builder, profile: optional_profile(), searched: None });
    }
    let (builder, is_issued) = with_issued_keys(builder, environment);
    if is_issued && !is_named {
        return Ok(KeySource { builder, profile: optional_profile(), searched: None });
    }
    let profile = AwsProfile::load(environment)
        .map_err(|ProfileError { problem, fix }| setup.no_credentials(problem, fix))?;
    if let Some(keys) = &profile.keys {
        let builder = with_keys(builder, &keys.id, &keys.secret, keys.token.as_deref());
        return Ok(KeySource { builder, profile, searched: None });
    }
    if is_named {
        return Err(setup.no_credentials(
            "the profile that AWS_PROFILE names has no keys",
            "add aws_access_key_id and aws_secret_access_key, or unset AWS_PROFILE",
        ));
    }
    if environment.is_true("AWS_EC2_METADATA_DISABLED") {
        let looked_for = format!("{SEARCHED}, and AWS_EC2_METADATA_DISABLED is set");
        return Err(setup.no_credentials(looked_for, "set one of them"));
    }
    Ok(KeySource { builder, profile, searched: Some(SEARCHED.to_owned()) })
}

const SEARCHED: &str = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, AWS_WEB_IDENTITY_TOKEN_FILE, \
                        AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set, and \
                        ~/.aws/credentials has no default profile";

/// Id and secret, if both are set.
fn keys_in_environment<'a>(setup: &Setup<'a>) -> Result<Option<(&'a str, &'a str)>, BucketError> {
    let [id, secret] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    match (setup.environment.get(id), setup.environment.get(secret)) {
        (Some(id), Some(secret)) => Ok(Some((id, secret))),
        (None, None) => Ok(None),
        (found, _) => {
            let (set, unset) = if found.is_some() { (id, secret) } else { (secret, id) };
            let problem = format!("{set} is set, but {unset} is not");
            Err(setup.no_credentials(problem, "set both, or none"))
        }
    }
}

/// Configures where the keys of a pod or task come from; also whether there is such a place.
fn with_issued_keys(
    mut builder: AmazonS3Builder,
    environment: &StoreEnvironment,
) -> (AmazonS3Builder, bool) {
    for (name, key) in ISSUED {
        if let Some(value) = environment.get(name) {
            builder = builder.with_config(key, value);
        }
    }
    let file = environment.get("AWS_WEB_IDENTITY_TOKEN_FILE");
    if let (Some(file), Some(role)) = (file, environment.get("AWS_ROLE_ARN")) {
        let builder = builder
            .with_config(AmazonS3ConfigKey::WebIdentityTokenFile, file)
            .with_config(AmazonS3ConfigKey::RoleArn, role);
        return (builder, true);
    }
    let container =
        ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
    (builder, environment.first(&container).is_some())
}

fn with_keys(
    builder: AmazonS3Builder,
    id: &str,
    secret: &str,
    token: Option<&str>,
) -> AmazonS3Builder {
    let builder = builder.with_access_key_id(id.trim()).with_secret_access_key(secret.trim());
    match token {
        Some(token) => builder.with_token(token.trim()),
        None => builder,
    }
}

/// The endpoint with the bucket in it.
fn endpoint(setup: &Setup, of_profile: Option<&str>, region: &str) -> Result<String, BucketError> {
    let bucket = setup.url.bucket();
    let of_environment = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
        .iter()
        .find_map(|name| Some((*name, setup.environment.get(name)?)))
        .or(of_profile.map(|text| ("endpoint_url of the AWS profile", text)));
    let path_style = setup.settings.path_style;
    if let Some(endpoint) = &setup.settings.endpoint {
        return with_bucket(setup, endpoint);
    }
    if let Some((name, text)) = of_environment {
        let endpoint = parse_endpoint(text).map_err(|problem| {
            let (problem, fix) = problem.split_once("; ").unwrap_or((&problem, "correct it"));
            setup.unsupported(format!("{name} {problem}"), fix)
        })?;
        return with_bucket(setup, &endpoint);
    }
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let endpoint = format!("https://s3.{region}.{suffix}");
    // The certificate covers one label before the host.
    Ok(bucket_endpoint(&endpoint, bucket, path_style.unwrap_or(bucket.contains('.'))))
}

/// An endpoint that was configured, with the bucket in it.
fn with_bucket(setup: &Setup, endpoint: &str) -> Result<String, BucketError> {
    let is_path_style = setup.settings.path_style.unwrap_or(true);
    let has_labels = Url::parse(endpoint).is_ok_and(|url| url.domain().is_some());
    if !is_path_style && !has_labels {
        return Err(setup.unsupported(
            "store.path_style = false puts the bucket before the host, and the endpoint is an address",
            "set store.path_style = true",
        ));
    }
    Ok(bucket_endpoint(endpoint, setup.url.bucket(), is_path_style))
}
