//! Keys and requests of a store, and the check of the lease before each that another run must not suffer.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::PoisonError;

use super::holding;
use super::lease;
use super::{BucketStore, JOURNAL_PREFIX, LEASE_KEY};
use crate::bucket::{BucketError, BucketUrl};
use crate::snapshot::layout::{INVALID_ACCOUNTS_FILE, STAGED_SNAPSHOT};
use crate::snapshot::store::WorkDirectoryError;
use crate::util::disk_error::{DiskError, RemoteError};
use crate::util::exit_code::ExitCode;
use crate::util::staged_file::FileInfo;

impl BucketStore {
    /// The full key of a key of the work prefix.
    pub fn work_key(&self, key: &str) -> String {
        self.work.join(key).key().to_owned()
    }

    /// The full key of a published file.
    pub fn output_key(&self, name: &str) -> String {
        self.output.join(name).key().to_owned()
    }

    /// The keys in the work prefix, relative to it. Those of other partitions are not among them.
    pub fn own_keys(&self) -> Result<Vec<String>, DiskError> {
        let prefix = format!("{}/", self.work.key());
        let objects = on(self.bucket.list(self.work.key()))?;
        let keys = objects.into_iter().filter_map(|object| {
            let key = object.key.strip_prefix(&prefix)?.to_owned();
            let directory = key.split_once('/').map(|(directory, _)| directory);
            let is_own = directory.is_none_or(|it| it == STAGED_SNAPSHOT || it == JOURNAL_PREFIX);
            is_own.then_some(key)
        });
        Ok(keys.collect())
    }

    /// Deletes keys of the work prefix.
    pub fn delete(&self, keys: impl IntoIterator<Item = String>) -> Result<(), DiskError> {
        let keys: Vec<String> = keys.into_iter().map(|key| self.work_key(&key)).collect();
        if keys.is_empty() {
            return Ok(());
        }
        self.ensure_held()?;
        on(self.bucket.delete_all(keys))
    }

    /// Uploads a file of the scratch directory under its key, and removes it there.
    pub fn upload(&self, key: &str, info: &mut FileInfo) -> Result<(), DiskError> {
        self.ensure_held()?;
        let file = self.scratch.join(key);
        let object = on(self.bucket.upload(&self.work_key(key), &file))?;
        if object.bytes != info.bytes {
            let changed = io::Error::new(io::ErrorKind::InvalidData, "it was changed");
            return Err(DiskError::on("upload", &file)(changed));
        }
        info.etag = object.version.etag;
        fs::remove_file(&file).map_err(DiskError::on("remove", &file))
    }

    pub fn cache_journal(&self, journal: Option<Vec<u8>>) {
        *self.cached_journal.lock().unwrap_or_else(PoisonError::into_inner) = journal;
    }

    /// Verifies that this process still has the lease: it may have been suspended while another run took it over.
    pub fn ensure_held(&self) -> Result<(), DiskError> {
        if !self.holding.is_lost() && self.holding.is_fresh() {
            return Ok(());
        }
        let now = holding::now();
        let lease = on(self.bucket.get(&self.work_key(LEASE_KEY)))?;
        let holder = lease.and_then(|lease| lease::holder(&lease.content));
        if self.holding.is_lost() || holder.is_none_or(|holder| holder != *self.identity) {
            self.holding.lose();
            return Err(self.taken_over());
        }
        self.holding.confirm(now);
        Ok(())
    }

    /// The error of a run whose work prefix another one uses by now.
    pub fn taken_over(&self) -> DiskError {
        let text = format!(
            "another run has taken over {}, since this one did not renew its lease for a minute; let that run complete, or run the same command again when it has ended",
            self.root.display()
        );
        DiskError::remote(RemoteError::with_code(text, ExitCode::TryAgainLater))
    }

    pub fn is_in_scratch(key: &str) -> bool {
        // Every process writes it again from the list.
        key == INVALID_ACCOUNTS_FILE
    }
}

/// For messages of requests: the error names the object and the fix.
pub fn on<T>(result: Result<T, BucketError>) -> Result<T, DiskError> {
    result.map_err(|error| remote(&error))
}

pub fn remote(error: &BucketError) -> DiskError {
    DiskError::remote(RemoteError::new(error))
}

pub fn not_found(path: &Path) -> DiskError {
    DiskError::on("read", path)(io::ErrorKind::NotFound.into())
}

/// The URL that a path of the job is, which validation has parsed before.
pub fn url(path: &Path) -> Result<BucketUrl, WorkDirectoryError> {
    let url = path.to_str().and_then(|text| BucketUrl::parse(text).ok().flatten());
    url.ok_or_else(|| WorkDirectoryError::NoName(path.to_owned()))
}
