//! How a bucket is reached, and how long an operation is retried. Never a credential.

use std::time::Duration;

/// The section `[store]` of a job, validated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketSettings {
    /// The region of the bucket; otherwise that of the environment.
    pub region: Option<String>,
    /// Scheme, host and port of a store other than the one that the URL implies: https, or http on loopback.
    pub endpoint: Option<String>,
    /// Whether the bucket is the first component of the path instead of a part of the host name.
    pub path_style: Option<bool>,
    /// The key of AWS KMS that encrypts new objects.
    pub kms_key: Option<String>,
    /// The checksum that uploads carry beside the digest that signs them.
    pub checksum: ChecksumKind,
}

/// A checksum of uploads, which the store verifies and keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChecksumKind {
    #[default]
    None,
    Sha256,
    Crc64Nvme,
}

/// How long and how often an operation is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long the bucket may fail before an operation does.
    pub outage_patience: Duration,
    /// Maximum wait before the second attempt; doubles with every attempt.
    pub initial_backoff: Duration,
    /// Upper bound of the doubling.
    pub max_backoff: Duration,
}
