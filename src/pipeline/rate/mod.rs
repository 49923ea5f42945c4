//! When calls may start: the limit, throttling by the service, and outages (pure).

pub mod limiter;
pub mod outage;
pub mod throttle;
