//! Request and answer of `v4/profile/portrait_get` as they go over the wire.

/// Path of the one command the exporter calls.
pub const PORTRAIT_GET_PATH: &str = "v4/profile/portrait_get";

/// Most accounts one call may ask for (API page: "pull no more than 100 users at a time").
pub const MAX_ACCOUNTS_PER_CALL: usize = 100;

/// The name under which the service returns an account it does not know.
pub const NOT_FOUND_MARKER: &str = "@TLS#NOT_FOUND";
