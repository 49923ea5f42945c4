//! Exact duplicates in bounded memory, whatever the length of the list.
//!
//! The first pass inserts the hash of every account into a Bloom filter and keeps the hashes that the filter reports as
//! seen: the *candidates*. An account that occurs twice is always a candidate. If the filter of the whole list exceeds the
//! [`Budget`], the first pass only counts, and the list is read once more for each part of the hashes whose filter fits.
//!
//! What follows depends on the number of candidates:
//!
//! * Few, as in nearly all lists: the hashes are kept, and the second pass stores, byte for byte, the accounts whose
//!   hash is a candidate. There are at most [`Budget::candidates`], about 60 bytes each.
//! * Many: from then on only a mark per hash is kept, in a table of fixed size. After the Bloom filter is freed, the
//!   list is read once more; accounts whose hash is marked are written to a temporary file (at most 38 bytes each),
//!   partitioned by hash. Each partition fits in memory and shows, byte for byte, which records repeat an earlier one.
//!   Their numbers are written to another temporary file, as one ascending run for each partition; the second pass
//!   merges the runs.
//!
//! Hashes are seeded at random, so that no list can be made to fall into one part or partition.

mod account_hash;
mod adjacent;
mod bit_set;
mod bloom;
mod budget;
mod candidates;
mod passes;
mod repeats;
mod runs;
mod search;
mod spill;

pub use account_hash::AccountHasher;
pub use adjacent::AdjacentRepeats;
pub use budget::Budget;
pub use passes::FirstPass;
pub use repeats::{RepeatFinder, Repeats};
pub use search::DuplicateSearch;

/// Records between two reports of progress.
pub const PROGRESS_INTERVAL: u64 = 65_536;
