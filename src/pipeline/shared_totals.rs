//! The totals of the run, from the dispatcher, which counts, to the writer, which records them in the journal.

use std::sync::{Arc, Mutex, PoisonError};

use crate::snapshot::run_totals::RunTotals;

/// The latest totals.
#[derive(Debug, Clone, Default)]
pub struct SharedTotals(Arc<Mutex<RunTotals>>);

impl SharedTotals {
    pub fn set(&self, totals: RunTotals) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = totals;
    }

    pub fn get(&self) -> RunTotals {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
