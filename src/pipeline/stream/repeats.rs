//! How many records of a chunk have the same account, from the thread that reads them to the one that writes their rows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The accounts, by ordinal, that several records of their chunk have. Each is there until it is written.
#[derive(Debug, Clone, Default)]
pub struct SharedRepeats(Arc<Mutex<HashMap<u64, u32>>>);

impl SharedRepeats {
    /// Adds the accounts of a chunk before it is sent.
    pub fn extend(&self, repeats: impl Iterator<Item = (u64, u32)>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(repeats);
    }

    /// Removes the number of records of each account; 1 for those that were not added. `None` if it is 1 for all.
    pub fn take(&self, ordinals: impl Iterator<Item = u64>) -> Option<Vec<u32>> {
        let mut repeats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if repeats.is_empty() {
            return None;
        }
        Some(ordinals.map(|ordinal| repeats.remove(&ordinal).unwrap_or(1)).collect())
    }
}
