//! A temporary file of accounts with their record numbers, partitioned by hash, so that accounts that do not fit in
//! memory together are compared one partition at a time. Sizes are in bytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::account_hash::by_lower_half;
use crate::accounts::list_file::create_nameless;

/// Sizes of a page, depending on the number of partitions.
const PAGE_BYTES: (u64, u64) = (512, 16 * 1024);

/// Size of a record number: no disk holds a list of 2^40 records.
pub const NUMBER_BYTES: usize = 5;

/// A page starts with the position of the next page of its partition and the number of its bytes.
const HEADER_BYTES: usize = 12;

#[derive(Default)]
struct Partition {
    /// Position of its first page in the file, and of the page that is being filled; none is written before it is full.
    pages: Option<(u64, u64)>,
    /// The page that is being filled, after its header.
    open_page: Vec<u8>,
}

/// Partitions of accounts, all in one file without a name that disappears with this value. However long the file, a
/// partition takes a page of memory.
pub struct Spill {
    file: File,
    file_bytes: u64,
    page_bytes: usize,
    partitions: Vec<Partition>,
}

impl Spill {
    /// `open_pages` is the size of the open pages of all partitions.
    pub fn create(directory: &Path, partitions: u64, open_pages: u64) -> io::Result<Self> {
        let page_bytes = (open_pages / partitions.max(1)).clamp(PAGE_BYTES.0, PAGE_BYTES.1);
        let partitions = (0..partitions).map(|_| Partition::default()).collect();
        let file = create_nameless(directory)?;
        Ok(Self { file, file_bytes: 0, page_bytes: page_bytes as usize, partitions })
    }

    pub fn partitions(&self) -> usize {
        self.partitions.len()
    }

    /// Adds an account of at most 255 bytes to the partition of its hash.
    pub fn add(&mut self, hash: u64, number: u64, account: &str) -> io::Result<()> {
        // Uses neither the bits by which a hash table selects a slot nor those that it compares first.
        let at = by_lower_half(hash >> 24, self.partitions.len() as u64) as usize;
        let record_bytes = NUMBER_BYTES + 1 + account.len();
        if HEADER_BYTES + self.partitions[at].open_page.len() + record_bytes > self.page_bytes {
            self.write_page(at)?;
        }
        let open_page = &mut self.partitions[at].open_page;
        let length = u8::try_from(account.len()).map_err(io::Error::other)?;
        open_page.extend_from_slice(&number.to_le_bytes()[..NUMBER_BYTES]);
        open_page.push(length);
        open_page.extend_from_slice(account.as_bytes());
        Ok(())
    }

    /// Writes the open page of a partition, with the position of the next one.
    #[cold]
    fn write_page(&mut self, at: usize) -> io::Result<()> {
        let page_bytes = self.page_bytes as u64;
        let partition = &mut self.partitions[at];
        let (first, position) = partition.pages.unwrap_or_else(|| {
            self.file_bytes += page_bytes;
            (self.file_bytes - page_bytes, self.file_bytes - page_bytes)
        });
        let next = self.file_bytes;
        self.file_bytes += page_bytes;
        let length = u32::try_from(partition.open_page.len()).map_err(io::Error::other)?;
        let header = [&next.to_le_bytes()[..], &length.to_le_bytes()].concat();
        self.file.write_all_at(&[&header, &partition.open_page[..]].concat(), position)?;
        partition.pages = Some((first, next));
        partition.open_page.clear();
        Ok(())
    }

    /// Calls `visit` with the number and the account of each record of a partition, in insertion order.
    pub fn visit(
        &self,
        partition: usize,
        visit: &mut dyn FnMut(u64, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let Partition { pages, open_page } = &self.partitions[partition];
        if let Some((first, open)) = *pages {
            let mut position = first;
            let mut page = Vec::new();
            while position != open {
                let mut header = [0; HEADER_BYTES];
                self.file.read_exact_at(&mut header, position)?;
                let [next @ .., a, b, c, d] = header;
                page.resize(u32::from_le_bytes([a, b, c, d]) as usize, 0);
                self.file.read_exact_at(&mut page, position + HEADER_BYTES as u64)?;
                visit_page(&page, visit)?;
                position = u64::from_le_bytes(next);
            }
        }
        visit_page(open_page, visit)
    }
}

/// The record number in these bytes.
pub fn number(bytes: &[u8; NUMBER_BYTES]) -> u64 {
    let mut all = [0; 8];
    all[..NUMBER_BYTES].copy_from_slice(bytes);
    u64::from_le_bytes(all)
}

fn visit_page(page: &[u8], visit: &mut dyn FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut rest = page;
    while let Some((bytes, [length, after @ ..])) = rest.split_first_chunk::<NUMBER_BYTES>() {
        let (account, after) = after.split_at(usize::from(*length).min(after.len()));
        visit(number(bytes), account)?;
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    #[test]
    fn records_are_visited_once_in_order_by_partition() {
        // Pages of both sizes, and one between them.
        for open_pages in [0, 7 * 1_000, 1 << 20] {
            let directory = tempfile::tempdir().unwrap();
            let mut spill = Spill::create(directory.path(), 7, open_pages).unwrap();
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
                let mut visit = |number, bytes: &[u8]| {
                    let account = String::from_utf8(bytes.to_vec()).unwrap();
                    let home = *partition_of.entry(account.clone()).or_insert(partition);
                    assert_eq!(home, partition, "{account}");
                    found.push((number >> 20, account));
                    Ok(())
                };
                spill.visit(partition, &mut visit).unwrap();
                assert!(found.len() > first + 1_000 && found[first..].is_sorted());
            }
            found.sort_unstable();
            let expected = (0..20_000).map(|n| (n, account(n)));
            assert!(found.into_iter().eq(expected), "{open_pages}");
        }
    }
}
