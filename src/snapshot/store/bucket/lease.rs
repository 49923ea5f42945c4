//! The lease of a work prefix: one run at a time.
//!
//! It is an object that its holder replaces every [`RENEWAL_INTERVAL`]. Another run takes it over once it has not changed
//! for [`SILENCE`], by the clock of that run, or at once if its holder was a process of this machine that is gone. A holder
//! that was only slow finds out before its next upload, deletion or step of publishing, and stops.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::access::on;
use super::identity::{HolderState, ProcessIdentity};
use super::{BucketStore, LEASE_KEY, holding, scratch};
use crate::bucket::{Object, Put, Version, When};
use crate::snapshot::store::{Lock, WorkDirectoryError};
use crate::util::disk_error::DiskError;
use crate::util::failpoint;

/// How often a lease is renewed.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(15);

/// How long a lease does not change before its holder counts as gone.
const SILENCE: Duration = Duration::from_secs(60);

/// How often a lease is looked at meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The content of a lease.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct LeaseContent {
    holder: ProcessIdentity,
    /// Makes every renewal different.
    renewals: u64,
}

impl LeaseContent {
    fn to_json(&self) -> Vec<u8> {
        // A plain struct always serializes.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}

/// The holder of a lease; `None` if it is not readable.
pub fn holder(content: &[u8]) -> Option<ProcessIdentity> {
    serde_json::from_slice::<LeaseContent>(content).ok().map(|content| content.holder)
}

/// The held lease. Dropping it releases it, unless another run has it by now.
#[derive(Debug)]
pub struct Lease {
    store: BucketStore,
    /// Dropped to end the renewal.
    _renewal: mpsc::Sender<()>,
    is_released: bool,
}

impl Lease {
    /// Takes the lease, after waiting whether another holder renews it; returns whether it was left by an earlier run.
    ///
    /// # Errors
    /// [`WorkDirectoryError::Locked`] while another run holds it.
    pub fn take(store: &BucketStore) -> Result<(Lease, bool), WorkDirectoryError> {
        let (version, has_taken_over) = take(store, &mut thread::sleep)?;
        failpoint::hit("lease:taken").map_err(DiskError::on("take", &store.root))?;
        let (renewal, stop) = mpsc::channel();
        let of_thread = store.clone();
        let spawned = thread::Builder::new()
            .name("lease".to_owned())
            .spawn(move || renew(&of_thread, version, &stop));
        spawned.map_err(DiskError::on("start the renewal of", &store.root))?;
        let lease = Lease { store: store.clone(), _renewal: renewal, is_released: false };
        Ok((lease, has_taken_over))
    }

    fn release(&mut self) -> Result<(), DiskError> {
        if !std::mem::replace(&mut self.is_released, true) && !self.store.holding.is_lost() {
            self.is_held()?;
            self.store.delete([LEASE_KEY.to_owned()])?;
        }
        Ok(())
    }
}

impl Lock for Lease {
    fn is_held(&self) -> Result<bool, DiskError> {
        // Not what is known without a request: publishing starts here.
        self.store.holding.confirm(None);
        self.store.ensure_held().map(|()| true)
    }

    fn remove(mut self: Box<Self>) -> Result<(), DiskError> {
        self.release()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Without an answer, the next run waits until the lease counts as left.
        let _ = self.release();
        scratch::remove(&self.store.scratch);
    }
}

/// Takes the lease; returns its version, and whether an earlier run had left it.
pub fn take(
    store: &BucketStore,
    sleep: &mut dyn FnMut(Duration),
) -> Result<(Version, bool), WorkDirectoryError> {
    let (key, identity) = (store.work_key(LEASE_KEY), &*store.identity);
    let content = LeaseContent { holder: identity.clone(), renewals: 0 }.to_json();
    let mut has_taken_over = false;
    let mut when = When::Absent;
    loop {
        let now = holding::now();
        if let Put::Stored(version) = on(store.bucket.put(&key, content.clone(), when))? {
            store.holding.confirm(now);
            return Ok((version, has_taken_over));
        }
        when = match on(store.bucket.get(&key))? {
            // It was released in the meantime.
            None => When::Absent,
            Some(found) => {
                has_taken_over = true;
                When::Unchanged(wait_for_silence(store, found, sleep)?)
            }
        };
    }
}

/// Waits until the holder of a lease counts as gone; returns the version to replace.
fn wait_for_silence(
    store: &BucketStore,
    found: Object,
    sleep: &mut dyn FnMut(Duration),
) -> Result<Version, WorkDirectoryError> {
    let held_by = holder(&found.content);
    let text = held_by.as_ref().map_or("holder unknown".to_owned(), ProcessIdentity::text);
    let locked =
        || WorkDirectoryError::Locked { path: store.output_path.clone(), holder: text.clone() };
    match held_by.map(|holder| holder.state(&store.identity)) {
        Some(HolderState::Gone) => return Ok(found.version),
        Some(HolderState::Alive) => return Err(locked()),
        Some(HolderState::Elsewhere) | None => {}
    }
    info!(
        holder = text,
        seconds = SILENCE.as_secs(),
        "an earlier run has left its lease or is still active, waiting to see whether it renews it"
    );
    let mut waited = Duration::ZERO;
    while waited < SILENCE {
        sleep(LOOK_INTERVAL);
        waited += LOOK_INTERVAL;
        match on(store.bucket.head(&store.work_key(LEASE_KEY)))? {
            None => break,
            Some(now) if now.version != found.version => return Err(locked()),
            Some(_) => {}
        }
    }
    Ok(found.version)
}

/// Renews the lease until it is released or lost.
fn renew(store: &BucketStore, mut version: Version, stop: &mpsc::Receiver<()>) {
    let key = store.work_key(LEASE_KEY);
    let mut renewals = 0;
    while stop.recv_timeout(RENEWAL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        renewals += 1;
        let content = LeaseContent { holder: (*store.identity).clone(), renewals };
        let now = holding::now();
        match store.bucket.put(&key, content.to_json(), When::Unchanged(version.clone())) {
            Ok(Put::Stored(renewed)) => {
                version = renewed;
                store.holding.confirm(now);
            }
            Ok(Put::Refused) => return store.holding.lose(),
            Err(error) => {
                let reason = error.to_string();
                warn!(reason, "the lease was not renewed; another run may take it over");
            }
        }
    }
}
