//! Faults of an account that end after a number of responses.

use std::sync::PoisonError;

use super::Emulator;
use super::contradictions::Contradiction;
use super::draw::{mix, salt};

impl Emulator {
    /// The code with which the account fails this time, if it does. Counts the failure.
    pub(super) fn transient_failure(&self, account: &str, hash: u64) -> Option<i64> {
        let code = self.0.transient.code_for(account, hash)?;
        let limit = self.settings().faults.transient_requests;
        self.count_fault(hash, "transient", limit).then_some(code)
    }

    /// Whether this response omits the account's item. Counts the omission.
    pub(super) fn omits_item(&self, hash: u64) -> bool {
        let limit = self.settings().quirks.drop_requests;
        self.population().is_dropped(hash) && (limit == 0 || self.count_fault(hash, "drop", limit))
    }

    /// How this response contradicts itself about the account, if it does. Counts the contradiction.
    pub(super) fn contradiction(&self, hash: u64) -> Option<Contradiction> {
        let contradictions = self.population().contradictions();
        let contradiction = contradictions.contradiction_for(hash)?;
        let is_active = contradictions
            .response_limit()
            .is_none_or(|limit| self.count_fault(hash, "contradiction", limit));
        is_active.then_some(contradiction)
    }

    /// Counts a fault up to the limit; whether it was below the limit.
    fn count_fault(&self, hash: u64, purpose: &str, limit: u32) -> bool {
        let mut counts = self.0.temporary_faults.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(mix(hash, salt(purpose))).or_insert(0);
        let is_active = *count < limit;
        if is_active {
            *count += 1;
        }
        is_active
    }
}
