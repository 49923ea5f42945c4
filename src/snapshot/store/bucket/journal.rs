//! The journal in a bucket: an object for each entry, created only if it does not exist, so that no two processes write
//! the same one. A journal that replaces another one follows it, and starts with the header of the run.

use std::sync::atomic::Ordering;

use super::access::on;
use super::{BucketStore, JOURNAL_PREFIX};
use crate::bucket::{Put, When};
use crate::snapshot::store::JournalFile;
use crate::util::disk_error::DiskError;
use crate::util::failpoint;

/// How the first line of a journal starts.
const HEADER_START: &[u8] = b"{\"entry\":\"begin\"";

/// The journal, open for further entries.
#[derive(Debug)]
pub struct BucketJournal {
    store: BucketStore,
    /// Keys of the journal that the next entry replaces.
    replaced: Vec<String>,
}

impl BucketJournal {
    pub fn replacing(store: BucketStore, replaced: Vec<String>) -> BucketJournal {
        BucketJournal { store, replaced }
    }
}

impl JournalFile for BucketJournal {
    fn append(&mut self, entry: &str) -> Result<(), DiskError> {
        let store = &self.store;
        store.cache_journal(None);
        let key = key(store.next_entry.load(Ordering::Relaxed));
        let hit =
            |name| failpoint::hit(name).map_err(DiskError::on("write", &store.root.join(&key)));
        hit("journal:append")?;
        store.ensure_held()?;
        match on(store.bucket.put(&store.work_key(&key), entry.to_owned(), When::Absent))? {
            Put::Stored(_) => {}
            Put::Refused => return Err(store.taken_over()),
        }
        hit("journal:appended")?;
        store.next_entry.fetch_add(1, Ordering::Relaxed);
        store.delete(std::mem::take(&mut self.replaced))
    }
}

/// The key of an entry.
fn key(number: u64) -> String {
    format!("{JOURNAL_PREFIX}/{number:08}.json")
}

/// The number of an entry.
pub fn number(key: &str) -> Option<u64> {
    key.strip_prefix(JOURNAL_PREFIX)?.strip_prefix('/')?.strip_suffix(".json")?.parse().ok()
}

impl BucketStore {
    /// The keys of the journal in the order of their entries.
    pub fn journal_keys(&self) -> Result<Vec<String>, DiskError> {
        let mut keys = self.own_keys()?;
        keys.retain(|key| number(key).is_some());
        keys.sort_unstable_by_key(|key| number(key));
        Ok(keys)
    }
}

/// The lines of the newest journal; `None` if there is none.
pub fn read(store: &BucketStore) -> Result<Option<Vec<u8>>, DiskError> {
    let keys = store.journal_keys()?;
    let full_keys: Vec<String> = keys.iter().map(|key| store.work_key(key)).collect();
    let mut journal: Option<Vec<u8>> = None;
    for object in on(store.bucket.get_all(&full_keys))?.into_iter().flatten() {
        let lines = journal.get_or_insert_default();
        if object.content.starts_with(HEADER_START) {
            lines.clear();
        }
        lines.extend_from_slice(&object.content);
        if !lines.ends_with(b"\n") {
            // A damaged entry costs no other one.
            lines.push(b'\n');
        }
    }
    Ok(journal)
}
