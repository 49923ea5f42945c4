//! When calls may start: the limiter, the throttle of an overloaded service, and pauses of an outage.

pub mod limiter;
pub mod outage;
pub mod throttle;
