//! The distinct values of a column chunk.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// Distinct values in the order of their first occurrence.
#[derive(Debug)]
pub struct Dictionary {
    /// The values in Parquet's plain encoding.
    plain: Vec<u8>,
    /// Where each value ends in `plain`, after 0.
    ends: Vec<u32>,
    /// Bytes in front of each value in `plain`, which hold its length.
    prefix: usize,
    /// Positions of values by hash.
    positions: HashTable<u32>,
    max_bytes: usize,
}

impl Dictionary {
    /// A dictionary that takes no more values once its plain encoding has `max_bytes`.
    pub fn new(prefix: usize, max_bytes: usize) -> Dictionary {
        let (plain, ends, positions) = (Vec::new(), vec![0], HashTable::new());
        Dictionary { plain, ends, prefix, positions, max_bytes }
    }

    /// The position of a value, which is added if it is new; `None` if the dictionary is full.
    #[inline]
    pub fn position(&mut self, value: &[u8]) -> Option<u32> {
        let hash = xxh3_64(value);
        let known = self.positions.find(hash, |position| self.value(*position) == value);
        if let Some(position) = known { Some(*position) } else { self.add(hash, value) }
    }

    fn add(&mut self, hash: u64, value: &[u8]) -> Option<u32> {
        if self.plain.len() >= self.max_bytes {
            return None;
        }
        let position = u32::try_from(self.len()).ok()?;
        let length = u32::try_from(value.len()).ok()?;
        let end = u32::try_from(self.plain.len() + self.prefix + value.len()).ok()?;
        self.plain.extend_from_slice(&length.to_le_bytes()[..self.prefix]);
        self.plain.extend_from_slice(value);
        self.ends.push(end);
        let Dictionary { plain, ends, prefix, positions, .. } = self;
        let hash_of = |position: &u32| xxh3_64(value_at(plain, ends, *prefix, *position));
        positions.insert_unique(hash, position, hash_of);
        Some(position)
    }

    #[inline]
    fn value(&self, position: u32) -> &[u8] {
        value_at(&self.plain, &self.ends, self.prefix, position)
    }

    /// The values in order of their first occurrence.
    pub fn values(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.ends.windows(2);
        ends.map(|ends| &self.plain[ends[0] as usize + self.prefix..ends[1] as usize])
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.ends.len() - 1
    }

    /// The values in Parquet's plain encoding.
    pub fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// Bits of a position.
    pub fn position_width(&self) -> u32 {
        usize::BITS - self.len().saturating_sub(1).leading_zeros()
    }
}

#[inline]
fn value_at<'p>(plain: &'p [u8], ends: &[u32], prefix: usize, position: u32) -> &'p [u8] {
    let position = position as usize;
    &plain[ends[position] as usize + prefix..ends[position + 1] as usize]
}
