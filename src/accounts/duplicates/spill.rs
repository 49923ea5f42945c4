//! A temporary file of accounts with their record numbers, partitioned by hash, so that accounts that do not fit in
//! memory together are compared one partition at a time. Sizes are in bytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::accounts::list_file::create_nameless;

const PAGE_BYTES: usize = 16 * 1024;

/// Size of a record number: no disk holds a list of 2^40 records.
const NUMBER_BYTES: usize = 5;

/// Offset of a page in the file, and its length.
type Page = (u64, usize);

#[derive(Default)]
struct Partition {
    pages: Vec<Page>,
    /// The page that is being filled.
    open_page: Vec<u8>,
}

/// Partitions of accounts, all in one file without a name that disappears with this value.
pub struct Spill {
    file: File,
    file_bytes: u64,
    partitions: Vec<Partition>,
}

impl Spill {
    pub fn create(directory: &Path, partitions: usize) -> io::Result<Self> {
        let partitions = (0..partitions).map(|_| Partition::default()).collect();
        Ok(Self { file: create_nameless(directory)?, file_bytes: 0, partitions })
    }

    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// Adds an account of at most 255 bytes to the partition of its hash.
    pub fn add(&mut self, hash: u64, number: u64, account: &str) -> io::Result<()> {
        // Uses neither the bits by which a hash table selects a slot nor those that it compares first.
        let middle = (hash >> 24) & u64::from(u32::MAX);
        let at = (middle * self.partitions.len() as u64) >> 32;
        let partition = &mut self.partitions[at as usize];
        if partition.open_page.len() + NUMBER_BYTES + 1 + account.len() > PAGE_BYTES {
            self.file.write_all_at(&partition.open_page, self.file_bytes)?;
            partition.pages.push((self.file_bytes, partition.open_page.len()));
            self.file_bytes += partition.open_page.len() as u64;
            partition.open_page.clear();
        }
        let length = u8::try_from(account.len()).map_err(io::Error::other)?;
        partition.open_page.extend_from_slice(&number.to_le_bytes()[..NUMBER_BYTES]);
        partition.open_page.push(length);
        partition.open_page.extend_from_slice(account.as_bytes());
        Ok(())
    }

    /// Calls `visit` with the number and the account of each record of a partition, in insertion order.
    pub fn visit(&self, partition: usize, visit: &mut dyn FnMut(u64, &[u8])) -> io::Result<()> {
        let Partition { pages, open_page } = &self.partitions[partition];
        let mut page = Vec::with_capacity(PAGE_BYTES);
        for (start, length) in pages {
            page.resize(*length, 0);
            self.file.read_exact_at(&mut page, *start)?;
            visit_page(&page, visit);
        }
        visit_page(open_page, visit);
        Ok(())
    }
}

fn visit_page(page: &[u8], visit: &mut dyn FnMut(u64, &[u8])) {
    let mut rest = page;
    while let Some((number, [length, after @ ..])) = rest.split_first_chunk::<NUMBER_BYTES>() {
        let mut bytes = [0; 8];
        bytes[..NUMBER_BYTES].copy_from_slice(number);
        let (account, after) = after.split_at(usize::from(*length).min(after.len()));
        visit(u64::from_le_bytes(bytes), account);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    #[test]
    fn records_are_visited_once_in_order_by_partition() {
        let directory = tempfile::tempdir().unwrap();
        let mut spill = Spill::create(directory.path(), 7).unwrap();
        let account = |n: u64| format!("{}{}", "x".repeat((n % 20) as usize), n % 5_000);
        for n in 0..20_000 {
            let account = account(n);
            spill.add(xxh3_64(account.as_bytes()), n << 20, &account).unwrap();
        }
        assert_eq!(crate::accounts::tests::files_in(directory.path()), 0);
        let mut found = Vec::new();
        let mut partition_of = HashMap::new();
        for partition in 0..spill.partitions() {
            let first = found.len();
            spill
                .visit(partition, &mut |number, bytes| {
                    let account = String::from_utf8(bytes.to_vec()).unwrap();
                    let home = *partition_of.entry(account.clone()).or_insert(partition);
                    assert_eq!(home, partition, "{account}");
                    found.push((number >> 20, account));
                })
                .unwrap();
            assert!(found.len() > first + 1_000 && found[first..].is_sorted());
        }
        found.sort_unstable();
        assert!(found.iter().enumerate().all(|(n, found)| *found == (n as u64, account(n as u64))));
        assert_eq!(found.len(), 20_000);
    }
}
