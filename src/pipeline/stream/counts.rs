//! The records read and the rows written.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::pipeline::RunError;
use crate::snapshot::sidecars::Category;

/// Counts records and rows while other threads read and write them.
#[derive(Debug, Default)]
pub struct StreamCounts {
    read: AtomicU64,
    exported: AtomicU64,
    /// By category, in the order of [`Category::ALL`].
    failed: [AtomicU64; Category::ALL.len()],
}

impl StreamCounts {
    /// Records are read.
    pub fn add_read(&self, records: u64) {
        self.read.fetch_add(records, Ordering::Relaxed);
    }

    /// Rows are written that have an outcome: that of each failed one.
    pub fn add_written(&self, exported: u64, failed: impl Iterator<Item = Category>) {
        self.exported.fetch_add(exported, Ordering::Relaxed);
        for category in failed {
            self.failed[category as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records read.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Rows written for accounts that have a profile.
    pub fn exported(&self) -> u64 {
        self.exported.load(Ordering::Relaxed)
    }

    /// Rows written for records with this category.
    pub fn failed(&self, category: Category) -> u64 {
        self.failed[category as usize].load(Ordering::Relaxed)
    }

    /// Rows written.
    pub fn written(&self) -> u64 {
        self.exported() + Category::ALL.iter().map(|category| self.failed(*category)).sum::<u64>()
    }

    /// # Errors
    /// When not every record has one row: a bug.
    pub fn ensure_conserved(&self) -> Result<(), RunError> {
        let (read, written) = (self.read(), self.written());
        if read == written { Ok(()) } else { Err(RunError::NotConserved { read, written }) }
    }
}
