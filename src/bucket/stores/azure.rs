//! Azure Blob Storage.

use std::collections::HashMap;

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use reqwest::Url;

use super::{Setup, Stores, no_retries, options};
use crate::bucket::endpoint::parse_endpoint;
use crate::bucket::error::BucketError;

/// Names of the account in the environment.
const ACCOUNT: [&str; 2] = ["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"];

pub fn open(setup: &Setup) -> Result<Stores, BucketError> {
    setup.ensure_no_settings_of_s3()?;
    let connection = connection_string(setup)?;
    let account = account(setup, &connection)?;
    let endpoint = endpoint(setup, &connection, &account)?;
    let mut builder = MicrosoftAzureBuilder::new();
    let mut has_credentials = false;
    for (name, value) in setup.environment.with_prefix("AZURE_") {
        if let Ok(key) = name.to_ascii_lowercase().parse()
            && is_for_credentials(&key)
        {
            has_credentials |=
                !matches!(key, AzureConfigKey::AuthorityHost | AzureConfigKey::AuthorityId);
            builder = builder.with_config(key, value.trim());
        }
    }
    // Names of the Azure command line.
    let keys = [("AccountKey", "AZURE_STORAGE_KEY", AzureConfigKey::AccessKey)];
    for (part, name, key) in keys {
        let value =
            connection.get(part).map(String::as_str).or_else(|| setup.environment.get(name));
        if let Some(value) = value {
            has_credentials = true;
            builder = builder.with_config(key, value.trim());
        }
    }
    if let Some(sas) = connection.get("SharedAccessSignature") {
        has_credentials = true;
        builder = builder.with_config(AzureConfigKey::SasKey, sas.trim());
    }
    let store = builder
        .with_container_name(setup.url.bucket())
        .with_account(account)
        .with_endpoint(endpoint.clone())
        .with_retry(no_retries())
        .with_client_options(options())
        .with_http_connector(setup.transport(&endpoint))
        .build()
        .map_err(|error| setup.not_built(&error))?;
    let searched = (!has_credentials).then(|| {
        "AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_CONNECTION_STRING, AZURE_CLIENT_ID with \
         AZURE_TENANT_ID, and AZURE_FEDERATED_TOKEN_FILE are not set"
            .to_owned()
    });
    Ok(Stores { searched, ..Stores::of(store) })
}

/// What the environment may configure; the rest follows from the URL and the job.
fn is_for_credentials(key: &AzureConfigKey) -> bool {
    matches!(
        key,
        AzureConfigKey::AccessKey
            | AzureConfigKey::ClientId
            | AzureConfigKey::ClientSecret
            | AzureConfigKey::AuthorityId
            | AzureConfigKey::AuthorityHost
            | AzureConfigKey::SasKey
            | AzureConfigKey::Token
            | AzureConfigKey::MsiEndpoint
            | AzureConfigKey::ObjectId
            | AzureConfigKey::MsiResourceId
            | AzureConfigKey::FederatedTokenFile
            | AzureConfigKey::UseAzureCli
            | AzureConfigKey::SkipSignature
            | AzureConfigKey::CredentialType
    )
}

/// The parts of `AZURE_STORAGE_CONNECTION_STRING`; none if it is not set.
fn connection_string(setup: &Setup) -> Result<HashMap<String, String>, BucketError> {
    const NAME: &str = "AZURE_STORAGE_CONNECTION_STRING";
    let Some(text) = setup.environment.get(NAME) else { return Ok(HashMap::new()) };
    let part = |part: &str| {
        part.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
    };
    let parts: Option<HashMap<_, _>> =
        text.split(';').filter(|part| !part.trim().is_empty()).map(part).collect();
    parts.ok_or_else(|| {
        setup.unsupported(
            format!("{NAME} is not a connection string"),
            "copy it from the portal again",
        )
    })
}

fn account(setup: &Setup, connection: &HashMap<String, String>) -> Result<String, BucketError> {
    let of_url = setup.url.host().and_then(|host| host.split('.').next()).map(str::to_owned);
    of_url
        .or_else(|| connection.get("AccountName").cloned())
        .or_else(|| setup.environment.first(&ACCOUNT).map(str::to_owned))
        .filter(|account| account.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .ok_or_else(|| {
            setup.unsupported(
                "the storage account is not known",
                "set AZURE_STORAGE_ACCOUNT_NAME, or write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/",
            )
        })
}

fn endpoint(
    setup: &Setup,
    connection: &HashMap<String, String>,
    account: &str,
) -> Result<String, BucketError> {
    let endpoint =
        match (&setup.settings.endpoint, connection.get("BlobEndpoint"), setup.url.host()) {
            (Some(endpoint), _, _) => endpoint.clone(),
            (None, Some(text), _) => parse_endpoint(text).map_err(|problem| {
                let (problem, fix) = problem.split_once("; ").unwrap_or((&problem, "correct it"));
                setup.unsupported(
                    format!("the BlobEndpoint of the connection string {problem}"),
                    fix,
                )
            })?,
            // `ACCOUNT.dfs.SUFFIX`; the same objects are at `ACCOUNT.blob.SUFFIX`.
            (None, None, Some(host)) => {
                let suffix =
                    host.split_once(".dfs.").map_or("core.windows.net", |(_, suffix)| suffix);
                format!("https://{account}.blob.{suffix}")
            }
            (None, None, None) => {
                let suffix =
                    connection.get("EndpointSuffix").map_or("core.windows.net", String::as_str);
                format!("https://{account}.blob.{suffix}")
            }
        };
    // The emulator has the account in the path.
    let is_bare_address = Url::parse(&endpoint).is_ok_and(|url| {
        url.domain().is_none_or(|domain| domain == "localhost") && url.path() == "/"
    });
    Ok(if is_bare_address { format!("{endpoint}/{account}") } else { endpoint })
}
