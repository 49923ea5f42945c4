//! Which parts are open: started and not yet committed.

use super::capacities::OPEN_PARTS;

/// Counts started and committed parts. Parts start in the order of the list.
#[derive(Debug)]
pub struct PartTracker {
    accounts_per_part: u64,
    started: usize,
    committed: usize,
}

impl PartTracker {
    /// No part is open.
    pub fn new(accounts_per_part: u64) -> PartTracker {
        PartTracker { accounts_per_part, started: 0, committed: 0 }
    }

    /// Whether the chunk that starts with this ordinal may be requested: a new part waits while too many are open.
    pub fn can_start(&self, first_ordinal: u64) -> bool {
        !self.starts_part(first_ordinal) || self.started - self.committed < OPEN_PARTS
    }

    /// The chunk that starts with this ordinal is requested.
    pub fn start(&mut self, first_ordinal: u64) {
        self.started += usize::from(self.starts_part(first_ordinal));
    }

    /// A part is committed.
    pub fn commit(&mut self) {
        self.committed += 1;
    }

    /// Whether every started part is committed.
    pub fn has_committed_all(&self) -> bool {
        self.started == self.committed
    }

    fn starts_part(&self, first_ordinal: u64) -> bool {
        first_ordinal.is_multiple_of(self.accounts_per_part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_part_waits_while_too_many_are_open() {
        let mut parts = PartTracker::new(1000);
        for part in 0..OPEN_PARTS as u64 {
            assert!(parts.can_start(part * 1000));
            parts.start(part * 1000);
            parts.start(part * 1000 + 100);
        }
        let next = OPEN_PARTS as u64 * 1000;
        assert!(!parts.can_start(next));
        assert!(parts.can_start(next - 100), "a chunk of an open part");
        parts.commit();
        assert!(parts.can_start(next) && !parts.has_committed_all());
        (1..OPEN_PARTS).for_each(|_| parts.commit());
        assert!(parts.has_committed_all());
    }
}
