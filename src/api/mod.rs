//! The service: where it is, how calls are signed, what goes over the wire and what an answer means.

pub mod endpoint;
pub mod usersig;
pub mod wire;
