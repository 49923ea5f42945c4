//! A bucket of an object store, as the product uses it: blocking calls, retries, conditions, and errors that a person
//! can act on.
//!
//! One background thread makes the requests of all buckets ([`driver`]). The client library (`object_store`) signs
//! requests and reads responses; this module decides what to retry ([`fault`], [`retry`]), from what its transport
//! notes about each request ([`attempt`], [`transport`]).

mod attempt;
mod aws_profile;
mod bulk;
mod connection_error;
mod copy;
mod delete;
mod driver;
mod endpoint;
mod environment;
mod error;
mod error_response;
mod fault;
mod handle;
mod health;
mod multipart;
mod network;
mod objects;
mod progress;
mod reader;
mod response_text;
mod retry;
mod session;
mod settings;
mod stores;
#[cfg(test)]
pub mod tests;
mod transport;
mod upload;
mod url;
mod watched_body;
mod write;

pub use endpoint::parse_endpoint;
pub use error::BucketError;
pub use handle::Bucket;
pub use objects::{Object, ObjectInfo, Put, Version, When};
pub use reader::BucketReader;
pub use settings::{BucketSettings, ChecksumKind, Patience};
pub use url::{BucketUrl, Scheme};
