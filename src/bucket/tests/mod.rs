//! Operations of a bucket.

pub mod fake_store;
mod faults;
mod real_server;
mod setup;
mod sockets;

use std::sync::Arc;
use std::time::Duration;

use self::fake_store::FakeStore;
use super::driver::Driver;
use super::environment::StoreEnvironment;
use super::handle::Parts;
use super::*;

pub const PATIENCE: Patience = Patience {
    outage_patience: Duration::from_secs(20),
    initial_backoff: Duration::from_millis(100),
    max_backoff: Duration::from_secs(1),
};

fn environment() -> StoreEnvironment {
    StoreEnvironment::of(&[
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "SECRET"),
        ("TENCENTCLOUD_SECRET_ID", "AKID"),
        ("TENCENTCLOUD_SECRET_KEY", "SECRET"),
        ("TENCENTCLOUD_REGION", "ap-singapore"),
    ])
}

fn parse(url: &str) -> BucketUrl {
    BucketUrl::parse(url).unwrap().unwrap()
}

/// A store in this process, with time paused.
fn fake_parts() -> (Parts, Arc<FakeStore>) {
    let store = Arc::new(FakeStore::default());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    (Parts { network: store.clone(), driver: Driver::on(runtime).unwrap() }, store)
}

/// A bucket of such a store.
pub fn fake_bucket(url: &str) -> (Bucket, Arc<FakeStore>) {
    let (parts, store) = fake_parts();
    let settings = BucketSettings::default();
    let bucket = Bucket::assemble(&parse(url), &settings, PATIENCE, &environment(), parts).unwrap();
    (bucket, store)
}
