//! Operations of a bucket.

mod real_server;

use std::time::Duration;

use super::*;

const PATIENCE: Patience = Patience {
    outage_patience: Duration::from_secs(20),
    initial_backoff: Duration::from_millis(100),
    max_backoff: Duration::from_secs(1),
};
