//! A snapshot in an object store, with the work prefix beside its table root: parts are written on this machine, then
//! uploaded, and everything that a later process on another machine needs is in the bucket.
//!
//! ```text
//! profiles/dt=2026-11-26/                the output path
//!   part-00000-1a2b3c4d-5e6f7a8b.parquet   never written again under the same name
//!   _manifest.json                         names the parts: writing it publishes them
//!   _symlink_format_manifest/manifest      the parts, for Athena, Trino, Hive and BigQuery
//!   _SUCCESS …                             written last, removed first
//! .profiles.partial/dt=2026-11-26/       the work prefix
//!   lock.json                              the lease
//!   journal/00000000.json …                an entry of the journal each, written only if it does not exist
//!   snapshot/.part-…unpublished …          committed parts
//!   failed-….tsv, rejected-….tsv           their lines of the sidecar files
//!   publish-1a2b3c4d.json                  from here on, the run is only completed
//! ```

mod access;
mod holding;
mod identity;
mod journal;
mod lease;
mod publication;
mod scratch;
mod trial;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use self::access::{not_found, on, remote, url};
use self::holding::Holding;
use self::identity::{HolderState, ProcessIdentity};
use self::journal::BucketJournal;
use self::lease::Lease;
use super::{
    JournalFile, LockState, LockedStore, Occupant, PartFilesError, ReadJournalError, ReplaceError,
    Store, StoreActivity, WorkDirectoryError,
};
use crate::bucket::{Bucket, BucketUrl, ObjectInfo};
use crate::job::BucketOutput;
use crate::snapshot::layout::{
    JOURNAL_FILE, LOCK_FILE, MANIFEST_FILE, STAGED_SNAPSHOT, is_uploaded_part, work_directory_name,
};
use crate::snapshot::manifest::{Manifest, ManifestError};
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::publish::Publication;
use crate::util::disk_error::DiskError;
use crate::util::staged_file::{FileInfo, StagedFile, create_directories};

/// The lease in the work prefix.
const LEASE_KEY: &str = "lock.json";

/// The prefix of the journal in the work prefix.
const JOURNAL_PREFIX: &str = "journal";

/// The place of a snapshot in a bucket and of its work prefix.
#[derive(Debug, Clone)]
pub struct BucketStore {
    bucket: Bucket,
    output: BucketUrl,
    work: BucketUrl,
    output_path: PathBuf,
    root: PathBuf,
    scratch: PathBuf,
    settings: BucketOutput,
    identity: Arc<ProcessIdentity>,
    holding: Arc<Holding>,
    /// The number of the next entry of the journal.
    next_entry: Arc<AtomicU64>,
    /// The journal as this process has read it; dropped when it changes.
    cached_journal: Arc<Mutex<Option<Vec<u8>>>>,
}

impl BucketStore {
    /// The store of an output URL at or below a table root. Makes no request.
    ///
    /// # Errors
    /// When no snapshot can be there, or there are no credentials.
    pub fn new(
        output_path: &Path,
        table_root: &Path,
        settings: &BucketOutput,
    ) -> Result<BucketStore, WorkDirectoryError> {
        let output = url(output_path)?;
        let bucket = Bucket::open(&output, &settings.bucket, settings.patience)
            .map_err(|error| WorkDirectoryError::Disk(remote(&error)))?;
        BucketStore::in_bucket(bucket, output_path, table_root, settings)
    }

    fn in_bucket(
        bucket: Bucket,
        output_path: &Path,
        table_root: &Path,
        settings: &BucketOutput,
    ) -> Result<BucketStore, WorkDirectoryError> {
        let (output, table) = (url(output_path)?, url(table_root)?);
        let (Some(name), Some(parent)) = (table.name(), table.parent()) else {
            return Err(WorkDirectoryError::NoName(output_path.to_owned()));
        };
        let base = parent.join(&work_directory_name(name.as_ref()));
        let partition = output.key().strip_prefix(table.key()).unwrap_or_default();
        let work = match partition.trim_matches('/') {
            "" => base,
            partition => base.join(partition),
        };
        let output_path = PathBuf::from(output.to_string());
        Ok(BucketStore {
            bucket,
            scratch: scratch::directory(&settings.scratch, &output_path),
            output,
            root: PathBuf::from(work.to_string()),
            work,
            output_path,
            settings: settings.clone(),
            identity: Arc::new(ProcessIdentity::of_this_process()),
            holding: Arc::default(),
            next_entry: Arc::new(AtomicU64::new(0)),
            cached_journal: Arc::new(Mutex::new(None)),
        })
    }
}

impl Store for BucketStore {
    fn output_path(&self) -> &Path {
        &self.output_path
    }

    fn root(&self) -> &Path {
        &self.root
    }

    fn scratch(&self) -> &Path {
        &self.scratch
    }

    fn path(&self, key: &str) -> PathBuf {
        match key {
            JOURNAL_FILE => self.root.join(JOURNAL_PREFIX),
            key if BucketStore::is_in_scratch(key) => self.scratch.join(key),
            key => self.root.join(key),
        }
    }

    fn keeps_parts_on_disk(&self) -> bool {
        false
    }

    fn part_suffix(&self, run_id: &str) -> String {
        format!("-{}-{}", publication::short(run_id), self.identity.attempt)
    }

    fn lock(&self) -> Result<LockedStore, WorkDirectoryError> {
        let (lease, has_taken_over) = Lease::take(self)?;
        self.cache_journal(None);
        let prepared = scratch::create(&self.scratch).and_then(|()| {
            let journal = self.journal_keys()?;
            let last = journal.last().and_then(|key| journal::number(key));
            self.next_entry.store(last.map_or(0, |last| last + 1), Ordering::Relaxed);
            publication::roll_forward(self)?;
            Ok(has_taken_over || !journal.is_empty())
        });
        let had_earlier_run = prepared?;
        Ok(LockedStore { store: Arc::new(self.clone()), lock: Box::new(lease), had_earlier_run })
    }

    fn lock_state(&self) -> LockState {
        let Ok(Some(lease)) = self.bucket.get(&self.work_key(LEASE_KEY)) else {
            return LockState::Free;
        };
        match lease::holder(&lease.content) {
            Some(holder) => match holder.state(&self.identity) {
                HolderState::Alive => LockState::Held(holder.text()),
                HolderState::Gone => LockState::Free,
                HolderState::Elsewhere => LockState::Unknown(holder.text()),
            },
            None => LockState::Unknown("holder unknown".to_owned()),
        }
    }

    fn at(
        &self,
        output_path: &Path,
        table_root: &Path,
    ) -> Result<Arc<dyn Store>, WorkDirectoryError> {
        let bucket = self.bucket.clone();
        Ok(Arc::new(BucketStore::in_bucket(bucket, output_path, table_root, &self.settings)?))
    }

    fn snapshot_at(&self, output_path: &Path) -> Result<Arc<dyn Store>, WorkDirectoryError> {
        let (output, output_path) = (url(output_path)?, output_path.to_owned());
        Ok(Arc::new(BucketStore { output, output_path, ..self.clone() }))
    }

    fn names_in(&self, directory: &Path) -> Result<Vec<String>, DiskError> {
        let prefix = url(directory).map_err(|_| not_found(directory))?;
        on(self.bucket.list_directory(prefix.key()))
    }

    fn occupant(&self) -> Result<Occupant, DiskError> {
        if self.has_snapshot()? {
            return Ok(Occupant::Snapshot);
        }
        // A run that was stopped, or a check, may have left them.
        let is_own = |name: &String| is_uploaded_part(name) || name.starts_with(trial::PREFIX);
        let names = on(self.bucket.first_names(self.output.key()))?;
        if names.iter().all(is_own) || publication::is_started(self)? {
            return Ok(Occupant::Nothing);
        }
        Ok(Occupant::SomethingElse)
    }

    fn has_snapshot(&self) -> Result<bool, DiskError> {
        Ok(on(self.bucket.head(&self.output_key(MANIFEST_FILE)))?.is_some())
    }

    fn manifest(&self) -> Result<Option<Manifest>, ManifestError> {
        let object = on(self.bucket.get(&self.output_key(MANIFEST_FILE)))?;
        let Some(object) = object else { return Ok(None) };
        let damaged = |error: serde_json::Error| ManifestError::Damaged {
            file: self.output_path.join(MANIFEST_FILE),
            problem: error.to_string(),
        };
        serde_json::from_slice(&object.content).map(Some).map_err(damaged)
    }

    fn moved_aside(&self) -> Result<Option<PathBuf>, DiskError> {
        Ok(None)
    }

    fn ensure_usable(&self) -> Result<(), WorkDirectoryError> {
        // Shows whether the bucket exists and can be read.
        on(self.bucket.first_names(self.output.key()))?;
        scratch::ensure_usable(&self.scratch)?;
        Ok(())
    }

    fn ensure_own_files(&self) -> Result<(), PartFilesError> {
        Ok(())
    }

    fn ensure_writable(&self) -> Result<Vec<String>, DiskError> {
        trial::try_all(self)
    }

    fn bytes_except(&self, _keep: &HashSet<String>) -> u64 {
        0
    }

    fn stage(&self, key: &str) -> Result<StagedFile, DiskError> {
        StagedFile::create(self.scratch.join(key))
    }

    fn commit(&self, file: StagedFile) -> Result<FileInfo, DiskError> {
        let path = file.path().to_owned();
        let mut info = file.commit()?;
        let key = path.strip_prefix(&self.scratch).ok().and_then(Path::to_str).unwrap_or_default();
        if !BucketStore::is_in_scratch(key) {
            self.upload(key, &mut info)?;
        }
        Ok(info)
    }

    fn commit_part(&self, part: &mut CommittedPart) -> Result<(), DiskError> {
        let [file, failed, rejected] = part.keys();
        for (key, info) in [
            (file, &mut part.file_info),
            (failed, &mut part.failed_lines),
            (rejected, &mut part.rejected_lines),
        ] {
            self.upload(&key, info)?;
        }
        Ok(())
    }

    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, DiskError> {
        if BucketStore::is_in_scratch(key) {
            let path = self.scratch.join(key);
            return Ok(Box::new(File::open(&path).map_err(DiskError::on("open", &path))?));
        }
        let key = self.work_key(key);
        let Some(found) = on(self.bucket.head(&key))? else {
            return Err(not_found(Path::new(&self.bucket.url(&key).to_string())));
        };
        Ok(Box::new(on(self.bucket.read(&key, &found.version))?))
    }

    fn are_intact(&self, files: &[(String, &FileInfo)]) -> Result<Vec<bool>, DiskError> {
        // One list for all of them, instead of a request for each.
        let objects = on(self.bucket.list(self.work.key()))?;
        let objects: HashMap<&str, &ObjectInfo> =
            objects.iter().map(|object| (object.key.as_str(), object)).collect();
        let is_intact = |(key, info): &(String, &FileInfo)| {
            if BucketStore::is_in_scratch(key) {
                return Ok(FileInfo::of(&self.scratch.join(key))? == **info);
            }
            let is_same = |found: &&ObjectInfo| {
                let is_same_version = info.etag.is_none() || found.version.etag == info.etag;
                found.bytes == info.bytes && is_same_version
            };
            Ok(objects.get(self.work_key(key).as_str()).is_some_and(is_same))
        };
        files.iter().map(is_intact).collect()
    }

    fn remove_uncommitted(&self, keep: &HashSet<String>) -> Result<(), PartFilesError> {
        let is_kept =
            |key: &str| keep.contains(key) || key == LEASE_KEY || key.starts_with(JOURNAL_PREFIX);
        let keys = self.own_keys()?;
        Ok(self.delete(keys.into_iter().filter(|key| !is_kept(key)))?)
    }

    fn remove_unpublished(&self, _keep: &HashSet<String>) -> Result<Vec<PathBuf>, PartFilesError> {
        // Only what the manifest names is copied to the output path.
        Ok(Vec::new())
    }

    fn read_journal(&self) -> Result<Option<Vec<u8>>, ReadJournalError> {
        let cached = self.cached_journal.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if cached.is_some() {
            return Ok(cached);
        }
        let journal = journal::read(self)?;
        self.cache_journal(journal.clone());
        Ok(journal)
    }

    fn create_journal(&self) -> Result<Box<dyn JournalFile>, DiskError> {
        Ok(Box::new(BucketJournal::replacing(self.clone(), self.journal_keys()?)))
    }

    fn resume_journal(&self, _length: usize) -> Result<Box<dyn JournalFile>, DiskError> {
        Ok(Box::new(BucketJournal::replacing(self.clone(), Vec::new())))
    }

    fn replace_journal(&self, content: &str) -> Result<Box<dyn JournalFile>, DiskError> {
        let mut journal = BucketJournal::replacing(self.clone(), self.journal_keys()?);
        journal.append(content)?;
        Ok(Box::new(journal))
    }

    fn publish(&self, publication: &Publication<'_>) -> Result<(), ReplaceError> {
        publication::publish(self, publication)
    }

    fn clear(&self, keep: &[&str]) -> Result<(), DiskError> {
        let is_kept = |key: &str| match key {
            LEASE_KEY => keep.contains(&LOCK_FILE),
            key if key.starts_with(JOURNAL_PREFIX) => keep.contains(&JOURNAL_FILE),
            key => keep.contains(&key),
        };
        self.cache_journal(None);
        let keys = self.own_keys()?.into_iter().filter(|key| !is_kept(key));
        // A plan is never left without the files that completing it takes.
        let (plans, keys): (Vec<_>, Vec<_>) = keys.partition(|key| publication::is_plan(key));
        self.delete(plans)?;
        self.delete(keys)
    }

    fn remove_root(&self) -> Result<(), DiskError> {
        scratch::remove(&self.scratch);
        Ok(())
    }

    fn create_staged_snapshot(&self) -> Result<(), DiskError> {
        create_directories(&self.scratch.join(STAGED_SNAPSHOT))
    }

    fn activity(&self) -> Option<StoreActivity> {
        let state = self.bucket.state();
        Some(StoreActivity {
            requests: state.requests,
            retries: state.retries,
            throttled: state.throttled,
            uploaded_bytes: state.uploaded_bytes,
            is_unavailable: state.unavailable_since.is_some(),
            lease: self.holding.look(),
        })
    }

    fn may_call(&self) -> bool {
        self.holding.may_call()
    }

    fn interrupt(&self) {
        self.bucket.interrupt();
    }
}

#[cfg(test)]
mod tests;
