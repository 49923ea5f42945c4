//! What an object store holds, and what an operation returns.

use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The version of an object: its ETag, and its generation where the store has one. Lists have no generations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// With its quotes, as in the header of a response.
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
}

/// An object without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    pub key: String,
    pub bytes: u64,
    pub version: Version,
}

/// A small object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub content: Bytes,
    pub version: Version,
}

/// The condition of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    Always,
    /// The key has no object.
    Absent,
    /// The object still has this version.
    Unchanged(Version),
}

/// The outcome of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    Stored(Version),
    /// The condition does not hold. An object with equal bytes counts as stored: it is that of an earlier request whose
    /// response was lost.
    Refused,
}

/// What a bucket is doing, for progress, metrics and logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketState {
    /// Requests sent, those for credentials included.
    pub requests: u64,
    /// Attempts that followed a failed one.
    pub retries: u64,
    /// Requests that the store refused because there were too many.
    pub throttled: u64,
    /// Bytes of objects that the store has accepted.
    pub uploaded_bytes: u64,
    /// Since when every request fails.
    pub unavailable_since: Option<Instant>,
    /// Why the last failed request did, while the store is unavailable or throttles.
    pub reason: Option<String>,
}
