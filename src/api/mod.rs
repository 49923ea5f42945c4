//! The service: endpoints, signatures, one call, and what its response means.

pub mod client;
mod connect_error;
pub mod endpoint;
pub mod error_codes;
mod headers;
pub mod interpret;
pub mod json_reader;
pub mod outcome;
mod outgoing_body;
pub mod proxy;
pub mod reconcile;
pub mod request;
pub mod response;
pub mod response_body;
pub mod service_text;
pub mod signer;
pub mod transport;
pub mod usersig;
