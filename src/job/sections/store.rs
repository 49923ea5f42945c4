//! `[store]`: how buckets are reached. Credentials are never a part of it.

use crate::bucket::{BucketSettings, ChecksumKind, parse_endpoint};
use crate::job::error::{KeyError, quoted};
use crate::job::file::StoreFile;
use crate::job::values::{keyword, non_empty};

/// The first one is the default.
pub const CHECKSUMS: [(&str, ChecksumKind); 3] = [
    ("none", ChecksumKind::None),
    ("sha256", ChecksumKind::Sha256),
    ("crc64nvme", ChecksumKind::Crc64Nvme),
];

pub fn validate(file: &StoreFile) -> Result<BucketSettings, KeyError> {
    Ok(BucketSettings {
        region: file.region.as_deref().map(region).transpose()?,
        endpoint: file.endpoint.as_deref().map(endpoint).transpose()?,
        path_style: file.path_style,
        kms_key: file.kms_key.as_deref().map(kms_key).transpose()?,
        checksum: keyword("store.checksum", file.checksum.as_ref(), CHECKSUMS[0].1, &CHECKSUMS)?,
    })
}

fn region(text: &str) -> Result<String, KeyError> {
    const KEY: &str = "store.region";
    const EXAMPLE: &str = "the region of the bucket, such as \"ap-singapore\" or \"eu-west-1\"";
    non_empty(KEY, text, EXAMPLE)?;
    // It becomes a part of a host name.
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        let problem = format!("is {}, which is not a region; write {EXAMPLE}", quoted(text));
        return Err(KeyError::new(KEY, problem));
    }
    Ok(text.to_owned())
}

fn endpoint(text: &str) -> Result<String, KeyError> {
    parse_endpoint(text).map_err(|problem| KeyError::new("store.endpoint", problem))
}

fn kms_key(text: &str) -> Result<String, KeyError> {
    const KEY: &str = "store.kms_key";
    const EXAMPLE: &str = "the ARN, alias or id of a KMS key";
    non_empty(KEY, text, EXAMPLE)?;
    // It becomes a header.
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(KeyError::new(KEY, format!("is not the name of a key; write {EXAMPLE}")));
    }
    Ok(text.to_owned())
}
