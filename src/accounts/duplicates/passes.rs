//! What follows the first pass: passes that find the candidates of a list too long for one filter, and the pass that finds
//! the repeats among many candidates.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::account_hash::AccountHasher;
use super::bit_set::BitSet;
use super::candidates::{CandidateFinder, Candidates, mark_of};
use super::repeats::{MarkedRepeats, Repeats};
use super::runs::RunWriter;
use super::spill::Spill;
use crate::accounts::error::ListError;
use crate::accounts::list::AccountList;
use crate::accounts::list_file::Digesting;

/// What the first pass found out about a list.
#[derive(Debug, Clone, Copy)]
pub struct FirstPass {
    pub valid: u64,
    /// Every later pass verifies that it reads the same list.
    pub xxh3: u128,
}

impl AccountList {
    /// Reads the list once for each part of the hashes that fits the filter; returns the candidates of all parts, and an
    /// upper bound of the number of repeats.
    pub(super) fn find_candidates_in_parts(
        &self,
        first_pass: FirstPass,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<(Candidates, u64), ListError> {
        let budget = self.budget().of_several_passes();
        let parts = first_pass.valid.div_ceil(budget.filter_capacity()).max(1);
        let expected = first_pass.valid.div_ceil(parts);
        let mut finder = CandidateFinder::new(expected, self.hasher(), budget);
        for part in 0..parts {
            let mut add = |_, account: &str| {
                finder.add_to_part(account, (part, parts));
                Ok(())
            };
            self.read_again(first_pass, &mut add, on_progress)?;
            finder.end_part();
        }
        Ok(finder.finish())
    }

    /// Reads the list once more and writes the accounts that may occur more than once to a temporary file, in partitions
    /// that fit in memory; then finds the repeats among them.
    pub(super) fn find_repeats(
        &self,
        marks: BitSet,
        first_pass: FirstPass,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<Repeats, ListError> {
        let failure = |error| self.spill_error(error);
        let partitions = first_pass.valid.div_ceil(self.budget().accounts_in_partition).max(1);
        let open_pages = self.budget().open_pages;
        let mut spill =
            Spill::create(self.spool_directory(), partitions, open_pages).map_err(failure)?;
        let mut add = |number, account: &str| {
            let hash = self.hasher().hash(account.as_bytes());
            match marks.get(mark_of(hash, &marks)) {
                true => spill.add(hash, number, account).map_err(failure),
                false => Ok(()),
            }
        };
        self.read_again(first_pass, &mut add, on_progress)?;
        drop(marks);
        let mut repeats = RunWriter::create(self.spool_directory()).map_err(failure)?;
        for partition in 0..spill.partitions() {
            let mut seen = SeenAccounts::new(self.hasher());
            let mut visit = |number, account: &[u8]| {
                let hash = self.hasher().hash(account);
                if seen.is_repeat(account, hash) { repeats.add(number) } else { Ok(()) }
            };
            spill.visit(partition, &mut visit).map_err(failure)?;
            repeats.end_run();
        }
        let runs = repeats.finish().map_err(failure)?;
        Ok(Repeats::Marked(MarkedRepeats::new(runs, self)))
    }

    /// Calls `visit` with the number of each valid record, from 0, and its account.
    fn read_again(
        &self,
        first_pass: FirstPass,
        visit: &mut dyn FnMut(u64, &str) -> Result<(), ListError>,
        on_progress: &mut dyn FnMut(u64),
    ) -> Result<(), ListError> {
        let mut records = self.records(Digesting::Quick)?;
        let mut number = 0;
        while records.advance()? {
            let record = records.record();
            let Ok(account) = record.account() else { continue };
            visit(number, account)?;
            number += 1;
            if number % super::PROGRESS_INTERVAL == 0 {
                on_progress(number);
            }
        }
        if records.digests()?.xxh3 != first_pass.xxh3 {
            return Err(ListError::Changed { list: self.name().to_string() });
        }
        Ok(())
    }

    pub(super) fn spill_error(&self, source: std::io::Error) -> ListError {
        let directory = self.spool_directory().to_owned();
        ListError::Spill { list: self.name().to_string(), directory, source }
    }
}

/// The accounts seen so far, byte for byte.
pub struct SeenAccounts {
    /// Length byte and bytes of each account, end to end.
    arena: Vec<u8>,
    /// Offset of each account in the arena.
    offsets: HashTable<usize>,
    hasher: AccountHasher,
}

impl SeenAccounts {
    pub fn new(hasher: AccountHasher) -> Self {
        Self { arena: Vec::new(), offsets: HashTable::new(), hasher }
    }

    /// Whether `account` was seen before; remembers it.
    pub fn is_repeat(&mut self, account: &[u8], hash: u64) -> bool {
        let (arena, hasher) = (&self.arena, self.hasher);
        let is_same = |offset: &usize| stored(arena, *offset) == account;
        match self.offsets.entry(hash, is_same, |offset| hasher.hash(stored(arena, *offset))) {
            Entry::Occupied(_) => true,
            Entry::Vacant(vacant) => {
                let length = u8::try_from(account.len()).expect("an account has at most 32 bytes");
                vacant.insert(arena.len());
                self.arena.push(length);
                self.arena.extend_from_slice(account);
                false
            }
        }
    }
}

fn stored(arena: &[u8], offset: usize) -> &[u8] {
    let length = usize::from(arena[offset]);
    &arena[offset + 1..=offset + length]
}
