//! How the search for duplicates divides its memory.

use super::bloom::capacity_of;

/// What reading a list takes besides: the program itself, blocks of the list, the hashes of candidates.
const RESERVED_BYTES: u64 = 20 * 1024 * 1024;

const MIN_BYTES: u64 = 1024 * 1024;

/// Size of a slot of a hash table of hashes.
const SLOT_BYTES: u64 = 9;

/// Memory limits of the search for duplicates. Sizes are in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Size of the Bloom filter.
    pub filter: u64,
    /// Number of candidates whose hashes are kept. In a list without duplicates, one account in 300 is a candidate.
    pub candidates: usize,
    /// Number of marks, used once there are more candidates than that.
    pub marks: u64,
    /// Number of different accounts in a partition, at most about 90 bytes each.
    pub accounts_in_partition: u64,
    /// Size of the open pages of all partitions.
    pub open_pages: u64,
    /// Size of the buffers from which the numbers of repeats are read.
    pub merge_buffers: u64,
}

impl Budget {
    /// Divides the memory of the process.
    pub fn new(memory: u64) -> Self {
        let bytes = memory.saturating_sub(RESERVED_BYTES).max(MIN_BYTES);
        // A hash table has a power of two of slots, seven in eight of which are used.
        let slots = 1_u64 << (bytes / 16 / SLOT_BYTES).ilog2();
        Self {
            filter: bytes,
            candidates: usize::try_from(slots / 8 * 7).unwrap_or(usize::MAX),
            marks: bytes / 32 * 8,
            accounts_in_partition: bytes / 128,
            open_pages: bytes / 4,
            merge_buffers: bytes / 32,
        }
    }

    /// The limits of a list that takes several passes: more marks, since there are candidates of every pass.
    pub fn of_several_passes(self) -> Self {
        let bytes_of_marks = self.filter / 8;
        Self { filter: self.filter - bytes_of_marks, marks: (bytes_of_marks * 8).max(1), ..self }
    }

    /// Number of hashes for which the filter is large enough.
    pub fn filter_capacity(self) -> u64 {
        capacity_of(self.filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn all_that_is_in_memory_together_fits() {
        for memory in [32 * MIB, 128 * MIB, 1024 * MIB, 1 << 40] {
            let single = Budget::new(memory);
            assert!(single.filter <= memory - RESERVED_BYTES);
            for budget in [single, single.of_several_passes()] {
                let slots = budget.candidates as u64 / 7 * 8;
                let reserved = slots * SLOT_BYTES * 3 / 2 + budget.marks / 8;
                let in_passes = budget.filter + reserved;
                let of_partition = budget.accounts_in_partition * 90;
                let most = single.filter + single.filter / 6;
                assert!(in_passes <= most, "{budget:?}");
                assert!(of_partition + budget.open_pages <= single.filter, "{budget:?}");
            }
        }
    }

    #[test]
    fn a_hundred_million_accounts_take_one_pass_by_default() {
        let budget = Budget::new(128 * MIB);
        assert!(budget.filter_capacity() >= 100_000_000);
        assert_eq!(budget.candidates, 458_752);
    }

    #[test]
    fn little_memory_still_divides() {
        let budget = Budget::new(0);
        assert!(budget.candidates > 0 && budget.accounts_in_partition > 0 && budget.marks > 0);
    }
}
